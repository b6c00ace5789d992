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

enum { NSPEC = 40, NWAVE = 203, NDIAG = 5 };

static void make_frame(struct frame *frame)
{
    uint64_t random = 5;

    *frame =
        (struct frame){.nspec = NSPEC, .nwave = NWAVE, .ndiag = NDIAG, .wave_min = 6000, .wave_step = 0.8};
    frame->wave = memory_zeroed(NWAVE, sizeof(double));
    frame->flux = memory_zeroed(NSPEC * NWAVE, sizeof(double));
    frame->ivar = memory_zeroed(NSPEC * NWAVE, sizeof(double));
    frame->mask = memory_zeroed(NSPEC * NWAVE, sizeof(uint32_t));
    frame->resolution = memory_zeroed(NSPEC * NWAVE, NDIAG * sizeof(float));
    frame->pixmask_fraction = memory_zeroed(NSPEC * NWAVE, sizeof(double));
    frame->chi2pix = memory_zeroed(NSPEC * NWAVE, sizeof(double));
    for (size_t i = 0; i < NSPEC * NWAVE; i++) {
        frame->ivar[i] = 1;
        frame->chi2pix[i] = 0.5 + next_random(&random);
        if (next_random(&random) < 0.01) frame->chi2pix[i] = 10; /* flagged */
        if (i % NWAVE == 77) frame->chi2pix[i] = 20;             /* a bright line: in all fibers */
        if (i / NWAVE == 13) frame->chi2pix[i] = 15;             /* a bad fiber: at all wavelengths */
    }
}

static void bad_fits_stand_out_of_their_wavelength_and_fiber(void **state)
{
    struct frame frame;
    struct error error;
    size_t nflagged = 0;

    (void)state;
    make_frame(&frame);
    assert_int_equal(mask_frame(&frame, &error), STATUS_OK);
    for (size_t i = 0; i < NSPEC * NWAVE; i++) {
        bool expected = i % NWAVE != 77 && i / NWAVE != 13 && frame.chi2pix[i] == 10;

        assert_int_equal(frame.mask[i], expected ? SPECMASK_BAD2DFIT : 0);
        nflagged += expected;
    }
    assert_true(nflagged > 20);
    frame_free(&frame);
}

/* Wherever it stands, also in the last lanes of a vector. */
static void what_is_not_finite_is_an_error(void **state)
{
    static const size_t bins[] = {0, 7, NWAVE - 1, NSPEC * NWAVE - 1};
    struct frame frame;
    struct error error;

    (void)state;
    make_frame(&frame);
    for (size_t i = 0; i < sizeof bins / sizeof bins[0]; i++) {
        double *values[] = {frame.flux + bins[i], frame.ivar + bins[i], frame.pixmask_fraction + bins[i]};
        float *entry = frame.resolution + bins[i] * NDIAG + NDIAG - 1;

        for (size_t k = 0; k < sizeof values / sizeof values[0]; k++) {
            double before = *values[k];

            *values[k] = INFINITY;
            assert_int_equal(mask_frame(&frame, &error), STATUS_NUMERIC);
            *values[k] = before;
        }
        *entry = NAN;
        assert_int_equal(mask_frame(&frame, &error), STATUS_NUMERIC);
        *entry = 0;
        frame.flux[bins[i]] = 1e39; /* more than a float32 holds */
        assert_int_equal(mask_frame(&frame, &error), STATUS_NUMERIC);
        frame.flux[bins[i]] = 0;
    }
    frame.ivar[3] = -1;
    assert_int_equal(mask_frame(&frame, &error), STATUS_NUMERIC);
    frame.ivar[3] = 1;
    assert_int_equal(mask_frame(&frame, &error), STATUS_OK);
    frame_free(&frame);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(medians_are_those_of_gsl),
        cmocka_unit_test(bad_fits_stand_out_of_their_wavelength_and_fiber),
        cmocka_unit_test(what_is_not_finite_is_an_error),
    };

    return cmocka_run_group_tests_name("mask", tests, NULL, NULL);
}
