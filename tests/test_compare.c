/* Comparisons of frames made by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "compare/frame_difference.h"
#include "compare/truth_pulls.h"
#include "near.h"

enum { NSPEC = 4, NWAVE = 60, NDIAG = 5, HALF = NDIAG / 2, BINS = NSPEC * NWAVE, SPECMIN = 100 };

/* A repeatable number between -1 and 1. */
static double scatter(size_t k)
{
    return sin(12.9898 * (double)k + 78.233 * (double)(k % 17));
}

static void make_frame(struct frame *frame, size_t specmin, size_t nspec)
{
    size_t bins = nspec * NWAVE;

    *frame = (struct frame){.specmin = specmin,
                            .nspec = nspec,
                            .nwave = NWAVE,
                            .ndiag = NDIAG,
                            .wave_min = 6000,
                            .wave_step = 0.8};
    frame->wave = memory_zeroed(NWAVE, sizeof(double));
    frame->flux = memory_zeroed(bins, sizeof(double));
    frame->ivar = memory_zeroed(bins, sizeof(double));
    frame->mask = memory_zeroed(bins, sizeof(uint32_t));
    frame->resolution = memory_zeroed(bins * NDIAG, sizeof(float));
    frame->chi2pix = memory_zeroed(bins, sizeof(double));
    frame->pixmask_fraction = memory_zeroed(bins, sizeof(double));
    for (size_t w = 0; w < NWAVE; w++) frame->wave[w] = 6000 + 0.8 * (double)w;
    for (size_t i = 0; i < bins; i++) {
        size_t k = specmin * NWAVE + i; /* so that a spectrum has the same values in any frame */

        frame->flux[i] = 100 + 50 * scatter(k);
        frame->ivar[i] = 0.04 + 0.01 * scatter(3 * k);
        frame->chi2pix[i] = 1 + 0.5 * scatter(5 * k);
        frame->pixmask_fraction[i] = 0.1 + 0.1 * scatter(7 * k);
    }
    for (size_t s = 0; s < nspec; s++) {
        for (size_t k = 0; k < NDIAG; k++) {
            for (size_t j = 0; j < NWAVE; j++) {
                static const float kernel[NDIAG] = {0.05f, 0.2f, 0.5f, 0.2f, 0.05f};
                size_t row = j + k - HALF;

                if (row < NWAVE) frame->resolution[(s * NDIAG + k) * NWAVE + j] = kernel[k];
            }
        }
    }
}

/* Two equal frames and the result of comparing them. */
struct fixture {
    struct frame a, b;
    struct tolerances tolerances;
    struct frame_difference difference;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    make_frame(&f->a, SPECMIN, NSPEC);
    make_frame(&f->b, SPECMIN, NSPEC);
    f->tolerances = tolerances_default();
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    frame_free(&f->a);
    frame_free(&f->b);
    free(f);
    return 0;
}

static enum quantity worst_of(struct fixture *f)
{
    struct error error;

    assert_int_equal(frame_difference(&f->a, &f->b, &f->tolerances, &f->difference, &error), STATUS_OK);
    return frame_difference_worst(&f->difference);
}

static void test_equal_frames_agree(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(worst_of(f), QUANTITY_COUNT);
    for (int k = 0; k < QUANTITY_COUNT; k++) {
        assert_true(f->difference.quantity[k].available);
        assert_true(f->difference.quantity[k].largest == 0);
    }
    assert_int_equal(f->difference.quantity[QUANTITY_FLUX].count, BINS);
    assert_int_equal(f->difference.quantity[QUANTITY_RESOLUTION].count, NSPEC * (NDIAG * NWAVE - 2 - 4));
    f->tolerances.strict_mask = true;
    assert_int_equal(worst_of(f), QUANTITY_COUNT);
}

