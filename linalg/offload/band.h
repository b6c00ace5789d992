/* The banded operations on device memory, by target regions: members of struct linalg, see linalg/backend.h.
 * A team works on one system or, for square roots, on a few of them. info is the host's. */
#ifndef UNSPOT_LINALG_OFFLOAD_BAND_H
#define UNSPOT_LINALG_OFFLOAD_BAND_H

#include <stdbool.h>

#include "linalg/linalg.h"

/* Makes the device in use ready: asks it for the size of its teams, and copies the poles to it. False when
 * that fails. It may be called often and from several threads; the device must not change afterwards. */
bool offload_band_open(void);

void offload_band_cholesky(const struct linalg_band *band, int *info);
void offload_band_solve(const struct linalg_band *band, int *info);
size_t offload_band_inverse_bytes(const struct linalg_band *band);
void offload_band_inverse(const struct linalg_band *band, void *work, int *info);
size_t offload_band_root_bytes(const struct linalg_root *root);
void offload_band_root(const struct linalg_root *root, size_t nroot, void *work, int *info);

#endif
