#include "extract/mask.h"

#include <math.h>
#include <stdbool.h>

#include "omp/overlaps.h"

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
static bool mask_spectra(struct frame *frame)
{
    int finite = 1;

#pragma omp parallel for schedule(static) reduction(&& : finite)
    for (size_t spec = 0; spec < frame->nspec; spec++) {
        flag_cut_rows(frame, spec);
        flag_pixels(frame, spec);
        mark_empty_bins(frame, spec);
        finite = is_spectrum_finite(frame, spec) && finite;
    }
    return finite;
}

enum status mask_frame(struct frame *frame, const struct extract_options *options, struct error *error)
{
    enum status status = bad_fits_flag(frame, options->bad_fit_rule, options->psferr, error);

    if (status != STATUS_OK || (mask_spectra(frame) && is_model_finite(frame))) return status;
    return error_set(error, STATUS_NUMERIC,
                     "the extraction gave a value that is not finite; please report this, with the input");
}
