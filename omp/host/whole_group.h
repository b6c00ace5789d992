/* A group of neighbouring spectra of a bundle, factored together over all wavelengths. Private to whole.c. */
#ifndef UNSPOT_OMP_HOST_WHOLE_GROUP_H
#define UNSPOT_OMP_HOST_WHOLE_GROUP_H

#include <stdbool.h>
#include <stddef.h>

#include "omp/overlaps.h"
#include "omp/whole.h"

/* The core's solution counts; the padding's does not. */
struct whole_group {
    size_t first, nspec;          /* with padding */
    size_t core_first, core_last; /* the last one excluded */
    size_t tband;
    double *l; /* tiles of M, then of its factor */
    double *x; /* [8 ntile] */
};

/* M of the group's spectra, with the prior, factored; group->x becomes L⁻¹ x. False when it is singular. */
bool whole_group_factor(const struct whole *whole, const struct overlaps *overlaps,
                        const struct whole_group *group);

/* C's band, and on the way, unless x is NULL, x := L⁻ᵀ x. From it the diagonals 0 ... band of C_ss for the
 * core's spectra among first ... last - 1 that are not yet solved. */
void whole_group_invert(struct whole *whole, const struct whole_group *group, size_t band, double *x,
                        size_t first, size_t last);

/* group->x := the group's part of the residual */
void whole_group_load(const struct whole *whole, const struct whole_group *group);

/* Adds group->x of the core to the bundle's; the largest change in units of a lone bin's error. */
double whole_group_add(struct whole *whole, const struct overlaps *overlaps, const struct whole_group *group);

/* Solves for the residual and adds the solution, as above. */
double whole_group_correct(struct whole *whole, const struct overlaps *overlaps,
                           const struct whole_group *group);

#endif
