/* Loops over batches of matrices in device memory, each a target region: what has to be done between the
 * calls of cuSOLVER and cuBLAS. All pointers are device memory. A batch has at most INT32_MAX elements. */
#ifndef UNSPOT_LINALG_CUDA_LOOPS_H
#define UNSPOT_LINALG_CUDA_LOOPS_H

#include <stddef.h>

/* Clears memory; bytes is a multiple of 8. */
void cuda_loop_zero(void *memory, size_t bytes);

/* Sets pointer[k] = first + k * stride for k = 0 ... batch - 1. */
void cuda_loop_point(double **pointer, const double *first, size_t stride, size_t batch);

/* Sets a[batch][n][n] to identities. */
void cuda_loop_identity(size_t n, double *a, size_t batch);

/* Copies the lower triangles of a[batch][n][n] into the upper ones. */
void cuda_loop_mirror(size_t n, double *a, size_t batch);

/* Sets info[k] to n + 1 where one of the numbers x[k][count] of system k is not finite, else to 0. */
void cuda_loop_finite(size_t n, size_t count, const double *x, size_t batch, int *info);

/* The same for the lower triangles of a[batch][n][n]. */
void cuda_loop_finite_triangle(size_t n, const double *a, size_t batch, int *info);

/* Turns the info of cuSOLVER's factorisation, with the factors l[batch][n][n], into that of
 * linalg_cholesky(). */
void cuda_loop_pivots(size_t n, const double *l, size_t batch, int *info);

/* Sets info[k] to 1 + the first row of l[k][n][n] whose diagonal element is 0 or not finite; leaves it alone
 * where there is none. */
void cuda_loop_diagonal(size_t n, const double *l, size_t batch, int *info);

/* Sets v[batch][n][n] to a with its lower triangle in both; to the identity where info[k] is not 0. */
void cuda_loop_symmetric(size_t n, const double *a, const int *info, double *v, size_t batch);

/* Sets info[k] as linalg_inverse_sqrt() does, where it was 0, from eigenvalue[k][n] and from converged[k],
 * the info of the library's eigensolver. */
void cuda_loop_positive(size_t n, const double *eigenvalue, const int *converged, size_t batch, int *info);

/* Multiplies the columns of v[batch][n][n] by eigenvalue[batch][n]^(-1/4); sets v to 0 where info[k] is not
 * 0. */
void cuda_loop_scale(size_t n, const double *eigenvalue, const int *info, double *v, size_t batch);

#endif
