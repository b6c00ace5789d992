/* Loops over batches of matrices in device memory, each a target region: what has to be done between the
 * calls of cuSOLVER and cuBLAS. All pointers are device memory. A batch has at most INT32_MAX elements. */
#ifndef UNSPOT_LINALG_CUDA_LOOPS_H
#define UNSPOT_LINALG_CUDA_LOOPS_H

#include <stddef.h>

void cuda_loop_zero(void *memory, size_t bytes); /* a multiple of 8 */

/* pointer[k] = first + k * stride */
void cuda_loop_point(double **pointer, const double *first, size_t stride, size_t batch);

/* Identities of order n. */
void cuda_loop_identity(size_t n, double *a, size_t batch);

/* The lower triangles are copied into the upper ones. */
void cuda_loop_mirror(size_t n, double *a, size_t batch);

/* info[k] = n + 1 where one of the `count` numbers of system k is not finite, else 0. */
void cuda_loop_finite(size_t n, size_t count, const double *x, size_t batch, int *info);

/* The same of the lower triangles of order n. */
void cuda_loop_finite_triangle(size_t n, const double *a, size_t batch, int *info);

/* info[k] as linalg.h wants it, from the factorisation's own. */
void cuda_loop_pivots(size_t n, const double *l, size_t batch, int *info);

/* info[k] = 1 + the first row of L whose diagonal element is 0 or not finite; is left alone where there is
 * none. */
void cuda_loop_diagonal(size_t n, const double *l, size_t batch, int *info);

/* v = a with both triangles, from the lower one; the identity where info[k] is not 0. */
void cuda_loop_symmetric(size_t n, const double *a, const int *info, double *v, size_t batch);

/* info[k], where it is 0, from the eigenvalues of system k and from `converged`, their operation's own info.
 */
void cuda_loop_positive(size_t n, const double *eigenvalue, const int *converged, size_t batch, int *info);

/* v's columns are multiplied by eigenvalue^(-1/4); v = 0 where info[k] is not 0. */
void cuda_loop_scale(size_t n, const double *eigenvalue, const int *info, double *v, size_t batch);

#endif
