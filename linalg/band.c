/* The banded operations' checks and dispatch. */
#include <limits.h>
#include <stdint.h>

#include "base/memory.h"
#include "base/minmax.h"
#include "linalg/backend.h"
#include "linalg/checks.h"

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

/* A batch of all systems, each as large as the largest; batch 0: there is nothing to do. */
static struct linalg_root largest_of(const struct linalg_root *root, size_t nroot)
{
    struct linalg_root all = {0};

    for (size_t i = 0; i < nroot; i++) {
        all.batch += root[i].batch;
        all.n = max_size(all.n, root[i].n);
        all.band = max_size(all.band, root[i].band);
        all.nvec = max_size(all.nvec, root[i].nvec);
        all.half = max_size(all.half, root[i].half);
    }
    return all;
}

size_t linalg_band_root_bytes(const struct linalg *linalg, const struct linalg_root *root, size_t nroot)
{
    const struct linalg_root all = largest_of(root, nroot);

    if (all.n == 0 || all.batch == 0) return 0;
    for (size_t i = 0; i < nroot; i++) {
        if (root[i].batch == 0 || root[i].n == 0) return SIZE_MAX;
        if (root[i].band == 0 || root[i].band > LINALG_ROOT_BAND_MAX || root[i].half > root[i].band)
            return SIZE_MAX;
    }
    return linalg->band_root_bytes(&all);
}

int linalg_band_root(const struct linalg *linalg, const struct linalg_root *root, size_t nroot, void *work,
                     size_t work_bytes, int *info)
{
    const size_t bytes = linalg_band_root_bytes(linalg, root, nroot), batch = largest_of(root, nroot).batch;

    if (bytes == 0) return linalg_solved(batch, info);
    if (!linalg_usable(work, work_bytes, bytes)) return -1;
    linalg->band_root(root, nroot, work, info);
    return linalg_count_failures(batch, info);
}