/* Just inside and just outside of each limit */
static void test_limits(void **state)
{
    struct fixture *f = *state;
    size_t s = 2, w = 17, i = s * NWAVE + w;
    double root = sqrt(f->b.ivar[i]);
    double flux_limit = 1e-5 / root + 2e-7 * f->b.flux[i];
    float *r = &f->a.resolution[(s * NDIAG + 1) * NWAVE + w]; /* belongs to row w - 2 + 1 */
    struct {
        enum quantity quantity;
        double *value, limit;
    } cases[] = {
        {QUANTITY_FLUX, &f->a.flux[i], flux_limit},
        {QUANTITY_IVAR, &f->a.ivar[i], 1.02e-5 * f->b.ivar[i]},
        {QUANTITY_CHI2PIX, &f->a.chi2pix[i], 1e-4 * f->b.chi2pix[i]},
        {QUANTITY_PIXMASK, &f->a.pixmask_fraction[i], 1e-6},
    };

    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        double before = *cases[k].value;

        *cases[k].value = before + 0.99 * cases[k].limit;
        assert_int_equal(worst_of(f), QUANTITY_COUNT);
        *cases[k].value = before - 1.01 * cases[k].limit;
        assert_int_equal(worst_of(f), cases[k].quantity);
        assert_int_equal(f->difference.quantity[cases[k].quantity].spectrum, SPECMIN + s);
        assert_int_equal(f->difference.quantity[cases[k].quantity].wave, w);
        *cases[k].value = before;
    }
    *r += 2e-5f;
    assert_int_equal(worst_of(f), QUANTITY_RESOLUTION);
    assert_int_equal(f->difference.quantity[QUANTITY_RESOLUTION].wave, w - 1);
    f->tolerances.resolution = 1e-4;
    assert_int_equal(worst_of(f), QUANTITY_COUNT);
}

static void test_worst_is_named(void **state)
{
    struct fixture *f = *state;

    f->a.flux[5] += 1;         /* some 1e4 limits */
    f->a.ivar[200] *= 1.00005; /* five limits */
    assert_int_equal(worst_of(f), QUANTITY_FLUX);
    assert_true(f->difference.quantity[QUANTITY_IVAR].excess > 4);
    assert_string_equal(quantity_name(QUANTITY_FLUX), "flux");
}

static void test_nan_is_a_difference(void **state)
{
    struct fixture *f = *state;

    f->a.flux[7] = NAN;
    assert_int_equal(worst_of(f), QUANTITY_FLUX);
    f->a.flux[7] = f->b.flux[7];
    f->a.ivar[7] = NAN;
    assert_int_equal(worst_of(f), QUANTITY_LOST);
    f->a.ivar[7] = f->b.ivar[7];
    f->b.resolution[NWAVE + 9] = NAN;
    assert_int_equal(worst_of(f), QUANTITY_RESOLUTION);
}

static void test_bins_without_ivar(void **state)
{
    struct fixture *f = *state;
    size_t i = NWAVE + 30;

    f->a.ivar[i] = 0; /* what it holds otherwise does not count */
    f->b.ivar[i] = 1e-10;
    f->b.flux[i] = 1e5;
    f->b.chi2pix[i] = 77;
    for (size_t k = 0; k < NDIAG; k++) f->a.resolution[(NDIAG + k) * NWAVE + 30 + HALF - k] = 0; /* row 30 */
    assert_int_equal(worst_of(f), QUANTITY_COUNT);
    assert_int_equal(f->difference.quantity[QUANTITY_EMPTY].count, 1);
    assert_int_equal(f->difference.quantity[QUANTITY_LOST].count, 0);
    assert_int_equal(f->difference.quantity[QUANTITY_FLUX].count, BINS - 1);
    f->tolerances.strict_mask = true;
    assert_int_equal(worst_of(f), QUANTITY_EMPTY);
    f->tolerances.strict_mask = false;
    f->b.ivar[i] = 0.02; /* a bin worth having is lost */
    assert_int_equal(worst_of(f), QUANTITY_LOST);
    assert_int_equal(f->difference.quantity[QUANTITY_LOST].spectrum, SPECMIN + 1);
}

