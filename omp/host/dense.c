#include "omp/dense.h"

#include <stdbool.h>
#include <stdint.h>

#include "base/memory.h"
#include "base/minmax.h"
#include "omp/kernels/dense.h"

/* The arrays in the workspace. */
struct dense_arrays {
    struct filled_system filled; /* matrix[n][n], x[n], diagonal[n] */
    double *root;                /* [core spec][nwave][nwave]: C_ss, then Q_s */
    double *row_sum;             /* [nwave] of one Q_s */
    double *resolution;          /* [ndiag][core wave] of one spectrum */
    int *info;                   /* [core spec] */
    struct workspace linalg;     /* of the linear algebra */
};

size_t dense_linalg_bytes(const struct linalg *linalg, size_t n, size_t nwave, size_t core_nspec,
                          size_t npatch)
{
    const struct linalg_dense whole = {
        .batch = npatch, .n = n, .nrhs = 1, .block = nwave, .nblocks = core_nspec};
    const struct linalg_dense spectra = {.batch = core_nspec * npatch, .n = nwave};
    size_t bytes = linalg_cholesky_bytes(linalg, &whole);

    bytes = max_size(bytes, linalg_cholesky_solve_bytes(linalg, &whole));
    bytes = max_size(bytes, linalg_inverse_blocks_bytes(linalg, &whole));
    return max_size(bytes, linalg_inverse_sqrt_bytes(linalg, &spectra));
}

/* Returns the bytes of the arrays, and lays them out unless memory is NULL. SIZE_MAX when the patch is larger
 * than the linear algebra can do. */
static size_t lay_out_dense(const struct linalg *linalg, const struct patch *patch, size_t ndiag,
                            char *memory, struct dense_arrays *work)
{
    struct memory_layout layout = {memory, 0};
    const size_t nwave = patch->nwave, n = patch->nspec * nwave, core = patch->core_nspec;

    work->linalg.bytes = dense_linalg_bytes(linalg, n, nwave, core, 1);
    if (work->linalg.bytes == SIZE_MAX) return SIZE_MAX;
    work->filled.matrix = memory_take(&layout, n * n, sizeof(double));
    work->filled.x = memory_take(&layout, n, sizeof(double));
    work->filled.diagonal = memory_take(&layout, n, sizeof(double));
    work->root = memory_take(&layout, core * nwave * nwave, sizeof(double));
    work->row_sum = memory_take(&layout, nwave, sizeof(double));
    work->resolution = memory_take(&layout, ndiag * patch->core_nwave, sizeof(double));
    work->info = memory_take(&layout, core, sizeof(int));
    work->linalg.memory = memory_take(&layout, work->linalg.bytes, 1);
    return layout.used;
}

size_t dense_bytes(const struct linalg *linalg, const struct patch *largest, size_t ndiag)
{
    struct dense_arrays work = {0};

    return lay_out_dense(linalg, largest, ndiag, NULL, &work);
}

/* Computes x and the blocks C_ss; false when M is singular. */
static bool factor_and_invert(const struct linalg *linalg, const struct patch *patch,
                              const struct dense_arrays *work)
{
    const struct filled_system *filled = &work->filled;
    const struct workspace scratch = work->linalg;
    const struct linalg_dense dense = {.batch = 1,
                                       .n = patch->nspec * patch->nwave,
                                       .matrix = filled->matrix,
                                       .nrhs = 1,
                                       .rhs = filled->x,
                                       .block = patch->nwave,
                                       .nblocks = patch->core_nspec,
                                       .inverse = work->root};
    int info;

    return linalg_cholesky(linalg, &dense, scratch.memory, scratch.bytes, &info) == 0 &&
           dense_is_regular(team_of_one(), dense.n, filled->matrix, filled->diagonal, NULL) &&
           linalg_cholesky_solve(linalg, &dense, scratch.memory, scratch.bytes, &info) == 0 &&
           linalg_inverse_blocks(linalg, &dense, scratch.memory, scratch.bytes, &info) == 0;
}

/* Decorrelates core spectrum s into *result; false when a value is not finite. */
static bool decorrelate_core(const struct patch_system *system, const struct dense_arrays *work, size_t s,
                             struct patch_result *result)
{
    const struct patch *patch = system->patch;
    const size_t nwave = patch->nwave, bins = patch->core_nwave, ndiag = system->ndiag;
    const struct dense_root root = {.q = work->root + s * nwave * nwave,
                                    .x = result->deconvolved + (patch->core_spec + s) * nwave,
                                    .row_sum = work->row_sum};
    const struct spectrum_out out = {result->flux + s * bins, result->ivar + s * bins, work->resolution};

    if (!dense_decorrelate(team_of_one(), patch, ndiag, &root, out)) return false;
    round_resolution(team_of_one(), ndiag * bins, work->resolution, result->resolution + s * ndiag * bins);
    return true;
}

enum solved dense_solve(const struct patch_system *system, struct workspace work, struct patch_result *result)
{
    const struct linalg *linalg = system->linalg;
    const struct patch *patch = system->patch;
    struct linalg_dense spectra = {.batch = patch->core_nspec, .n = patch->nwave};
    struct dense_arrays arrays = {0};

    if (lay_out_dense(linalg, patch, system->ndiag, work.memory, &arrays) > work.bytes) return SINGULAR;
    dense_expand(team_of_one(), patch, system->normal, system->prior, &arrays.filled);
    if (!factor_and_invert(linalg, patch, &arrays)) return SINGULAR;
    spectra.matrix = arrays.root;
    if (linalg_inverse_sqrt(linalg, &spectra, arrays.linalg.memory, arrays.linalg.bytes, arrays.info) != 0)
        return SINGULAR;
    dense_deconvolved(team_of_one(), patch, arrays.filled.x, result->deconvolved);
    for (size_t s = 0; s < patch->core_nspec; s++) {
        if (!decorrelate_core(system, &arrays, s, result)) return SINGULAR;
    }
    return SOLVED;
}
