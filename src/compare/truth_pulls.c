#include "compare/truth_pulls.h"

#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"

static const double wave_tolerance = 1e-6; /* Angstrom */

/* Finds the truth's bin at the frame's first wavelength. The truth must have all the others after it. */
static enum status find_offset(const struct frame *frame, const struct truth *truth, size_t *offset,
                               struct error *error)
{
    *offset = 0;
    while (*offset < truth->nwave && truth->wave[*offset] < frame->wave[0] - wave_tolerance) ++*offset;
    for (size_t w = 0; w < frame->nwave; w++) {
        size_t i = *offset + w;

        if (i >= truth->nwave || !(fabs(truth->wave[i] - frame->wave[w]) <= wave_tolerance)) {
            return error_set(error, STATUS_MISMATCH, "the truth is not known at %.7f Angstrom, number %zu",
                             frame->wave[w], w);
        }
    }
    return STATUS_OK;
}

/* Returns the truth of a spectrum from the frame's first wavelength on; NULL when it is not known. */
static const double *find_spectrum(const struct truth *truth, size_t spectrum, size_t offset)
{
    for (size_t s = 0; s < truth->nspec; s++) {
        if ((size_t)truth->spectrum[s] == spectrum) return truth->flux + s * truth->nwave + offset;
    }
    return NULL;
}

/* Returns Σ_j R[row, j] truth[j], and sets *row_sum to Σ_j R[row, j]. The element R[row, j] stands at
 * resolution[k][j] with row = j - half + k. */
static double smooth(const float *resolution, size_t nwave, size_t ndiag, size_t row, const double *truth,
                     double *row_sum)
{
    size_t half = ndiag / 2;
    double sum = 0;

    *row_sum = 0;
    for (size_t k = 0; k < ndiag; k++) {
        size_t j = row + half - k;

        sum += (double)resolution[k * nwave + j] * truth[j];
        *row_sum += (double)resolution[k * nwave + j];
    }
    return sum;
}

static void collect(const struct frame *frame, size_t s, const double *truth, double *values,
                    struct pulls *pulls)
{
    size_t half = frame->ndiag / 2;

    for (size_t row = half; row + half < frame->nwave; row++) {
        size_t i = s * frame->nwave + row;
        double row_sum, expected;

        if (!(frame->ivar[i] > 0)) continue;
        expected = smooth(frame->resolution + s * frame->ndiag * frame->nwave, frame->nwave, frame->ndiag,
                          row, truth, &row_sum);
        pulls->row_sum_min = fmin(pulls->row_sum_min, row_sum);
        pulls->row_sum_max = fmax(pulls->row_sum_max, row_sum);
        if (frame->mask && frame->mask[i] != 0) continue;
        values[pulls->count++] = (frame->flux[i] - expected) * sqrt(frame->ivar[i]);
    }
}

static void summarise_pulls(double *values, double *work, struct pulls *pulls)
{
    size_t n = pulls->count, beyond = 0;

    for (size_t i = 0; i < n; i++) beyond += !(fabs(values[i]) <= 5);
    pulls->beyond_5 = (double)beyond / (double)n;
    pulls->mean = gsl_stats_mean(values, 1, n);
    pulls->sigma = n > 1 ? gsl_stats_sd_m(values, 1, n, pulls->mean) : 0;
    pulls->mean_error = pulls->sigma / sqrt((double)n);
    pulls->sigma_error = pulls->sigma / sqrt(2.0 * (double)n);
    pulls->robust_sigma = gsl_stats_mad(values, 1, n, work);
    pulls->median = gsl_stats_median(values, 1, n); /* this comes last, as it reorders the values */
}

enum status frame_pulls(const struct frame *frame, const struct truth *truth, struct pulls *pulls,
                        struct error *error)
{
    size_t offset, bins = frame->nspec * frame->nwave;
    double *values = NULL, *work = NULL;
    enum status status;

    *pulls = (struct pulls){.row_sum_min = INFINITY, .row_sum_max = -INFINITY};
    if (!frame->resolution) return error_set(error, STATUS_MISMATCH, "the frame has no resolution matrix");
    status = find_offset(frame, truth, &offset, error);
    if (status != STATUS_OK) return status;
    values = memory_zeroed(bins, sizeof(double));
    work = memory_zeroed(bins, sizeof(double));
    if (!values || !work) status = memory_error(error, "pulls");
    for (size_t s = 0; status == STATUS_OK && s < frame->nspec; s++) {
        const double *spectrum = find_spectrum(truth, frame_spectrum(frame, s), offset);

        if (spectrum) {
            collect(frame, s, spectrum, values, pulls);
        } else {
            status =
                error_set(error, STATUS_MISMATCH, "the truth has no spectrum %zu", frame_spectrum(frame, s));
        }
    }
    if (status == STATUS_OK && pulls->count == 0) {
        status = error_set(error, STATUS_MISMATCH, "no bin of the frame can be compared with the truth");
    }
    if (status == STATUS_OK) summarise_pulls(values, work, pulls);
    free(values);
    free(work);
    return status;
}
