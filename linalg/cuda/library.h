/* What unspot uses of cuSOLVER, cuBLAS and the CUDA runtime. They are opened at run time, so that nothing of
 * CUDA is needed to build or to start. The prototypes are unspot's own, in which handles are void * and
 * enumerations int; the compiler checks them against NVIDIA's headers wherever those are found
 * (tests/cuda_headers.c). Every function returns 0 or the number of an error. */
#ifndef UNSPOT_LINALG_CUDA_LIBRARY_H
#define UNSPOT_LINALG_CUDA_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CUDA_SIDE_LEFT = 0,
    CUDA_FILL_LOWER = 0,
    CUDA_OP_N = 0,
    CUDA_OP_T = 1,
    CUDA_DIAG_NON_UNIT = 0,
    CUDA_EIG_VECTOR = 1,
    CUDA_REAL_DOUBLE = 1,
    CUDA_MATH_DEFAULT = 0, /* no emulated FP64 */
    CUDA_STREAM_NON_BLOCKING = 1,
    CUDA_MEMORY_DEVICE = 2,
};

/* cudaPointerAttributes, with room for what later versions append. */
struct cuda_pointer {
    int type, device;
    void *on_device, *on_host;
    long room[16];
};

/* X(library, function, parameters) */
#define CUDA_FUNCTIONS(X)                                                                                    \
    X(RUNTIME, cudaRuntimeGetVersion, (int *version))                                                        \
    X(RUNTIME, cudaPointerGetAttributes, (struct cuda_pointer * attributes, const void *memory))             \
    X(RUNTIME, cudaSetDevice, (int device))                                                                  \
    X(RUNTIME, cudaStreamCreateWithFlags, (void **stream, unsigned flags))                                   \
    X(RUNTIME, cudaStreamSynchronize, (void *stream))                                                        \
    X(BLAS, cublasCreate_v2, (void **blas))                                                                  \
    X(BLAS, cublasSetStream_v2, (void *blas, void *stream))                                                  \
    X(BLAS, cublasSetMathMode, (void *blas, int mode))                                                       \
    X(BLAS, cublasDtrsmBatched,                                                                              \
      (void *blas, int side, int fill, int op, int diag, int m, int n, const double *alpha,                  \
       const double *const a[], int lda, double *const b[], int ldb, int batch))                             \
    X(BLAS, cublasDgemmStridedBatched,                                                                       \
      (void *blas, int opa, int opb, int m, int n, int k, const double *alpha, const double *a, int lda,     \
       long long stridea, const double *b, int ldb, long long strideb, const double *beta, double *c,        \
       int ldc, long long stridec, int batch))                                                               \
    X(SOLVER, cusolverGetVersion, (int *version))                                                            \
    X(SOLVER, cusolverDnCreate, (void **solver))                                                             \
    X(SOLVER, cusolverDnSetStream, (void *solver, void *stream))                                             \
    X(SOLVER, cusolverDnDpotrfBatched,                                                                       \
      (void *solver, int fill, int n, double *a[], int lda, int *info, int batch))

/* The eigensolver of CUDA 12.6.2 and later, which is preferred. */
#define CUDA_SYEV_FUNCTIONS(X)                                                                               \
    X(SOLVER, cusolverDnCreateParams, (void **parameters))                                                   \
    X(SOLVER, cusolverDnXsyevBatched_bufferSize,                                                             \
      (void *solver, void *parameters, int job, int fill, int64_t n, int typea, const void *a, int64_t lda,  \
       int typew, const void *w, int compute, size_t *device_bytes, size_t *host_bytes, int64_t batch))      \
    X(SOLVER, cusolverDnXsyevBatched,                                                                        \
      (void *solver, void *parameters, int job, int fill, int64_t n, int typea, void *a, int64_t lda,        \
       int typew, void *w, int compute, void *device_work, size_t device_bytes, void *host_work,             \
       size_t host_bytes, int *info, int64_t batch))

/* The eigensolver of earlier versions. */
#define CUDA_SYEVJ_FUNCTIONS(X)                                                                              \
    X(SOLVER, cusolverDnCreateSyevjInfo, (void **jacobi))                                                    \
    X(SOLVER, cusolverDnDsyevjBatched_bufferSize,                                                            \
      (void *solver, int job, int fill, int n, const double *a, int lda, const double *w, int *nwork,        \
       void *jacobi, int batch))                                                                             \
    X(SOLVER, cusolverDnDsyevjBatched,                                                                       \
      (void *solver, int job, int fill, int n, double *a, int lda, double *w, double *work, int nwork,       \
       int *info, void *jacobi, int batch))

struct cuda_library {
    bool has_syev; /* or else it has syevj */
#define X(library, function, parameters) int(*function) parameters;
    CUDA_FUNCTIONS(X)
    CUDA_SYEV_FUNCTIONS(X)
    CUDA_SYEVJ_FUNCTIONS(X)
#undef X
};

/* The versions of CUDA that are tried, the newest first. */
enum { CUDA_VERSIONS = 2 };

extern const char *const cuda_versions[CUDA_VERSIONS];

/* Opens the three libraries of one version of CUDA, 0 ... CUDA_VERSIONS - 1. False when that fails; then
 * `why` is one line on the reason. What has been opened stays open for the life of the process. */
bool cuda_library_open(struct cuda_library *library, int version, char *why, size_t why_size);

#endif
