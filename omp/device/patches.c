/* Solves chunks of patches: from the bundles on the device to results on the host. */
#include <omp.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/minmax.h"
#include "device/nvtx.h"
#include "omp/device/chunk.h"
#include "omp/device/memory.h"

size_t offload_patch_bytes(const struct device *device, const struct linalg *linalg,
                           const struct offload_shape *shape)
{
    const struct device one_team = {.number = device->number, .teams = 1};
    const struct offload offload = {.device = &one_team, .linalg = linalg};
    struct patch_chunk chunk;

    return chunk_layout(&offload, shape, 1, NULL, &chunk);
}

size_t offload_patches_held(const struct offload *offload, const struct offload_shape *shape, size_t wanted)
{
    const size_t teams = offload->device->teams;
    size_t fits = 0, above = wanted + 1;
    struct patch_chunk chunk;

    while (above - fits > 1) {
        size_t middle = fits + (above - fits) / 2;

        if (chunk_layout(offload, shape, middle, NULL, &chunk) <= offload->arena_bytes)
            fits = middle;
        else
            above = middle;
    }
    if (fits < wanted && fits > teams)
        fits -= fits % teams; /* else most teams would wait for the last few patches */
    return fits;
}

/* Finds where the patches of each bandwidth c begin. */
static void find_bands(const struct patch *patch, struct patch_chunk *chunk)
{
    for (size_t c = 0; c <= LINALG_ROOT_BAND_MAX; c++) chunk->first_of[c] = chunk->npatch;
    for (size_t k = chunk->npatch; k-- > 0;) chunk->first_of[chunk_band(chunk, patch + k)] = k;
}

/* Lays out the arrays of a chunk in the arena, and copies its patches to the device. False when the device
 * fails. */
static bool place_chunk(struct offload *offload, const struct offload_patches *patches,
                        struct patch_chunk *chunk)
{
    const size_t npatch = patches->npatch;
    size_t bytes = chunk_layout(offload, &patches->shape, npatch, offload->arena, chunk);

    if (bytes > offload->arena_bytes) return false;
    device_poison(offload->arena, bytes);
    find_bands(patches->patch, chunk);
    chunk->prior_rule = patches->prior;
    chunk->psferr = patches->psferr;
    chunk->pixels = offload->pixels;
    chunk->spots = offload->bundle_spots;
    chunk->overlaps = offload->bundle_overlaps;
    chunk->overlap_scratch = offload->overlap_scratch;
    chunk->overlap_scratch_size = offload_overlap_scratch(&offload->sizes, &offload->spots);
    chunk->shared = offload->team_shared;
    return device_upload((void *)chunk->patch, patches->patch, npatch * sizeof *patches->patch) &&
           device_upload((void *)chunk->bundle, patches->bundle, npatch * sizeof *patches->bundle);
}

/* Marks the patches whose systems failed in one operation, which returned `failed` and info[npatch]. */
static void note_failures(size_t npatch, int failed, const int *info, int *bad)
{
    for (size_t k = 0; k < npatch; k++) bad[k] |= failed < 0 || info[k] != 0;
}

/* Computes the Cholesky factor, the band of the inverse, and with them x. */
static void factor_banded(const struct offload *offload, const struct patch_chunk *chunk, int *info, int *bad)
{
    const struct linalg *linalg = offload->linalg;
    const struct linalg_band band = chunk_linalg_band(chunk);
    int failed = linalg_band_cholesky(linalg, &band, info);

    note_failures(chunk->npatch, failed, info, bad);
    failed = linalg_band_inverse(linalg, &band, chunk->linalg, chunk->linalg_bytes, info);
    note_failures(chunk->npatch, failed, info, bad);
}

/* Computes the Cholesky factor, x, and the blocks of the inverse. chunk_gather() checks the factor before
 * linalg_inverse_blocks() destroys it. */
static void factor_dense(const struct offload *offload, const struct patch_chunk *chunk, int *info, int *bad)
{
    const struct linalg *linalg = offload->linalg;
    const struct launch launch = {offload_teams(offload, chunk->npatch), offload->device->team_size};
    const struct linalg_dense dense = {.batch = chunk->npatch,
                                       .n = chunk->n,
                                       .matrix = chunk->filled.matrix,
                                       .nrhs = 1,
                                       .rhs = chunk->filled.x,
                                       .block = chunk->shape.nwave,
                                       .nblocks = chunk->shape.core_nspec,
                                       .inverse = chunk->dense_root};
    int failed = linalg_cholesky(linalg, &dense, chunk->linalg, chunk->linalg_bytes, info);

    note_failures(chunk->npatch, failed, info, bad);
    failed = linalg_cholesky_solve(linalg, &dense, chunk->linalg, chunk->linalg_bytes, info);
    note_failures(chunk->npatch, failed, info, bad);
    chunk_gather(chunk->on_device, chunk->npatch, launch);
    failed = linalg_inverse_blocks(linalg, &dense, chunk->linalg, chunk->linalg_bytes, info);
    note_failures(chunk->npatch, failed, info, bad);
}

/* What linalg_band_root() wants for the patches first ... last - 1, all of which have bandwidth c. */
static struct linalg_root root_of_band(const struct patch_chunk *chunk, size_t c, size_t first, size_t last)
{
    const size_t core = chunk->shape.core_nspec, system = first * core;
    struct linalg_root root = chunk_root(chunk);

