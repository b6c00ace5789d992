/* The banded operations' checks and dispatch. */
#include <limits.h>
#include <stdint.h>

#include "base/memory.h"
#include "linalg/backend.h"
#include "linalg/checks.h"
#include "linalg/root_kernel.h"

int linalg_band_cholesky(const struct linalg *linalg, size_t n, size_t tband, double *a, double *x,
                         size_t batch, int *info)
{
    if (n == 0 || batch == 0) return linalg_solved(batch, info);
    linalg->band_cholesky(n, tband, a, x, batch, info);
    return linalg_count_failures(batch, info);
}

int linalg_band_solve(const struct linalg *linalg, size_t n, size_t tband, const double *l, double *b,
                      size_t batch, int *info)
{
    if (n == 0 || batch == 0) return linalg_solved(batch, info);
    linalg->band_solve(n, tband, l, b, batch, info);
    return linalg_count_failures(batch, info);
}

size_t linalg_band_inverse_bytes(const struct linalg *linalg, size_t n, size_t tband, size_t zband,
                                 size_t batch)
{
    if (n == 0 || batch == 0) return 0;
    if (zband < tband || n > INT_MAX - LINALG_TILE) return SIZE_MAX;
    return linalg->band_inverse_bytes(n, tband, zband, batch);
}

int linalg_band_inverse(const struct linalg *linalg, size_t n, size_t tband, size_t zband, const double *l,
                        double *inverse, double *x, size_t batch, void *work, size_t work_bytes, int *info)
{
    if (n == 0 || batch == 0) return linalg_solved(batch, info);
    if (!linalg_usable(work, work_bytes, linalg_band_inverse_bytes(linalg, n, tband, zband, batch)))
        return -1;
    linalg->band_inverse(n, tband, zband, l, inverse, x, batch, work, info);
    return linalg_count_failures(batch, info);
}

size_t linalg_band_root_bytes(const struct linalg *linalg, const struct linalg_root *root, size_t batch)
{
    if (root->n == 0 || batch == 0) return 0;
    if (root->band == 0 || root->band > ROOT_BAND || root->half > root->band) return SIZE_MAX;
    return linalg->band_root_bytes(root, batch);
}

int linalg_band_root(const struct linalg *linalg, const struct linalg_root *root, size_t batch, void *work,
                     size_t work_bytes, int *info)
{
    if (root->n == 0 || batch == 0) return linalg_solved(batch, info);
    if (!linalg_usable(work, work_bytes, linalg_band_root_bytes(linalg, root, batch))) return -1;
    linalg->band_root(root, batch, work, info);
    return linalg_count_failures(batch, info);
}