static void test_masks_count_when_strict(void **state)
{
    struct fixture *f = *state;

    f->a.mask[3] = SPECMASK_SOMEBADPIX;
    assert_int_equal(worst_of(f), QUANTITY_COUNT);
    assert_int_equal(f->difference.quantity[QUANTITY_MASK].count, 1);
    f->tolerances.strict_mask = true;
    assert_int_equal(worst_of(f), QUANTITY_MASK);
    free(f->b.mask);
    f->b.mask = NULL;
    assert_int_equal(worst_of(f), QUANTITY_COUNT);
    assert_false(f->difference.quantity[QUANTITY_MASK].available);
}

static void test_part_of_a_frame(void **state)
{
    struct fixture *f = *state;
    struct error error;

    frame_free(&f->a);
    make_frame(&f->a, SPECMIN + 1, 2);
    assert_int_equal(worst_of(f), QUANTITY_COUNT);
    assert_int_equal(f->difference.nspec, 2);
    f->b.flux[2 * NWAVE + 4] += 1;
    assert_int_equal(worst_of(f), QUANTITY_FLUX);
    assert_int_equal(f->difference.quantity[QUANTITY_FLUX].spectrum, SPECMIN + 2);

    frame_free(&f->a);
    make_frame(&f->a, SPECMIN + 2, 3);
    assert_int_equal(frame_difference(&f->a, &f->b, &f->tolerances, &f->difference, &error), STATUS_MISMATCH);
    assert_string_equal(error.text, "the first frame has spectrum 104, the second does not");
}

/* A frame whose rows are listed: the list counts, not specmin. */
static void test_listed_spectra_are_found(void **state)
{
    struct fixture *f = *state;

    frame_free(&f->a);
    make_frame(&f->a, SPECMIN + 2, 1);
    f->a.specmin = 0;
    f->a.spectrum = malloc(sizeof(int32_t));
    f->a.spectrum[0] = SPECMIN + 2;
    assert_int_equal(worst_of(f), QUANTITY_COUNT);
    f->a.spectrum[0] = SPECMIN + 3;
    assert_int_not_equal(worst_of(f), QUANTITY_COUNT);
}

static void test_grids_must_agree(void **state)
{
    struct fixture *f = *state;
    struct error error;

    f->a.wave[12] += 0.9e-6;
    assert_int_equal(worst_of(f), QUANTITY_COUNT);
    f->a.wave[12] += 0.2e-6;
    assert_int_equal(frame_difference(&f->a, &f->b, &f->tolerances, &f->difference, &error), STATUS_MISMATCH);
    f->a.wave[12] = f->b.wave[12];
    f->a.nwave--;
    assert_int_equal(frame_difference(&f->a, &f->b, &f->tolerances, &f->difference, &error), STATUS_MISMATCH);
    assert_string_equal(error.text, "the frames have 59 and 60 wavelengths");
    f->a.nwave++;
    f->a.ndiag = 3;
    assert_int_equal(frame_difference(&f->a, &f->b, &f->tolerances, &f->difference, &error), STATUS_MISMATCH);
    f->a.ndiag = NDIAG;
}

/* A truth on a wider grid, rows in another order, and a frame's flux that is R truth
 * plus pull / sqrt(ivar). */
