/* A bundle solved as one system, against the dense solver of ever longer patches. */
#include <omp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "exposure.h"
#include "near.h"
#include "omp/spots.h"
#include "simulate/simulation.h"
#include "simulate/synthetic_psf.h"

enum { NSPEC = 12, NWAVE = 160 };

static const double wave_min = 6500, wave_step = 0.8;

static struct psf psf;
static struct preproc image;
static struct truth truth;

static int simulate(void **state)
{
    struct simulation simulation = {.nspec = NSPEC, .seed = 8, .readnoise = 3, .noise = true};
    struct error error;
    double *expected = NULL;
    int32_t *mask = NULL;
    bool good;

    (void)state;
    good = synthetic_psf('r', NSPEC, false, &psf, &error) == STATUS_OK;
    if (good) {
        expected = calloc(psf.nx * psf.ny, sizeof *expected);
        mask = calloc(psf.nx * psf.ny, sizeof *mask);
        simulation_set_grid(&simulation, &psf, wave_min, wave_min + wave_step * (NWAVE - 1), wave_step);
    }
    good = good && expected && mask && simulate_spectra(&simulation, &truth, &error) == STATUS_OK;
    for (size_t w = 0; good && w < truth.nwave; w++)
        truth.flux[5 * truth.nwave + w] += 2e4; /* a bright star */
    good = good && simulate_light(&psf, &truth, expected, &error) == STATUS_OK &&
           simulate_detector(&psf, &simulation, expected, &image, mask, &error) == STATUS_OK;
    for (size_t i = 0; good && i < psf.nx * psf.ny; i++) image.ivar[i] = mask[i] ? 0 : image.ivar[i];
    free(expected);
    free(mask);
    return good ? 0 : -1;
}

static int drop(void **state)
{
    (void)state;
    psf_free(&psf);
    preproc_free(&image);
    truth_free(&truth);
    return 0;
}

/* nwavestep 0: the whole bundle. All rows that the padding touches are used, as the whole bundle does. */
static struct frame extract(size_t nwavestep, size_t specmin, size_t nspec, struct timing *timing)
{
    struct extract_options options =
        options_of_gpu_specter(wave_min, wave_min + wave_step * (NWAVE - 1), nspec);

    options.plan.spectra.first = specmin;
    options.plan.bundlesize = NSPEC;
    options.plan.nsubbundles = 1;
    options.plan.nwavestep = nwavestep ? nwavestep : 40;
    options.plan.whole_bundles = nwavestep == 0;
    options.plan.pixpad_frac = 1;
    options.solver = nwavestep == 0 ? SOLVER_BANDED : SOLVER_DENSE;
    return extract_or_fail(&image, &psf, &options, timing);
}

/* Bins that have lost nearly all their light hang on the prior, which is a patch's own, and local in a
 * bundle. */
static bool has_light(const struct frame *frame, size_t bin)
{
    return frame->pixmask_fraction[bin] < 0.9;
}

static double largest_difference(const struct frame *a, const struct frame *b)
{
    double largest = 0;

    for (size_t i = 0; i < a->nspec * a->nwave; i++) {
        double difference = fabs(a->flux[i] - b->flux[i]) * sqrt(b->ivar[i]);

        if (has_light(a, i)) largest = isnan(difference) ? INFINITY : fmax(largest, difference);
    }
    return largest;
}

/* R[row][column] of the rows that have light. */
static void compare_resolution(const struct frame *a, const struct frame *b)
{
    size_t half = a->ndiag / 2;

    for (size_t i = 0; i < a->nspec * a->ndiag * a->nwave; i++) {
        size_t spec = i / (a->ndiag * a->nwave), column = i % a->nwave;
        size_t row = column + i / a->nwave % a->ndiag - half; /* wraps below 0: not in R */

        if (row >= a->nwave || !has_light(a, spec * a->nwave + row)) continue;
        assert_near((double)a->resolution[i], (double)b->resolution[i], 1e-5);
    }
}

