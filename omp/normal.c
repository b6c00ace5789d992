#include "omp/normal.h"

#include "base/memory.h"
#include "omp/normal_kernel.h"

size_t normal_bytes(size_t nspec, size_t nwave, size_t band)
{
    return memory_round_up(normal_block_count(nspec, nwave, band) * sizeof(double)) +
           3 * memory_round_up(nwave * nspec * sizeof(double));
}

void normal_place(struct normal *normal, size_t nspec, size_t nwave, size_t band, void *memory)
{
    size_t vector_bytes = memory_round_up(nwave * nspec * sizeof(double));
    char *next = memory;

    *normal = (struct normal){.nspec = nspec, .nwave = nwave, .band = band};
    normal->block = (double *)next;
    next += memory_round_up(normal_block_count(nspec, nwave, band) * sizeof(double));
    normal->y = (double *)next;
    normal->weight = (double *)(next + vector_bytes);
    normal->masked = (double *)(next + 2 * vector_bytes);
}

void normal_sum(struct normal *normal, const struct patch *patch, const struct overlaps *overlaps,
                const struct spots *spots, const struct pixels *pixels, double *scratch)
{
    const struct overlap_scratch spot = {.weighed = scratch};

    normal_fill(team_of_one(), normal, patch, overlaps, spots, pixels, &spot,
                scratch + overlaps_scratch_size(spots));
}

size_t normal_scratch_size(const struct overlaps *overlaps, const struct spots *spots)
{
    return overlaps_scratch_size(spots) + (overlaps->band + 1) * (2 * overlaps->reach + 1);
}
