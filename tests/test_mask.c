/* What is done to a frame at its end: medians and the mask bits that come from them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <gsl/gsl_statistics_double.h>

#include "base/median.h"
#include "base/memory.h"
#include "extract/mask.h"

/* 0 to 1, the same at every run. */
static double next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 11) * 0x1p-53;
}

enum { KINDS = 6 };

/* Even, few values, one value, rising, falling, heavy tails. */
static double number(int kind, size_t i, uint64_t *random)
{
    double u = next_random(random);

    switch (kind) {
    case 0:
        return u;
    case 1:
        return floor(3 * u);
    case 2:
        return 7;
    case 3:
        return (double)i;
    case 4:
        return -(double)(i * i);
    default:
        return 1 / (u + 1e-12) - 5;
    }
}

static void medians_are_those_of_gsl(void **state)
{
    static const size_t sizes[] = {1, 2, 3, 30, 31, 64, 65, 66, 127, 500, 501, 2250, 2326, 5001};
    uint64_t random = 1;

    (void)state;
    assert_true(median(NULL, 0, NULL) == 0);
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        size_t n = sizes[k];
        double *value = calloc(n, sizeof *value), *copy = calloc(n, sizeof *copy);
        double *scratch = calloc(2 * n, sizeof *scratch);

        for (int trial = 0; trial < 20 * KINDS; trial++) {
            double found;

            for (size_t i = 0; i < n; i++) copy[i] = value[i] = number(trial % KINDS, i, &random);
            found = median(value, n, scratch);
            assert_memory_equal(value, copy, n * sizeof *value);
            assert_true(found == gsl_stats_median(copy, 1, n));
        }
        free(value);
        free(copy);
        free(scratch);
    }
}

enum { NSPEC = 40, NWAVE = 203, NDIAG = 5, LINE = 77, BAD_FIBER = 13 };

static const struct extract_options robust = {.bad_fit_rule = BAD_FIT_ROBUST, .psferr = 0.01};
static const struct extract_options as_desispec = {.bad_fit_rule = BAD_FIT_DESISPEC, .psferr = 0.01};

/* A frame with chi2pix between 0.5 and 1.5, and 10 in one bin of a hundred. */
static void make_frame(struct frame *frame, size_t nspec, size_t nwave)
{
    uint64_t random = 5;

    *frame =
        (struct frame){.nspec = nspec, .nwave = nwave, .ndiag = NDIAG, .wave_min = 6000, .wave_step = 0.8};
    frame->wave = memory_zeroed(nwave, sizeof(double));
    frame->flux = memory_zeroed(nspec * nwave, sizeof(double));
    frame->ivar = memory_zeroed(nspec * nwave, sizeof(double));
    frame->mask = memory_zeroed(nspec * nwave, sizeof(uint32_t));
    frame->resolution = memory_zeroed(nspec * nwave, NDIAG * sizeof(float));
    frame->pixmask_fraction = memory_zeroed(nspec * nwave, sizeof(double));
    frame->chi2pix = memory_zeroed(nspec * nwave, sizeof(double));
    for (size_t i = 0; i < nspec * nwave; i++) {
        frame->ivar[i] = 1;
        frame->chi2pix[i] = 0.5 + next_random(&random);
        if (next_random(&random) < 0.01) frame->chi2pix[i] = 10;
    }
}

/* Sets the mask anew and returns how many bins are BAD2DFIT. */
static size_t count_bad_fits(struct frame *frame, const struct extract_options *options)
{
    struct error error;
    size_t count = 0;

    memset(frame->mask, 0, frame->nspec * frame->nwave * sizeof *frame->mask);
    assert_int_equal(mask_frame(frame, options, &error), STATUS_OK);
    for (size_t i = 0; i < frame->nspec * frame->nwave; i++)
        count += (frame->mask[i] & SPECMASK_BAD2DFIT) != 0;
    return count;
}

/* A line that is bright in all fibers, and one fiber that is bad at all wavelengths. */
static void add_line_and_bad_fiber(struct frame *frame)
{
    for (size_t s = 0; s < frame->nspec; s++) frame->chi2pix[s * NWAVE + LINE] = 20;
    for (size_t w = 0; w < NWAVE; w++) frame->chi2pix[BAD_FIBER * NWAVE + w] = 15;
}

/* Checks the mask of make_frame() with add_line_and_bad_fiber(). */
static void check_bad_fits(const struct frame *frame, bool bad_fiber)
{
    for (size_t i = 0; i < NSPEC * NWAVE; i++) {
        bool single = i % NWAVE != LINE && i / NWAVE != BAD_FIBER && frame->chi2pix[i] == 10;
        bool along = i % NWAVE != LINE && i / NWAVE == BAD_FIBER && bad_fiber;

        assert_int_equal(frame->mask[i], single || along ? SPECMASK_BAD2DFIT : 0);
    }
}

static void bad_fits_stand_out_of_their_wavelength_and_fiber(void **state)
{
    struct frame frame;

    (void)state;
    make_frame(&frame, NSPEC, NWAVE);
    add_line_and_bad_fiber(&frame);
    assert_true(count_bad_fits(&frame, &as_desispec) > 20);
    check_bad_fits(&frame, false);
    assert_true(count_bad_fits(&frame, &robust) > 20 + NWAVE - 1);
    check_bad_fits(&frame, true);
    frame_free(&frame);
}

