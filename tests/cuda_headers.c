/* Is compiled where NVIDIA's headers are, and never run: the prototypes and numbers of linalg/cuda/library.h
 * against theirs. Every function is called with unspot's arguments: a pointer to something else, or one
 * argument too many, is a compiler's error. */
#include <cublas_v2.h>
#include <cuda_runtime_api.h>
#include <cusolverDn.h>

#include "linalg/cuda/library.h"

#define SAME(ours, theirs) _Static_assert((int)(ours) == (int)(theirs), #ours)

SAME(CUDA_SIDE_LEFT, CUBLAS_SIDE_LEFT);
SAME(CUDA_FILL_LOWER, CUBLAS_FILL_MODE_LOWER);
SAME(CUDA_OP_N, CUBLAS_OP_N);
SAME(CUDA_OP_T, CUBLAS_OP_T);
SAME(CUDA_DIAG_NON_UNIT, CUBLAS_DIAG_NON_UNIT);
SAME(CUDA_EIG_VECTOR, CUSOLVER_EIG_MODE_VECTOR);
SAME(CUDA_REAL_DOUBLE, CUDA_R_64F);
SAME(CUDA_MATH_DEFAULT, CUBLAS_DEFAULT_MATH);
SAME(CUDA_STREAM_NON_BLOCKING, cudaStreamNonBlocking);
SAME(CUDA_MEMORY_DEVICE, cudaMemoryTypeDevice);
SAME(0, CUBLAS_STATUS_SUCCESS);
SAME(0, CUSOLVER_STATUS_SUCCESS);
SAME(0, cudaSuccess);

/* Enumerations are passed as int, handles as void *. */
SAME(sizeof(int), sizeof(cublasStatus_t));
SAME(sizeof(int), sizeof(cusolverStatus_t));
SAME(sizeof(int), sizeof(cudaError_t));
SAME(sizeof(int), sizeof(cublasFillMode_t));
SAME(sizeof(int), sizeof(cublasSideMode_t));
SAME(sizeof(int), sizeof(cublasOperation_t));
SAME(sizeof(int), sizeof(cublasDiagType_t));
SAME(sizeof(int), sizeof(cublasMath_t));
SAME(sizeof(int), sizeof(cusolverEigMode_t));
SAME(sizeof(int), sizeof(cudaDataType));
SAME(sizeof(void *), sizeof(cublasHandle_t));
SAME(sizeof(void *), sizeof(cusolverDnHandle_t));
SAME(sizeof(void *), sizeof(cusolverDnParams_t));
SAME(sizeof(void *), sizeof(syevjInfo_t));
SAME(sizeof(void *), sizeof(cudaStream_t));
SAME(offsetof(struct cuda_pointer, type), offsetof(struct cudaPointerAttributes, type));
SAME(offsetof(struct cuda_pointer, device), offsetof(struct cudaPointerAttributes, device));
SAME(1, sizeof(struct cuda_pointer) >= sizeof(struct cudaPointerAttributes));

static int call_pointer(struct cuda_pointer *attributes, const void *memory)
{
    return (int)cudaPointerGetAttributes((struct cudaPointerAttributes *)attributes, memory);
}

static int call_stream(void **stream, unsigned flags)
{
    return (int)cudaStreamCreateWithFlags((cudaStream_t *)stream, flags);
}

static int call_finish(void *stream)
{
    return (int)cudaStreamSynchronize(stream);
}

static int call_device(int device)
{
    return (int)cudaSetDevice(device);
}

static int call_runtime_version(int *version)
{
    return (int)cudaRuntimeGetVersion(version);
}

static int call_blas(void **blas)
{
    return (int)cublasCreate_v2((cublasHandle_t *)blas);
}

static int call_blas_stream(void *blas, void *stream)
{
    return (int)cublasSetStream_v2(blas, stream);
}

static int call_math(void *blas, int mode)
{
    return (int)cublasSetMathMode(blas, (cublasMath_t)mode);
}

static int call_trsm(void *blas, int side, int fill, int op, int diag, int m, int n, const double *alpha,
                     const double *const a[], int lda, double *const b[], int ldb, int batch)
{
    return (int)cublasDtrsmBatched(blas, (cublasSideMode_t)side, (cublasFillMode_t)fill,
                                   (cublasOperation_t)op, (cublasDiagType_t)diag, m, n, alpha, a, lda, b, ldb,
                                   batch);
}

