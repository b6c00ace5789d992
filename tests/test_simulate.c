/* Synthetic PSFs and simulated images, on a corner of a CCD with one bundle of fibers. */
#include <math.h>
#include <omp.h>
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
#include "near.h"
#include "omp/spots.h"
#include "simulate/simulation.h"
#include "simulate/synthetic_psf.h"

enum { FIBERS = 25, COLUMNS = 400, ROWS = 900 };

/* All that a simulation yields. */
struct simulated {
    struct truth truth;
    double *expected;
    struct preproc preproc;
    int32_t *mask;
};

static void small_psf(struct psf *psf)
{
    struct error error;

    assert_int_equal(synthetic_psf('r', FIBERS, false, psf, &error), STATUS_OK);
    psf->nx = COLUMNS; /* the corner where these fibers have 5720 ... 6050 Angstrom */
    psf->ny = ROWS;
}

static struct simulation small_simulation(const struct psf *psf)
{
    struct simulation simulation = {.nspec = FIBERS, .seed = 1, .readnoise = 3, .noise = true};

    simulation_set_grid(&simulation, psf, 5780, 6000, 0.8);
    return simulation;
}

static void expose(const struct psf *psf, const struct simulation *simulation, struct simulated *exposure)
{
    struct error error;

    exposure->expected = memory_zeroed(psf->nx * psf->ny, sizeof(double));
    exposure->mask = memory_zeroed(psf->nx * psf->ny, sizeof(int32_t));
    assert_non_null(exposure->expected);
    assert_non_null(exposure->mask);
    assert_int_equal(simulate_spectra(simulation, &exposure->truth, &error), STATUS_OK);
    assert_int_equal(simulate_light(psf, &exposure->truth, exposure->expected, &error), STATUS_OK);
    assert_int_equal(
        simulate_detector(psf, simulation, exposure->expected, &exposure->preproc, exposure->mask, &error),
        STATUS_OK);
}

static void simulated_free(struct simulated *exposure)
{
    truth_free(&exposure->truth);
    preproc_free(&exposure->preproc);
    free(exposure->expected);
    free(exposure->mask);
}

static void check_traces(const struct psf *psf, double first, double last, bool off_the_top)
{
    size_t off = 0;

    for (size_t s = 0; s < psf->nspec; s++) {
        double before = -INFINITY;

        for (double wave = first; wave <= last; wave += 8) {
            double x = legendre_value(&psf->x, s, wave), y = legendre_value(&psf->y, s, wave);

            assert_true(y > before);
            before = y;
            assert_true(x > 8 && x < (double)psf->nx - 9);
            assert_true(y > 5);
            if (!off_the_top) assert_true(y < (double)psf->ny - 6);
            if (s > 0) {
                double pitch = x - legendre_value(&psf->x, s - 1, wave);

                assert_true(pitch > (s % SYNTHETIC_BUNDLE_FIBERS == 0 ? 16 : 7));
                assert_true(pitch < (s % SYNTHETIC_BUNDLE_FIBERS == 0 ? 19 : 7.6));
            }
        }
        off += legendre_value(&psf->y, s, last) > (double)psf->ny;
    }
    if (off_the_top) assert_true(off > 0 && off < psf->nspec);
}

static void check_spots(const struct psf *psf, double first, double last)
{
    struct spots spots;
    struct error error;
    size_t nwave = 40, npix;

    assert_int_equal(spots_alloc(&spots, psf, psf->nspec, nwave, &error), STATUS_OK);
    npix = spots.nx * spots.ny;
    spots_evaluate(&spots, 0, psf->nspec, first, (last - first) / (double)(nwave - 1), nwave);
    for (size_t k = 0; k < psf->nspec * nwave; k++) {
        double sum = 0, largest = 0;

        for (size_t p = 0; p < npix; p++) {
            assert_true(spots.value[k * npix + p] >= 0);
            sum += spots.value[k * npix + p];
            largest = fmax(largest, spots.value[k * npix + p]);
        }
        assert_near(sum, 1, 1e-12);
        assert_true(largest > 0.05 && largest < 0.25); /* the real PSF's: 0.09 to 0.15 */
    }
    spots_free(&spots);
}

