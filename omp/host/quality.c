#include "omp/kernels/quality.h"

size_t quality_bytes(size_t npix)
{
    return 2 * npix * sizeof(double);
}

void quality_chi2pix(const struct patch *patch, const struct spots *spots, const struct pixels *pixels,
                     const double *deconvolved, double psferr, double *chi2pix, double *scratch)
{
    quality_of_patch(team_of_one(), patch, spots, pixels, deconvolved, psferr, chi2pix, scratch, NULL);
}