static int call_gemm(void *blas, int opa, int opb, int m, int n, int k, const double *alpha, const double *a,
                     int lda, long long stridea, const double *b, int ldb, long long strideb,
                     const double *beta, double *c, int ldc, long long stridec, int batch)
{
    return (int)cublasDgemmStridedBatched(blas, (cublasOperation_t)opa, (cublasOperation_t)opb, m, n, k,
                                          alpha, a, lda, stridea, b, ldb, strideb, beta, c, ldc, stridec,
                                          batch);
}

static int call_solver_version(int *version)
{
    return (int)cusolverGetVersion(version);
}

static int call_solver(void **solver)
{
    return (int)cusolverDnCreate((cusolverDnHandle_t *)solver);
}

static int call_solver_stream(void *solver, void *stream)
{
    return (int)cusolverDnSetStream(solver, stream);
}

static int call_potrf(void *solver, int fill, int n, double *a[], int lda, int *info, int batch)
{
    return (int)cusolverDnDpotrfBatched(solver, (cublasFillMode_t)fill, n, a, lda, info, batch);
}

static int call_jacobi(void **jacobi)
{
    return (int)cusolverDnCreateSyevjInfo((syevjInfo_t *)jacobi);
}

static int call_syevj_size(void *solver, int job, int fill, int n, const double *a, int lda, const double *w,
                           int *nwork, void *jacobi, int batch)
{
    return (int)cusolverDnDsyevjBatched_bufferSize(solver, (cusolverEigMode_t)job, (cublasFillMode_t)fill, n,
                                                   a, lda, w, nwork, jacobi, batch);
}

static int call_syevj(void *solver, int job, int fill, int n, double *a, int lda, double *w, double *work,
                      int nwork, int *info, void *jacobi, int batch)
{
    return (int)cusolverDnDsyevjBatched(solver, (cusolverEigMode_t)job, (cublasFillMode_t)fill, n, a, lda, w,
                                        work, nwork, info, jacobi, batch);
}

#if CUSOLVER_VERSION >= 11701 /* CUDA 12.6.2 */

static int call_parameters(void **parameters)
{
    return (int)cusolverDnCreateParams((cusolverDnParams_t *)parameters);
}

static int call_syev_size(void *solver, void *parameters, int job, int fill, int64_t n, int typea,
                          const void *a, int64_t lda, int typew, const void *w, int compute,
                          size_t *device_bytes, size_t *host_bytes, int64_t batch)
{
    return (int)cusolverDnXsyevBatched_bufferSize(
        solver, parameters, (cusolverEigMode_t)job, (cublasFillMode_t)fill, n, (cudaDataType)typea, a, lda,
        (cudaDataType)typew, w, (cudaDataType)compute, device_bytes, host_bytes, batch);
}

static int call_syev(void *solver, void *parameters, int job, int fill, int64_t n, int typea, void *a,
                     int64_t lda, int typew, void *w, int compute, void *device_work, size_t device_bytes,
                     void *host_work, size_t host_bytes, int *info, int64_t batch)
{
    return (int)cusolverDnXsyevBatched(solver, parameters, (cusolverEigMode_t)job, (cublasFillMode_t)fill, n,
                                       (cudaDataType)typea, a, lda, (cudaDataType)typew, w,
                                       (cudaDataType)compute, device_work, device_bytes, host_work,
                                       host_bytes, info, batch);
}

#endif

/* And these are the types of linalg/cuda_library.h. */
const struct cuda_library cuda_headers = {
    .cudaRuntimeGetVersion = call_runtime_version,
    .cudaPointerGetAttributes = call_pointer,
    .cudaSetDevice = call_device,
    .cudaStreamCreateWithFlags = call_stream,
    .cudaStreamSynchronize = call_finish,
    .cublasCreate_v2 = call_blas,
    .cublasSetStream_v2 = call_blas_stream,
    .cublasSetMathMode = call_math,
    .cublasDtrsmBatched = call_trsm,
    .cublasDgemmStridedBatched = call_gemm,
    .cusolverGetVersion = call_solver_version,
    .cusolverDnCreate = call_solver,
    .cusolverDnSetStream = call_solver_stream,
    .cusolverDnDpotrfBatched = call_potrf,
    .cusolverDnCreateSyevjInfo = call_jacobi,
    .cusolverDnDsyevjBatched_bufferSize = call_syevj_size,
    .cusolverDnDsyevjBatched = call_syevj,
#if CUSOLVER_VERSION >= 11701
    .cusolverDnCreateParams = call_parameters,
    .cusolverDnXsyevBatched_bufferSize = call_syev_size,
    .cusolverDnXsyevBatched = call_syev,
#endif
};
