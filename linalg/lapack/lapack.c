/* The back-end `lapack`: LAPACKE and OpenBLAS. It solves the systems of a batch one after another on one
 * core, because every thread of the caller works on a batch of its own. */
#include <cblas.h>
#include <lapacke.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "linalg/backend.h"
#include "linalg/kernels/triangle.h"
#include "linalg/lapack/band.h"

/* OpenBLAS has one thread count for the whole process, which is set once. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static char description[256];

static void prepare(void)
{
    openblas_set_num_threads(1);
    snprintf(description, sizeof description, "%s, %s kernels, threads: %d", openblas_get_config(),
             openblas_get_corename(), openblas_get_num_threads());
}

static bool lapack_open(void)
{
    return pthread_once(&once, prepare) == 0;
}

static const char *lapack_description(void)
{
    return description;
}

/* dpotrf compares its pivots with 0, and a NaN passes that. But a NaN or an infinity anywhere in a row always
 * ends in the pivot of that row, so that it suffices to check the pivots. */
static int factor(size_t n, double *a)
{
    lapack_int info = LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'L', (lapack_int)n, a, (lapack_int)n);
    int bad = triangle_bad_diagonal(n, a);

    return bad && (bad < info || info == 0) ? bad : (int)info;
}

static void lapack_cholesky(const struct linalg_dense *dense, void *work, int *info)
{
    const size_t n = dense->n;

    (void)work;
    for (size_t k = 0; k < dense->batch; k++) info[k] = factor(n, dense->matrix + k * n * n);
}

/* Solves L Lᵀ x = b. With one right-hand side dpotrs, which calls dtrsm, takes three
 * times as long as dtrsv. */
static void substitute(size_t n, size_t nrhs, const double *l, double *b)
{
    lapack_int order = (lapack_int)n;

    if (nrhs == 1) {
        cblas_dtrsv(CblasColMajor, CblasLower, CblasNoTrans, CblasNonUnit, order, l, order, b, 1);
        cblas_dtrsv(CblasColMajor, CblasLower, CblasTrans, CblasNonUnit, order, l, order, b, 1);
    } else {
        LAPACKE_dpotrs_work(LAPACK_COL_MAJOR, 'L', order, (lapack_int)nrhs, l, order, b, order);
    }
}

static void lapack_cholesky_solve(const struct linalg_dense *dense, void *work, int *info)
{
    const size_t n = dense->n, nrhs = dense->nrhs;

    (void)work;
    for (size_t k = 0; k < dense->batch; k++) {
        const double *l = dense->matrix + k * n * n;
        double *x = dense->rhs + k * n * nrhs;

        info[k] = triangle_bad_diagonal(n, l);
        if (info[k]) continue;
        substitute(n, nrhs, l, x);
        if (!all_finite(n * nrhs, x)) info[k] = (int)n + 1;
    }
}

/* Inverts a lower triangle by halves, [A 0; B C]⁻¹ = [A⁻¹ 0; -C⁻¹ B A⁻¹, C⁻¹], which keeps the products large
 * and square. OpenBLAS 0.3.21's own dtrtri takes 1.5 times (AVX2 kernels) to 2.9 times (AVX-512) as long at
 * order 518. With a leaf of 80, order 518 ends in parts of 64 and 65, and a block of 74 is not divided; any
 * leaf from 32 to 128 is within 6 % of that. */
static void invert_lower(size_t n, double *l, size_t stride)
{
    enum { LEAF = 80 };
    size_t half = n / 2;
    lapack_int ld = (lapack_int)stride, top = (lapack_int)half, bottom = (lapack_int)(n - half);
    double *b = l + half, *c = b + half * stride;

    if (n <= LEAF) {
        LAPACKE_dtrtri_work(LAPACK_COL_MAJOR, 'L', 'N', (lapack_int)n, l, ld);
        return;
    }
    invert_lower(half, l, stride);
    invert_lower(n - half, c, stride);
    cblas_dtrmm(CblasColMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, bottom, top, -1, c, ld, b,
                ld);
    cblas_dtrmm(CblasColMajor, CblasRight, CblasLower, CblasNoTrans, CblasNonUnit, bottom, top, 1, l, ld, b,
                ld);
}

/* q[block][block] = XᵀX for the panel X[rows][block] of an inverse triangle, whose uppermost block is lower
 * triangular. dlauum multiplies that block, as it does not read what is above the diagonal, and dsyrk the
 * rows below. */
static void gram(size_t rows, size_t block, const double *x, size_t stride, double *q)
{
    lapack_int size = (lapack_int)block, below = (lapack_int)(rows - block);

    for (size_t j = 0; j < block; j++) {
        memcpy(q + j * (block + 1), x + j * (stride + 1), (block - j) * sizeof *q);
    }
    LAPACKE_dlauum_work(LAPACK_COL_MAJOR, 'L', size, q, size);
    if (below > 0) {
        cblas_dsyrk(CblasColMajor, CblasLower, CblasTrans, size, below, 1, x + block, (lapack_int)stride, 1,
                    q, size);
    }
    triangle_mirror(block, q, q);
}

