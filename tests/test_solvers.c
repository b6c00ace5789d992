/* The banded solver against the dense one, over frames with everything that makes an extraction hard. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "extract_frame.h"
#include "near.h"
#include "omp/spots.h"
#include "progress.h"
#include "simulation.h"
#include "synthetic_psf.h"

enum { NSPEC = 25, NWAVE = 151 };

/* A simulated exposure of one bundle, and what is wrong with it. */
struct exposure {
    struct psf psf;
    struct preproc image;
    double wave_min;
};

static void simulate(struct exposure *exposure, char camera, double wave_min)
{
    struct simulation simulation = {.nspec = NSPEC, .seed = 5, .readnoise = 3, .noise = true};
    struct truth truth = {0};
    struct error error;
    double *expected;
    int32_t *mask;

    assert_int_equal(synthetic_psf(camera, NSPEC, false, &exposure->psf, &error), STATUS_OK);
    exposure->wave_min = wave_min;
    expected = calloc(exposure->psf.nx * exposure->psf.ny, sizeof *expected);
    mask = calloc(exposure->psf.nx * exposure->psf.ny, sizeof *mask);
    assert_true(expected && mask);
    simulation_set_grid(&simulation, &exposure->psf, wave_min, wave_min + 0.8 * (NWAVE - 1), 0.8);
    assert_int_equal(simulate_spectra(&simulation, &truth, &error), STATUS_OK);
    for (size_t w = 0; w < truth.nwave; w++) truth.flux[3 * truth.nwave + w] += 3e5; /* a very bright star */
    assert_int_equal(simulate_light(&exposure->psf, &truth, expected, &error), STATUS_OK);
    assert_int_equal(simulate_detector(&exposure->psf, &simulation, expected, &exposure->image, mask, &error),
                     STATUS_OK);
    for (size_t i = 0; i < exposure->psf.nx * exposure->psf.ny; i++) {
        if (mask[i]) exposure->image.ivar[i] = 0;
    }
    free(expected);
    free(mask);
    truth_free(&truth);
}

static void drop(struct exposure *exposure)
{
    psf_free(&exposure->psf);
    preproc_free(&exposure->image);
}

static size_t column_of(const struct exposure *exposure, size_t spec)
{
    return (size_t)(legendre_value(&exposure->psf.x, spec, exposure->wave_min + 60) + 0.5);
}

/* Pixels around a fiber at a wavelength, or along all rows when rows is 0, become unusable. */
static void mask_pixels(struct exposure *exposure, size_t spec, double wave, size_t columns, size_t rows)
{
    size_t first = column_of(exposure, spec) - columns / 2;
    size_t row_min = (size_t)legendre_value(&exposure->psf.y, spec, wave);

    if (rows == 0) {
        row_min = 0;
        rows = exposure->image.ny;
    }
    for (size_t row = row_min; row < row_min + rows && row < exposure->image.ny; row++) {
        memset(exposure->image.ivar + row * exposure->image.nx + first, 0, columns * sizeof(float));
    }
}

static struct frame extract(const struct exposure *exposure, enum solver solver, double regularize,
                            struct timing *timing)
{
    struct extract_options options = {.plan = {.wave_min = exposure->wave_min,
                                               .wave_max = exposure->wave_min + 0.8 * (NWAVE - 1),
                                               .wave_step = 0.8,
                                               .nspec = NSPEC,
                                               .bundlesize = 25,
                                               .nsubbundles = 5,
                                               .nwavestep = 50,
                                               .wavepad = 12,
                                               .pixpad_frac = 0.8},
                                      .regularize = regularize,
                                      .psferr = 0.01,
                                      .solver = solver,
                                      .linalg = linalg_find("lapack")};
    struct log log = {.level = LOG_ERROR};
    struct progress progress;
    struct frame frame;
    struct error error;

    progress_init(&progress, "never");
    *timing = (struct timing){.threads = 1};
    assert_int_equal(
        extract_frame(&exposure->image, &exposure->psf, &options, &log, &progress, &frame, timing, &error),
        STATUS_OK);
    assert_int_equal(frame.nwave, NWAVE);
    return frame;
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

/* The promise: 1e-6 sigma, 1e-5 beside dead pixels. Returns the number of patches left to the dense.
 */
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

        simulate(&exposure, cases[i].camera, cases[i].wave_min);
        printf("%c %g: %zu\n", cases[i].camera, cases[i].wave_min, assert_solvers_agree(&exposure, 0));
        drop(&exposure);
    }
}

static void masked_pixels_agree(void **state)
{
    struct exposure exposure;

    (void)state;
    simulate(&exposure, 'r', 6500);
    mask_pixels(&exposure, 2, 6540, 1, 0);    /* a column through a fiber's trace */
    mask_pixels(&exposure, 8, 6540, 17, 0);   /* a fiber without a usable pixel */
    mask_pixels(&exposure, 15, 6540, 30, 35); /* a dead block */
    mask_pixels(&exposure, 22, 6590, 3, 2);   /* a cosmic ray */
    mask_pixels(&exposure, 22, 6560, 40, 1);  /* a dead row */
    assert_solvers_agree(&exposure, 0);
    drop(&exposure);
}

static void regularised_frames_agree(void **state)
{
    static const double regularize[] = {1e-4, 1e-2, 1};
    struct exposure exposure;

    (void)state;
    simulate(&exposure, 'r', 7000);
    mask_pixels(&exposure, 15, 7040, 30, 35);
    for (int i = 0; i < 3; i++) assert_solvers_agree(&exposure, regularize[i]);
    drop(&exposure);
}

/* Twice as wide along the wavelength: S_s falls off so slowly that its band is cut where it still matters. */
static void ill_conditioned_patches_go_to_the_dense_solver(void **state)
{
    struct exposure exposure;

    (void)state;
    simulate(&exposure, 'r', 6500);
    for (size_t s = 5; s < 10; s++) exposure.psf.sigmay.coef[s * exposure.psf.sigmay.ncoef] *= 1.7;
    for (size_t s = 5; s < 10; s++) exposure.psf.sigmax.coef[s * exposure.psf.sigmax.ncoef] *= 2.5;
    assert_true(assert_solvers_agree(&exposure, 0) >= 3); /* its own subbundle, at least */
    drop(&exposure);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cameras_agree),
        cmocka_unit_test(masked_pixels_agree),
        cmocka_unit_test(regularised_frames_agree),
        cmocka_unit_test(ill_conditioned_patches_go_to_the_dense_solver),
    };

    return cmocka_run_group_tests_name("solvers", tests, NULL, NULL);
}
