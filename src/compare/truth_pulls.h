/* How extracted spectra scatter around the true ones that the resolution matrix has smoothed. */
#ifndef UNSPOT_COMPARE_TRUTH_PULLS_H
#define UNSPOT_COMPARE_TRUTH_PULLS_H

#include <stddef.h>

#include "base/frame.h"
#include "base/status.h"
#include "io/frame_file.h"
#include "io/truth_file.h"

/* Statistics of (flux - R truth) sqrt(ivar), which is N(0, 1) when flux, ivar and R are right, over the bins
 * with mask 0 and ivar > 0. The first and last ndiag/2 bins are left out: their rows of R reach beyond the
 * grid. */
struct pulls {
    size_t count;                    /* bins */
    double mean, sigma;              /* standard deviation */
    double median, robust_sigma;     /* 1.4826 times the median absolute deviation */
    double beyond_5;                 /* fraction of the bins more than 5 sigma away from 0 */
    double row_sum_min, row_sum_max; /* of R, over the bins with ivar > 0, ends left out; 1 is right */
    double mean_error, sigma_error;  /* statistical errors of mean and sigma for independent bins */
};

/* STATUS_MISMATCH when the truth lacks a spectrum (specmin + row) or a wavelength (within 1e-6 Angstrom) of
 * the frame, the frame has no resolution matrix, or no bin can be used. The text does not name the files,
 * which only the caller knows. */
enum status frame_pulls(const struct frame *frame, const struct truth *truth, struct pulls *pulls,
                        struct error *error);

#endif
