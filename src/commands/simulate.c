/* unspot simulate: a pre-processed image of a simulated science exposure, and the truth behind it. */
#include <gsl/gsl_errno.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/span.h"
#include "commands/command.h"
#include "io/image_file.h"
#include "io/output.h"
#include "io/psf_file.h"
#include "run/options.h"
#include "run/version.h"
#include "simulate/simulation.h"

struct simulate_options {
    char *psf, *output, *truth, *wavelength, *loglevel;
    int specmin, nspec, threads, no_noise;
    long seed;
    double readnoise;
};

static void free_simulate_options(struct simulate_options *options)
{
    free(options->psf);
    free(options->output);
    free(options->truth);
    free(options->wavelength);
    free(options->loglevel);
}

static enum status check_simulate_options(const struct simulate_options *options, struct log *log,
                                          struct error *error)
{
    enum status status;

    if (!options->psf) return options_missing("simulate", "--psf", error);
    if (!options->output) return options_missing("simulate", "--output", error);
    status = options_range("--specmin", options->specmin, 0, 1e6, error);
    if (status == STATUS_OK) status = options_range("--nspec", options->nspec, 0, 1e6, error);
    if (status == STATUS_OK) status = options_range("--readnoise", options->readnoise, 1e-3, 1e6, error);
    if (status == STATUS_OK) status = options_range("--threads", options->threads, 0, THREADS_MAX, error);
    if (status == STATUS_OK && options->loglevel) status = options_loglevel(options->loglevel, log, error);
    return status;
}

static enum status parse_simulate(int argc, const char **argv, struct simulate_options *options,
                                  struct log *log, struct error *error)
{
    enum status status;
    const struct poptOption table[] = {
        {"psf", 'p', POPT_ARG_STRING, &options->psf, 0, "PSF file", "FILE"},
        {"output", 'o', POPT_ARG_STRING, &options->output, 0,
         "image to write: IMAGE, IVAR, MASK, READNOISE, FIBERMAP", "FILE"},
        {"truth", 0, POPT_ARG_STRING, &options->truth, 0, "write the true spectra, photons per Angstrom",
         "FILE"},
        {"wavelength", 'w', POPT_ARG_STRING, &options->wavelength, 0,
         "grid of the extraction, Angstrom; the light reaches about 40 further on either side (default: the "
         "camera's production grid, else what all fibers share, step 0.8)",
         "WMIN,WMAX,DW"},
        {"specmin", 's', POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT, &options->specmin, 0,
         "first fiber that gets light", "N"},
        {"nspec", 'n', POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT, &options->nspec, 0,
         "number of fibers that get light; 0: all that follow", "N"},
        {"seed", 0, POPT_ARG_LONG | POPT_ARGFLAG_SHOW_DEFAULT, &options->seed, 0,
         "of the random numbers; the same seed gives the same image on any number of threads", "N"},
        {"readnoise", 0, POPT_ARG_DOUBLE | POPT_ARGFLAG_SHOW_DEFAULT, &options->readnoise, 0,
         "of the left amplifiers; the right ones have 5% more", "ELECTRONS"},
        {"no-noise", 0, POPT_ARG_NONE, &options->no_noise, 0, "write the expected image (defects stay)",
         NULL},
        {"threads", 0, POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT, &options->threads, 0,
         "number of threads; 0: what OpenMP offers", "N"},
        {"loglevel", 0, POPT_ARG_STRING, &options->loglevel, 0, "lowest level of log lines (default: info)",
         "debug|info|warn|error"},
        POPT_AUTOHELP POPT_TABLEEND};

    const struct command_line line = {.command = "simulate",
                                      .usage = "-p FILE -o FILE [OPTIONS]",
                                      .argc = argc,
                                      .argv = argv,
                                      .options = table};

    status = options_parse(&line, error);
    if (status == STATUS_OK) status = check_simulate_options(options, log, error);
    if (status == STATUS_OK && options->threads > 0) omp_set_num_threads(options->threads);
    return status;
}

/* Puts the name of the PSF's file before what is wrong with it. */
static void name_psf(const char *path, struct error *error)
{
    const struct error cause = *error;

    error_set(error, cause.status, "%s: %s", path, cause.text);
}

static enum status set_up_simulation(const struct simulate_options *options, const struct psf *psf,
                                     struct simulation *simulation, struct error *error)
{
    enum status status;
    const struct span fibers = {psf->fibermin, psf->nspec};
    const size_t specmin = options->specmin > 0 ? (size_t)options->specmin : fibers.first;
    const size_t nspec = (size_t)options->nspec;
    double first, last, step;

