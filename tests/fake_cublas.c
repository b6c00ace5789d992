/* cuBLAS on the host: see fake_cuda.h. */
#include <cblas.h>

#include "fake_cuda.h"

#include "linalg/cuda/library.h"

#define X(library, function, parameters) int function parameters;
CUDA_FUNCTIONS(X)
#undef X

int cublasCreate_v2(void **blas)
{
    struct fake_handle *handle;

    fake_maybe_fail();
    handle = calloc(1, sizeof *handle);
    fake_require(handle);
    handle->kind = FAKE_HANDLE;
    handle->math = -1;
    *blas = handle;
    return 0;
}

int cublasSetStream_v2(void *blas, void *stream)
{
    struct fake_handle *handle = blas;

    fake_maybe_fail();
    fake_require(handle && handle->kind == FAKE_HANDLE && fake_is_stream(stream));
    handle->stream = stream;
    return 0;
}

int cublasSetMathMode(void *blas, int mode)
{
    fake_maybe_fail();
    fake_require(fake_is_handle(blas) && mode == CUDA_MATH_DEFAULT);
    ((struct fake_handle *)blas)->math = mode;
    return 0;
}

struct trsm {
    enum CBLAS_TRANSPOSE op;
    int m, n, lda, ldb, batch;
    double alpha;
    const double *const *a;
    double *const *b;
};

static void run_trsm(void *arguments)
{
    const struct trsm *t = arguments;

    for (int k = 0; k < t->batch; k++) {
        fake_require(fake_aligned(t->a[k], sizeof(double)) && fake_aligned(t->b[k], sizeof(double)));
        cblas_dtrsm(CblasColMajor, CblasLeft, CblasLower, t->op, CblasNonUnit, t->m, t->n, t->alpha, t->a[k],
                    t->lda, t->b[k], t->ldb);
    }
}

int cublasDtrsmBatched(void *blas, int side, int fill, int op, int diag, int m, int n, const double *alpha,
                       const double *const a[], int lda, double *const b[], int ldb, int batch)
{
    struct fake_handle *handle = blas;
    struct trsm t = {op == CUDA_OP_T ? CblasTrans : CblasNoTrans, m, n, lda, ldb, batch, *alpha, a, b};

    fake_maybe_fail();
    fake_require(fake_is_handle(handle) && handle->math == CUDA_MATH_DEFAULT);
    fake_require(side == CUDA_SIDE_LEFT && fill == CUDA_FILL_LOWER && (op == CUDA_OP_N || op == CUDA_OP_T) &&
                 diag == CUDA_DIAG_NON_UNIT);
    fake_require(m > 0 && n > 0 && lda >= m && ldb >= m && batch > 0);
    fake_require(fake_fits((size_t)m, (size_t)lda, (size_t)batch) &&
                 fake_fits((size_t)n, (size_t)ldb, (size_t)batch));
    fake_require(fake_aligned(a, sizeof *a) && fake_aligned(b, sizeof *b));
    fake_queue(handle->stream, run_trsm, &t, sizeof t);
    return 0;
}

struct gemm {
    enum CBLAS_TRANSPOSE opa, opb;
    int m, n, k, lda, ldb, ldc, batch;
    long long stridea, strideb, stridec;
    double alpha, beta;
    const double *a, *b;
    double *c;
};

static void run_gemm(void *arguments)
{
    const struct gemm *g = arguments;

    for (int k = 0; k < g->batch; k++) {
        cblas_dgemm(CblasColMajor, g->opa, g->opb, g->m, g->n, g->k, g->alpha, g->a + k * g->stridea, g->lda,
                    g->b + k * g->strideb, g->ldb, g->beta, g->c + k * g->stridec, g->ldc);
    }
}

int cublasDgemmStridedBatched(void *blas, int opa, int opb, int m, int n, int k, const double *alpha,
                              const double *a, int lda, long long stridea, const double *b, int ldb,
                              long long strideb, const double *beta, double *c, int ldc, long long stridec,
                              int batch)
{
    struct fake_handle *handle = blas;
    struct gemm g = {opa == CUDA_OP_T ? CblasTrans : CblasNoTrans,
                     opb == CUDA_OP_T ? CblasTrans : CblasNoTrans,
                     m,
                     n,
                     k,
                     lda,
                     ldb,
                     ldc,
                     batch,
                     stridea,
                     strideb,
                     stridec,
                     *alpha,
                     *beta,
                     a,
                     b,
                     c};

    fake_maybe_fail();
    fake_require(fake_is_handle(handle) && handle->math == CUDA_MATH_DEFAULT);
    fake_require((opa == CUDA_OP_T || opa == CUDA_OP_N) && (opb == CUDA_OP_T || opb == CUDA_OP_N));
    fake_require(m > 0 && n > 0 && k > 0 && batch > 0);
    fake_require(lda >= (opa == CUDA_OP_N ? m : k) && ldb >= (opb == CUDA_OP_N ? k : n) && ldc >= m);
    fake_require(stridec >= (long long)ldc * n);
    fake_require(fake_fits((size_t)n, (size_t)ldc, (size_t)batch) && stridea * batch <= INT32_MAX &&
                 strideb * batch <= INT32_MAX);
    fake_require(fake_aligned(a, sizeof *a) && fake_aligned(b, sizeof *b) && fake_aligned(c, sizeof *c));
    fake_require(c + stridec * (batch - 1) + ldc * (n - 1) + m <= a ||
                 a + stridea * (batch - 1) + lda * ((opa == CUDA_OP_N ? k : m) - 1) < c);
    fake_queue(handle->stream, run_gemm, &g, sizeof g);
    return 0;
}
