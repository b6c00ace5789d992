/* The numbers of gpu_specter 0.3 for a real PSF, bin by bin, in double precision.
 * Skipped without the data. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "exposure.h"
#include "io/frame_file.h"
#include "io/image_file.h"
#include "io/psf_file.h"
#include "near.h"

/* Rows 0-24 of the reference are spectra 0-24 of the PSF, rows 25-49 are 225-249. */
enum { HALF_ROWS = 25, SECOND_HALF = 225 };

static struct psf psf;
static struct preproc image;
static struct frame reference;

static int read_reference(void **state)
{
    const char *folder = getenv("UNSPOT_REFERENCE");
    char path[3][4096];
    static const char *const names[] = {"psf-r0.fits", "preproc-r0.fits.gz", "frame-r0-gpu_specter.fits.gz"};
    struct error error = {.status = STATUS_OK};

    (void)state;
    for (int i = 0; i < 3; i++) snprintf(path[i], sizeof path[i], "%s/%s", folder ? folder : ".", names[i]);
    if (access(path[2], R_OK) != 0) {
        printf("skipped: there is no reference at %s\n", path[2]);
        return 0;
    }
    if (psf_file_read(path[0], &psf, &error) != STATUS_OK ||
        preproc_read(path[1], UINT32_MAX, &image, &error) != STATUS_OK ||
        frame_file_read(path[2], &reference, &error) != STATUS_OK) {
        printf("%s\n", error.text);
        return -1;
    }
    return 0;
}

static int drop_reference(void **state)
{
    (void)state;
    psf_free(&psf);
    preproc_free(&image);
    frame_free(&reference);
    return 0;
}

static struct frame extract(size_t specmin, enum solver solver)
{
    struct extract_options options = options_of_gpu_specter(5760, 7620, HALF_ROWS);
    struct timing timing;
    struct frame frame;

    options.plan.spectra.first = specmin;
    options.solver = solver;
    frame = extract_or_fail(&image, &psf, &options, &timing);
    assert_int_equal(timing.nregularised + timing.nunsolved, 0);
    return frame;
}

/* The tolerances of `unspot compare`, without their terms for float32. */
static void compare_bin(const struct frame *frame, size_t own, size_t other)
{
    double sigma = sqrt(reference.ivar[other]);

    assert_near(frame->pixmask_fraction[own], reference.pixmask_fraction[other], 1e-6);
    if (reference.pixmask_fraction[other] > 1 - 1e-6) { /* better than the reference */
        assert_true(frame->flux[own] == 0 && frame->ivar[own] == 0);
        assert_true(frame->mask[own] & SPECMASK_ALLBADPIX);
        return;
    }
    assert_near(frame->flux[own] * sigma, reference.flux[other] * sigma, 1e-5);
    assert_near(frame->ivar[own] / reference.ivar[other], 1, 1e-5);
    assert_near(frame->chi2pix[own], reference.chi2pix[other], 1e-4 * reference.chi2pix[other]);
}

/* RESOLUTION[k, j] belongs to row j - h + k; rows of bins without data are the identity's here. */
static void compare_resolution(const struct frame *frame, size_t spec, size_t row)
{
    size_t nwave = frame->nwave, half = frame->ndiag / 2;

    for (size_t k = 0; k < frame->ndiag; k++) {
        for (size_t j = 0; j < nwave; j++) {
            size_t bin = j + k - half;

            if (j + k >= half && bin < nwave && reference.pixmask_fraction[row * nwave + bin] > 1 - 1e-6)
                continue;
            assert_near((double)frame->resolution[(spec * frame->ndiag + k) * nwave + j],
                        (double)reference.resolution[(row * frame->ndiag + k) * nwave + j], 1e-5);
        }
    }
}

static void compare_half(size_t specmin, size_t first_row, enum solver solver)
{
    struct frame frame;
    size_t nempty = 0;

    if (!reference.flux) skip();
    frame = extract(specmin, solver);
    assert_int_equal(frame.nwave, reference.nwave);
    assert_int_equal(frame.ndiag, reference.ndiag);
    for (size_t w = 0; w < frame.nwave; w++) assert_near(frame.wave[w], reference.wave[w], 1e-8);
    for (size_t s = 0; s < HALF_ROWS; s++) {
        for (size_t w = 0; w < frame.nwave; w++) {
            compare_bin(&frame, s * frame.nwave + w, (first_row + s) * frame.nwave + w);
            nempty += frame.ivar[s * frame.nwave + w] == 0;
        }
        compare_resolution(&frame, s, first_row + s);
    }
    assert_int_equal(nempty, specmin == 0 ? 54 : 0); /* the block of dead pixels */
    frame_free(&frame);
}

static void first_bundle_agrees(void **state)
{
    (void)state;
    compare_half(0, 0, SOLVER_BANDED);
    compare_half(0, 0, SOLVER_DENSE);
}

static void bundle_with_a_dead_fiber_agrees(void **state)
{
    (void)state;
    compare_half(SECOND_HALF, HALF_ROWS, SOLVER_BANDED);
    compare_half(SECOND_HALF, HALF_ROWS, SOLVER_DENSE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_bundle_agrees),
        cmocka_unit_test(bundle_with_a_dead_fiber_agrees),
    };

    return cmocka_run_group_tests_name("reference", tests, read_reference, drop_reference);
}
