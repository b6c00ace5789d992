#include "extract/arguments.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "extract/options.h"
#include "run/options.h"
#include "run/version.h"

void arguments_free(struct arguments *arguments)
{
    free(arguments->input);
    free(arguments->psf);
    free(arguments->output);
    free(arguments->model);
    free(arguments->wavelength);
    free(arguments->loglevel);
    free(arguments->timing);
    free(arguments->progress);
    free(arguments->bad2dfit);
    free(arguments->patch);
    free(arguments->solver);
    free(arguments->device);
    free(arguments->backend);
}

static enum status require_file_names(const struct arguments *arguments, struct error *error)
{
    if (!arguments->input) return options_missing("extract", "--input", error);
    if (!arguments->psf) return options_missing("extract", "--psf", error);
    return arguments->output ? STATUS_OK : options_missing("extract", "--output", error);
}

/* The numbers that are not among the options of an extraction, which extract_options_check() checks. */
static enum status check_numbers(const struct arguments *arguments, struct error *error)
{
    enum status status = options_range("--wavepad", arguments->wavepad, 0, 1e4, error);

    if (status == STATUS_OK) status = options_range("--wavepad-frac", arguments->wavepad_frac, 0, 100, error);
    return status == STATUS_OK ? options_range("--threads", arguments->threads, 0, THREADS_MAX, error)
                               : status;
}

/* The defaults of all numbers; those of strings are filled in after the command line was parsed. */
static struct arguments default_arguments(void)
{
    const struct extract_options options = extract_options_default();

    return (struct arguments){.specmin = specmin_of_psf,
                              .nspec = (int)options.plan.spectra.count,
                              .bundlesize = (int)options.plan.bundlesize,
                              .nsubbundles = (int)options.plan.nsubbundles,
                              .nwavestep = (int)options.plan.nwavestep,
                              .wavepad = WAVEPAD_DEFAULT,
                              .wavepad_frac = wavepad_frac_default,
                              .pixpad_frac = options.plan.pixpad_frac,
                              .regularize = options.regularize,
                              .psferr = options.psferr,
                              .maskbits = -1};
}

char *arguments_text(const struct arguments *arguments)
{
    const struct {
        const char *option, *value;
    } words[] = {{"input", arguments->input},           {"psf", arguments->psf},
                 {"output", arguments->output},         {"model", arguments->model},
                 {"wavelength", arguments->wavelength}, {"bad2dfit", arguments->bad2dfit},
                 {"patch", arguments->patch},           {"solver", arguments->solver},
                 {"device", arguments->device},         {"backend", arguments->backend}};
    const struct {
        const char *option;
        double value;
    } numbers[] = {{"nspec", arguments->nspec},
                   {"regularize", arguments->regularize},
                   {"bundlesize", arguments->bundlesize},
                   {"nsubbundles", arguments->nsubbundles},
                   {"nwavestep", arguments->nwavestep},
                   {"wavepad", arguments->wavepad},
                   {"wavepad-frac", arguments->wavepad_frac},
                   {"pixpad-frac", arguments->pixpad_frac},
                   {"maskbits", arguments->maskbits}};
    char *text = NULL, number[OPTIONS_NUMBER];
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);

    if (!stream) return NULL;
    fprintf(stream, "unspot %s (%s) extract\n", UNSPOT_VERSION, UNSPOT_GIT_HASH);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (words[i].value) fprintf(stream, "--%s %s\n", words[i].option, words[i].value);
    }
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        fprintf(stream, "--%s %s\n", numbers[i].option, options_number(numbers[i].value, number));
    if (arguments->specmin != specmin_of_psf) fprintf(stream, "--specmin %d\n", arguments->specmin);
    if (arguments->psferr != psferr_of_psf)
        fprintf(stream, "--psferr %s\n", options_number(arguments->psferr, number));
    if (fclose(stream) == 0) return text;
    free(text);
    return NULL;
}

/* Sets a string that was not given. Only after parsing, as popt would leak the string that it replaces. */
static enum status fill_in(char **string, const char *value, struct error *error)
{
    if (!*string) *string = strdup(value);
    return *string ? STATUS_OK : memory_error(error, "command line");
}