    if (specmin < fibers.first || specmin >= span_end(fibers) || nspec > span_end(fibers) - specmin) {
        return error_set(error, STATUS_USAGE, "--specmin %d --nspec %zu: the PSF %s has fibers %zu to %zu",
                         options->specmin, nspec, options->psf, fibers.first, span_end(fibers) - 1);
    }
    *simulation = (struct simulation){.specmin = specmin - fibers.first,
                                      .nspec = nspec > 0 ? nspec : span_end(fibers) - specmin,
                                      .seed = (unsigned long)options->seed,
                                      .readnoise = options->readnoise,
                                      .noise = !options->no_noise};
    if (options->wavelength) {
        status = options_wavelengths(options->wavelength, &first, &last, &step, error);
    } else {
        status = simulation_default_grid(psf, &first, &last, &step, error);
        if (status != STATUS_OK) name_psf(options->psf, error);
    }
    if (status == STATUS_OK && (first < psf->wave_min || last > psf->wave_max)) {
        status = error_set(error, STATUS_USAGE,
                           "--wavelength %s: the PSF %s is defined from %g to %g Angstrom only",
                           options->wavelength, options->psf, psf->wave_min, psf->wave_max);
    }
    if (status == STATUS_OK) simulation_set_grid(simulation, psf, first, last, step);
    return status;
}

static void describe_exposure(const struct psf *psf, const struct simulate_options *options,
                              struct keywords *keywords)
{
    keyword_string(keywords, "CAMERA", psf->camera[0] ? psf->camera : "r0", "camera");
    keyword_string(keywords, "FLAVOR", "science", "kind of exposure");
    keyword_string(keywords, "PROGRAM", "SIMULATION", "not an observation");
    keyword_real(keywords, "EXPTIME", 900, "[s] exposure time");
    keyword_integer(keywords, "NIGHT", 20250101, "date of the evening");
    keyword_integer(keywords, "EXPID", 1, "number of the exposure");
    keyword_real(keywords, "MJD-OBS", 60677.25, "[d] start of the exposure");
    keyword_real(keywords, "TARGTRA", 90, "[deg] where the telescope points");
    keyword_real(keywords, "TARGTDEC", 20, "[deg] where the telescope points");
    keyword_integer(keywords, "SEED", options->seed, "of the random numbers");
    keyword_string(keywords, "SIMVERS", "unspot " UNSPOT_VERSION " (" UNSPOT_GIT_HASH ")", "made by");
}

/* Makes the image and its mask from the true spectra. */
static enum status simulate_image(const struct psf *psf, const struct simulation *simulation,
                                  const struct truth *truth, struct preproc *preproc, int32_t *mask,
                                  struct error *error)
{
    enum status status;
    double *expected = memory_zeroed(psf->nx * psf->ny, sizeof(double));

    if (!expected) return memory_error(error, "expected image");
    status = simulate_light(psf, truth, expected, error);
    if (status == STATUS_OK) status = simulate_detector(psf, simulation, expected, preproc, mask, error);
    free(expected);
    return status;
}

static enum status simulate(const struct simulate_options *options, const struct psf *psf,
                            const struct log *log, struct error *error)
{
    enum status status;
    struct simulation simulation;
    struct truth truth = {.nspec = 0};
    struct preproc preproc = {.nx = 0};
    struct keywords keywords = {.count = 0};
    int32_t *mask = memory_zeroed(psf->nx * psf->ny, sizeof(int32_t));

    status = mask ? set_up_simulation(options, psf, &simulation, error) : memory_error(error, "mask");
    if (status != STATUS_OK) goto cleanup;
    log_info(log, "%zu fibers from %zu, truth at %zu wavelengths from %.2f Angstrom, step %.4g",
             simulation.nspec, psf->fibermin + simulation.specmin, simulation.nwave, simulation.wave_min,
             simulation.wave_step);
    describe_exposure(psf, options, &keywords);
    status = simulate_spectra(&simulation, &truth, error);
    if (status != STATUS_OK) goto cleanup;
    status = simulate_image(psf, &simulation, &truth, &preproc, mask, error);
    if (status != STATUS_OK) goto cleanup;
    status = simulate_fibermap(psf, &simulation, &preproc.fibermap, error);
    if (status != STATUS_OK) goto cleanup;
    log_info(log, "writing %s", options->output);
    status = preproc_write(options->output, &preproc, mask, simulation.readnoise, &keywords, error);
    if (status != STATUS_OK || !options->truth) goto cleanup;
    for (size_t s = 0; s < truth.nspec; s++) truth.spectrum[s] += (int32_t)psf->fibermin;
    status = truth_file_write(options->truth, &truth, &keywords, error);
cleanup:
    preproc_free(&preproc);
    truth_free(&truth);
    free(mask);
    return status;
}

enum status simulate_command(int argc, const char **argv, struct error *error)
{
    struct simulate_options options = {.seed = 1, .readnoise = 3};
    struct log log = {.level = LOG_INFO};
    struct psf psf = {.nspec = 0};
    enum status status = parse_simulate(argc, argv, &options, &log, error);

    const struct named_file files[] = {
        {"--psf", options.psf, false}, {"--output", options.output, true}, {"--truth", options.truth, true}};

    if (status == STATUS_OK) status = options_outputs(files, sizeof files / sizeof files[0], error);
    gsl_set_error_handler_off(); /* the default handler aborts the program when memory runs out */
    if (status == STATUS_OK) status = psf_file_read(options.psf, &psf, error);
    if (status == STATUS_OK) psf_warn_of_broken(&psf, options.psf, &log);
    if (status == STATUS_OK) status = simulate(&options, &psf, &log, error);
    psf_free(&psf);
    free_simulate_options(&options);
    return status;
}
