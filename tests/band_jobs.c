/* The banded operations for tests. */
#include "band_jobs.h"

#include <stdlib.h>

#include "base/memory.h"
#include "linalg_jobs.h"

static double *put(const struct linalg *linalg, const double *from, size_t count)
{
    return place(linalg, from, count * sizeof *from);
}

/* Back to where it came from, unless that is NULL. */
static void get(const struct linalg *linalg, double *to, double *placed, size_t count)
{
    if (to) fetch(linalg, to, placed, count * sizeof *to);
    take_away(linalg, placed);
}

static size_t vectors(size_t n, size_t batch)
{
    return batch * linalg_band_ntile(n) * LINALG_TILE;
}

int band_job_cholesky(const struct linalg *linalg, size_t n, size_t tband, double *a, double *x, size_t batch,
                      int *info)
{
    size_t size = batch * linalg_band_size(n, tband);
    double *pa = put(linalg, a, size), *px = put(linalg, x, vectors(n, batch));
    int failed = linalg_band_cholesky(linalg, n, tband, pa, x ? px : NULL, batch, info);

    get(linalg, a, pa, size);
    get(linalg, x, px, vectors(n, batch));
    return failed;
}

int band_job_solve(const struct linalg *linalg, size_t n, size_t tband, const double *l, double *b,
                   size_t batch, int *info)
{
    double *pl = put(linalg, l, batch * linalg_band_size(n, tband)), *pb = put(linalg, b, vectors(n, batch));
    int failed = linalg_band_solve(linalg, n, tband, pl, pb, batch, info);

    get(linalg, b, pb, vectors(n, batch));
    take_away(linalg, pl);
    return failed;
}

int band_job_inverse(const struct linalg *linalg, size_t n, size_t tband, size_t zband, const double *l,
                     double *inverse, double *x, size_t batch, int *info)
{
    size_t size = batch * linalg_band_size(n, zband);
    size_t bytes = linalg_band_inverse_bytes(linalg, n, tband, zband, batch);
    double *pl = put(linalg, l, batch * linalg_band_size(n, tband)), *pz = put(linalg, inverse, size);
    double *px = put(linalg, x, vectors(n, batch));
    void *work = place(linalg, NULL, bytes);
    int failed =
        linalg_band_inverse(linalg, n, tband, zband, pl, pz, x ? px : NULL, batch, work, bytes, info);

    get(linalg, inverse, pz, size);
    get(linalg, x, px, vectors(n, batch));
    take_away(linalg, pl);
    take_away(linalg, work);
    return failed;
}

/* What a backend sees of a batch that is the host's. */
static struct linalg_root put_root(const struct linalg *linalg, const struct linalg_root *root)
{
    size_t nvector = root->batch * root->nvec * root->n, nrow = root->batch * root->n;
    struct linalg_root placed = *root;

    placed.inverse = put(linalg, root->inverse, nrow * (root->band + 1));
    placed.vector = put(linalg, root->vector, nvector);
    placed.product = put(linalg, root->product, nvector);
    placed.root = put(linalg, root->root, nrow * (root->half + 1));
    placed.edge = put(linalg, root->edge, nrow);
    placed.condition = put(linalg, root->condition, root->batch);
    return placed;
}

static void get_root(const struct linalg *linalg, const struct linalg_root *root, struct linalg_root *placed)
{
    size_t nvector = root->batch * root->nvec * root->n, nrow = root->batch * root->n;

    get(linalg, root->product, placed->product, nvector);
    get(linalg, root->root, placed->root, nrow * (root->half + 1));
    get(linalg, root->edge, placed->edge, nrow);
    get(linalg, root->condition, placed->condition, root->batch);
    take_away(linalg, (double *)placed->inverse);
    take_away(linalg, (double *)placed->vector);
}

int band_job_root(const struct linalg *linalg, const struct linalg_root *root, size_t nroot, int *info)
{
    size_t bytes = linalg_band_root_bytes(linalg, root, nroot);
    void *work = place(linalg, NULL, bytes);
    struct linalg_root *placed = memory_zeroed(nroot, sizeof *placed);
    int failed;

    for (size_t i = 0; i < nroot; i++) placed[i] = put_root(linalg, root + i);
    failed = linalg_band_root(linalg, placed, nroot, work, bytes, info);
    for (size_t i = 0; i < nroot; i++) get_root(linalg, root + i, placed + i);
    take_away(linalg, work);
    free(placed);
    return failed;
}
