#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "exposure.h"
#include "omp/spots.h"
#include "run/progress.h"
#include "simulate/simulation.h"
#include "simulate/synthetic_psf.h"

void exposure_simulate(struct exposure *exposure, char camera, double wave_min)
{
    struct simulation simulation = {.nspec = EXPOSURE_NSPEC, .seed = 5, .readnoise = 3, .noise = true};
    struct truth truth = {0};
    struct error error;
    double *expected;
    int32_t *mask;

    assert_int_equal(synthetic_psf(camera, EXPOSURE_NSPEC, false, &exposure->psf, &error), STATUS_OK);
    exposure->wave_min = wave_min;
    expected = calloc(exposure->psf.nx * exposure->psf.ny, sizeof *expected);
    mask = calloc(exposure->psf.nx * exposure->psf.ny, sizeof *mask);
    assert_true(expected && mask);
    simulation_set_grid(&simulation, &exposure->psf, wave_min, wave_min + 0.8 * (EXPOSURE_NWAVE - 1), 0.8);
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

void exposure_drop(struct exposure *exposure)
{
    psf_free(&exposure->psf);
    preproc_free(&exposure->image);
}

static size_t column_of(const struct exposure *exposure, size_t spec)
{
    return (size_t)(legendre_value(&exposure->psf.x, spec, exposure->wave_min + 60) + 0.5);
}

void exposure_mask(struct exposure *exposure, size_t spec, double wave, size_t columns, size_t rows)
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

struct extract_options options_of_gpu_specter(double wave_min, double wave_max, size_t nspec)
{
    struct extract_options options = extract_options_default();

    options.plan.wave_min = wave_min;
    options.plan.wave_max = wave_max;
    options.plan.wave_step = 0.8;
    options.plan.spectra.count = nspec;
    options.psferr = 0.01;
    return options;
}

enum status try_to_extract(const struct preproc *image, const struct psf *psf,
                           const struct extract_options *options, struct frame *frame, struct timing *timing,
                           struct error *error)
{
    const struct log log = {.level = LOG_ERROR};
    struct progress progress;
    const struct extraction in = {image, psf, options, &log, &progress};

    progress_init(&progress, "never");
    *timing = (struct timing){.threads = 1};
    return extract_frame(&in, frame, timing, error);
}

struct frame extract_or_fail(const struct preproc *image, const struct psf *psf,
                             const struct extract_options *options, struct timing *timing)
{
    struct frame frame;
    struct error error = {.status = STATUS_OK};

    if (try_to_extract(image, psf, options, &frame, timing, &error) != STATUS_OK) fail_msg("%s", error.text);
    return frame;
}

struct extract_options exposure_options(const struct exposure *exposure)
{
    return options_of_gpu_specter(exposure->wave_min, exposure->wave_min + 0.8 * (EXPOSURE_NWAVE - 1),
                                  EXPOSURE_NSPEC);
}

struct frame exposure_extract(const struct exposure *exposure, const struct extract_options *options,
                              struct timing *timing)
{
    return extract_or_fail(&exposure->image, &exposure->psf, options, timing);
}
