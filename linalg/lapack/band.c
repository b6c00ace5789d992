#include "linalg/lapack/band.h"

#include "base/memory.h"
#include "linalg/kernels/band.h"
#include "linalg/kernels/poles.h"
#include "linalg/kernels/root.h"
#include "linalg/kernels/triangle.h"

void host_band_cholesky(const struct linalg_band *band, int *info)
{
    for (size_t k = 0; k < band->batch; k++) {
        const struct band_system system = band_system_of(band, k);

        band_cholesky(team_of_one(), &system, info + k);
    }
}

void host_band_solve(const struct linalg_band *band, int *info)
{
    for (size_t k = 0; k < band->batch; k++) {
        const struct band_system system = band_system_of(band, k);

        band_solve(team_of_one(), &system);
        info[k] = all_finite(system.ntile * TILE, system.x) ? 0 : (int)band->n + 1;
    }
}

size_t host_band_inverse_bytes(const struct linalg_band *band)
{
    return memory_round_up((band->tband + 1) * sizeof(tile));
}

void host_band_inverse(const struct linalg_band *band, void *work, int *info)
{
    for (size_t k = 0; k < band->batch; k++) {
        const struct band_system system = band_system_of(band, k);

        band_inverse(team_of_one(), &system, work);
        /* All other columns follow from the first: a bad number anywhere reaches it. */
        info[k] = all_finite(TILE * TILE, &system.z[0][0][0]) ? 0 : (int)band->n + 1;
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
        double smallest = root_complete(team_of_one(), 0, root, &arrays, k);
        const struct poles *poles = poles_for(tables, root->condition[k]);
        size_t count = poles && *arrays.info == 0 ? poles->count : 0;

        info[k] = root_take(team_of_one(), 0, root, &arrays, k, (struct root_poles){smallest, poles, count});
    }
}

void host_band_root(const struct linalg_root *root, size_t nroot, void *work, int *info)
{
    for (size_t i = 0; i < nroot; i++) {
        take_roots(root + i, work, info);
        info += root[i].batch;
    }
}
