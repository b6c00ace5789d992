/* The kernels of a patch that other rooms call, compiled for a single thread. */
#include "omp/kernels/normal_equations.h"
#include "omp/kernels/quality.h"

void normal_equations_sum(struct normal_equations *normal, const struct patch *patch,
                          const struct bundle_view *bundle, double *scratch)
{
    normal_equations_fill(normal, patch, bundle, scratch);
}

size_t normal_equations_scratch_size(const struct overlaps *overlaps, const struct spots *spots)
{
    return overlaps_scratch_size(spots) + overlaps_pairs(overlaps->wave_halfwidth, overlaps->spec_halfwidth);
}

void quality_chi2pix(const struct quality *quality)
{
    quality_of_patch(team_of_one(), quality);
}