/* A star's chi2pix rises with its light, by an error of the PSF's shape; S/N 100 explains 15. */
static void light_explains_what_a_star_adds(void **state)
{
    struct frame frame;

    (void)state;
    make_frame(&frame, NSPEC, NWAVE);
    add_line_and_bad_fiber(&frame);
    for (size_t w = 0; w < NWAVE; w++) frame.flux[BAD_FIBER * NWAVE + w] = 100;
    assert_true(count_bad_fits(&frame, &robust) > 20);
    check_bad_fits(&frame, false);
    frame_free(&frame);
}

/* One fiber, few fibers, few wavelengths: the medians of so few bins are those of the bad ones. */
static void few_bins_are_judged_as_well(void **state)
{
    static const size_t nspecs[] = {1, 2, 5}, nwaves[] = {1, 2, 5, NWAVE};

    (void)state;
    for (size_t k = 0; k < sizeof nspecs / sizeof nspecs[0] * 4; k++) {
        const size_t nspec = nspecs[k / 4], nwave = nwaves[k % 4], n = nspec * nwave;
        struct frame frame;
        size_t expected = 0;

        make_frame(&frame, nspec, nwave);
        for (size_t i = 0; i < n; i++) expected += frame.chi2pix[i] == 10;
        assert_int_equal(count_bad_fits(&frame, &robust), expected);
        for (size_t i = 0; i < n; i++) frame.chi2pix[i] = 15;
        assert_int_equal(count_bad_fits(&frame, &robust), n);
        for (size_t i = 0; i < n; i++) frame.flux[i] = 100;
        assert_int_equal(count_bad_fits(&frame, &robust), 0);
        frame_free(&frame);
    }
}

/* Five good fibers and one that is bad at all wavelengths, which are few, too. */
static void other_fibers_say_what_is_usual(void **state)
{
    struct frame frame;

    (void)state;
    make_frame(&frame, 6, 3);
    for (size_t i = 0; i < 18; i++) frame.chi2pix[i] = i / 3 == 2 ? 60 : 6; /* the noise is underestimated */
    assert_int_equal(count_bad_fits(&frame, &robust), 3);
    for (size_t w = 0; w < 3; w++) assert_int_equal(frame.mask[2 * 3 + w], SPECMASK_BAD2DFIT);
    frame_free(&frame);
}

/* With three of four amplifiers dead most fibers are dark, and the others at most wavelengths. */
static void bins_without_data_do_not_count(void **state)
{
    const size_t bad = 3 * NWAVE + 5, dark = NSPEC * NWAVE - 1;
    struct frame frame;
    size_t ngood = 0;

    (void)state;
    make_frame(&frame, NSPEC, NWAVE);
    for (size_t i = 0; i < NSPEC * NWAVE; i++) {
        const bool is_good = i / NWAVE < NSPEC / 3 && i % NWAVE < NWAVE / 3;

        frame.chi2pix[i] = is_good ? fmin(frame.chi2pix[i], 1.5) : 0;
        frame.ivar[i] = is_good;
        ngood += is_good;
    }
    frame.chi2pix[bad] = 10;
    assert_int_equal(count_bad_fits(&frame, &robust), 1);
    assert_int_equal(frame.mask[bad], SPECMASK_BAD2DFIT);
    assert_int_equal(frame.mask[dark], SPECMASK_NODATA);
    assert_int_equal(count_bad_fits(&frame, &as_desispec), ngood);
    frame_free(&frame);
}

/* Wherever it stands, also in the last lanes of a vector. */
static void what_is_not_finite_is_an_error(void **state)
{
    static const size_t bins[] = {0, 7, NWAVE - 1, NSPEC * NWAVE - 1};
    struct frame frame;
    struct error error;

    (void)state;
    make_frame(&frame, NSPEC, NWAVE);
    for (size_t i = 0; i < sizeof bins / sizeof bins[0]; i++) {
        double *values[] = {frame.flux + bins[i], frame.ivar + bins[i], frame.pixmask_fraction + bins[i]};
        float *entry = frame.resolution + bins[i] * NDIAG + NDIAG - 1;

        for (size_t k = 0; k < sizeof values / sizeof values[0]; k++) {
            double before = *values[k];

            *values[k] = INFINITY;
            assert_int_equal(mask_frame(&frame, &robust, &error), STATUS_NUMERIC);
            *values[k] = before;
        }
        *entry = NAN;
        assert_int_equal(mask_frame(&frame, &robust, &error), STATUS_NUMERIC);
        *entry = 0;
        frame.flux[bins[i]] = 1e39; /* more than a float32 holds */
        assert_int_equal(mask_frame(&frame, &robust, &error), STATUS_NUMERIC);
        frame.flux[bins[i]] = 0;
    }
    frame.ivar[3] = -1;
    assert_int_equal(mask_frame(&frame, &robust, &error), STATUS_NUMERIC);
    frame.ivar[3] = 1;
    assert_int_equal(mask_frame(&frame, &robust, &error), STATUS_OK);
    frame_free(&frame);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(medians_are_those_of_gsl),
        cmocka_unit_test(bad_fits_stand_out_of_their_wavelength_and_fiber),
        cmocka_unit_test(light_explains_what_a_star_adds),
        cmocka_unit_test(few_bins_are_judged_as_well),
        cmocka_unit_test(other_fibers_say_what_is_usual),
        cmocka_unit_test(bins_without_data_do_not_count),
        cmocka_unit_test(what_is_not_finite_is_an_error),
    };

    return cmocka_run_group_tests_name("mask", tests, NULL, NULL);
}