/* The blocks of one system. Only the trailing triangle T of L matters: the trailing part of (L Lᵀ)⁻¹ is T⁻ᵀ
 * T⁻¹. */
static int invert_blocks(const struct linalg_dense *one)
{
    const size_t n = one->n, block = one->block, nblocks = one->nblocks, rows = nblocks * block;
    double *l = one->matrix, *inverse = one->inverse;
    double *corner = l + (n - rows) * (n + 1);
    int bad = triangle_bad_diagonal(n, l);

    if (bad) return bad;
    invert_lower(rows, corner, n);
    for (size_t k = 0; k < nblocks; k++) {
        gram(rows - k * block, block, corner + k * block * (n + 1), n, inverse + k * block * block);
    }
    return all_finite(rows * block, inverse) ? 0 : (int)n + 1;
}

static void lapack_inverse_blocks(const struct linalg_dense *dense, void *work, int *info)
{
    (void)work;
    for (size_t k = 0; k < dense->batch; k++) {
        const struct linalg_dense one = linalg_dense_part(dense, k, 1);

        info[k] = invert_blocks(&one);
    }
}

/* The workspace of dsyevd for one system, by the formulas of its documentation. All
 * systems use it in turn. */
struct eigen_work {
    double *value, *work; /* value[n], work[nwork] */
    lapack_int *iwork;
    size_t nwork, niwork;
};

/* Returns the bytes of the arrays, and lays them out unless memory is NULL. */
static size_t eigen_work_layout(struct eigen_work *eigen, size_t n, unsigned char *memory)
{
    size_t nwork = 1 + 6 * n + 2 * n * n, niwork = 3 + 5 * n;
    size_t value_bytes = memory_round_up(n * sizeof(double));
    size_t work_bytes = memory_round_up(nwork * sizeof(double));

    if (memory) {
        eigen->value = (double *)memory;
        eigen->work = (double *)(memory + value_bytes);
        eigen->iwork = (lapack_int *)(memory + value_bytes + work_bytes);
        eigen->nwork = nwork;
        eigen->niwork = niwork;
    }
    return value_bytes + work_bytes + memory_round_up(niwork * sizeof(lapack_int));
}

static size_t lapack_inverse_sqrt_bytes(const struct linalg_dense *dense)
{
    return eigen_work_layout(NULL, dense->n, NULL);
}

/* Replaces the eigenvectors V in a by (V w^(-1/4)) (V w^(-1/4))ᵀ, which takes half the work of a product of
 * two different matrices. */
static void assemble_inverse_sqrt(size_t n, double *a, const double *w, double *product)
{
    lapack_int order = (lapack_int)n;

    for (size_t j = 0; j < n; j++) {
        double scale = 1 / sqrt(sqrt(w[j]));

        for (size_t i = 0; i < n; i++) a[i + n * j] *= scale;
    }
    cblas_dsyrk(CblasColMajor, CblasLower, CblasNoTrans, order, order, 1, a, order, 0, product, order);
    triangle_mirror(n, product, a);
}

/* dsyevd is the fastest of dsyev, dsyevd and dsyevr at order 74. It might never end on a NaN, which is
 * therefore refused. */
static int invert_sqrt(size_t n, double *a, const struct eigen_work *eigen)
{
    lapack_int order = (lapack_int)n;
    size_t bad;

    if (!triangle_finite(n, a)) return (int)n + 1;
    if (LAPACKE_dsyevd_work(LAPACK_COL_MAJOR, 'V', 'L', order, a, order, eigen->value, eigen->work,
                            (lapack_int)eigen->nwork, eigen->iwork, (lapack_int)eigen->niwork) != 0) {
        return (int)n + 1;
    }
    bad = count_not_positive(n, eigen->value);
    if (bad) return (int)bad + 1;
    assemble_inverse_sqrt(n, a, eigen->value, eigen->work);
    return 0;
}

static void lapack_inverse_sqrt(const struct linalg_dense *dense, void *work, int *info)
{
    const size_t n = dense->n;
    struct eigen_work eigen = {0};

    eigen_work_layout(&eigen, n, work);
    for (size_t k = 0; k < dense->batch; k++) info[k] = invert_sqrt(n, dense->matrix + k * n * n, &eigen);
}

const struct linalg linalg_lapack = {
    .name = "lapack",
    .open = lapack_open,
    .description = lapack_description,
    .inverse_sqrt_bytes = lapack_inverse_sqrt_bytes,
    .cholesky = lapack_cholesky,
    .cholesky_solve = lapack_cholesky_solve,
    .inverse_blocks = lapack_inverse_blocks,
    .inverse_sqrt = lapack_inverse_sqrt,
    .band_inverse_bytes = host_band_inverse_bytes,
    .band_root_bytes = host_band_root_bytes,
    .band_cholesky = host_band_cholesky,
    .band_solve = host_band_solve,
    .band_inverse = host_band_inverse,
    .band_root = host_band_root,
};
