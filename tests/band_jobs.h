/* The banded operations for tests: arrays are the host's, and are taken to the device and back where the
 * back-end works there; the workspace is allocated on the way. */
#ifndef UNSPOT_TESTS_BAND_JOBS_H
#define UNSPOT_TESTS_BAND_JOBS_H

#include "linalg/linalg.h"

int band_job_cholesky(const struct linalg *linalg, const struct linalg_band *band, int *info);
int band_job_solve(const struct linalg *linalg, const struct linalg_band *band, int *info);
int band_job_inverse(const struct linalg *linalg, const struct linalg_band *band, int *info);
int band_job_root(const struct linalg *linalg, const struct linalg_root *root, size_t nroot, int *info);

#endif
