/* cuSOLVER on the host: see fake_cuda.h. FAKE_CUDA 13 has the eigensolver of CUDA 12.6.2 and later, 12 only
 * the one of before. */
#include <cblas.h>
#include <lapacke.h>
#include <math.h>

#include "fake_cuda.h"

#include "linalg/cuda/library.h"

#define X(library, function, parameters) int function parameters;
CUDA_FUNCTIONS(X)
CUDA_SYEV_FUNCTIONS(X)
CUDA_SYEVJ_FUNCTIONS(X)
#undef X

int cusolverGetVersion(int *version)
{
    fake_maybe_fail();
    *version = FAKE_CUDA == 13 ? 12004 : 11603;
    return 0;
}

static void *new_handle(void)
{
    struct fake_handle *handle = calloc(1, sizeof *handle);

    fake_require(handle);
    handle->kind = FAKE_HANDLE;
    return handle;
}

int cusolverDnCreate(void **solver)
{
    fake_maybe_fail();
    *solver = new_handle();
    return 0;
}

int cusolverDnSetStream(void *solver, void *stream)
{
    struct fake_handle *handle = solver;

    fake_maybe_fail();
    fake_require(handle && handle->kind == FAKE_HANDLE && fake_is_stream(stream));
    handle->stream = stream;
    return 0;
}

struct eigen_batch {
    int n, lda, batch;
    double **a;
    double *matrix, *value; /* of the eigensolvers */
    unsigned char *work;
    size_t work_bytes;
    int *info;
};

/* Like the real one where a pivot is not a number: it is not said to be wrong. */
static void run_potrf(void *arguments)
{
    const struct eigen_batch *b = arguments;

    for (int k = 0; k < b->batch; k++) {
        fake_require(fake_aligned(b->a[k], sizeof(double)));
        b->info[k] =
            fake_bad((size_t)k) ? 1 : LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'L', b->n, b->a[k], b->lda);
    }
}

int cusolverDnDpotrfBatched(void *solver, int fill, int n, double *a[], int lda, int *info, int batch)
{
    struct fake_handle *handle = solver;
    struct eigen_batch b = {.n = n, .lda = lda, .batch = batch, .a = a, .info = info};

    fake_maybe_fail();
    fake_require(fake_is_handle(handle) && fill == CUDA_FILL_LOWER && n > 0 && lda >= n && batch > 0);
    fake_require(fake_fits((size_t)n, (size_t)lda, (size_t)batch));
    fake_require(fake_aligned(a, sizeof *a) && fake_aligned(info, sizeof *info));
    fake_queue(handle->stream, run_potrf, &b, sizeof b);
    return 0;
}

/* The eigenvectors of one matrix. A NaN would be an endless loop at worst. */
static int eigenvectors(int n, double *a, int lda, double *value)
{
    for (int j = 0; j < n; j++) {
        for (int i = j; i < n; i++) fake_require(isfinite(a[i + (size_t)lda * (size_t)j]));
    }
    return LAPACKE_dsyevd(LAPACK_COL_MAJOR, 'V', 'L', n, a, lda, value);
}

static void run_eigenvectors(void *arguments)
{
    const struct eigen_batch *b = arguments;
    size_t size = (size_t)b->n * (size_t)b->lda;

    for (int k = 0; k < b->batch; k++) {
        b->info[k] = fake_bad((size_t)k) ? b->n + 1
                                         : eigenvectors(b->n, b->matrix + (size_t)k * size, b->lda,
                                                        b->value + (size_t)k * (size_t)b->n);
    }
    memset(b->work, 0xa5, b->work_bytes);
}

static void queue_eigenvectors(struct fake_handle *handle, const struct eigen_batch *b)
{
    fake_require(fake_is_handle(handle) && b->n > 0 && b->lda == b->n);
    fake_require(fake_fits((size_t)b->n, (size_t)b->lda, (size_t)b->batch));
    fake_require(fake_aligned(b->matrix, sizeof(double)) && fake_aligned(b->value, sizeof(double)) &&
                 fake_aligned(b->info, sizeof(int)) && fake_aligned(b->work, 64));
    fake_queue(handle->stream, run_eigenvectors, b, sizeof *b);
}

