/* The normal equations of a patch, M = Aᵀ W A and y = Aᵀ W p (Bolton & Schlegel 2010, eq. 4). They are summed
 * directly from overlapping spots: the projection matrix A never exists.
 *
 * Two spots share pixels only within a few wavelengths, so that M is block-banded in wavelength-major order
 * (all spectra of wavelength 0, then of wavelength 1, ...). It is kept as blocks of nspec x nspec:
 *
 *     block[wave][distance][spec2][spec1] = M[(wave + distance, spec2), (wave, spec1)]
 *
 * with distance = 0 ... wave_halfwidth. The blocks at distance 0 hold both triangles. Blocks of wavelengths
 * beyond the last one are 0. */
#ifndef UNSPOT_OMP_NORMAL_EQUATIONS_H
#define UNSPOT_OMP_NORMAL_EQUATIONS_H

#include <stddef.h>

#include "base/memory.h"
#include "base/team.h"
#include "omp/overlaps.h"
#include "omp/patch.h"
#include "omp/spots.h"

struct normal_equations {
    size_t nspec, nwave, wave_halfwidth;
    double *block;            /* [wave][wave_halfwidth + 1][nspec][nspec] */
    double *y;                /* [wave][nspec] */
    double *weight;           /* [wave][nspec] φ = Aᵀ w, with w the pixels' inverse variances */
    double *pixmask_fraction; /* [wave][nspec] fraction of the spot on unusable pixels, off the CCD or out of
                                 the patch */
};

/* Doubles of the blocks. */
TEAM_BODY size_t normal_equations_block_count(size_t nspec, size_t nwave, size_t wave_halfwidth)
{
    return nwave * (wave_halfwidth + 1) * nspec * nspec;
}

/* Bytes for the arrays of a patch of that size, each aligned to MEMORY_ALIGNMENT. */
TEAM_BODY size_t normal_equations_bytes(size_t nspec, size_t nwave, size_t wave_halfwidth)
{
    return memory_round_up(normal_equations_block_count(nspec, nwave, wave_halfwidth) * sizeof(double)) +
           3 * memory_round_up(nwave * nspec * sizeof(double));
}

/* Sets *normal to arrays, not yet filled, in memory of normal_equations_bytes() bytes. */
TEAM_BODY void normal_equations_place(struct normal_equations *normal, size_t nspec, size_t nwave,
                                      size_t wave_halfwidth, void *memory)
{
    size_t vector_bytes = memory_round_up(nwave * nspec * sizeof(double));
    char *next = memory;

    *normal = (struct normal_equations){.nspec = nspec, .nwave = nwave, .wave_halfwidth = wave_halfwidth};
    normal->block = (double *)next;
    next += memory_round_up(normal_equations_block_count(nspec, nwave, wave_halfwidth) * sizeof(double));
    normal->y = (double *)next;
    normal->weight = (double *)(next + vector_bytes);
    normal->pixmask_fraction = (double *)(next + 2 * vector_bytes);
}

/* Doubles of scratch that normal_equations_sum() needs. */
size_t normal_equations_scratch_size(const struct overlaps *overlaps, const struct spots *spots);

/* Fills *normal, which has been placed, for a patch from the overlaps of its bundle's spots. The overlaps of
 * spots that extend beyond the rows of pixels of the patch are summed anew. The calling thread does all of
 * it. */
void normal_equations_sum(struct normal_equations *normal, const struct patch *patch,
                          const struct bundle_view *bundle, double *scratch);

#endif
