/* The banded operations on a CPU, from the kernels in band_kernel.h and root_kernel.h. */
#ifndef UNSPOT_LINALG_LAPACK_BAND_H
#define UNSPOT_LINALG_LAPACK_BAND_H

#include "linalg/linalg.h"

void host_band_cholesky(size_t n, size_t tband, double *a, double *x, size_t batch, int *info);
void host_band_solve(size_t n, size_t tband, const double *l, double *b, size_t batch, int *info);
size_t host_band_inverse_bytes(size_t n, size_t tband, size_t zband, size_t batch);
void host_band_inverse(size_t n, size_t tband, size_t zband, const double *l, double *inverse, double *x,
                       size_t batch, void *work, int *info);
size_t host_band_root_bytes(const struct linalg_root *root);
void host_band_root(const struct linalg_root *root, size_t nroot, void *work, int *info);

#endif
