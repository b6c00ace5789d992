/* A bundle solved as one system: all its spectra, all wavelengths, no patches and so no seams.
 *
 * x = M⁻¹ y of the whole bundle comes from overlapping subdomains of neighbouring spectra, each a banded
 * system over all wavelengths with a Cholesky factor of its own, iterated until the residual of the whole is
 * gone (restricted additive Schwarz; Cai & Sarkis 1999): spectra two or more apart hardly touch, so three or
 * four rounds do. S_s depends on neighbours only through their neighbours' overlaps, so the subdomain's
 * inverse gives it: with two spectra of padding it agrees with that of the whole bundle to 1e-10. */
#ifndef UNSPOT_OMP_BUNDLE_SOLVER_H
#define UNSPOT_OMP_BUNDLE_SOLVER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"
#include "base/status.h"
#include "linalg/linalg.h"
#include "omp/decorrelate.h"
#include "omp/overlaps.h"

/* Error of flux, in sigma, that cutting an S_s at the edge of its band may cost: a thousandth of what a seam
 * does. */
static const double bundle_solver_flux_error = 5e-6;

struct subdomain;

struct bundle_solver {
    const struct linalg *linalg;
    size_t nspec, nwave, wave_halfwidth, half;
    size_t nsubdomain, nthread;
    size_t nsubdomain_allocated; /* for the largest bundle; nsubdomain is of the current one */
    struct subdomain *subdomain; /* [nsubdomain] */
    double *prior;               /* [spec][wave] added to M's diagonal */
    double *x;                   /* [spec][wave] deconvolved flux, photons per bin */
    double *residual;            /* [spec][wave] */
    double *c;                   /* [spec][wave_halfwidth + 1][wave] C_ss's diagonals */
    double *vector;              /* [spec][2][wave] 1 and x */
    double *product;             /* [spec][2][wave] Q 1 and Q x */
    double *root;                /* [spec][half + 1][wave] Q's diagonals */
    double *edge;                /* [spec][wave] */
    double *condition;           /* [spec] */
    bool *solved;                /* [spec] Q is known */
    double *inverse;             /* [thread] tiles of a subdomain's inverse */
    char *work;                  /* [thread][work_bytes] */
    size_t inverse_size, work_bytes;
};

/* Memory for bundles of up to these sizes; R keeps half diagonals on each side. STATUS_USAGE when spots
 * overlap too far for it. The caller releases it with bundle_solver_free(). */
enum status bundle_solver_alloc(struct bundle_solver *solver, const struct linalg *linalg,
                                const struct bundle_sizes *sizes, size_t half, struct error *error);
void bundle_solver_free(struct bundle_solver *solver);

/* Solves the bundle on all threads, and takes the roots of spectra first ... last - 1. False when a
 * subdomain's matrix is singular or the rounds do not converge: the bundle must then be solved in patches. */
bool bundle_solver_solve(struct bundle_solver *solver, const struct overlaps *overlaps, double regularize,
                         size_t first, size_t last);

/* The part of a solved bundle that belongs to a patch: the solution of all its bins, and flux, ivar and
 * resolution of these spectra of its core. False when one of them is not precise there. scratch: [2 half +
 * 1][core wave] */
bool bundle_solver_take(const struct bundle_solver *solver, const struct patch *patch, struct span core,
                        double *scratch, struct patch_result *result);

#endif
