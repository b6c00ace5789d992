/* The banded operations of the reference back-end: element by element, and dense where that is simplest. */
#include "linalg/ref/band.h"

#include <math.h>

#include "base/memory.h"
#include "linalg/backend.h"
#include "linalg/kernels/triangle.h"

enum { TILE = LINALG_TILE };

/* The address of element (row, column), row >= column, of a matrix in tiles; NULL beyond the band. */
static double *element(size_t tband, const double *a, size_t row, size_t column)
{
    size_t distance = row / TILE - column / TILE;
    size_t number = (column / TILE * (tband + 1) + distance) * TILE * TILE;

    return distance > tband ? NULL : (double *)a + number + column % TILE * TILE + row % TILE;
}

static double value(size_t tband, const double *a, size_t row, size_t column)
{
    const double *at = element(tband, a, row, column);

    return at ? *at : 0;
}

/* The first column of a row that is within the band. */
static size_t first_column(size_t tband, size_t row)
{
    return row / TILE > tband ? (row / TILE - tband) * TILE : 0;
}

static int factor(size_t n, size_t tband, double *a)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t j = first_column(tband, i); j <= i; j++) {
            double sum = value(tband, a, i, j);

            for (size_t k = first_column(tband, i); k < j; k++)
                sum -= value(tband, a, i, k) * value(tband, a, j, k);
            if (j == i && !(sum > 0 && isfinite(sum))) return (int)i + 1;
            *element(tband, a, i, j) = j < i ? sum / value(tband, a, j, j) : sqrt(sum);
        }
    }
    return 0;
}

static void solve_down(size_t n, size_t tband, const double *l, double *x)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t j = first_column(tband, i); j < i; j++) x[i] -= value(tband, l, i, j) * x[j];
        x[i] /= value(tband, l, i, i);
    }
}

static void solve_up(size_t n, size_t tband, const double *l, double *x)
{
    for (size_t i = n; i-- > 0;) {
        for (size_t j = i + 1; j < n && element(tband, l, j, i); j++) x[i] -= value(tband, l, j, i) * x[j];
        x[i] /= value(tband, l, i, i);
    }
}

static void solve(size_t n, size_t tband, const double *l, double *x)
{
    solve_down(n, tband, l, x);
    solve_up(n, tband, l, x);
}

/* System k of the batch. */
static double *matrix_of(const struct linalg_band *band, size_t k)
{
    return band->matrix + k * linalg_band_size(band->n, band->tband);
}

static double *vector_of(const struct linalg_band *band, size_t k)
{
    return band->x + k * linalg_band_ntile(band->n) * TILE;
}

void ref_band_cholesky(const struct linalg_band *band, int *info)
{
    for (size_t k = 0; k < band->batch; k++) {
        double *l = matrix_of(band, k);

        info[k] = factor(band->n, band->tband, l);
        if (info[k] == 0 && band->x) solve_down(band->n, band->tband, l, vector_of(band, k));
    }
}

void ref_band_solve(const struct linalg_band *band, int *info)
{
    for (size_t k = 0; k < band->batch; k++) {
        double *x = vector_of(band, k);

        solve(band->n, band->tband, matrix_of(band, k), x);
        info[k] = all_finite(band->n, x) ? 0 : (int)band->n + 1;
    }
}

size_t ref_band_inverse_bytes(const struct linalg_band *band)
{
    return memory_round_up(band->n * sizeof(double));
}

/* The inverse of system k, column by column: C e_j solves L Lᵀ x = e_j. x: [n] */
static int invert(const struct linalg_band *band, size_t k, double *x)
{
    const size_t n = band->n, tband = band->tband, zband = band->zband;
    const double *l = matrix_of(band, k);
    double *inverse = band->inverse + k * linalg_band_size(n, zband);
    bool finite = true;

    for (size_t j = 0; j < n; j++) {
        for (size_t i = 0; i < n; i++) x[i] = i == j;
        solve(n, tband, l, x);
        finite &= all_finite(n, x);
        for (size_t i = j / TILE * TILE; i < n; i++) {
            size_t distance = i / TILE - j / TILE;

            if (distance > zband) break;
            inverse[((j / TILE * (zband + 1) + distance) * TILE + i % TILE) * TILE + j % TILE] = x[i];
        }
    }
    return finite ? 0 : (int)n + 1;
}

void ref_band_inverse(const struct linalg_band *band, void *work, int *info)
{
    for (size_t k = 0; k < band->batch; k++) {
        info[k] = invert(band, k, work);
        if (band->x) solve_up(band->n, band->tband, matrix_of(band, k), vector_of(band, k));
    }
}

/* Scratch of one system, with dense matrices. */
struct scratch {
    double *s, *root; /* [n][n] */
    double *window;   /* [band + 1][band + 1] */
    double *inverse;  /* [band + 1][band + 1] */
    void *work;       /* of the dense operations */
};

