/* The banded operations of the reference back-end: members of struct linalg, see linalg/backend.h. */
#ifndef UNSPOT_LINALG_REF_BAND_H
#define UNSPOT_LINALG_REF_BAND_H

#include "linalg/linalg.h"

void ref_band_cholesky(const struct linalg_band *band, int *info);
void ref_band_solve(const struct linalg_band *band, int *info);
size_t ref_band_inverse_bytes(const struct linalg_band *band);
void ref_band_inverse(const struct linalg_band *band, void *work, int *info);
size_t ref_band_root_bytes(const struct linalg_root *root);
void ref_band_root(const struct linalg_root *root, size_t nroot, void *work, int *info);

#endif
