/* Inverse square roots by the eigenvectors of cuSOLVER: members of struct linalg, see linalg/backend.h. */
#ifndef UNSPOT_LINALG_CUDA_SQRT_H
#define UNSPOT_LINALG_CUDA_SQRT_H

#include <stddef.h>

#include "linalg/linalg.h"

size_t cuda_inverse_sqrt_bytes(const struct linalg_dense *dense);
void cuda_inverse_sqrt(const struct linalg_dense *dense, void *work, int *info);

#endif
