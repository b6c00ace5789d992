#include "extract/mask.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/median.h"
#include "base/memory.h"
#include "base/minmax.h"
#include "omp/overlaps.h"

/* BAD2DFIT where chi2pix is more than this many times the median of its wavelength and of its fiber: an
 * absolute limit would flag every bright sky line (desispec, 2026). */
static const double bad_fit_factor = 5;

enum { WAVES = 8 }; /* wavelengths that are gathered at a time: a cache line of each spectrum */

struct medians {
    double *fiber;        /* [spec] */
    double *wave;         /* [wave] where it is asked for, else 0 */
    unsigned char *asked; /* [wave] whether any bin is above its fiber's limit */
};

/* Finds the median of one fiber, and notes at which wavelengths the median over the
 * fibers is needed as well. */
static void find_fiber_median(const struct frame *frame, size_t spec, struct medians *medians,
                              double *scratch)
{
    const double *chi2pix = frame->chi2pix + spec * frame->nwave;
    double limit;

    medians->fiber[spec] = median(chi2pix, frame->nwave, scratch);
    limit = bad_fit_factor * medians->fiber[spec];
    for (size_t w = 0; w < frame->nwave; w++) {
        if (chi2pix[w] > limit) {
#pragma omp atomic write
            medians->asked[w] = 1;
        }
    }
}

/* The medians of wavelengths `wave` and the next ones, where they are asked for;
 * scratch[WAVES + 2][nspec]. */
static void find_wave_medians(const struct frame *frame, size_t wave, struct medians *medians,
                              double *scratch)
{
    size_t n = min_size(WAVES, frame->nwave - wave), nspec = frame->nspec;
    bool any = false;

    for (size_t i = 0; i < n; i++) any |= medians->asked[wave + i] != 0;
    if (!any) return;
    for (size_t s = 0; s < nspec; s++) {
        for (size_t i = 0; i < n; i++) scratch[i * nspec + s] = frame->chi2pix[s * frame->nwave + wave + i];
    }
    for (size_t i = 0; i < n; i++) {
        if (medians->asked[wave + i])
            medians->wave[wave + i] = median(scratch + i * nspec, nspec, scratch + WAVES * nspec);
    }
}

static bool find_medians(const struct frame *frame, struct medians *medians)
{
    size_t size = max_size(2 * frame->nwave, (WAVES + 2) * frame->nspec);
    int complete = 1;

#pragma omp parallel reduction(&& : complete)
    {
        double *scratch = memory_raw(size, sizeof *scratch);

        complete = scratch != NULL;
#pragma omp for schedule(static)
        for (size_t s = 0; s < frame->nspec; s++) {
            if (scratch) find_fiber_median(frame, s, medians, scratch);
        }
#pragma omp for schedule(dynamic, 4)
        for (size_t w = 0; w < frame->nwave; w += WAVES) {
            if (scratch) find_wave_medians(frame, w, medians, scratch);
        }
        free(scratch);
    }
    return complete;
}

