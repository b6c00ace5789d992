#include "omp/device/chunk.h"

#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "base/minmax.h"
#include "omp/dense.h"
#include "omp/normal_equations.h"
#include "omp/quality.h"

static double *take_doubles(struct memory_layout *layout, size_t count)
{
    return memory_take(layout, count, sizeof(double));
}

static void set_sizes(const struct offload_shape *shape, struct patch_chunk *chunk)
{
    chunk->shape = *shape;
    chunk->n = shape->nspec * shape->nwave;
    chunk->rows = linalg_band_ntile(chunk->n) * LINALG_TILE;
    chunk->bandwidths =
        decorrelate_bandwidths(shape->nspec, shape->wave_halfwidth, shape->ndiag, shape->wide);
    chunk->normal_bytes = normal_equations_bytes(shape->nspec, shape->nwave, shape->wave_halfwidth);
}

static size_t banded_linalg_bytes(const struct patch_chunk *chunk, const struct linalg *linalg)
{
    const struct linalg_band band = chunk_linalg_band(chunk);
    struct linalg_root root = chunk_root(chunk);

    root.batch = chunk->npatch * chunk->shape.core_nspec;
    return max_size(linalg_band_inverse_bytes(linalg, &band), linalg_band_root_bytes(linalg, &root, 1));
}

static void take_banded(struct memory_layout *layout, const struct linalg *linalg, struct patch_chunk *chunk)
{
    const struct offload_shape *shape = &chunk->shape;
    size_t nsystem = chunk->npatch * shape->core_nspec;

    size_t inverse_bytes = linalg_band_size(chunk->n, chunk->bandwidths.zband) * sizeof(double);

    chunk->filled.matrix =
        take_doubles(layout, chunk->npatch * linalg_band_size(chunk->n, chunk->bandwidths.tband));
    chunk->normal = memory_take(layout, chunk->npatch, max_size(chunk->normal_bytes, inverse_bytes));
    chunk->inverse = (double *)chunk->normal;
    chunk->spectra = decorrelate_take_arrays(layout, nsystem, shape->nwave, &chunk->bandwidths);
    chunk->linalg_bytes = banded_linalg_bytes(chunk, linalg);
}

static void take_dense(struct memory_layout *layout, const struct linalg *linalg, struct patch_chunk *chunk)
{
    const struct offload_shape *shape = &chunk->shape;
    size_t nsystem = chunk->npatch * shape->core_nspec, nwave = shape->nwave;

    chunk->normal = memory_take(layout, chunk->npatch, chunk->normal_bytes);
    chunk->filled.matrix = take_doubles(layout, chunk->npatch * chunk->n * chunk->n);
    chunk->dense_root = take_doubles(layout, nsystem * nwave * nwave);
    chunk->linalg_bytes = dense_linalg_bytes(linalg, chunk->n, nwave, shape->core_nspec, chunk->npatch);
}

size_t chunk_results_layout(const struct patch_chunk *chunk, char *memory, struct offload_results *results)
{
    const struct offload_shape *shape = &chunk->shape;
    size_t nsystem = chunk->npatch * shape->core_nspec, nbin = nsystem * shape->core_nwave;
    struct memory_layout layout = {memory, 0};

    results->memory = memory;
    results->patch.flux = take_doubles(&layout, nbin);
    results->patch.ivar = take_doubles(&layout, nbin);
    results->patch.chi2pix = take_doubles(&layout, nbin);
    results->patch.resolution = memory_take(&layout, nbin * shape->ndiag, sizeof(float));
    results->largest = take_doubles(&layout, chunk->npatch);
    results->solved = memory_take(&layout, chunk->npatch, sizeof(int));
    results->precise = memory_take(&layout, nsystem, sizeof(int));
    return layout.used;
}

size_t chunk_layout(const struct offload *offload, const struct offload_shape *shape, size_t npatch,
                    char *memory, struct patch_chunk *chunk)
{
    const struct linalg *linalg = offload->linalg;
    const size_t teams = offload->device->teams;
    struct memory_layout layout = {memory, 0};
    char *results;

    memset(chunk, 0, sizeof *chunk);
    set_sizes(shape, chunk);
    chunk->npatch = npatch;
    chunk->prior = take_doubles(&layout, npatch * chunk->n);
    chunk->filled.diagonal = take_doubles(&layout, npatch * chunk->n);
    chunk->filled.x = take_doubles(&layout, npatch * chunk->rows);
    chunk->results.patch.deconvolved = take_doubles(&layout, npatch * chunk->n);
    chunk->pixel_scratch = memory_take(&layout, min_size(teams, npatch), quality_bytes(shape->npix));
    chunk->resolution =
        take_doubles(&layout, min_size(teams, npatch * shape->core_nspec) * shape->ndiag * shape->core_nwave);
    chunk->patch = memory_take(&layout, npatch, sizeof(struct patch));
    chunk->bundle = memory_take(&layout, npatch, sizeof(unsigned));
    if (shape->dense)
        take_dense(&layout, linalg, chunk);
    else
        take_banded(&layout, linalg, chunk);
    if (chunk->linalg_bytes == SIZE_MAX) return SIZE_MAX;
    chunk->linalg = memory_take(&layout, chunk->linalg_bytes, 1);
    chunk->results_bytes = chunk_results_layout(chunk, NULL, &chunk->results);
    results = memory_take(&layout, chunk->results_bytes, 1);
    chunk_results_layout(chunk, results, &chunk->results);
    chunk->on_device = memory_take(&layout, 1, sizeof *chunk);
    return layout.used;
}
