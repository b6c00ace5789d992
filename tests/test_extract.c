/* The extraction as a whole, from arrays to arrays: the edges, the failures, the same bits. */
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

enum { NSPEC = 25 };

static struct psf psf;       /* camera z: its red end runs off the CCD */
static struct preproc image; /* light on 9600-9824 Angstrom */

static int simulate_image(void **state)
{
    struct simulation simulation = {.nspec = NSPEC, .seed = 3, .readnoise = 3, .noise = true};
    struct truth truth = {0};
    struct error error;
    double *expected = NULL;
    int32_t *mask = NULL;
    int failed = 1;

    (void)state;
    if (synthetic_psf('z', NSPEC, false, &psf, &error) != STATUS_OK) return -1;
    expected = calloc(psf.nx * psf.ny, sizeof *expected);
    mask = calloc(psf.nx * psf.ny, sizeof *mask);
    simulation_set_grid(&simulation, &psf, 9600, 9824, 0.8);
    failed = !expected || !mask || simulate_spectra(&simulation, &truth, &error) != STATUS_OK ||
             simulate_light(&psf, &truth, expected, &error) != STATUS_OK ||
             simulate_detector(&psf, &simulation, expected, &image, mask, &error) != STATUS_OK;
    for (size_t i = 0; !failed && i < psf.nx * psf.ny; i++) image.ivar[i] = mask[i] ? 0 : image.ivar[i];
    free(expected);
    free(mask);
    truth_free(&truth);
    return -failed;
}

static int drop_image(void **state)
{
    (void)state;
    psf_free(&psf);
    preproc_free(&image);
    return 0;
}

/* What holds for every frame, whatever went in. */
static void assert_sound(const struct frame *frame)
{
    size_t half = frame->ndiag / 2;

    for (size_t i = 0; i < frame->nspec * frame->nwave; i++) {
        assert_true(isfinite(frame->flux[i]) && isfinite(frame->ivar[i]) && isfinite(frame->chi2pix[i]));
        assert_true(frame->ivar[i] >= 0);
        if (frame->ivar[i] > 0) continue;
        assert_true(frame->flux[i] == 0);
        assert_true(frame->mask[i] != 0);
        for (size_t k = 0; k < frame->ndiag; k++) { /* the identity's row */
            size_t spec = i / frame->nwave, row = i % frame->nwave, column = row + half - k;

            if (row + half < k || column >= frame->nwave) continue;
            assert_true(frame->resolution[(spec * frame->ndiag + k) * frame->nwave + column] ==
                        (k == half ? 1.0f : 0.0f));
        }
    }
    for (size_t i = 0; i < frame->nspec * frame->ndiag * frame->nwave; i++) {
        assert_true(isfinite(frame->resolution[i]));
    }
}

static void assert_same_bits(const struct frame *a, const struct frame *b, size_t row)
{
    size_t n = b->nspec * b->nwave;

    assert_memory_equal(a->flux + row * a->nwave, b->flux, n * sizeof(double));
    assert_memory_equal(a->ivar + row * a->nwave, b->ivar, n * sizeof(double));
    assert_memory_equal(a->pixmask_fraction + row * a->nwave, b->pixmask_fraction, n * sizeof(double));
    assert_memory_equal(a->chi2pix + row * a->nwave, b->chi2pix, n * sizeof(double));
    assert_memory_equal(a->resolution + row * a->ndiag * a->nwave, b->resolution,
                        n * a->ndiag * sizeof(float));
}

static void threads_do_not_change_a_bit(void **state)
{
    struct extract_options options = options_of_gpu_specter(9600, 9700, NSPEC);
    struct frame frame[3];
    struct timing timing;
    int before = omp_get_max_threads();

    (void)state;
    options.model = true;
    for (int i = 0; i < 3; i++) {
        omp_set_num_threads(1 + 2 * i);
        frame[i] = extract_or_fail(&image, &psf, &options, &timing);
    }
    omp_set_num_threads(before);
    for (int i = 1; i < 3; i++) {
        assert_same_bits(&frame[0], &frame[i], 0);
        assert_memory_equal(frame[0].mask, frame[i].mask, NSPEC * frame[0].nwave * sizeof(uint32_t));
        assert_memory_equal(frame[0].model, frame[i].model, image.nx * image.ny * sizeof(double));
    }
    for (int i = 0; i < 3; i++) frame_free(&frame[i]);
}