static void dense_patches_approach_it_as_they_grow(void **state)
{
    static const size_t steps[] = {10, 40, 80, NWAVE};
    struct timing timing;
    struct frame whole = extract(0, 0, NSPEC, &timing);
    double before = INFINITY;

    (void)state;
    assert_int_equal(timing.ndense, 0);
    for (int i = 0; i < 4; i++) {
        struct frame dense = extract(steps[i], 0, NSPEC, &timing);
        double difference = largest_difference(&whole, &dense);

        assert_true(difference <= before);
        before = difference;
        if (steps[i] == NWAVE) { /* the same system: no seams left */
            assert_near(difference, 0, 1e-5);
            for (size_t k = 0; k < NSPEC * NWAVE; k++) {
                if (!has_light(&whole, k)) continue;
                /* beside bins that have none, OpenBLAS's kernels for other processors differ by 1e-6 */
                assert_near(whole.ivar[k], dense.ivar[k], 3e-6 * dense.ivar[k]);
                /* its pixels are shared with bins that have no light */
                assert_near(whole.chi2pix[k], dense.chi2pix[k], 0.01 * dense.chi2pix[k]);
            }
            compare_resolution(&whole, &dense);
        } else {
            assert_true(difference > 1e-5); /* seams */
        }
        frame_free(&dense);
    }
    frame_free(&whole);
}

static void it_depends_neither_on_threads_nor_on_the_selection(void **state)
{
    struct timing timing;
    int threads = omp_get_max_threads();
    struct frame frame[2], part;

    (void)state;
    for (int i = 0; i < 2; i++) {
        omp_set_num_threads(1 + 2 * i);
        frame[i] = extract(0, 0, NSPEC, &timing);
    }
    omp_set_num_threads(threads);
    part = extract(0, 7, 3, &timing);
    assert_memory_equal(frame[0].flux, frame[1].flux, NSPEC * NWAVE * sizeof(double));
    assert_memory_equal(frame[0].ivar, frame[1].ivar, NSPEC * NWAVE * sizeof(double));
    assert_memory_equal(frame[0].resolution, frame[1].resolution, NSPEC * NWAVE * 11 * sizeof(float));
    assert_memory_equal(frame[0].flux + 7 * NWAVE, part.flux, 3 * NWAVE * sizeof(double));
    assert_memory_equal(frame[0].ivar + 7 * NWAVE, part.ivar, 3 * NWAVE * sizeof(double));
    frame_free(&frame[0]);
    frame_free(&frame[1]);
    frame_free(&part);
}

static void dead_pixels_are_no_obstacle(void **state)
{
    size_t column = (size_t)legendre_value(&psf.x, 6, 6560), row = (size_t)legendre_value(&psf.y, 6, 6560);
    struct timing timing;
    struct frame whole, dense;
    size_t nempty = 0;

    (void)state;
    for (size_t r = row; r < row + 30; r++) { /* the last test: it spoils the image */
        memset(image.ivar + r * image.nx + column - 15, 0, 30 * sizeof(float));
    }
    whole = extract(0, 0, NSPEC, &timing);
    dense = extract(NWAVE, 0, NSPEC, &timing);
    for (size_t i = 0; i < NSPEC * NWAVE; i++) {
        double sigma = sqrt(dense.ivar[i]);

        assert_int_equal(whole.mask[i], dense.mask[i]);
        assert_true((whole.ivar[i] == 0) == (dense.ivar[i] == 0));
        nempty += dense.ivar[i] == 0;
        assert_near(whole.flux[i] * sigma, dense.flux[i] * sigma,
                    0.02); /* patches that go to the dense have seams */
    }
    assert_true(nempty > 10);
    frame_free(&whole);
    frame_free(&dense);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dense_patches_approach_it_as_they_grow),
        cmocka_unit_test(it_depends_neither_on_threads_nor_on_the_selection),
        cmocka_unit_test(dead_pixels_are_no_obstacle),
    };

    return cmocka_run_group_tests_name("bundle_solver", tests, simulate, drop);
}
