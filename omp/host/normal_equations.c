#include "omp/normal_equations.h"

#include "base/memory.h"
#include "omp/kernels/normal_equations.h"

void normal_equations_sum(struct normal_equations *normal, const struct patch *patch,
                          const struct overlaps *overlaps, const struct spots *spots,
                          const struct pixels *pixels, double *scratch)
{
    normal_equations_fill(normal, patch, overlaps, spots, pixels, scratch);
}

size_t normal_equations_scratch_size(const struct overlaps *overlaps, const struct spots *spots)
{
    return overlaps_scratch_size(spots) + overlaps_pairs(overlaps->wave_halfwidth, overlaps->spec_halfwidth);
}