static void a_spectrum_does_not_depend_on_the_selection(void **state)
{
    struct extract_options options = options_of_gpu_specter(9600, 9700, NSPEC);
    struct timing timing;
    struct frame all = extract_or_fail(&image, &psf, &options, &timing), part;

    (void)state;
    options.plan.spectra.first = 8;
    options.plan.spectra.count = 5;
    part = extract_or_fail(&image, &psf, &options, &timing);
    assert_int_equal(part.nspec, 5);
    assert_int_equal(part.specmin, 8);
    assert_same_bits(&all, &part, 8);
    frame_free(&all);
    frame_free(&part);
}

/* Spots sum to 1, so the model holds all the light of the kept bins, and no other: none of the padding's. */
static void model_holds_the_light_of_the_kept_bins(void **state)
{
    struct extract_options options = options_of_gpu_specter(9620, 9700, NSPEC);
    struct timing timing;
    struct frame frame;
    double light = 0, model = 0, outside = 0;

    (void)state;
    options.model = true;
    options.plan.spectra.first = 3;
    options.plan.spectra.count = 12;
    frame = extract_or_fail(&image, &psf, &options, &timing);
    for (size_t i = 0; i < frame.nspec * frame.nwave; i++) light += frame.flux[i] * frame.wave_step;
    for (size_t i = 0; i < image.nx * image.ny; i++) {
        double column = (double)(i % image.nx),
               half = (double)psf.hsizex + 3; /* traces bend by a pixel or two */

        model += frame.model[i];
        if (column < legendre_value(&psf.x, 3, 9660) - half ||
            column > legendre_value(&psf.x, 14, 9660) + half) {
            outside += fabs(frame.model[i]);
        }
    }
    assert_true(light > 1e4);
    assert_near(model, light, 1e-9 * light);
    assert_true(outside == 0);
    frame_free(&frame);
}

static void bins_off_the_ccd_are_empty_and_say_so(void **state)
{
    struct extract_options options = options_of_gpu_specter(9700, 9824, NSPEC);
    struct timing timing;
    struct frame frame;
    size_t off = 0, partly = 0, on = 0;

    (void)state;
    psf.ny -= 100; /* now every fiber's last wavelengths run off the top */
    image.ny -= 100;
    frame = extract_or_fail(&image, &psf, &options, &timing);
    assert_sound(&frame);
    for (size_t s = 0; s < NSPEC; s++) {
        for (size_t w = 0; w < frame.nwave; w++) {
            double y = legendre_value(&psf.y, s, frame.wave[w]), height = (double)psf.ny - 0.5;
            size_t i = s * frame.nwave + w;

            if (y > height + 6) {
                assert_true(frame.ivar[i] == 0);
                assert_true(frame.mask[i] & SPECMASK_NODATA);
                assert_true(frame.mask[i] & SPECMASK_ALLBADPIX);
                assert_near(frame.pixmask_fraction[i], 1, 1e-6);
                off++;
            } else if (y > height - 1 && y < height + 1 && frame.ivar[i] > 0) {
                assert_in_range((unsigned)(100 * frame.pixmask_fraction[i]), 10, 95);
                partly++;
            } else if (y < height - 6 && frame.pixmask_fraction[i] < 0.3) {
                assert_true(frame.ivar[i] > 0);
                assert_false(frame.mask[i] & SPECMASK_NODATA);
                on++;
            }
        }
    }
    assert_true(off > 100);
    assert_true(partly > 5);
    assert_true(on > 1000);
    psf.ny += 100;
    image.ny += 100;
    frame_free(&frame);
}