static void test_synthetic_psfs_look_like_desi(void **state)
{
    static const struct {
        char camera;
        double first, last;
    } cases[] = {{'b', 3600, 5800}, {'r', 5760, 7620}, {'z', 7520, 9824}};

    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        struct psf psf;
        struct error error;

        assert_int_equal(synthetic_psf(cases[k].camera, SYNTHETIC_FIBERS, k == 1, &psf, &error), STATUS_OK);
        check_traces(&psf, cases[k].first, cases[k].last, cases[k].camera == 'z');
        check_spots(&psf, cases[k].first, cases[k].last);
        psf_free(&psf);
    }
}

static void test_tails_hold_a_thousandth(void **state)
{
    struct psf psf[2];
    struct spots spots[2];
    struct error error;
    double moved = 0;

    (void)state;
    for (size_t k = 0; k < 2; k++) {
        assert_int_equal(synthetic_psf('r', 1, k == 1, &psf[k], &error), STATUS_OK);
        assert_int_equal(psf[k].has_tail, k == 1);
        assert_int_equal(spots_alloc(&spots[k], &psf[k], 1, 1, &error), STATUS_OK);
        spots_evaluate(&spots[k], 0, 1, 6500, 0.8, 1);
    }
    for (size_t p = 0; p < spots[0].nx * spots[0].ny; p++) {
        moved += 0.5 * fabs(spots[1].value[p] - spots[0].value[p]);
    }
    assert_true(moved > 5e-4 && moved < 2e-3);
    for (size_t k = 0; k < 2; k++) {
        spots_free(&spots[k]);
        psf_free(&psf[k]);
    }
}

static void test_wrong_psf_options(void **state)
{
    struct psf psf;
    struct error error;

    (void)state;
    assert_int_equal(synthetic_psf('x', 500, false, &psf, &error), STATUS_USAGE);
    assert_string_equal(error.text, "--camera x: expected b, r or z");
    assert_int_equal(synthetic_psf('r', 0, false, &psf, &error), STATUS_USAGE);
    assert_int_equal(synthetic_psf('r', 501, false, &psf, &error), STATUS_USAGE);
    assert_string_equal(error.text, "--nspec 501: expected 1 to 500 fibers");
}

static void test_grids(void **state)
{
    struct psf psf;
    struct simulation simulation = {.nspec = 1};
    struct error error;
    double first, last, step;

    (void)state;
    assert_int_equal(synthetic_psf('z', 25, false, &psf, &error), STATUS_OK);
    assert_int_equal(simulation_default_grid(&psf, &first, &last, &step, &error), STATUS_OK);
    assert_true(first == 7520 && last == 9824 && step == 0.8);
    simulation_set_grid(&simulation, &psf, first, last, step);
    assert_int_equal(simulation.nwave, 2881 + 50 + 50);
    assert_near(simulation.wave_min, 7480, 1e-9);

    psf.camera[0] = '\0'; /* what all fibers have on the CCD */
    assert_int_equal(simulation_default_grid(&psf, &first, &last, &step, &error), STATUS_OK);
    for (size_t s = 0; s < psf.nspec; s++) {
        assert_true(legendre_value(&psf.y, s, first) > -0.5);
        assert_true(legendre_value(&psf.y, s, last) < (double)psf.ny - 0.5);
    }
    assert_true(first < 7520 && last > 9800);

    simulation_set_grid(&simulation, &psf, 7410, 7500, 1); /* 3 Angstrom above the PSF's first */
    assert_int_equal(simulation.nwave, 3 + 91 + 40);
    psf_free(&psf);
}

static void test_light_is_kept(void **state)
{
    struct psf psf;
    struct simulation simulation;
    struct simulated exposure;
    double in = 0, out = 0;

    (void)state;
    small_psf(&psf);
    simulation = small_simulation(&psf);
    expose(&psf, &simulation, &exposure);
    for (size_t i = 0; i < exposure.truth.nspec * exposure.truth.nwave; i++)
        in += exposure.truth.flux[i] * 0.8;
    for (size_t i = 0; i < COLUMNS * ROWS; i++) out += exposure.expected[i];
    assert_true(in > 1e6);
    assert_near(out / in, 1, 1e-6);
    simulated_free(&exposure);
    psf_free(&psf);
}

