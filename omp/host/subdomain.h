/* A subdomain of the bundle solver: neighbouring spectra of a bundle, factored together over all wavelengths.
 * For omp/host/bundle_solver.c alone. */
#ifndef UNSPOT_OMP_HOST_SUBDOMAIN_H
#define UNSPOT_OMP_HOST_SUBDOMAIN_H

#include <stdbool.h>
#include <stddef.h>

#include "omp/bundle_solver.h"
#include "omp/overlaps.h"

/* Spectra are counted within the bundle. The solution of the core counts; that of the padding around it does
 * not. */
struct subdomain {
    size_t first, nspec;          /* first spectrum and number of spectra, padding included */
    size_t core_first, core_last; /* the core: spectra core_first ... core_last - 1 */
    size_t tband;                 /* tiles of l below the diagonal */
    double *l;                    /* M in tiles, then its factor */
    double *x;                    /* [8 ntile] in wavelength-major order */
};

/* Factors M of the subdomain's spectra with the prior; subdomain->x becomes L⁻¹ x.
 * False when M is singular. */
bool subdomain_factor(const struct bundle_solver *solver, const struct overlaps *overlaps,
                      const struct subdomain *subdomain);

/* Computes the band of C, and from it the diagonals 0 ... band of C_ss, solver->c, of those spectra of the
 * core among first ... last - 1 that are not yet solved. Unless x is NULL, x := L⁻ᵀ x on the way. */
void subdomain_invert(struct bundle_solver *solver, const struct subdomain *subdomain, size_t band, double *x,
                      size_t first, size_t last);

/* Sets subdomain->x to the subdomain's part of the residual. */
void subdomain_load(const struct bundle_solver *solver, const struct subdomain *subdomain);

/* Adds subdomain->x of the core to solver->x. Returns the largest change of a bin in units of the error that
 * its flux would have if no other bin overlapped it, 1/√M_ii. */
double subdomain_add(struct bundle_solver *solver, const struct overlaps *overlaps,
                     const struct subdomain *subdomain);

/* Solves the subdomain for the residual, and adds the solution as subdomain_add() does. */
double subdomain_correct(struct bundle_solver *solver, const struct overlaps *overlaps,
                         const struct subdomain *subdomain);

#endif
