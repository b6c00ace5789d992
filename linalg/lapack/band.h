/* The banded operations on a CPU, by the kernels of linalg/kernels/band.h and root.h: members of struct
 * linalg, see linalg/backend.h. */
#ifndef UNSPOT_LINALG_LAPACK_BAND_H
#define UNSPOT_LINALG_LAPACK_BAND_H

#include "linalg/linalg.h"

void host_band_cholesky(const struct linalg_band *band, int *info);
void host_band_solve(const struct linalg_band *band, int *info);
size_t host_band_inverse_bytes(const struct linalg_band *band);
void host_band_inverse(const struct linalg_band *band, void *work, int *info);
size_t host_band_root_bytes(const struct linalg_root *root);
void host_band_root(const struct linalg_root *root, size_t nroot, void *work, int *info);

#endif
