#include "linalg/host_band.h"

#include "base/memory.h"
#include "linalg/band_kernel.h"
#include "linalg/poles.h"
#include "linalg/root_kernel.h"
#include "linalg/triangle.h"

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

/* One system's arrays: rows of `stride` doubles, column 0 at ROOT_PAD. */
struct root_arrays {
    size_t stride;
    double *c, *g, *v, *s, *vector, *product, *root;
    struct root_work work;
};

static size_t row_stride(size_t n)
{
    return memory_round_up((n + 2 * ROOT_PAD + LANES) * sizeof(double)) / sizeof(double);
}

/* Returns the bytes; lays the arrays out when memory is not NULL. */
static size_t layout(const struct linalg_root *root, char *memory, struct root_arrays *arrays)
{
    size_t stride = row_stride(root->n), rows = root->band + 1, bytes = 0;
    double **const row_arrays[] = {&arrays->c,      &arrays->g,       &arrays->v,   &arrays->s,
                                   &arrays->vector, &arrays->product, &arrays->root};
    const size_t counts[] = {rows, rows, 1, rows, root->nvec, root->nvec, root->half + 1};
    lanes **const lane_arrays[] = {&arrays->work.l, &arrays->work.pivot, &arrays->work.inverse,
                                   &arrays->work.x};
    const size_t lane_counts[] = {root->n * root->band, root->n, root->n, root->n * root->nvec};

    arrays->stride = stride;
    for (int i = 0; i < 7; i++) {
        if (memory) *row_arrays[i] = (double *)(memory + bytes) + ROOT_PAD;
        bytes += counts[i] * stride * sizeof(double);
    }
    for (int i = 0; i < 4; i++) {
        if (memory) *lane_arrays[i] = (lanes *)(memory + bytes);
        bytes += lane_counts[i] * sizeof(lanes);
    }
    return bytes;
}

size_t host_band_root_bytes(const struct linalg_root *root, size_t batch)
{
    struct root_arrays arrays;

    (void)batch;
    return layout(root, NULL, &arrays);
}

/* Copies a system in, with the padding that the kernels ask for. */
static void load(const struct linalg_root *root, size_t system, const struct root_arrays *arrays)
{
    size_t n = root->n, stride = arrays->stride, rows = root->band + 1;
    const double *c = root->inverse + system * rows * n, *vector = root->vector + system * root->nvec * n;

    memset(arrays->c - ROOT_PAD, 0, rows * stride * sizeof(double));
    memset(arrays->v - ROOT_PAD, 0, stride * sizeof(double));
    memset(arrays->product - ROOT_PAD, 0, (root->nvec + root->half + 1) * stride * sizeof(double));
    for (size_t d = 0; d < rows; d++) {
        for (size_t j = 0; j + d < n; j++) arrays->c[d * stride + j] = c[d * n + j];
    }
    for (size_t j = n; j < stride - ROOT_PAD; j++) arrays->c[j] = 1;
    for (size_t r = 0; r < root->nvec; r++) {
        memcpy(arrays->vector + r * stride, vector + r * n, n * sizeof(double));
    }
}

/* Largest sum of absolute values in a row of a banded symmetric matrix: no eigenvalue is larger. */
static double largest_row_sum(size_t n, size_t band, size_t stride, const double *diagonals)
{
    double largest = 0;

    for (size_t i = 0; i < n; i++) {
        double sum = fabs(diagonals[i]);

        for (size_t d = 1; d <= band; d++) {
            if (i + d < n) sum += fabs(diagonals[d * stride + i]);
            if (d <= i) sum += fabs(diagonals[d * stride + i - d]);
        }
        largest = fmax(largest, sum);
    }
    return largest;
}

static void edge_of_band(size_t n, size_t band, size_t stride, const double *s, double *edge)
{
    for (size_t i = 0; i < n; i++) {
        edge[i] = i + band < n ? fabs(s[band * stride + i]) / sqrt(s[i] * s[i + band]) : 0;
    }
}

static int take_root(const struct linalg_root *root, size_t system, const struct root_arrays *arrays)
{
    /* C's band holds most, not all of its rows: half of the bound that follows from it is safe */
    static const double safety = 0.5;
    size_t n = root->n, stride = arrays->stride;
    const struct poles *poles;
    double smallest;

    load(root, system, arrays);
    if (!complete_band(n, root->band, stride, arrays->c, arrays->g, arrays->v, arrays->s)) return 1;
    smallest = safety / largest_row_sum(n, root->band, stride, arrays->c);
    edge_of_band(n, root->band, stride, arrays->s, root->edge + system * n);
    root->spread[system] = largest_row_sum(n, root->band, stride, arrays->s) / smallest;
    poles = poles_for(root->spread[system]);
    if (!poles) return 2;
    for (size_t j = 0; j < poles->count; j += LANES) {
        lanes shift, weight;

        for (int k = 0; k < LANES; k++) {
            shift[k] = smallest * poles->shift[j + (size_t)k];
            weight[k] = sqrt(smallest) * poles->weight[j + (size_t)k];
        }
        add_poles(n, root->band, root->half, stride, arrays->s, shift, weight, root->nvec, arrays->vector,
                  &arrays->work, arrays->product, arrays->root);
    }
    return 0;
}

/* Copies a system's results out; 0, or 2 when one is not finite. */
static int store(const struct linalg_root *root, size_t system, const struct root_arrays *arrays)
{
    size_t n = root->n, stride = arrays->stride;
    double *product = root->product + system * root->nvec * n,
           *out = root->root + system * (root->half + 1) * n;
    bool finite = true;

    for (size_t r = 0; r < root->nvec; r++) {
        memcpy(product + r * n, arrays->product + r * stride, n * sizeof(double));
        finite &= all_finite(n, product + r * n);
    }
    for (size_t d = 0; d <= root->half; d++) {
        for (size_t j = 0; j < n; j++) out[d * n + j] = j + d < n ? arrays->root[d * stride + j] : 0;
        finite &= all_finite(n, out + d * n);
    }
    return finite ? 0 : 2;
}

void host_band_root(const struct linalg_root *root, size_t batch, void *work, int *info)
{
    struct root_arrays arrays;

    layout(root, work, &arrays);
    for (size_t k = 0; k < batch; k++) {
        info[k] = take_root(root, k, &arrays);
        if (info[k] == 0) info[k] = store(root, k, &arrays);
    }
}
