#include "extract/bad_fits.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/median.h"
#include "base/memory.h"
#include "base/minmax.h"

static const double bad_fit_factor = 5; /* a bad fit has more than this many times the usual chi2pix */

/* What an error of the PSF's shape may add to chi2pix, in units of the (S/N)² of a pixel at the peak of the
 * spot. Measured on simulated stars of S/N 50 to 1500 a bin: 0.013 with the right PSF, 0.028 with sigmas that
 * are wrong by 10%; a hot column that matters adds 0.4 and more. The factor of 5 comes on top. */
static const double shape_error = 0.005;

static const double pixels_of_bin = 4; /* (S/N)² of a bin over that of the pixel at its peak, about */

enum {
    FIBERS_NEEDED = 6, /* for their median to say what is usual: at least 5 beside a bad one */
    WAVES = 8          /* wavelengths that are gathered at a time: a cache line of each spectrum */
};

struct judge {
    struct frame *frame;
    enum bad_fit_rule rule;
    double psferr;
    double typical;       /* chi2pix of a fiber with little light */
    double *fiber;        /* [spec] medians */
    double *wave;         /* [wave] medians where they are asked for; NAN: too few fibers have data */
    unsigned char *asked; /* [wave] whether any bin is above its fiber's limit */
};

static bool counts(const struct judge *judge, size_t bin)
{
    return judge->rule == BAD_FIT_DESISPEC || judge->frame->ivar[bin] > 0;
}

/* Copies chi2pix of the n bins first, first + stride, ... that count to value[n]. Returns their number. */
static size_t gather(const struct judge *judge, size_t first, size_t stride, size_t n, double *value)
{
    size_t count = 0;

    for (size_t i = 0; i < n; i++) {
        const size_t bin = first + i * stride;

        if (counts(judge, bin)) value[count++] = judge->frame->chi2pix[bin];
    }
    return count;
}

/* What chi2pix may be by an error of the PSF's shape alone: as chi2pix itself, relative to a variance in
 * which psferr is included. */
static double explained_by_light(const struct judge *judge, size_t bin)
{
    const double flux = judge->frame->flux[bin],
                 light = flux * flux * judge->frame->ivar[bin] / pixels_of_bin;

    return shape_error * light / (1 + judge->psferr * judge->psferr * light);
}

static bool is_above_limit_of_fiber(const struct judge *judge, size_t spec, size_t bin)
{
    const double chi2pix = judge->frame->chi2pix[bin];
    double usual = judge->fiber[spec];

    if (!counts(judge, bin)) return false;
    if (judge->rule == BAD_FIT_ROBUST) usual = fmin(usual, judge->typical + explained_by_light(judge, bin));
    return chi2pix > bad_fit_factor * usual;
}

static bool is_above_limit_of_wave(const struct judge *judge, size_t wave, size_t bin)
{
    double usual = judge->wave[wave];

    if (isnan(usual)) usual = 1 + explained_by_light(judge, bin);
    return judge->frame->chi2pix[bin] > bad_fit_factor * usual;
}

/* What is usual for a fiber with little light: the median of the fibers' medians, and where there are too few
 * fibers the expectation of chi2pix. scratch[3 nspec]. */
static double find_typical(const struct judge *judge, double *scratch)
{
    size_t count = 0;

    for (size_t s = 0; s < judge->frame->nspec; s++) {
        if (!isnan(judge->fiber[s])) scratch[count++] = judge->fiber[s];
    }
    return count < FIBERS_NEEDED ? 1 : median(scratch, count, scratch + count);
}

/* Notes at which wavelengths the median over the fibers is needed. */
static void ask_for_waves(struct judge *judge, size_t spec)
{
    const size_t nwave = judge->frame->nwave;

    for (size_t w = 0; w < nwave; w++) {
        if (is_above_limit_of_fiber(judge, spec, spec * nwave + w)) {
#pragma omp atomic write
            judge->asked[w] = 1;
        }
    }
}

/* The medians of wavelengths `wave` and the next ones, where they are asked for; scratch[WAVES + 2][nspec].
 * All fibers of these wavelengths are read in one go. */
static void find_wave_medians(struct judge *judge, size_t wave, double *scratch)
{
    const size_t nspec = judge->frame->nspec, nwave = judge->frame->nwave, n = min_size(WAVES, nwave - wave);
    const size_t needed = judge->rule == BAD_FIT_DESISPEC ? 1 : FIBERS_NEEDED;
    size_t count[WAVES] = {0};
    bool any = false;

    for (size_t i = 0; i < n; i++) any |= judge->asked[wave + i] != 0;
    if (!any) return;
    for (size_t s = 0; s < nspec; s++) {
        for (size_t i = 0; i < n; i++)
            count[i] += gather(judge, s * nwave + wave + i, 1, 1, scratch + i * nspec + count[i]);
    }
    for (size_t i = 0; i < n; i++) {
        judge->wave[wave + i] =
            count[i] < needed ? NAN : median(scratch + i * nspec, count[i], scratch + WAVES * nspec);
    }
}

/* Finds all medians, on all threads. False without memory. */
static bool find_medians(struct judge *judge)
{
    const struct frame *frame = judge->frame;
    const size_t size = max_size(3 * max_size(frame->nwave, frame->nspec), (WAVES + 2) * frame->nspec);
    int complete = 1;

#pragma omp parallel reduction(&& : complete)
    {
        double *scratch = memory_raw(size, sizeof *scratch);

        complete = scratch != NULL;
#pragma omp for schedule(static)
        for (size_t s = 0; s < frame->nspec; s++) {
            const size_t count = scratch ? gather(judge, s * frame->nwave, 1, frame->nwave, scratch) : 0;

            judge->fiber[s] = count > 0 ? median(scratch, count, scratch + count) : NAN;
        }
#pragma omp single
        if (scratch) judge->typical = find_typical(judge, scratch);
#pragma omp for schedule(static)
        for (size_t s = 0; s < frame->nspec; s++) ask_for_waves(judge, s);
#pragma omp for schedule(dynamic, 4)
        for (size_t w = 0; w < frame->nwave; w += WAVES) {
            if (scratch) find_wave_medians(judge, w, scratch);
        }
        free(scratch);
    }
    return complete;
}

static void flag_spectrum(const struct judge *judge, size_t spec)
{
    const size_t nwave = judge->frame->nwave;

    for (size_t w = 0; w < nwave; w++) {
        const size_t bin = spec * nwave + w;

        if (is_above_limit_of_fiber(judge, spec, bin) && is_above_limit_of_wave(judge, w, bin))
            judge->frame->mask[bin] |= SPECMASK_BAD2DFIT;
    }
}

enum status bad_fits_flag(struct frame *frame, enum bad_fit_rule rule, double psferr, struct error *error)
{
    struct judge judge = {.frame = frame,
                          .rule = rule,
                          .psferr = psferr,
                          .fiber = memory_zeroed(frame->nspec, sizeof *judge.fiber),
                          .wave = memory_zeroed(frame->nwave, sizeof *judge.wave),
                          .asked = memory_zeroed(frame->nwave, sizeof *judge.asked)};
    enum status status = STATUS_OK;

    if (judge.fiber && judge.wave && judge.asked && find_medians(&judge)) {
#pragma omp parallel for schedule(static)
        for (size_t s = 0; s < frame->nspec; s++) flag_spectrum(&judge, s);
    } else {
        status = memory_error(error, "medians of chi2pix");
    }
    free(judge.fiber);
    free(judge.wave);
    free(judge.asked);
    return status;
}
