/* The reference back-end: textbook loops that one can check by reading them. It is never tuned. */
#include <float.h>
#include <math.h>
#include <stdbool.h>

#include "base/memory.h"
#include "linalg/backend.h"
#include "linalg/kernels/triangle.h"
#include "linalg/ref/band.h"

/* Cyclic Jacobi converges quadratically; measured: 14 sweeps at order 250, also for singular matrices. */
enum { MAX_SWEEPS = 60 };

/* Cholesky factor, row by row. The test of the pivot also catches a NaN anywhere in its row, which makes it
 * one. */
static int factor(size_t n, double *a)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j <= i; j++) {
            double sum = a[i + n * j];

            for (size_t k = 0; k < j; k++) sum -= a[i + n * k] * a[j + n * k];
            if (j < i) {
                a[i + n * j] = sum / a[j + n * j];
            } else if (sum > 0 && isfinite(sum)) {
                a[i + n * i] = sqrt(sum);
            } else {
                return (int)i + 1;
            }
        }
    }
    return 0;
}

static void ref_cholesky(const struct linalg_dense *dense, void *work, int *info)
{
    const size_t n = dense->n;

    (void)work;
    for (size_t k = 0; k < dense->batch; k++) info[k] = factor(n, dense->matrix + k * n * n);
}

/* Solves L y = x in place. Elements of x before `first` are 0, and are neither read nor written. */
static void forward(size_t n, const double *l, size_t first, double *x)
{
    for (size_t i = first; i < n; i++) {
        for (size_t j = first; j < i; j++) x[i] -= l[i + n * j] * x[j];
        x[i] /= l[i + n * i];
    }
}

/* Solves Lᵀ y = x in place, from the last row up to the first that is wanted. */
static void backward(size_t n, const double *l, size_t first, double *x)
{
    for (size_t i = n; i-- > first;) {
        for (size_t j = i + 1; j < n; j++) x[i] -= l[j + n * i] * x[j];
        x[i] /= l[i + n * i];
    }
}

static int solve(size_t n, size_t nrhs, const double *l, double *b)
{
    int bad = triangle_bad_diagonal(n, l);

    if (bad) return bad;
    for (size_t r = 0; r < nrhs; r++) {
        forward(n, l, 0, b + r * n);
        backward(n, l, 0, b + r * n);
    }
    return all_finite(n * nrhs, b) ? 0 : (int)n + 1;
}

static void ref_cholesky_solve(const struct linalg_dense *dense, void *work, int *info)
{
    const size_t n = dense->n, nrhs = dense->nrhs;

    (void)work;
    for (size_t k = 0; k < dense->batch; k++)
        info[k] = solve(n, nrhs, dense->matrix + k * n * n, dense->rhs + k * n * nrhs);
}

/* Column c of the inverse, from the diagonal down: it solves L Lᵀ x = e_c. */
static void inverse_column(size_t n, const double *l, size_t c, double *x)
{
    for (size_t i = c; i < n; i++) x[i] = i == c;
    forward(n, l, c, x);
    backward(n, l, c, x);
}

/* The blocks of one system; x: [n] */
static int invert_blocks(const struct linalg_dense *one, double *x)
{
    const size_t n = one->n, block = one->block, nblocks = one->nblocks, first = n - nblocks * block;
    const double *l = one->matrix;
    double *inverse = one->inverse;
    int bad = triangle_bad_diagonal(n, l);

    if (bad) return bad;
    for (size_t k = 0; k < nblocks; k++) {
        double *q = inverse + k * block * block;

        for (size_t j = 0; j < block; j++) {
            inverse_column(n, l, first + k * block + j, x);
            for (size_t i = j; i < block; i++) q[i + block * j] = x[first + k * block + i];
        }
        triangle_mirror(block, q, q);
    }
    return all_finite(nblocks * block * block, inverse) ? 0 : (int)n + 1;
}

static size_t ref_inverse_blocks_bytes(const struct linalg_dense *dense)
{
    return memory_round_up(dense->n * sizeof(double));
}

static void ref_inverse_blocks(const struct linalg_dense *dense, void *work, int *info)
{
    for (size_t k = 0; k < dense->batch; k++) {
        const struct linalg_dense one = linalg_dense_part(dense, k, 1);

        info[k] = invert_blocks(&one, work);
    }
}

/* A rotation of columns p and q: they become c m_p - s m_q and s m_p + c m_q. */
struct rotation {
    size_t p, q;
    double c, s;
};

