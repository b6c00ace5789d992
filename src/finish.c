#include "finish.h"

#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/memory.h"

/* BAD2DFIT where chi2pix is more than 5 times the median of its wavelength and of its fiber: an absolute
 * limit would flag every bright sky line (desispec, 2026). */
static enum status flag_bad_fits(struct frame *frame, struct error *error)
{
    static const double factor = 5;
    size_t nspec = frame->nspec, nwave = frame->nwave;
    double *scratch = memory_zeroed(nspec > nwave ? nspec : nwave, sizeof(double));
    double *wave_median = memory_zeroed(nwave, sizeof(double));
    enum status status = STATUS_OK;

    if (!scratch || !wave_median) {
        status = memory_error(error, "medians of chi2pix");
        goto done;
    }
    for (size_t w = 0; w < nwave; w++) {
        for (size_t s = 0; s < nspec; s++) scratch[s] = frame->chi2pix[s * nwave + w];
        wave_median[w] = gsl_stats_median(scratch, 1, nspec);
    }
    for (size_t s = 0; s < nspec; s++) {
        const double *chi2pix = frame->chi2pix + s * nwave;
        double fiber_median;

        for (size_t w = 0; w < nwave; w++) scratch[w] = chi2pix[w];
        fiber_median = gsl_stats_median(scratch, 1, nwave);
        for (size_t w = 0; w < nwave; w++) {
            if (chi2pix[w] > factor * fiber_median && chi2pix[w] > factor * wave_median[w]) {
                frame->mask[s * nwave + w] |= SPECMASK_BAD2DFIT;
            }
        }
    }
done:
    free(scratch);
    free(wave_median);
    return status;
}

/* Row `wave` of R becomes the identity's: a valid row, so that nothing downstream divides by 0. */
static void set_identity_row(struct frame *frame, size_t spec, size_t wave)
{
    size_t half = frame->ndiag / 2;

    for (size_t k = 0; k < frame->ndiag; k++) {
        size_t column = wave + half - k; /* data[k, column] = R[column - half + k, column] */

        if (wave + half < k || column >= frame->nwave) continue;
        frame->resolution[(spec * frame->ndiag + k) * frame->nwave + column] = k == half ? 1.0f : 0.0f;
    }
}

/* A patch without a solution has no columns of R: rows of other patches that reach there are cut short, and
 * say so. */
static void flag_cut_rows(struct frame *frame)
{
    static const uint32_t unsolved = SPECMASK_BAD2DFIT | SPECMASK_NODATA;
    size_t nwave = frame->nwave, half = frame->ndiag / 2;

    for (size_t spec = 0; spec < frame->nspec; spec++) {
        const double *ivar = frame->ivar + spec * nwave;
        uint32_t *mask = frame->mask + spec * nwave;

        for (size_t column = 0; column < nwave; column++) {
            if ((mask[column] & unsolved) != unsolved) continue;
            for (size_t row = column > half ? column - half : 0; row <= column + half && row < nwave; row++) {
                if (ivar[row] > 0) mask[row] |= SPECMASK_BAD2DFIT;
            }
        }
    }
}

static bool all_finite(const struct frame *frame)
{
    size_t nbin = frame->nspec * frame->nwave;

    for (size_t i = 0; i < nbin; i++) {
        if (!isfinite((float)frame->flux[i]) || !isfinite((float)frame->ivar[i]) || frame->ivar[i] < 0 ||
            !isfinite(frame->pixmask_fraction[i]) || !isfinite((float)frame->chi2pix[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < nbin * frame->ndiag; i++) {
        if (!isfinite(frame->resolution[i])) return false;
    }
    for (size_t i = 0; i < frame->model_nx * frame->model_ny; i++) {
        if (!isfinite(frame->model[i])) return false;
    }
    return true;
}

enum status finish_frame(struct frame *frame, struct error *error)
{
    enum status status = flag_bad_fits(frame, error);

    if (status != STATUS_OK) return status;
    flag_cut_rows(frame);
    for (size_t spec = 0; spec < frame->nspec; spec++) {
        for (size_t wave = 0; wave < frame->nwave; wave++) {
            size_t i = spec * frame->nwave + wave;

            if (frame->pixmask_fraction[i] > 0.5) frame->mask[i] |= SPECMASK_SOMEBADPIX;
            if (frame->pixmask_fraction[i] > 1 - unusable_tolerance) frame->mask[i] |= SPECMASK_ALLBADPIX;
            if (frame->ivar[i] > 0) continue;
            if (frame->mask[i] == 0) frame->mask[i] = SPECMASK_NODATA;
            set_identity_row(frame, spec, wave);
        }
    }
    if (all_finite(frame)) return STATUS_OK;
    return error_set(error, STATUS_NUMERIC,
                     "the extraction gave a value that is not finite; please report this, with the input");
}

size_t frame_scores_compute(const struct frame *frame, char *band, double *window_min, double *window_max,
                            double *value)
{
    static const double windows[3][2] = {{4000, 5800}, {5800, 7600}, {7600, 9800}};
    double mean = 0.5 * (frame->wave[0] + frame->wave[frame->nwave - 1]);
    int camera = mean <= windows[0][1] ? 0 : mean >= windows[2][0] ? 2 : 1;
    double *scratch = memory_zeroed(frame->nwave, 2 * sizeof(double));
    size_t count = 0;

    *band = "BRZ"[camera];
    *window_min = windows[camera][0];
    *window_max = windows[camera][1];
    for (size_t s = 0; scratch && s < frame->nspec; s++) {
        double *density = scratch, *snr = scratch + frame->nwave, sum = 0;

        count = 0;
        for (size_t w = 0; w < frame->nwave; w++) {
            size_t i = s * frame->nwave + w;

            if (frame->wave[w] < *window_min || frame->wave[w] >= *window_max) continue;
            sum += frame->flux[i];
            density[count] = frame->flux[i] / frame->wave_step;
            snr[count++] = sqrt(frame->ivar[i]) * frame->flux[i] / sqrt(frame->wave_step);
        }
        if (count == 0) break;
        value[3 * s] = sum;
        value[3 * s + 1] = gsl_stats_median(density, 1, count);
        value[3 * s + 2] = gsl_stats_median(snr, 1, count);
    }
    free(scratch);
    return count;
}
