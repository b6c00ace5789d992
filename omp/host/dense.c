#include "omp/dense.h"

#include <stdbool.h>
#include <stdint.h>

#include "base/memory.h"
#include "base/minmax.h"
#include "omp/kernels/dense.h"

struct workspace {
    double *matrix;   /* [n][n] */
    double *x;        /* [n] */
    double *diagonal; /* [n] of the matrix, before it is factored */
    double *root;     /* [core_nspec][nwave][nwave]: C_ss, then Q_s */
    int *info;        /* [core_nspec] */
    void *linalg;
    size_t linalg_bytes;
};

size_t dense_linalg_bytes(const struct linalg *linalg, size_t n, size_t nwave, size_t core_nspec,
                          size_t npatch)
{
    size_t bytes = linalg_cholesky_bytes(linalg, n, npatch);

    bytes = max_size(bytes, linalg_cholesky_solve_bytes(linalg, n, 1, npatch));
    bytes = max_size(bytes, linalg_inverse_blocks_bytes(linalg, n, nwave, core_nspec, npatch));
    return max_size(bytes, linalg_inverse_sqrt_bytes(linalg, nwave, core_nspec * npatch));
}

size_t dense_bytes(const struct linalg *linalg, size_t nspec, size_t nwave, size_t core_nspec)
{
    size_t n = nspec * nwave, inner = dense_linalg_bytes(linalg, n, nwave, core_nspec, 1);

    if (inner == SIZE_MAX) return SIZE_MAX;
    return memory_round_up(n * n * sizeof(double)) + 2 * memory_round_up(n * sizeof(double)) +
           memory_round_up(core_nspec * nwave * nwave * sizeof(double)) +
           memory_round_up(core_nspec * sizeof(int)) + memory_round_up(inner);
}

static struct workspace place(const struct linalg *linalg, const struct patch *patch, void *memory)
{
    size_t n = patch->nspec * patch->nwave;
    struct workspace work;
    char *next = memory;

    work.matrix = (double *)next;
    next += memory_round_up(n * n * sizeof(double));
    work.x = (double *)next;
    next += memory_round_up(n * sizeof(double));
    work.diagonal = (double *)next;
    next += memory_round_up(n * sizeof(double));
    work.root = (double *)next;
    next += memory_round_up(patch->core_nspec * patch->nwave * patch->nwave * sizeof(double));
    work.info = (int *)next;
    next += memory_round_up(patch->core_nspec * sizeof(int));
    work.linalg = next;
    work.linalg_bytes = dense_linalg_bytes(linalg, n, patch->nwave, patch->core_nspec, 1);
    return work;
}

static bool factor_and_invert(const struct linalg *linalg, const struct patch *patch,
                              const struct workspace *work)
{
    size_t n = patch->nspec * patch->nwave;
    int info;

    return linalg_cholesky(linalg, n, work->matrix, 1, work->linalg, work->linalg_bytes, &info) == 0 &&
           dense_is_regular(team_of_one(), n, work->matrix, work->diagonal, NULL) &&
           linalg_cholesky_solve(linalg, n, 1, work->matrix, work->x, 1, work->linalg, work->linalg_bytes,
                                 &info) == 0 &&
           linalg_inverse_blocks(linalg, n, patch->nwave, patch->core_nspec, work->matrix, work->root, 1,
                                 work->linalg, work->linalg_bytes, &info) == 0;
}

enum solved dense_solve(const struct linalg *linalg, const struct patch *patch,
                        const struct normal_equations *normal, const double *prior, size_t ndiag,
                        struct solution *solution, void *memory, size_t work_bytes)
{
    size_t nwave = patch->nwave, core_bins = patch->core_nwave;
    struct workspace work = place(linalg, patch, memory);

    if (work_bytes < dense_bytes(linalg, patch->nspec, nwave, patch->core_nspec)) return SINGULAR;
    dense_expand(team_of_one(), patch, normal, prior, work.matrix, work.x, work.diagonal);
    if (!factor_and_invert(linalg, patch, &work)) return SINGULAR;
    if (linalg_inverse_sqrt(linalg, nwave, work.root, patch->core_nspec, work.linalg, work.linalg_bytes,
                            work.info) != 0) {
        return SINGULAR;
    }
    dense_deconvolved(team_of_one(), patch, work.x, solution->deconvolved);
    for (size_t s = 0; s < patch->core_nspec; s++) {
        bool good =
            dense_decorrelate(team_of_one(), patch, ndiag, work.root + s * nwave * nwave,
                              solution->deconvolved + (patch->core_spec + s) * nwave, NULL, work.matrix,
                              solution->flux + s * core_bins, solution->ivar + s * core_bins,
                              solution->resolution + s * ndiag * core_bins);

        if (!good) return SINGULAR;
    }
    return SOLVED;
}
