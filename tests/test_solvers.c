/* The banded solver against the dense one, over frames with everything that makes an extraction hard. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "exposure.h"
#include "near.h"

static struct frame extract(const struct exposure *exposure, enum solver solver, double regularize,
                            struct timing *timing)
{
    struct extract_options options = exposure_options(exposure);

    options.solver = solver;
    options.regularize = regularize;
    return exposure_extract(exposure, &options, timing);
}

/* Whether a bin lies beside dead pixels: within what one spot reaches of a bin that has lost light. */
static bool is_beside_dead(const struct frame *frame, size_t spec, size_t wave)
{
    for (size_t s = spec > 1 ? spec - 2 : 0; s < spec + 3 && s < frame->nspec; s++) {
        for (size_t w = wave > 9 ? wave - 10 : 0; w < wave + 11 && w < frame->nwave; w++) {
            if (frame->pixmask_fraction[s * frame->nwave + w] > 0.05) return true;
        }
    }
    return false;
}

/* Fails unless the fluxes agree to 1e-6 sigma, and beside dead pixels to 1e-5. Returns the number of
 * patches that were left to the dense solver. */
static size_t assert_solvers_agree(const struct exposure *exposure, double regularize)
{
    struct timing timing[2];
    struct frame dense = extract(exposure, SOLVER_DENSE, regularize, &timing[0]);
    struct frame banded = extract(exposure, SOLVER_BANDED, regularize, &timing[1]);

    assert_int_equal(timing[0].nregularised + timing[1].nregularised, 0);
    assert_int_equal(timing[0].nunsolved + timing[1].nunsolved, 0);
    for (size_t i = 0; i < dense.nspec * dense.nwave; i++) {
        double limit = is_beside_dead(&dense, i / dense.nwave, i % dense.nwave) ? 1e-5 : 1e-6;
        double sigma = sqrt(dense.ivar[i]);

        assert_near(banded.flux[i] * sigma, dense.flux[i] * sigma, limit);
        if (dense.ivar[i] > 0)
            assert_near(banded.ivar[i] / dense.ivar[i], 1, 1e-5);
        else
            assert_true(banded.ivar[i] == 0);
        assert_int_equal(banded.mask[i], dense.mask[i]);
    }
    for (size_t i = 0; i < dense.nspec * dense.ndiag * dense.nwave; i++) {
        assert_near((double)banded.resolution[i], (double)dense.resolution[i], 1e-6);
    }
    frame_free(&dense);
    frame_free(&banded);
    return timing[1].ndense;
}

static void cameras_agree(void **state)
{
    static const struct {
        char camera;
        double wave_min;
    } cases[] = {{'b', 3700}, {'b', 5650}, {'r', 5800}, {'r', 7480}, {'z', 7600}, {'z', 9650}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct exposure exposure;

        exposure_simulate(&exposure, cases[i].camera, cases[i].wave_min);
        printf("%c %g: %zu\n", cases[i].camera, cases[i].wave_min, assert_solvers_agree(&exposure, 0));
        exposure_drop(&exposure);
    }
}

static void masked_pixels_agree(void **state)
{
    struct exposure exposure;

    (void)state;
    exposure_simulate(&exposure, 'r', 6500);
    exposure_mask(&exposure, 2, 6540, 1, 0);    /* a column through a fiber's trace */
    exposure_mask(&exposure, 8, 6540, 17, 0);   /* a fiber without a usable pixel */
    exposure_mask(&exposure, 15, 6540, 30, 35); /* a dead block */
    exposure_mask(&exposure, 22, 6590, 3, 2);   /* a cosmic ray */
    exposure_mask(&exposure, 22, 6560, 40, 1);  /* a dead row */
    assert_solvers_agree(&exposure, 0);
    exposure_drop(&exposure);
}

static void regularised_frames_agree(void **state)
{
    static const double regularize[] = {1e-4, 1e-2, 1};
    struct exposure exposure;

    (void)state;
    exposure_simulate(&exposure, 'r', 7000);
    exposure_mask(&exposure, 15, 7040, 30, 35);
    for (int i = 0; i < 3; i++) assert_solvers_agree(&exposure, regularize[i]);
    exposure_drop(&exposure);
}