static void masked_fiber_and_image_give_empty_bins(void **state)
{
    struct extract_options options = options_of_gpu_specter(9620, 9700, NSPEC);
    struct preproc dark = image;
    struct timing timing;
    struct frame frame;

    (void)state;
    dark.ivar = calloc(image.nx * image.ny, sizeof(float));
    assert_non_null(dark.ivar);
    frame = extract_or_fail(&dark, &psf, &options, &timing);
    assert_sound(&frame);
    for (size_t i = 0; i < NSPEC * frame.nwave; i++) {
        assert_true(frame.ivar[i] == 0);
        assert_int_equal(frame.mask[i], SPECMASK_SOMEBADPIX | SPECMASK_ALLBADPIX);
    }
    frame_free(&frame);

    memcpy(dark.ivar, image.ivar, image.nx * image.ny * sizeof(float));
    for (size_t row = 0; row < image.ny; row++) { /* all columns of fiber 7's spots */
        size_t column = (size_t)legendre_value(&psf.x, 7, 9660);

        for (size_t c = column - 12; c <= column + 12; c++) dark.ivar[row * image.nx + c] = 0;
    }
    frame = extract_or_fail(&dark, &psf, &options, &timing);
    assert_sound(&frame);
    for (size_t w = 0; w < frame.nwave; w++) {
        assert_true(frame.ivar[7 * frame.nwave + w] == 0);
        assert_true(frame.mask[7 * frame.nwave + w] & SPECMASK_ALLBADPIX);
        assert_true(frame.ivar[4 * frame.nwave + w] > 0);
    }
    frame_free(&frame);
    free(dark.ivar);
}

static void copy_fiber(struct legendre *series, size_t from, size_t to)
{
    memcpy(series->coef + to * series->ncoef, series->coef + from * series->ncoef,
           series->ncoef * sizeof(double));
}

/* Two fibers with the same spots cannot be told apart: their patches are singular, the others are not.
 * The last test: it spoils the PSF. */
static void singular_patch_is_regularised_alone(void **state)
{
    struct extract_options options = options_of_gpu_specter(9620, 9700, NSPEC);
    struct timing timing;
    struct frame before = extract_or_fail(&image, &psf, &options, &timing), after;

    (void)state;
    assert_int_equal(timing.nregularised + timing.nunsolved, 0);
    copy_fiber(&psf.x, 11, 12);
    copy_fiber(&psf.y, 11, 12);
    copy_fiber(&psf.sigmax, 11, 12);
    copy_fiber(&psf.sigmay, 11, 12);
    for (size_t k = 0; k < (psf.degx + 1) * (psf.degy + 1); k++) copy_fiber(&psf.gh[k], 11, 12);
    after = extract_or_fail(&image, &psf, &options, &timing);
    assert_sound(&after);
    assert_true(timing.nregularised > 0);
    assert_int_equal(timing.nunsolved, 0);
    for (size_t w = 0; w < after.nwave; w++) {
        assert_true(after.mask[11 * after.nwave + w] & SPECMASK_BAD2DFIT);
        assert_true(after.mask[12 * after.nwave + w] & SPECMASK_BAD2DFIT);
    }
    /* subbundles 0-4 and 20-24 do not see fibers 11 and 12, not even as neighbours */
    assert_memory_equal(after.flux, before.flux, 5 * after.nwave * sizeof(double));
    assert_memory_equal(after.ivar + 20 * after.nwave, before.ivar + 20 * after.nwave,
                        5 * after.nwave * sizeof(double));
    frame_free(&before);
    frame_free(&after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_do_not_change_a_bit),
        cmocka_unit_test(a_spectrum_does_not_depend_on_the_selection),
        cmocka_unit_test(model_holds_the_light_of_the_kept_bins),
        cmocka_unit_test(bins_off_the_ccd_are_empty_and_say_so),
        cmocka_unit_test(masked_fiber_and_image_give_empty_bins),
        cmocka_unit_test(singular_patch_is_regularised_alone),
    };

    return cmocka_run_group_tests_name("extract", tests, simulate_image, drop_image);
}