static void make_truth(struct truth *truth, struct frame *frame, double mean, double amplitude)
{
    enum { WIDER = 3, N = NWAVE + 2 * WIDER };

    *truth = (struct truth){.nspec = NSPEC, .nwave = N};
    truth->wave = memory_zeroed(N, sizeof(double));
    truth->flux = memory_zeroed(NSPEC * N, sizeof(double));
    truth->spectrum = memory_zeroed(NSPEC, sizeof(int32_t));
    for (size_t i = 0; i < N; i++) truth->wave[i] = 6000 + 0.8 * ((double)i - WIDER);
    for (size_t i = 0; i < NSPEC * N; i++) truth->flux[i] = 100 + 100 * scatter(11 * i);
    for (size_t t = 0; t < NSPEC; t++) {
        size_t s = NSPEC - 1 - t;

        truth->spectrum[t] = (int32_t)(SPECMIN + s);
        for (size_t row = HALF; row < NWAVE - HALF; row++) {
            double sign = (row + s) % 2 ? 1 : -1, sum = 0; /* mean 0 and sigma 1 exactly */

            for (size_t j = row - HALF; j <= row + HALF; j++) {
                sum += (double)frame->resolution[(s * NDIAG + row + HALF - j) * NWAVE + j] *
                       truth->flux[t * N + j + WIDER];
            }
            frame->flux[s * NWAVE + row] =
                sum + (mean + amplitude * sign) / sqrt(frame->ivar[s * NWAVE + row]);
        }
    }
}

static void test_pulls(void **state)
{
    struct fixture *f = *state;
    struct truth truth;
    struct pulls pulls;
    struct error error;

    make_truth(&truth, &f->a, 0.3, 0.8);
    assert_int_equal(frame_pulls(&f->a, &truth, &pulls, &error), STATUS_OK);
    assert_int_equal(pulls.count, NSPEC * (NWAVE - 2 * HALF));
    assert_near(pulls.mean, 0.3, 1e-9);
    assert_near(pulls.sigma, 0.8, 0.01); /* n - 1 of them */
    assert_true(pulls.beyond_5 == 0);
    assert_near(pulls.row_sum_min, 1, 1e-6);
    assert_near(pulls.row_sum_max, 1, 1e-6);

    f->a.flux[30] = NAN;
    assert_int_equal(frame_pulls(&f->a, &truth, &pulls, &error), STATUS_OK);
    assert_false(fabs(pulls.mean) < 1);
    assert_true(pulls.beyond_5 > 0);
    f->a.mask[30] = SPECMASK_ALLBADPIX; /* out of account */
    f->a.ivar[31] = 0;
    assert_int_equal(frame_pulls(&f->a, &truth, &pulls, &error), STATUS_OK);
    assert_int_equal(pulls.count, NSPEC * (NWAVE - 2 * HALF) - 2);
    truth_free(&truth);
}

static void test_truth_must_cover_the_frame(void **state)
{
    struct fixture *f = *state;
    struct truth truth;
    struct pulls pulls;
    struct error error;

    make_truth(&truth, &f->a, 0, 1);
    truth.wave[40] += 2e-6;
    assert_int_equal(frame_pulls(&f->a, &truth, &pulls, &error), STATUS_MISMATCH);
    truth.wave[40] -= 2e-6;
    truth.spectrum[0] = 999;
    assert_int_equal(frame_pulls(&f->a, &truth, &pulls, &error), STATUS_MISMATCH);
    assert_string_equal(error.text, "the truth has no spectrum 103");
    truth.spectrum[0] = SPECMIN + 3;
    memset(f->a.ivar, 0, BINS * sizeof(double));
    assert_int_equal(frame_pulls(&f->a, &truth, &pulls, &error), STATUS_MISMATCH);
    free(f->a.resolution);
    f->a.resolution = NULL;
    assert_int_equal(frame_pulls(&f->a, &truth, &pulls, &error), STATUS_MISMATCH);
    assert_string_equal(error.text, "the frame has no resolution matrix");
    truth_free(&truth);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_equal_frames_agree, setup, teardown),
        cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_worst_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nan_is_a_difference, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bins_without_ivar, setup, teardown),
        cmocka_unit_test_setup_teardown(test_masks_count_when_strict, setup, teardown),
        cmocka_unit_test_setup_teardown(test_part_of_a_frame, setup, teardown),
        cmocka_unit_test_setup_teardown(test_listed_spectra_are_found, setup, teardown),
        cmocka_unit_test_setup_teardown(test_grids_must_agree, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pulls, setup, teardown),
        cmocka_unit_test_setup_teardown(test_truth_must_cover_the_frame, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
