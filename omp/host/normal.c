#include "omp/normal.h"

#include "base/memory.h"
#include "omp/kernels/normal.h"

void normal_sum(struct normal *normal, const struct patch *patch, const struct overlaps *overlaps,
                const struct spots *spots, const struct pixels *pixels, double *scratch)
{
    normal_fill(normal, patch, overlaps, spots, pixels, scratch);
}

size_t normal_scratch_size(const struct overlaps *overlaps, const struct spots *spots)
{
    return overlaps_scratch_size(spots) + overlaps_pairs(overlaps->band, overlaps->reach);
}
