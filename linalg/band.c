/* The banded operations: checks, and the call of the back-end. */
#include <limits.h>
#include <stdint.h>

#include "base/minmax.h"
#include "linalg/backend.h"
#include "linalg/checks.h"

int linalg_band_cholesky(const struct linalg *linalg, const struct linalg_band *band, int *info)
{
    if (band->n == 0 || band->batch == 0) return linalg_solved(band->batch, info);
    linalg->band_cholesky(band, info);
    return linalg_count_failures(band->batch, info);
}

int linalg_band_solve(const struct linalg *linalg, const struct linalg_band *band, int *info)
{
    if (band->n == 0 || band->batch == 0) return linalg_solved(band->batch, info);
    linalg->band_solve(band, info);
    return linalg_count_failures(band->batch, info);
}

size_t linalg_band_inverse_bytes(const struct linalg *linalg, const struct linalg_band *band)
{
    if (band->n == 0 || band->batch == 0) return 0;
    if (band->zband < band->tband || band->n > INT_MAX - LINALG_TILE) return SIZE_MAX;
    return linalg->band_inverse_bytes(band);
}

int linalg_band_inverse(const struct linalg *linalg, const struct linalg_band *band, void *work,
                        size_t work_bytes, int *info)
{
    if (band->n == 0 || band->batch == 0) return linalg_solved(band->batch, info);
    if (!linalg_usable(work, work_bytes, linalg_band_inverse_bytes(linalg, band))) return -1;
    linalg->band_inverse(band, work, info);
    return linalg_count_failures(band->batch, info);
}

/* One batch of all systems, each as large as the largest. */
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