enum status arguments_parse(int argc, const char **argv, struct arguments *arguments, struct error *error)
{
    const struct poptOption table[] = {
        {"input", 'i', POPT_ARG_STRING, &arguments->input, 0,
         "pre-processed image (.fits, .fits.gz, .fits.fz)", "FILE"},
        {"psf", 'p', POPT_ARG_STRING, &arguments->psf, 0, "Gauss-Hermite PSF of the camera", "FILE"},
        {"output", 'o', POPT_ARG_STRING, &arguments->output, 0, "frame to write; gzipped when it ends in .gz",
         "FILE"},
        {"model", 'm', POPT_ARG_STRING, &arguments->model, 0, "also write the model image", "FILE"},
        {"wavelength", 'w', POPT_ARG_STRING, &arguments->wavelength, 0,
         "first and last wavelength and step, Angstrom; without it: the PSF's range, step 0.8",
         "WMIN,WMAX,DW"},
        {"specmin", 's', POPT_ARG_INT, &arguments->specmin, 0,
         "first spectrum, counted as the PSF's FIBERMIN is; without it: the PSF's first", "N"},
        {"nspec", 'n', POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT, &arguments->nspec, 0, "number of spectra",
         "N"},
        {"regularize", 'r', POPT_ARG_DOUBLE | POPT_ARGFLAG_SHOW_DEFAULT, &arguments->regularize, 0,
         "strength of the pull of the deconvolved flux towards 0", "X"},
        {"bundlesize", 0, POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT, &arguments->bundlesize, 0,
         "spectra per bundle of fibers", "N"},
        {"nsubbundles", 0, POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT, &arguments->nsubbundles, 0,
         "patches across a bundle; need not divide its size", "N"},
        {"nwavestep", 0, POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT, &arguments->nwavestep, 0,
         "wavelengths of a patch, without padding", "N"},
        {"wavepad", 0, POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT, &arguments->wavepad, 0,
         "wavelengths of padding on each side of a patch", "N"},
        {"wavepad-frac", 0, POPT_ARG_DOUBLE | POPT_ARGFLAG_SHOW_DEFAULT, &arguments->wavepad_frac, 0,
         "further padding, as a fraction of --wavepad", "X"},
        {"pixpad-frac", 0, POPT_ARG_DOUBLE | POPT_ARGFLAG_SHOW_DEFAULT, &arguments->pixpad_frac, 0,
         "fraction of the padding's rows of pixels that is used", "X"},
        {"psferr", 0, POPT_ARG_DOUBLE, &arguments->psferr, 0,
         "fractional error of the PSF, for chi2pix only; without it: the PSF's PSFERR, else 0.01", "X"},
        {"maskbits", 0, POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT, &arguments->maskbits, 0,
         "bits of MASK that make a pixel unusable: -1 all (as spex), 767 as desi_extract_spectra", "N"},
        {"bad2dfit", 0, POPT_ARG_STRING, &arguments->bad2dfit, 0,
         "the rule of the mask bit BAD2DFIT: robust (the default), or desispec, which misses defects along a "
         "whole fiber",
         "RULE"},
        {"patch", 0, POPT_ARG_STRING, &arguments->patch, 0,
         "step: solve patches of --nwavestep wavelengths (the default, as gpu_specter); bundle: solve a "
         "bundle as one "
         "system, without seams",
         "KIND"},
        {"solver", 0, POPT_ARG_STRING, &arguments->solver, 0,
         "banded (the default), or dense, the second opinion", "NAME"},
        {"device", 0, POPT_ARG_STRING, &arguments->device, 0,
         "auto: a GPU when one works, else the CPU (the default); host: the CPU; gpu: a GPU or an error; a "
         "number: that OpenMP device",
         "NAME"},
        {"backend", 0, POPT_ARG_STRING, &arguments->backend, 0,
         "linear algebra on the CPU: lapack (the default), or ref (plain C, slow)", "NAME"},
        {"threads", 0, POPT_ARG_INT, &arguments->threads, 0,
         "threads; without it: OMP_NUM_THREADS, else all cores", "N"},
        {"timing", 0, POPT_ARG_STRING, &arguments->timing, 0, "write the time of each stage, as JSON",
         "FILE"},
        {"progress", 0, POPT_ARG_STRING, &arguments->progress, 0,
         "progress bar: auto (on a terminal; the default), always, never", "WHEN"},
        {"loglevel", 0, POPT_ARG_STRING, &arguments->loglevel, 0, "debug, info (the default), warn or error",
         "LEVEL"},
        POPT_AUTOHELP POPT_TABLEEND};
    const struct command_line line = {.command = "extract",
                                      .usage = "-i IMAGE -p PSF -o FRAME [OPTIONS]",
                                      .argc = argc,
                                      .argv = argv,
                                      .options = table};
    const char *device = getenv("UNSPOT_DEVICE");
    enum status status;

    *arguments = default_arguments();
    status = options_parse(&line, error);
    if (status == STATUS_OK) status = fill_in(&arguments->bad2dfit, "robust", error);
    if (status == STATUS_OK) status = fill_in(&arguments->patch, "step", error);
    if (status == STATUS_OK) status = fill_in(&arguments->solver, "banded", error);
    if (status == STATUS_OK) status = fill_in(&arguments->device, device ? device : "auto", error);
    if (status == STATUS_OK) status = fill_in(&arguments->backend, "lapack", error);
    if (status == STATUS_OK) status = fill_in(&arguments->progress, "auto", error);
    if (status == STATUS_OK) status = fill_in(&arguments->loglevel, "info", error);
    if (status == STATUS_OK) status = require_file_names(arguments, error);
    return status == STATUS_OK ? check_numbers(arguments, error) : status;
}
