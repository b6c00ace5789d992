#include "omp/dense.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "base/minmax.h"

/* The unknowns in the order in which they are eliminated: spectrum by spectrum, the padding spectra first, so
 * that only the trailing triangle of the factor, the core's, has to be inverted. */
static size_t spectrum_at(const struct patch *patch, size_t position)
{
    size_t padding = patch->nspec - patch->core_nspec;

    if (position >= padding) return patch->core_spec + position - padding;
    return position < patch->core_spec ? position : position + patch->core_nspec;
}

struct workspace {
    double *matrix;   /* [n][n] */
    double *x;        /* [n] */
    double *diagonal; /* [n] of the matrix, before it is factored */
    double *root;     /* [core_nspec][nwave][nwave]: C_ss, then Q_s */
    int *info;        /* [core_nspec] */
    void *linalg;
    size_t linalg_bytes;
};

static size_t linalg_bytes(const struct linalg *linalg, size_t n, size_t nwave, size_t core_nspec)
{
    size_t bytes = linalg_cholesky_bytes(linalg, n, 1);

    bytes = max_size(bytes, linalg_cholesky_solve_bytes(linalg, n, 1, 1));
    bytes = max_size(bytes, linalg_inverse_blocks_bytes(linalg, n, nwave, core_nspec, 1));
    return max_size(bytes, linalg_inverse_sqrt_bytes(linalg, nwave, core_nspec));
}

size_t dense_bytes(const struct linalg *linalg, size_t nspec, size_t nwave, size_t core_nspec)
{
    size_t n = nspec * nwave, inner = linalg_bytes(linalg, n, nwave, core_nspec);

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
    work.linalg_bytes = linalg_bytes(linalg, n, patch->nwave, patch->core_nspec);
    return work;
}

/* The lower triangle of M + diag(prior), column-major, and y, in the order of elimination. */
static void expand(const struct patch *patch, const struct normal *normal, const double *prior,
                   const struct workspace *work)
{
    size_t nspec = patch->nspec, nwave = patch->nwave, n = nspec * nwave;

    memset(work->matrix, 0, n * n * sizeof(double));
    for (size_t position1 = 0; position1 < nspec; position1++) {
        size_t spec1 = spectrum_at(patch, position1);

        for (size_t position2 = position1; position2 < nspec; position2++) {
            size_t spec2 = spectrum_at(patch, position2);

            for (size_t wave = 0; wave < nwave; wave++) {
                double *column = work->matrix + (position1 * nwave + wave) * n + position2 * nwave;
                const double *block = normal->block + wave * (normal->band + 1) * nspec * nspec;

                for (size_t d = 0; d <= normal->band && wave + d < nwave; d++) {
                    column[wave + d] = block[(d * nspec + spec2) * nspec + spec1];
                }
                if (position2 == position1) continue;
                for (size_t d = 1; d <= normal->band && d <= wave; d++) {
                    block -= (normal->band + 1) * nspec * nspec;
                    column[wave - d] = block[(d * nspec + spec1) * nspec + spec2];
                }
            }
        }
        for (size_t wave = 0; wave < nwave; wave++) {
            size_t i = position1 * nwave + wave;

            work->matrix[i * n + i] += prior[wave * nspec + spec1];
            work->x[i] = normal->y[wave * nspec + spec1];
        }
    }
}

static bool is_regular(size_t n, const double *factor, const double *diagonal)
{
    for (size_t i = 0; i < n; i++) {
        if (!is_regular_pivot(factor[i * n + i], diagonal[i])) return false;
    }
    return true;
}

static bool factor_and_invert(const struct linalg *linalg, const struct patch *patch,
                              const struct workspace *work)
{
    size_t n = patch->nspec * patch->nwave;
    int info;

    for (size_t i = 0; i < n; i++) work->diagonal[i] = work->matrix[i * n + i];
    return linalg_cholesky(linalg, n, work->matrix, 1, work->linalg, work->linalg_bytes, &info) == 0 &&
           is_regular(n, work->matrix, work->diagonal) &&
           linalg_cholesky_solve(linalg, n, 1, work->matrix, work->x, 1, work->linalg, work->linalg_bytes,
                                 &info) == 0 &&
           linalg_inverse_blocks(linalg, n, patch->nwave, patch->core_nspec, work->matrix, work->root, 1,
                                 work->linalg, work->linalg_bytes, &info) == 0;
}

/* flux, ivar and resolution of one core spectrum from Q_s and x_s; false when a row sum is 0 or a value is
 * not a number. */
static bool resolve_spectrum(const struct patch *patch, size_t ndiag, const double *q, const double *x,
                             double *row_sum, double *flux, double *ivar, double *resolution)
{
    size_t nwave = patch->nwave, half = ndiag / 2;

    for (size_t i = 0; i < nwave; i++) {
        const double *row = q + i * nwave; /* Q is symmetric: a column is a row */
        double sum = 0, product = 0;

        for (size_t j = 0; j < nwave; j++) {
            sum += row[j];
            product += row[j] * x[j];
        }
        if (sum == 0 || !isfinite(product / sum) || !isfinite(sum * sum)) return false;
        row_sum[i] = sum;
        if (i >= patch->core_wave && i < patch->core_wave + patch->core_nwave) {
            flux[i - patch->core_wave] = product / sum;
            ivar[i - patch->core_wave] = sum * sum;
        }
    }
    for (size_t k = 0; k < ndiag; k++) {
        for (size_t j = 0; j < patch->core_nwave; j++) {
            size_t column = patch->core_wave + j, row = column + k - half;
            bool inside = column + k >= half && row < nwave;

            resolution[k * patch->core_nwave + j] = inside ? q[row * nwave + column] / row_sum[row] : 0;
        }
    }
    return true;
}

enum solved dense_solve(const struct linalg *linalg, const struct patch *patch, const struct normal *normal,
                        const double *prior, size_t ndiag, struct solution *solution, void *memory,
                        size_t work_bytes)
{
    size_t nwave = patch->nwave, core_bins = patch->core_nwave;
    struct workspace work = place(linalg, patch, memory);

    if (work_bytes < dense_bytes(linalg, patch->nspec, nwave, patch->core_nspec)) return SINGULAR;
    expand(patch, normal, prior, &work);
    if (!factor_and_invert(linalg, patch, &work)) return SINGULAR;
    if (linalg_inverse_sqrt(linalg, nwave, work.root, patch->core_nspec, work.linalg, work.linalg_bytes,
                            work.info) != 0) {
        return SINGULAR;
    }
    for (size_t position = 0; position < patch->nspec; position++) {
        memcpy(solution->deconvolved + spectrum_at(patch, position) * nwave, work.x + position * nwave,
               nwave * sizeof(double));
    }
    for (size_t s = 0; s < patch->core_nspec; s++) {
        bool good = resolve_spectrum(patch, ndiag, work.root + s * nwave * nwave,
                                     solution->deconvolved + (patch->core_spec + s) * nwave, work.matrix,
                                     solution->flux + s * core_bins, solution->ivar + s * core_bins,
                                     solution->resolution + s * ndiag * core_bins);

        if (!good) return SINGULAR;
    }
    return SOLVED;
}