static void test_light_off_the_ccd_is_lost(void **state)
{
    struct psf psf;
    struct simulation simulation;
    struct simulated whole, cut;

    (void)state;
    small_psf(&psf);
    simulation = small_simulation(&psf);
    expose(&psf, &simulation, &whole);
    psf.nx = 200; /* through the bundle */
    psf.ny = 500;
    expose(&psf, &simulation, &cut);
    for (size_t row = 0; row < psf.ny; row++) {
        assert_memory_equal(cut.expected + row * psf.nx, whole.expected + row * COLUMNS,
                            psf.nx * sizeof(double));
    }
    simulated_free(&whole);
    simulated_free(&cut);
    psf_free(&psf);
}

static void test_same_seed_same_image(void **state)
{
    static const struct {
        unsigned long seed;
        int threads;
        bool same;
    } cases[] = {{1, 1, true}, {1, 2, true}, {2, 2, false}};
    struct psf psf;
    struct simulation simulation;
    struct simulated first, other;
    int threads = omp_get_max_threads();

    (void)state;
    small_psf(&psf);
    simulation = small_simulation(&psf);
    omp_set_num_threads(2);
    expose(&psf, &simulation, &first);
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        bool same;

        simulation.seed = cases[k].seed;
        omp_set_num_threads(cases[k].threads);
        expose(&psf, &simulation, &other);
        same = memcmp(first.preproc.image, other.preproc.image, COLUMNS * ROWS * sizeof(float)) == 0 &&
               memcmp(first.preproc.ivar, other.preproc.ivar, COLUMNS * ROWS * sizeof(float)) == 0 &&
               memcmp(first.mask, other.mask, COLUMNS * ROWS * sizeof(int32_t)) == 0 &&
               memcmp(first.truth.flux, other.truth.flux, FIBERS * first.truth.nwave * sizeof(double)) == 0;
        assert_int_equal(same, cases[k].same);
        simulated_free(&other);
    }
    omp_set_num_threads(threads);
    simulated_free(&first);
    psf_free(&psf);
}

static void test_ivar_is_that_of_the_noise(void **state)
{
    struct psf psf;
    struct simulation simulation;
    struct simulated exposure;
    double sum[2] = {0}, sum2[2] = {0}, n[2] = {0};

    (void)state;
    small_psf(&psf);
    simulation = small_simulation(&psf);
    expose(&psf, &simulation, &exposure);
    for (size_t i = 0; i < COLUMNS * ROWS; i++) {
        size_t half = i % COLUMNS >= COLUMNS / 2; /* the amplifiers differ */
        double pull = (exposure.preproc.image[i] - exposure.expected[i]) * sqrt(exposure.preproc.ivar[i]);

        if (exposure.mask[i]) continue;
        n[half]++;
        sum[half] += pull;
        sum2[half] += pull * pull;
    }
    for (size_t half = 0; half < 2; half++) {
        assert_true(n[half] > 0.95 * COLUMNS * ROWS / 2);
        assert_near(sum[half] / n[half], 0, 5 / sqrt(n[half]));
        assert_near(sqrt(sum2[half] / n[half]), 1, 5 / sqrt(2 * n[half]));
    }
    simulated_free(&exposure);
    psf_free(&psf);
}

static void test_without_noise(void **state)
{
    struct psf psf;
    struct simulation simulation;
    struct simulated exposure;

    (void)state;
    small_psf(&psf);
    simulation = small_simulation(&psf);
    simulation.noise = false;
    expose(&psf, &simulation, &exposure);
    for (size_t i = 0; i < COLUMNS * ROWS; i++) {
        if (exposure.mask[i] == 0) assert_true(exposure.preproc.image[i] == (float)exposure.expected[i]);
    }
    simulated_free(&exposure);
    psf_free(&psf);
}

static void test_every_kind_of_defect(void **state)
{
    static const int32_t bits[] = {CCDMASK_BAD, CCDMASK_HOT, CCDMASK_DEAD, CCDMASK_SATURATED, CCDMASK_COSMIC};
    size_t count[sizeof bits / sizeof bits[0]] = {0}, useless = 0;
    struct psf psf;
    struct simulation simulation;
    struct simulated exposure;

    (void)state;
    small_psf(&psf);
    simulation = small_simulation(&psf);
    expose(&psf, &simulation, &exposure);
    for (size_t i = 0; i < COLUMNS * ROWS; i++) {
        for (size_t k = 0; k < sizeof bits / sizeof bits[0]; k++)
            count[k] += (exposure.mask[i] & bits[k]) != 0;
        if (exposure.preproc.ivar[i] == 0) {
            useless++;
            assert_true(exposure.mask[i] & CCDMASK_DEAD);
        }
        assert_true(isfinite(exposure.preproc.image[i]) && isfinite(exposure.preproc.ivar[i]));
    }
    for (size_t k = 0; k < sizeof bits / sizeof bits[0]; k++) assert_true(count[k] > 0);
    assert_int_equal(useless, 30 * 35);
    assert_true(count[0] >= ROWS / 2); /* the column */
    simulated_free(&exposure);
    psf_free(&psf);
}