static void flag_bad_fits(struct frame *frame, size_t spec, const struct medians *medians)
{
    const double *chi2pix = frame->chi2pix + spec * frame->nwave;
    uint32_t *mask = frame->mask + spec * frame->nwave;
    double limit = bad_fit_factor * medians->fiber[spec];

    for (size_t w = 0; w < frame->nwave; w++) {
        if (chi2pix[w] > limit && chi2pix[w] > bad_fit_factor * medians->wave[w])
            mask[w] |= SPECMASK_BAD2DFIT;
    }
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
static void flag_cut_rows(struct frame *frame, size_t spec)
{
    static const uint32_t unsolved = SPECMASK_BAD2DFIT | SPECMASK_NODATA;
    size_t nwave = frame->nwave, half = frame->ndiag / 2;
    const double *ivar = frame->ivar + spec * nwave;
    uint32_t *mask = frame->mask + spec * nwave;

    for (size_t column = 0; column < nwave; column++) {
        if ((mask[column] & unsolved) != unsolved) continue;
        for (size_t row = column > half ? column - half : 0; row <= column + half && row < nwave; row++) {
            if (ivar[row] > 0) mask[row] |= SPECMASK_BAD2DFIT;
        }
    }
}

static void flag_pixels(struct frame *frame, size_t spec)
{
    const double *fraction = frame->pixmask_fraction + spec * frame->nwave;
    uint32_t *mask = frame->mask + spec * frame->nwave;

#pragma omp simd
    for (size_t w = 0; w < frame->nwave; w++) {
        mask[w] |= (fraction[w] > 0.5 ? SPECMASK_SOMEBADPIX : 0u) |
                   (fraction[w] > 1 - unusable_tolerance ? SPECMASK_ALLBADPIX : 0u);
    }
}

static void mark_empty_bins(struct frame *frame, size_t spec)
{
    const double *ivar = frame->ivar + spec * frame->nwave;
    uint32_t *mask = frame->mask + spec * frame->nwave;

    for (size_t w = 0; w < frame->nwave; w++) {
        if (ivar[w] > 0) continue;
        if (mask[w] == 0) mask[w] = SPECMASK_NODATA;
        set_identity_row(frame, spec, w);
    }
}

/* Looks at all values, without an early exit, so that the loop is vectorised. */
static bool are_finite(const double *value, size_t n)
{
    int broken = 0;

#pragma omp simd reduction(| : broken)
    for (size_t i = 0; i < n; i++) broken |= !isfinite(value[i]);
    return broken == 0;
}

/* The same after rounding to float32, the file's type. */
static bool are_finite_as_float(const double *value, size_t n)
{
    int broken = 0;

#pragma omp simd reduction(| : broken)
    for (size_t i = 0; i < n; i++) broken |= !isfinite((float)value[i]);
    return broken == 0;
}

static bool are_finite_floats(const float *value, size_t n)
{
    int broken = 0;

#pragma omp simd reduction(| : broken)
    for (size_t i = 0; i < n; i++) broken |= !isfinite(value[i]);
    return broken == 0;
}

static bool any_negative(const double *value, size_t n)
{
    int found = 0;

#pragma omp simd reduction(| : found)
    for (size_t i = 0; i < n; i++) found |= value[i] < 0;
    return found != 0;
}

static bool is_spectrum_finite(const struct frame *frame, size_t spec)
{
    size_t n = frame->nwave, first = spec * n;

    return are_finite_as_float(frame->flux + first, n) && are_finite_as_float(frame->ivar + first, n) &&
           !any_negative(frame->ivar + first, n) && are_finite(frame->pixmask_fraction + first, n) &&
           are_finite_as_float(frame->chi2pix + first, n) &&
           are_finite_floats(frame->resolution + first * frame->ndiag, n * frame->ndiag);
}

static bool is_model_finite(const struct frame *frame)
{
    int finite = 1;

#pragma omp parallel for schedule(static) reduction(&& : finite)
    for (size_t y = 0; y < frame->model_ny; y++)
        finite = finite && are_finite(frame->model + y * frame->model_nx, frame->model_nx);
    return finite;
}

/* Does all that is done to each spectrum alone. False when a number is not finite. */
static bool mask_spectra(struct frame *frame, const struct medians *medians)
{
    int finite = 1;

#pragma omp parallel for schedule(static) reduction(&& : finite)
    for (size_t spec = 0; spec < frame->nspec; spec++) {
        flag_bad_fits(frame, spec, medians);
        flag_cut_rows(frame, spec);
        flag_pixels(frame, spec);
        mark_empty_bins(frame, spec);
        finite = is_spectrum_finite(frame, spec) && finite;
    }
    return finite;
}

enum status mask_frame(struct frame *frame, struct error *error)
{
    struct medians medians = {.fiber = memory_zeroed(frame->nspec, sizeof *medians.fiber),
                              .wave = memory_zeroed(frame->nwave, sizeof *medians.wave),
                              .asked = memory_zeroed(frame->nwave, sizeof *medians.asked)};
    enum status status = STATUS_OK;

    if (!medians.fiber || !medians.wave || !medians.asked || !find_medians(frame, &medians)) {
        status = memory_error(error, "medians of chi2pix");
    } else if (!mask_spectra(frame, &medians) || !is_model_finite(frame)) {
        status =
            error_set(error, STATUS_NUMERIC,
                      "the extraction gave a value that is not finite; please report this, with the input");
    }
    free(medians.fiber);
    free(medians.wave);
    free(medians.asked);
    return status;
}