static size_t layout(const struct linalg_root *root, char *memory, struct scratch *scratch)
{
    size_t n = root->n, side = root->band + 1;
    size_t matrix = memory_round_up(n * n * sizeof(double)),
           window = memory_round_up(side * side * sizeof(double));
    size_t work = linalg_ref.inverse_sqrt_bytes(&(struct linalg_dense){.batch = 1, .n = n > side ? n : side});

    if (memory) {
        scratch->s = (double *)memory;
        scratch->root = (double *)(memory + matrix);
        scratch->window = (double *)(memory + 2 * matrix);
        scratch->inverse = (double *)(memory + 2 * matrix + window);
        scratch->work = memory + 2 * matrix + 2 * window;
    }
    return 2 * matrix + 2 * window + work;
}

size_t ref_band_root_bytes(const struct linalg_root *root)
{
    struct scratch scratch;

    return layout(root, NULL, &scratch);
}

/* Adds sign times the inverse of the window of C of `side` rows that begins at `first` to S. False when the
 * window is not positive definite. */
static bool add_window(size_t n, const double *c, size_t first, size_t side, double sign,
                       const struct scratch *scratch)
{
    const struct linalg_dense window = {.batch = 1,
                                        .n = side,
                                        .matrix = scratch->window,
                                        .block = side,
                                        .nblocks = 1,
                                        .inverse = scratch->inverse};
    int info;

    if (side == 0) return true;
    for (size_t i = 0; i < side; i++) {
        for (size_t j = 0; j <= i; j++) scratch->window[i + side * j] = c[(i - j) * n + first + j];
    }
    linalg_ref.cholesky(&window, scratch->work, &info);
    if (info) return false;
    linalg_ref.inverse_blocks(&window, scratch->work, &info);
    if (info) return false;
    for (size_t i = 0; i < side; i++) {
        for (size_t j = 0; j < side; j++) {
            scratch->s[first + i + n * (first + j)] += sign * scratch->inverse[i + side * j];
        }
    }
    return true;
}

/* Computes S: the inverses of C's windows, less those of the overlaps of neighbouring windows (omp/README.md,
 * "The mathematics", step 3). False when a window cannot be inverted. */
static bool complete(size_t n, size_t band, const double *c, const struct scratch *scratch)
{
    size_t side = band + 1 < n ? band + 1 : n;
    bool good = true;

    for (size_t i = 0; i < n * n; i++) scratch->s[i] = 0;
    for (size_t first = 0; good && first + side <= n; first++) {
        good = add_window(n, c, first, side, 1, scratch);
        if (good && first > 0) good = add_window(n, c, first, side - 1, -1, scratch);
    }
    return good;
}

static double row_sum(size_t n, const double *s, size_t row)
{
    double sum = 0;

    for (size_t j = 0; j < n; j++) sum += fabs(s[row + n * j]);
    return sum;
}

/* Computes edge and condition from S and C, as the tuned back-ends do. */
static void measure(const struct linalg_root *root, size_t system, const double *c, const double *s)
{
    size_t n = root->n, band = root->band;
    double *edge = root->edge + system * n, largest = 0, largest_inverse = 0;

    for (size_t i = 0; i < n; i++) {
        double sum = 0;

        for (size_t d = 0; d <= band; d++) {
            if (i + d < n) sum += fabs(c[d * n + i]);
            if (d > 0 && d <= i) sum += fabs(c[d * n + i - d]);
        }
        largest = fmax(largest, row_sum(n, s, i));
        largest_inverse = fmax(largest_inverse, sum);
        edge[i] =
            i + band < n ? fabs(s[i + band + n * i]) / sqrt(s[i + n * i] * s[i + band + n * (i + band)]) : 0;
    }
    root->condition[system] = 2 * largest * largest_inverse;
}

static int take_root(const struct linalg_root *root, size_t system, const struct scratch *scratch)
{
    size_t n = root->n;
    const double *c = root->inverse + system * (root->band + 1) * n;
    const double *vector = root->vector + system * root->nvec * n;
    const struct linalg_dense s = {.batch = 1, .n = n, .matrix = scratch->root};
    int info;

    if (!complete(n, root->band, c, scratch)) return 1;
    measure(root, system, c, scratch->s);
    for (size_t i = 0; i < n * n; i++) scratch->root[i] = scratch->s[i];
    linalg_ref.inverse_sqrt(&s, scratch->work, &info);
    if (info) return 2;
    for (size_t i = 0; i < n; i++) { /* Q = S S^(-1/2), row by row */
        double *row = scratch->work;

        for (size_t j = 0; j < n; j++) {
            row[j] = 0;
            for (size_t k = 0; k < n; k++) row[j] += scratch->s[i + n * k] * scratch->root[k + n * j];
        }
        for (size_t d = 0; d <= root->half; d++) {
            double *out = root->root + (system * (root->half + 1) + d) * n;

            if (d <= i) out[i - d] = row[i - d];
            if (i + d >= n) out[i] = 0;
        }
        for (size_t r = 0; r < root->nvec; r++) {
            double *product = root->product + (system * root->nvec + r) * n;

            product[i] = 0;
            for (size_t j = 0; j < n; j++) product[i] += row[j] * vector[r * n + j];
        }
    }
    return 0;
}

void ref_band_root(const struct linalg_root *root, size_t nroot, void *work, int *info)
{
    struct scratch scratch;

    for (size_t i = 0; i < nroot; i++) {
        layout(root + i, work, &scratch);
        for (size_t k = 0; k < root[i].batch; k++) *info++ = take_root(root + i, k, &scratch);
    }
}