static uint64_t big_endian(const unsigned char *bytes, size_t count)
{
    uint64_t value = 0;

    for (size_t k = 0; k < count; k++) value = value << 8 | bytes[k];
    return value;
}

/* The row's columns: TARGETID K, PETAL_LOC I, DEVICE_LOC J, FIBER J, FIBERSTATUS J, OBJTYPE 3A */
static void test_fibermap_and_dead_fiber(void **state)
{
    struct psf psf;
    struct simulation simulation;
    struct simulated exposure;
    struct table fibermap;
    struct error error;
    size_t dead = 0, sky = 0;

    (void)state;
    small_psf(&psf);
    strcpy(psf.camera, "r3");
    simulation = small_simulation(&psf);
    expose(&psf, &simulation, &exposure);
    assert_int_equal(simulate_fibermap(&psf, &simulation, &fibermap, &error), STATUS_OK);
    assert_int_equal(fibermap.nrows, FIBERS);
    assert_int_equal(fibermap.row_bytes, 25);
    for (size_t s = 0; s < FIBERS; s++) {
        const unsigned char *row = fibermap.rows + s * fibermap.row_bytes;
        double light = 0;

        for (size_t w = 0; w < exposure.truth.nwave; w++) {
            light += exposure.truth.flux[s * exposure.truth.nwave + w];
        }
        assert_int_equal(big_endian(row + 8, 2), 3);
        assert_int_equal(big_endian(row + 14, 4), 1500 + s);
        assert_int_equal(big_endian(row + 18, 4), light == 0 ? FIBERSTATUS_BADFIBER : 0);
        dead += light == 0;
        sky += memcmp(row + 22, "SKY", 3) == 0;
    }
    assert_int_equal(dead, 1);
    assert_int_equal(sky, 4);
    for (size_t k = 0; k < CARD_SIZE * fibermap.header.count; k++)
        assert_true(fibermap.header.text[k] >= ' ');
    assert_memory_equal(fibermap.header.text, "XTENSION= 'BINTABLE'", 20);
    table_free(&fibermap);
    simulated_free(&exposure);
    psf_free(&psf);
}

static void test_some_fibers_only(void **state)
{
    struct psf psf;
    struct simulation simulation;
    struct simulated all, some;

    (void)state;
    small_psf(&psf);
    simulation = small_simulation(&psf);
    expose(&psf, &simulation, &all);
    simulation.specmin = 3; /* too few for a dead one among them */
    simulation.nspec = 4;
    assert_int_equal(simulation_dead_fiber(&simulation), SIMULATION_NO_FIBER);
    expose(&psf, &simulation, &some);
    assert_int_equal(some.truth.spectrum[0], 3);
    /* a fiber's spectrum does not depend on which others are simulated */
    assert_memory_equal(some.truth.flux, all.truth.flux + 3 * all.truth.nwave,
                        4 * some.truth.nwave * sizeof(double));
    assert_true(some.expected[450 * COLUMNS + 350] == 0);
    assert_near(some.preproc.ivar[450 * COLUMNS + 350], 1 / (3.15 * 3.15), 1e-6);
    simulated_free(&all);
    simulated_free(&some);
    psf_free(&psf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_synthetic_psfs_look_like_desi),
        cmocka_unit_test(test_tails_hold_a_thousandth),
        cmocka_unit_test(test_wrong_psf_options),
        cmocka_unit_test(test_grids),
        cmocka_unit_test(test_light_is_kept),
        cmocka_unit_test(test_light_off_the_ccd_is_lost),
        cmocka_unit_test(test_same_seed_same_image),
        cmocka_unit_test(test_ivar_is_that_of_the_noise),
        cmocka_unit_test(test_without_noise),
        cmocka_unit_test(test_every_kind_of_defect),
        cmocka_unit_test(test_fibermap_and_dead_fiber),
        cmocka_unit_test(test_some_fibers_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
