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

static size_t band_doubles(const struct linalg_band *band)
{
    return band->batch * linalg_band_size(band->n, band->tband);
}

static size_t inverse_doubles(const struct linalg_band *band)
{
    return band->batch * linalg_band_size(band->n, band->zband);
}

static size_t vector_doubles(const struct linalg_band *band)
{
    return band->batch * linalg_band_ntile(band->n) * LINALG_TILE;
}

/* The same batch where the back-end works. */
static struct linalg_band put_band(const struct linalg *linalg, const struct linalg_band *band)
{
    struct linalg_band placed = *band;

    placed.matrix = put(linalg, band->matrix, band_doubles(band));
    if (band->inverse) placed.inverse = put(linalg, band->inverse, inverse_doubles(band));
    if (band->x) placed.x = put(linalg, band->x, vector_doubles(band));
    return placed;
}

static void get_band(const struct linalg *linalg, const struct linalg_band *band,
                     const struct linalg_band *placed)
{
    get(linalg, band->matrix, placed->matrix, band_doubles(band));
    if (band->inverse) get(linalg, band->inverse, placed->inverse, inverse_doubles(band));
    if (band->x) get(linalg, band->x, placed->x, vector_doubles(band));
}

int band_job_cholesky(const struct linalg *linalg, const struct linalg_band *band, int *info)
{
    const struct linalg_band placed = put_band(linalg, band);
    int failed = linalg_band_cholesky(linalg, &placed, info);

    get_band(linalg, band, &placed);
    return failed;
}

int band_job_solve(const struct linalg *linalg, const struct linalg_band *band, int *info)
{
    const struct linalg_band placed = put_band(linalg, band);
    int failed = linalg_band_solve(linalg, &placed, info);

    get_band(linalg, band, &placed);
    return failed;
}

int band_job_inverse(const struct linalg *linalg, const struct linalg_band *band, int *info)
{
    const struct linalg_band placed = put_band(linalg, band);
    size_t bytes = linalg_band_inverse_bytes(linalg, &placed);
    void *work = place(linalg, NULL, bytes);
    int failed = linalg_band_inverse(linalg, &placed, work, bytes, info);

    get_band(linalg, band, &placed);
    take_away(linalg, work);
    return failed;
}

/* What a back-end sees of a batch that is the host's. */
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