    root.batch = (last - first) * core;
    root.band = c;
    root.inverse = chunk_diagonals(chunk, system, c);
    root.vector += system * root.nvec * root.n;
    root.product += system * root.nvec * root.n;
    root.root += system * (root.half + 1) * root.n;
    root.edge += system * root.n;
    root.condition += system;
    return root;
}

/* Takes the roots in one batch for each bandwidth: the patches are in the order of their bandwidths. */
static int take_banded_roots(const struct offload *offload, const struct patch_chunk *chunk, int *info)
{
    struct linalg_root root[LINALG_ROOT_BAND_MAX];
    size_t nroot = 0;

    for (size_t c = 1; c <= LINALG_ROOT_BAND_MAX; c++) {
        size_t first = chunk->first_of[c], last = chunk->npatch;

        for (size_t wider = c + 1; wider <= LINALG_ROOT_BAND_MAX; wider++)
            last = min_size(last, chunk->first_of[wider]);
        if (first < last) root[nroot++] = root_of_band(chunk, c, first, last);
    }
    return linalg_band_root(offload->linalg, root, nroot, chunk->linalg, chunk->linalg_bytes, info);
}

/* Takes the square roots of all core spectra; info[npatch][core spec]. */
static int take_chunk_roots(const struct offload *offload, const struct patch_chunk *chunk, int *info)
{
    const struct linalg_dense spectra = {.batch = chunk->npatch * chunk->shape.core_nspec,
                                         .n = chunk->shape.nwave,
                                         .matrix = chunk->dense_root};

    if (!chunk->shape.dense) return take_banded_roots(offload, chunk, info);
    return linalg_inverse_sqrt(offload->linalg, &spectra, chunk->linalg, chunk->linalg_bytes, info);
}

static bool place_results(const struct patch_chunk *chunk, struct offload_results *results)
{
    char *memory = offload_reserve(BLOCK_HOST_RESULTS, chunk->results_bytes);

    chunk_results_layout(chunk, memory, results);
    return memory != NULL;
}

/* Adds the failures that the linear algebra reported to the results: bad[npatch] of the factors and inverses,
 * `failed` and info[npatch][core spec] of the square roots. */
static void merge_failures(const struct patch_chunk *chunk, const int *bad, int failed, const int *info,
                           struct offload_results *results)
{
    const size_t core = chunk->shape.core_nspec;

    for (size_t k = 0; k < chunk->npatch; k++) {
        if (bad[k]) results->solved[k] = 0;
        for (size_t s = k * core; s < (k + 1) * core; s++) {
            if (failed < 0 || info[s] != 0) results->precise[s] = 0;
        }
    }
}

/* Adds the time since `start` to a stage, and returns the time now. */
static double end_stage(double start, double *seconds)
{
    double now = omp_get_wtime();

    *seconds += now - start;
    stage_pop();
    return now;
}

static bool solve_chunk(struct offload *offload, const struct patch_chunk *chunk, int *info, int *bad,
                        struct offload_results *results)
{
    const struct patch_chunk *on_device = chunk->on_device;
    const size_t npatch = chunk->npatch, nsystem = npatch * chunk->shape.core_nspec;
    const struct launch by_patch = {offload_teams(offload, npatch), offload->device->team_size};
    const struct launch by_spectrum = {offload_teams(offload, nsystem), offload->device->team_size};
    double now = omp_get_wtime();
    bool copied;
    int failed;

    stage_push("normal equations");
    chunk_fill(on_device, npatch, by_patch);
    now = end_stage(now, &results->normal_equations_seconds);
    stage_push("factor and inverse");
    if (chunk->shape.dense) {
        factor_dense(offload, chunk, info, bad);
    } else {
        factor_banded(offload, chunk, info, bad);
        chunk_gather(on_device, npatch, by_patch);
    }
    now = end_stage(now, &results->solve_seconds);
    stage_push("square roots");
    failed = take_chunk_roots(offload, chunk, info);
    chunk_decorrelate(on_device, nsystem, by_spectrum);
    now = end_stage(now, &results->solve_seconds);
    stage_push("chi2pix");
    chunk_quality(on_device, npatch, by_patch);
    now = end_stage(now, &results->quality_seconds);
    stage_push("results");
    copied = device_download(results->memory, chunk->results.memory, chunk->results_bytes);
    end_stage(now, &results->copy_seconds);
    if (copied) merge_failures(chunk, bad, failed, info, results);
    return copied;
}

bool offload_solve(struct offload *offload, const struct offload_patches *patches,
                   struct offload_results *results)
{
    const size_t npatch = patches->npatch;
    struct patch_chunk chunk;
    bool placed = place_chunk(offload, patches, &chunk);
    int *info = memory_zeroed(npatch * max_size(1, patches->shape.core_nspec), sizeof *info);
    int *bad = memory_zeroed(npatch, sizeof *bad);
    bool done = false;

    *results = (struct offload_results){0};
    if (placed && info && bad && place_results(&chunk, results) &&
        device_upload(chunk.on_device, &chunk, sizeof chunk)) {
        done = solve_chunk(offload, &chunk, info, bad, results);
    }
    free(info);
    free(bad);
    return done;
}
