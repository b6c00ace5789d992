#include "linalg/lapack/band.h"

#include "base/memory.h"
#include "linalg/kernels/band.h"
#include "linalg/kernels/poles.h"
#include "linalg/kernels/root.h"
#include "linalg/kernels/triangle.h"

void host_band_cholesky(size_t n, size_t tband, double *a, double *x, size_t batch, int *info)
{
    size_t size = linalg_band_size(n, tband), rows = linalg_band_ntile(n) * TILE;

    for (size_t k = 0; k < batch; k++) {
        band_cholesky(team_of_one(), linalg_band_ntile(n), tband, (tile *)(a + k * size),
                      x ? x + k * rows : NULL, info + k);
    }
}

void host_band_solve(size_t n, size_t tband, const double *l, double *b, size_t batch, int *info)
{
    size_t size = linalg_band_size(n, tband), rows = linalg_band_ntile(n) * TILE;

    for (size_t k = 0; k < batch; k++) {
        band_solve(team_of_one(), linalg_band_ntile(n), tband, (tile *)(l + k * size), b + k * rows);
        info[k] = all_finite(rows, b + k * rows) ? 0 : (int)n + 1;
    }
}

size_t host_band_inverse_bytes(size_t n, size_t tband, size_t zband, size_t batch)
{
    (void)n, (void)zband, (void)batch;
    return memory_round_up((tband + 1) * sizeof(tile));
}

void host_band_inverse(size_t n, size_t tband, size_t zband, const double *l, double *inverse, double *x,
                       size_t batch, void *work, int *info)
{
    size_t ntile = linalg_band_ntile(n), size = linalg_band_size(n, tband), out = linalg_band_size(n, zband);

    for (size_t k = 0; k < batch; k++) {
        tile *z = (tile *)(inverse + k * out);

        band_inverse(team_of_one(), ntile, tband, zband, (tile *)(l + k * size), z, work,
                     x ? x + k * ntile * TILE : NULL);
        /* all others follow from the first columns: a bad number anywhere reaches them */
        info[k] = all_finite(TILE * TILE, &z[0][0][0]) ? 0 : (int)n + 1;
    }
}

size_t host_band_root_bytes(const struct linalg_root *root)
{
    return root_bytes(root);
}

static void take_roots(const struct linalg_root *root, void *work, int *info)
{
    const struct poles *tables = poles_tables();
    const struct root_arrays arrays = root_place(root, work);

    for (size_t k = 0; k < root->batch; k++) {
        double smallest = root_complete(team_of_one(), 0, root, k, &arrays, true);
        const struct poles *poles = poles_for(tables, root->condition[k]);
        size_t count = poles && *arrays.info == 0 ? poles->count : 0;

        info[k] = root_take(team_of_one(), 0, root, k, &arrays, true, smallest, poles, count);
    }
}

void host_band_root(const struct linalg_root *root, size_t nroot, void *work, int *info)
{
    for (size_t i = 0; i < nroot; i++) {
        take_roots(root + i, work, info);
        info += root[i].batch;
    }
}