/* Rotates two columns of m[n][n]. stride: from one element of a column to the next, step: from one column to
 * the next. With the two exchanged it rotates rows. */
static void rotate(size_t n, double *m, size_t stride, size_t step, struct rotation by)
{
    const size_t p = by.p, q = by.q;
    const double c = by.c, s = by.s;

    for (size_t i = 0; i < n; i++) {
        double mp = m[i * stride + p * step], mq = m[i * stride + q * step];

        m[i * stride + p * step] = c * mp - s * mq;
        m[i * stride + q * step] = s * mp + c * mq;
    }
}

/* Rotates by the smaller of the two angles that make a[p][q] zero (Golub & Van Loan, Matrix
 * Computations, 8.5.2). */
static void annihilate(size_t n, double *a, double *v, size_t p, size_t q)
{
    double theta = 0.5 * (a[q + n * q] - a[p + n * p]) / a[q + n * p];
    double t = copysign(1, theta) / (fabs(theta) + hypot(1, theta));
    double c = 1 / hypot(1, t);
    const struct rotation by = {p, q, c, t * c};

    rotate(n, a, 1, n, by);
    rotate(n, a, n, 1, by);
    rotate(n, v, 1, n, by);
    a[q + n * p] = a[p + n * q] = 0;
}

/* Whether an element is small against its own two diagonal elements. This criterion keeps the small
 * eigenvalues of a positive definite matrix accurate (Demmel & Veselić 1992, SIAM J. Matrix Anal. Appl. 13,
 * 1204). */
static bool negligible(double apq, double app, double aqq)
{
    return fabs(apq) <= DBL_EPSILON * sqrt(fabs(app)) * sqrt(fabs(aqq));
}

/* Jacobi's method: a becomes diagonal, the columns of v its eigenvectors. False when MAX_SWEEPS do not
 * suffice. */
static bool diagonalise(size_t n, double *a, double *v)
{
    size_t rotations = 1;

    for (size_t i = 0; i < n * n; i++) v[i] = i % (n + 1) == 0;
    for (int sweep = 0; rotations > 0 && sweep < MAX_SWEEPS; sweep++) {
        rotations = 0;
        for (size_t p = 0; p + 1 < n; p++) {
            for (size_t q = p + 1; q < n; q++) {
                if (negligible(a[q + n * p], a[p + n * p], a[q + n * q])) continue;
                annihilate(n, a, v, p, q);
                rotations++;
            }
        }
    }
    return rotations == 0;
}

static int invert_sqrt(size_t n, double *a, double *v, double *eigenvalue)
{
    size_t bad;

    if (!triangle_finite(n, a)) return (int)n + 1;
    triangle_mirror(n, a, a);
    if (!diagonalise(n, a, v)) return (int)n + 1;
    for (size_t k = 0; k < n; k++) eigenvalue[k] = a[k * (n + 1)];
    bad = count_not_positive(n, eigenvalue);
    if (bad) return (int)bad + 1;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j <= i; j++) {
            double sum = 0;

            for (size_t k = 0; k < n; k++) sum += v[i + n * k] * v[j + n * k] / sqrt(eigenvalue[k]);
            a[i + n * j] = a[j + n * i] = sum;
        }
    }
    return 0;
}

static size_t ref_inverse_sqrt_bytes(const struct linalg_dense *dense)
{
    return memory_round_up((dense->n + 1) * dense->n * sizeof(double));
}

static void ref_inverse_sqrt(const struct linalg_dense *dense, void *work, int *info)
{
    const size_t n = dense->n;
    double *v = work;

    for (size_t k = 0; k < dense->batch; k++)
        info[k] = invert_sqrt(n, dense->matrix + k * n * n, v, v + n * n);
}

static const char *ref_description(void)
{
    return "plain C loops, the reference of all other back-ends";
}

const struct linalg linalg_ref = {
    .name = "ref",
    .description = ref_description,
    .inverse_blocks_bytes = ref_inverse_blocks_bytes,
    .inverse_sqrt_bytes = ref_inverse_sqrt_bytes,
    .cholesky = ref_cholesky,
    .cholesky_solve = ref_cholesky_solve,
    .inverse_blocks = ref_inverse_blocks,
    .inverse_sqrt = ref_inverse_sqrt,
    .band_inverse_bytes = ref_band_inverse_bytes,
    .band_root_bytes = ref_band_root_bytes,
    .band_cholesky = ref_band_cholesky,
    .band_solve = ref_band_solve,
    .band_inverse = ref_band_inverse,
    .band_root = ref_band_root,
};
