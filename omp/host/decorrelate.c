#include "omp/kernels/decorrelate.h"

struct decorrelate_arrays decorrelate_take_arrays(struct memory_layout *layout, size_t batch, size_t nwave,
                                                  const struct bandwidths *bandwidths)
{
    const size_t bytes = batch * nwave * sizeof(double);
    struct decorrelate_arrays arrays;

    arrays.c = memory_take(layout, bandwidths->c + 1, bytes);
    arrays.vector = memory_take(layout, DECORRELATE_VECTORS, bytes);
    arrays.product = memory_take(layout, DECORRELATE_VECTORS, bytes);
    arrays.root = memory_take(layout, bandwidths->half + 1, bytes);
    arrays.edge = memory_take(layout, 1, bytes);
    arrays.condition = memory_take(layout, batch, sizeof(double));
    return arrays;
}

void decorrelate_diagonals(const double *inverse, size_t zband, size_t nspec, size_t nwave, size_t spec,
                           size_t band, double *c)
{
    decorrelate_take_diagonals(team_of_one(), inverse, zband, nspec, nwave, spec, band, c);
}

void decorrelate_vectors(size_t nwave, const double *x, double *vector)
{
    decorrelate_make_vectors(team_of_one(), nwave, x, vector);
}

bool decorrelate_spectrum(const struct spectrum_root *root, size_t first, size_t n, double *flux,
                          double *ivar, double *resolution)
{
    return decorrelate_make_spectrum(team_of_one(), root, first, n, NULL, flux, ivar, resolution);
}

bool decorrelate_is_precise(const struct spectrum_root *root, size_t first, size_t n, size_t margin,
                            double limit)
{
    return decorrelate_check(team_of_one(), root, first, n, margin, limit, NULL);
}
