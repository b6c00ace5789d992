/* Inverse square roots by the eigenvectors of cuSOLVER. Private to the backend `cuda`. */
#ifndef UNSPOT_LINALG_CUDA_SQRT_H
#define UNSPOT_LINALG_CUDA_SQRT_H

#include <stddef.h>

size_t cuda_inverse_sqrt_bytes(size_t n, size_t batch);
void cuda_inverse_sqrt(size_t n, double *a, size_t batch, void *work, int *info);

#endif