/* Twice as wide along the wavelength: S_s falls off so slowly that its band is cut where it still matters. */
static void ill_conditioned_patches_go_to_the_dense_solver(void **state)
{
    struct exposure exposure;

    (void)state;
    exposure_simulate(&exposure, 'r', 6500);
    for (size_t s = 5; s < 10; s++) exposure.psf.sigmay.coef[s * exposure.psf.sigmay.ncoef] *= 1.7;
    for (size_t s = 5; s < 10; s++) exposure.psf.sigmax.coef[s * exposure.psf.sigmax.ncoef] *= 2.5;
    assert_true(assert_solvers_agree(&exposure, 0) >= 3); /* its own subbundle, at least */
    exposure_drop(&exposure);
}

static void exposure_scale(struct exposure *exposure, float unit)
{
    for (size_t i = 0; i < exposure->image.nx * exposure->image.ny; i++) {
        exposure->image.image[i] *= unit;
        exposure->image.ivar[i] /= unit;
        exposure->image.ivar[i] /= unit;
    }
}

/* Gives a fiber the spots of another, so that the two cannot be told apart. */
static void exposure_copy_fiber(struct exposure *exposure, size_t from, size_t to)
{
    struct psf *psf = &exposure->psf;
    struct legendre *fixed[] = {&psf->x, &psf->y, &psf->sigmax, &psf->sigmay};
    const size_t ngh = (psf->degx + 1) * (psf->degy + 1);

    for (size_t k = 0; k < 4 + ngh; k++) {
        struct legendre *series = k < 4 ? fixed[k] : &psf->gh[k - 4];

        memcpy(series->coef + to * series->ncoef, series->coef + from * series->ncoef,
               series->ncoef * sizeof(double));
    }
}

static void assert_same_but_for_unit(const struct frame *frame, const struct frame *scaled, double unit)
{
    const size_t n = frame->nspec * frame->nwave;

    for (size_t i = 0; i < n; i++) {
        assert_true(scaled->flux[i] == frame->flux[i] * unit);
        assert_true(scaled->ivar[i] == frame->ivar[i] / unit / unit);
        assert_true(scaled->chi2pix[i] == frame->chi2pix[i]);
        assert_int_equal(scaled->mask[i], frame->mask[i]);
    }
    for (size_t i = 0; i < n * frame->ndiag; i++) assert_true(scaled->resolution[i] == frame->resolution[i]);
}

/* About 1e-9, 1e5 and 1e12, as powers of 4: these multiply without rounding, and so do the fourth roots of
 * their squares, so that not a bit may change but for the unit. Two fibers have the same spots: what
 * regularises their patches has a unit as well. */
static void unit_of_the_image_does_not_matter(void **state)
{
    static const float units[] = {0x1p-30f, 0x1p16f, 0x1p40f};
    const struct extract_options ways[] = {
        {.solver = SOLVER_BANDED}, {.solver = SOLVER_DENSE}, {.plan.whole_bundles = true}};

    (void)state;
    for (size_t i = 0; i < 9; i++) {
        const float unit = units[i % 3];
        struct exposure exposure;
        struct extract_options options;
        struct timing timing[2];
        struct frame frame, scaled;

        exposure_simulate(&exposure, 'r', 6500);
        exposure_mask(&exposure, 15, 6540, 30, 35); /* a dead block */
        exposure_mask(&exposure, 8, 6540, 17, 0);   /* a fiber without a usable pixel */
        exposure_copy_fiber(&exposure, 21, 22);
        options = exposure_options(&exposure);
        options.solver = ways[i / 3].solver;
        options.plan.whole_bundles = ways[i / 3].plan.whole_bundles;
        frame = exposure_extract(&exposure, &options, &timing[0]);
        exposure_scale(&exposure, unit);
        scaled = exposure_extract(&exposure, &options, &timing[1]);
        assert_same_but_for_unit(&frame, &scaled, (double)unit);
        assert_true(timing[0].nregularised > 0);
        assert_int_equal(timing[0].nregularised, timing[1].nregularised);
        frame_free(&frame);
        frame_free(&scaled);
        exposure_drop(&exposure);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cameras_agree),
        cmocka_unit_test(masked_pixels_agree),
        cmocka_unit_test(regularised_frames_agree),
        cmocka_unit_test(unit_of_the_image_does_not_matter),
        cmocka_unit_test(ill_conditioned_patches_go_to_the_dense_solver),
    };

    return cmocka_run_group_tests_name("solvers", tests, NULL, NULL);
}