#if FAKE_CUDA == 13

int cusolverDnCreateParams(void **parameters)
{
    fake_maybe_fail();
    *parameters = new_handle();
    return 0;
}

/* An odd number, and of the host too; some batches need more than larger ones. */
static size_t syev_bytes(int64_t n, int64_t batch)
{
    size_t more = batch > 4096 && batch < 8192 ? 4 << 20 : 0;

    return (size_t)(8 * n * n + 40 * n * batch + 13) + more;
}

enum { SYEV_HOST_BYTES = 72 };

int cusolverDnXsyevBatched_bufferSize(void *solver, void *parameters, int job, int fill, int64_t n, int typea,
                                      const void *a, int64_t lda, int typew, const void *w, int compute,
                                      size_t *device_bytes, size_t *host_bytes, int64_t batch)
{
    fake_maybe_fail();
    fake_require(fake_is_handle(solver) && parameters && job == CUDA_EIG_VECTOR && fill == CUDA_FILL_LOWER);
    fake_require(typea == CUDA_REAL_DOUBLE && typew == CUDA_REAL_DOUBLE && compute == CUDA_REAL_DOUBLE);
    fake_require(a && w && lda == n && fake_fits((size_t)n, (size_t)lda, (size_t)batch));
    *device_bytes = syev_bytes(n, batch);
    *host_bytes = SYEV_HOST_BYTES;
    return 0;
}

int cusolverDnXsyevBatched(void *solver, void *parameters, int job, int fill, int64_t n, int typea, void *a,
                           int64_t lda, int typew, void *w, int compute, void *device_work,
                           size_t device_bytes, void *host_work, size_t host_bytes, int *info, int64_t batch)
{
    const unsigned char *work = device_work;
    struct eigen_batch b = {.n = (int)n,
                            .lda = (int)lda,
                            .batch = (int)batch,
                            .matrix = a,
                            .value = w,
                            .work = device_work,
                            .work_bytes = device_bytes,
                            .info = info};

    fake_maybe_fail();
    fake_require(parameters && job == CUDA_EIG_VECTOR && fill == CUDA_FILL_LOWER);
    fake_require(typea == CUDA_REAL_DOUBLE && typew == CUDA_REAL_DOUBLE && compute == CUDA_REAL_DOUBLE);
    fake_require(device_bytes >= syev_bytes(n, batch) && host_work && host_bytes >= SYEV_HOST_BYTES);
    for (size_t i = 0; i < device_bytes; i++) fake_require(work[i] == 0);
    memset(host_work, 0xa5, host_bytes);
    queue_eigenvectors(solver, &b);
    return 0;
}

#else

int cusolverDnCreateSyevjInfo(void **jacobi)
{
    fake_maybe_fail();
    *jacobi = new_handle();
    return 0;
}

static int syevj_numbers(int n, int batch)
{
    return n * n + 2 * n * batch + 3;
}

int cusolverDnDsyevjBatched_bufferSize(void *solver, int job, int fill, int n, const double *a, int lda,
                                       const double *w, int *nwork, void *jacobi, int batch)
{
    fake_maybe_fail();
    fake_require(fake_is_handle(solver) && jacobi && job == CUDA_EIG_VECTOR && fill == CUDA_FILL_LOWER);
    fake_require(a && w && lda == n && fake_fits((size_t)n, (size_t)lda, (size_t)batch));
    *nwork = syevj_numbers(n, batch);
    return 0;
}

int cusolverDnDsyevjBatched(void *solver, int job, int fill, int n, double *a, int lda, double *w,
                            double *work, int nwork, int *info, void *jacobi, int batch)
{
    struct eigen_batch b = {.n = n,
                            .lda = lda,
                            .batch = batch,
                            .matrix = a,
                            .value = w,
                            .work = (unsigned char *)work,
                            .work_bytes = (size_t)nwork * sizeof *work,
                            .info = info};

    fake_maybe_fail();
    fake_require(jacobi && job == CUDA_EIG_VECTOR && fill == CUDA_FILL_LOWER);
    fake_require(nwork >= syevj_numbers(n, batch));
    queue_eigenvectors(solver, &b);
    return 0;
}

#endif
