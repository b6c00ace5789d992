#include "omp/kernels/resolve.h"

struct resolve_arrays resolve_take_arrays(struct memory_layout *layout, size_t batch, size_t nwave,
                                          const struct bands *bands)
{
    const size_t bytes = batch * nwave * sizeof(double);
    struct resolve_arrays arrays;

    arrays.c = memory_take(layout, bands->c + 1, bytes);
    arrays.vector = memory_take(layout, RESOLVE_VECTORS, bytes);
    arrays.product = memory_take(layout, RESOLVE_VECTORS, bytes);
    arrays.root = memory_take(layout, bands->half + 1, bytes);
    arrays.edge = memory_take(layout, 1, bytes);
    arrays.spread = memory_take(layout, batch, sizeof(double));
    return arrays;
}

void resolve_diagonals(const double *inverse, size_t zband, size_t nspec, size_t nwave, size_t spec,
                       size_t band, double *c)
{
    resolve_take_diagonals(team_of_one(), inverse, zband, nspec, nwave, spec, band, c);
}

void resolve_vectors(size_t nwave, const double *x, double *vector)
{
    resolve_make_vectors(team_of_one(), nwave, x, vector);
}

bool resolve_spectrum(const struct spectrum_root *root, size_t first, size_t n, double *flux, double *ivar,
                      double *resolution)
{
    return resolve_make_spectrum(team_of_one(), root, first, n, NULL, flux, ivar, resolution);
}

bool resolve_is_precise(const struct spectrum_root *root, size_t first, size_t n, size_t margin, double limit)
{
    return resolve_check(team_of_one(), root, first, n, margin, limit, NULL);
}
