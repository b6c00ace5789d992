#include "omp/offload_chunk.h"

#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "base/minmax.h"
#include "omp/dense.h"
#include "omp/normal.h"
#include "omp/quality.h"
#include "omp/resolve.h"

static double *take_doubles(struct memory_layout *layout, size_t count)
{
    return memory_take(layout, count, sizeof(double));
}

static void set_sizes(const struct offload_shape *shape, struct chunk *chunk)
{
    chunk->shape = *shape;
    chunk->n = shape->nspec * shape->nwave;
    chunk->rows = linalg_band_ntile(chunk->n) * LINALG_TILE;
    chunk->half = min_size(shape->ndiag / 2, RESOLVE_BAND_MAX);
    chunk->tband = tiles_below(shape->band, shape->nspec, shape->nspec - 1);
    chunk->cband = resolve_band(shape->band, chunk->half, shape->wide);
    chunk->zband = max_size(chunk->tband, tiles_below(chunk->cband, shape->nspec, 0));
    chunk->normal_bytes = normal_bytes(shape->nspec, shape->nwave, shape->band);
}

struct linalg_root chunk_root(const struct chunk *chunk)
{
    return (struct linalg_root){.n = chunk->shape.nwave,
                                .band = chunk->cband,
                                .nvec = RESOLVE_VECTORS,
                                .half = chunk->half,
                                .inverse = chunk->c,
                                .vector = chunk->vector,
                                .product = chunk->product,
                                .root = chunk->root,
                                .edge = chunk->edge,
                                .spread = chunk->spread};
}

static size_t banded_linalg_bytes(const struct chunk *chunk, const struct linalg *linalg)
{
    const struct linalg_root root = chunk_root(chunk);

    return max_size(linalg_band_inverse_bytes(linalg, chunk->n, chunk->tband, chunk->zband, chunk->npatch),
                    linalg_band_root_bytes(linalg, &root, chunk->npatch * chunk->shape.core_nspec));
}

static void take_banded(struct memory_layout *layout, const struct linalg *linalg, struct chunk *chunk)
{
    const struct offload_shape *shape = &chunk->shape;
    size_t nsystem = chunk->npatch * shape->core_nspec, nwave = shape->nwave;

    chunk->matrix = take_doubles(layout, chunk->npatch * linalg_band_size(chunk->n, chunk->tband));
    chunk->inverse = take_doubles(layout, chunk->npatch * linalg_band_size(chunk->n, chunk->zband));
    chunk->c = take_doubles(layout, nsystem * (chunk->cband + 1) * nwave);
    chunk->vector = take_doubles(layout, nsystem * RESOLVE_VECTORS * nwave);
    chunk->product = take_doubles(layout, nsystem * RESOLVE_VECTORS * nwave);
    chunk->root = take_doubles(layout, nsystem * (chunk->half + 1) * nwave);
    chunk->edge = take_doubles(layout, nsystem * nwave);
    chunk->spread = take_doubles(layout, nsystem);
    chunk->linalg_bytes = banded_linalg_bytes(chunk, linalg);
}

static void take_dense(struct memory_layout *layout, const struct linalg *linalg, struct chunk *chunk)
{
    const struct offload_shape *shape = &chunk->shape;
    size_t nsystem = chunk->npatch * shape->core_nspec, nwave = shape->nwave;

    chunk->matrix = take_doubles(layout, chunk->npatch * chunk->n * chunk->n);
    chunk->root = take_doubles(layout, nsystem * nwave * nwave);
    chunk->linalg_bytes = dense_linalg_bytes(linalg, chunk->n, nwave, shape->core_nspec, chunk->npatch);
}

/* Last, and in one piece: what returns to the host. */
static void take_results(struct memory_layout *layout, struct chunk *chunk)
{
    const struct offload_shape *shape = &chunk->shape;
    size_t nsystem = chunk->npatch * shape->core_nspec, nbin = nsystem * shape->core_nwave;
    size_t before = layout->used;

    chunk->flux = chunk->results = take_doubles(layout, nbin);
    chunk->ivar = take_doubles(layout, nbin);
    chunk->chi2pix = take_doubles(layout, nbin);
    chunk->resolution = take_doubles(layout, nbin * shape->ndiag);
    chunk->largest = take_doubles(layout, chunk->npatch);
    chunk->solved = memory_take(layout, chunk->npatch, sizeof(int));
    chunk->precise = memory_take(layout, nsystem, sizeof(int));
    chunk->results_bytes = layout->used - before;
}

size_t chunk_layout(const struct offload_shape *shape, size_t npatch, size_t teams,
                    const struct linalg *linalg, char *memory, struct chunk *chunk)
{
    struct memory_layout layout = {memory, 0};

    memset(chunk, 0, sizeof *chunk);
    set_sizes(shape, chunk);
    chunk->npatch = npatch;
    chunk->normal = memory_take(&layout, npatch, chunk->normal_bytes);
    chunk->prior = take_doubles(&layout, npatch * chunk->n);
    chunk->diagonal = take_doubles(&layout, npatch * chunk->n);
    chunk->x = take_doubles(&layout, npatch * chunk->rows);
    chunk->deconvolved = take_doubles(&layout, npatch * chunk->n);
    chunk->pixel_scratch = memory_take(&layout, min_size(teams, npatch), quality_bytes(shape->npix));
    chunk->patch = memory_take(&layout, npatch, sizeof(struct patch));
    chunk->bundle = memory_take(&layout, npatch, sizeof(unsigned));
    if (shape->dense)
        take_dense(&layout, linalg, chunk);
    else
        take_banded(&layout, linalg, chunk);
    if (chunk->linalg_bytes == SIZE_MAX) return SIZE_MAX;
    chunk->linalg = memory_take(&layout, chunk->linalg_bytes, 1);
    take_results(&layout, chunk);
    memory_take(&layout, 1, sizeof(struct chunk)); /* for the kernels */
    return layout.used;
}
