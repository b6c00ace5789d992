/* A subdomain of neighbouring spectra of a bundle, factored together over all wavelengths. Private to
 * bundle_solver.c. */
#ifndef UNSPOT_OMP_HOST_SUBDOMAIN_H
#define UNSPOT_OMP_HOST_SUBDOMAIN_H

#include <stdbool.h>
#include <stddef.h>

#include "omp/bundle_solver.h"
#include "omp/overlaps.h"

/* The core's solution counts; the padding's does not. */
struct subdomain {
    size_t first, nspec;          /* with padding */
    size_t core_first, core_last; /* the last one excluded */
    size_t tband;
    double *l; /* tiles of M, then of its factor */
    double *x; /* [8 ntile] */
};

/* M of the subdomain's spectra, with the prior, factored; subdomain->x becomes L⁻¹ x. False when it is
 * singular. */
bool subdomain_factor(const struct bundle_solver *solver, const struct overlaps *overlaps,
                      const struct subdomain *subdomain);

/* C's band, and on the way, unless x is NULL, x := L⁻ᵀ x. From it the diagonals 0 ... band of C_ss for the
 * core's spectra among first ... last - 1 that are not yet solved. */
void subdomain_invert(struct bundle_solver *solver, const struct subdomain *subdomain, size_t band, double *x,
                      size_t first, size_t last);

/* subdomain->x := the subdomain's part of the residual */
void subdomain_load(const struct bundle_solver *solver, const struct subdomain *subdomain);

/* Adds subdomain->x of the core to the bundle's; the largest change in units of a lone bin's error. */
double subdomain_add(struct bundle_solver *solver, const struct overlaps *overlaps,
                     const struct subdomain *subdomain);

/* Solves for the residual and adds the solution, as above. */
double subdomain_correct(struct bundle_solver *solver, const struct overlaps *overlaps,
                         const struct subdomain *subdomain);

#endif
