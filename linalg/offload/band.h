/* The banded operations on device memory, by target regions: one team for each system, or, for square roots,
 * for a few of them. Signatures and results are those of struct linalg (linalg/backend.h); info is the
 * host's. */
#ifndef UNSPOT_LINALG_OFFLOAD_BAND_H
#define UNSPOT_LINALG_OFFLOAD_BAND_H

#include <stdbool.h>

#include "linalg/linalg.h"

/* Makes the device in use ready: asks it what a team is there, and copies the poles to it. False when that
 * fails. However often and from however many threads it is called; the device may not change afterwards. */
bool offload_band_open(void);

void offload_band_cholesky(const struct linalg_band *band, int *info);
void offload_band_solve(const struct linalg_band *band, int *info);
size_t offload_band_inverse_bytes(const struct linalg_band *band);
void offload_band_inverse(const struct linalg_band *band, void *work, int *info);
size_t offload_band_root_bytes(const struct linalg_root *root);
void offload_band_root(const struct linalg_root *root, size_t nroot, void *work, int *info);

#endif
