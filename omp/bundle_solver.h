/* Solves a whole bundle as one system: all its spectra at all wavelengths. There are no patches, and so no
 * seams between them.
 *
 * The solution x = M⁻¹ y of the bundle comes from overlapping subdomains of neighbouring spectra. Each is a
 * banded system over all wavelengths with a Cholesky factor of its own, and they are iterated until the
 * residual of the whole bundle is gone (restricted additive Schwarz; Cai & Sarkis 1999, SIAM J. Sci. Comput.
 * 21, 792). Spectra two or more apart hardly touch, so that three or four rounds suffice. S_s depends on
 * other spectra only through their overlaps, so that the inverse of the subdomain gives it: with two spectra
 * of padding it agrees with that of the whole bundle to 1e-10. */
#ifndef UNSPOT_OMP_BUNDLE_SOLVER_H
#define UNSPOT_OMP_BUNDLE_SOLVER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"
#include "base/status.h"
#include "linalg/linalg.h"
#include "omp/decorrelate.h"
#include "omp/overlaps.h"
#include "omp/solver.h"

/* The largest error of flux, in units of its sigma, that cutting an S_s at the edge of its band may cause: a
 * thousandth of what a seam between patches costs. */
static const double bundle_solver_flux_error = 5e-6;

struct subdomain;

struct bundle_solver {
    const struct linalg *linalg;
    size_t nspec, nwave;   /* of the bundle */
    size_t wave_halfwidth; /* spots more than wave_halfwidth wavelengths apart share no pixel */
    size_t half;           /* diagonals of R on each side of its main one */
    size_t nsubdomain, nthread;
    size_t nsubdomain_allocated; /* for the largest bundle; nsubdomain is that of the current one */
    struct subdomain *subdomain; /* [nsubdomain] */
    double *prior;               /* [spec][wave] added to M's diagonal */
    double *x;                   /* [spec][wave] deconvolved flux, photons per bin */
    double *residual;            /* [spec][wave] */
    double *c;                   /* [spec][wide decorrelate_band() + 1][wave] diagonals of C_ss */
    double *vector;              /* [spec][2][wave] 1 and x */
    double *product;             /* [spec][2][wave] Q 1 and Q x */
    double *root;                /* [spec][half + 1][wave] diagonals of Q */
    double *edge;                /* [spec][wave] see struct linalg_root */
    double *condition;           /* [spec] bound of the condition number of S */
    bool *solved;                /* [spec] whether Q is known */
    double *inverse;             /* [thread][inverse_size] tiles of a subdomain's inverse */
    char *work;                  /* [thread][work_bytes] workspace of the linear algebra */
    size_t inverse_size, work_bytes;
};

/* Allocates memory for bundles of up to these sizes; R has half diagonals on each side of its main one.
 * STATUS_USAGE when spots overlap over more wavelengths than this solver can do, STATUS_MEMORY when there is
 * no memory. The caller releases the solver with bundle_solver_free(). */
enum status bundle_solver_alloc(struct bundle_solver *solver, const struct linalg *linalg,
                                const struct bundle_sizes *sizes, size_t half, struct error *error);
void bundle_solver_free(struct bundle_solver *solver);

/* Solves the bundle whose overlaps these are on all threads, and takes the square roots of spectra first ...
 * last - 1. False when a subdomain's matrix is singular or when the rounds
 * do not converge: the bundle must then be solved in patches. */
bool bundle_solver_solve(struct bundle_solver *solver, const struct overlaps *overlaps,
                         struct prior_rule rule, size_t first, size_t last);

/* Copies out what belongs to a patch: the solution of all its bins, and flux, ivar and resolution of the
 * spectra `core`, which are counted within the patch's core. False when one of these is not precise there.
 * scratch: [2 half + 1][core wave] */
bool bundle_solver_take(const struct bundle_solver *solver, const struct patch *patch, struct span core,
                        double *scratch, struct patch_result *result);

#endif
