/* unspot extract: files to files. */
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "command.h"
#include "extract_arguments.h"
#include "extract_frame.h"
#include "fibermap.h"
#include "finish.h"
#include "io/frame_file.h"
#include "io/image_file.h"
#include "io/output.h"
#include "io/psf_file.h"
#include "options.h"
#include "progress.h"
#include "provenance.h"
#include "version.h"

static const double default_wave_step = 0.8; /* Angstrom; gpu_specter's */

/* Everything between reading and writing. */
struct session {
    const struct arguments *arguments;
    struct log log;
    struct progress progress;
    struct psf psf;
    struct preproc preproc;
    struct frame frame;
    struct extract_options options;
    struct timing timing;
};

/* Everything that can be said without opening a file. */
static enum status check_usage(struct session *session, struct error *error)
{
    const struct arguments *arguments = session->arguments;
    struct plan_options *plan = &session->options.plan;
    enum status status = options_loglevel(arguments->loglevel, &session->log, error);

    if (status == STATUS_OK && arguments->wavelength) {
        status = options_wavelengths(arguments->wavelength, &plan->wave_min, &plan->wave_max,
                                     &plan->wave_step, error);
    }
    if (status != STATUS_OK) return status;
    if (!progress_init(&session->progress, arguments->progress)) {
        return error_set(error, STATUS_USAGE, "--progress %s: expected auto, always or never",
                         arguments->progress);
    }
    if (strcmp(arguments->solver, "banded") == 0)
        session->options.solver = SOLVER_BANDED;
    else if (strcmp(arguments->solver, "dense") == 0)
        session->options.solver = SOLVER_DENSE;
    else
        return error_set(error, STATUS_USAGE, "--solver %s: expected banded or dense", arguments->solver);
    session->options.whole_bundles = strcmp(arguments->patch, "bundle") == 0;
    if (!session->options.whole_bundles && strcmp(arguments->patch, "step") != 0) {
        return error_set(error, STATUS_USAGE, "--patch %s: expected step or bundle", arguments->patch);
    }
    if (session->options.whole_bundles && session->options.solver != SOLVER_BANDED) {
        return error_set(error, STATUS_USAGE, "--patch bundle: needs --solver banded");
    }
    session->options.linalg = linalg_find(arguments->backend);
    if (!session->options.linalg) {
        return error_set(error, STATUS_USAGE, "--backend %s: expected lapack or ref", arguments->backend);
    }
    return STATUS_OK;
}

static double file_bytes(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 ? (double)info.st_size : 0;
}

static enum status check_outputs(const struct arguments *arguments, struct error *error)
{
    const struct named_file files[] = {{"--input", arguments->input, false},
                                       {"--psf", arguments->psf, false},
                                       {"--output", arguments->output, true},
                                       {"--model", arguments->model, true},
                                       {"--timing", arguments->timing, true}};

    return options_outputs(files, sizeof files / sizeof files[0], error);
}

static enum status read_inputs(struct session *session, struct error *error)
{
    const struct arguments *arguments = session->arguments;
    double now = timing_now();
    enum status status;

    log_info(&session->log, "reading the PSF %s", arguments->psf);
    status = psf_file_read(arguments->psf, &session->psf, error);
    if (status != STATUS_OK) return status;
    session->timing.stage[STAGE_READ_PSF].bytes = file_bytes(arguments->psf);
    now = timing_add(&session->timing, STAGE_READ_PSF, now, 1);

    log_info(&session->log, "reading the image %s", arguments->input);
    status = preproc_read(arguments->input, (uint32_t)arguments->maskbits, &session->preproc, error);
    if (status != STATUS_OK) return status;
    session->timing.stage[STAGE_READ_IMAGE].bytes = file_bytes(arguments->input);
    timing_add(&session->timing, STAGE_READ_IMAGE, now, 1);
    log_info(&session->log, "%zu x %zu pixels, %.2f%% of them masked", session->preproc.nx,
             session->preproc.ny,
             100 * (double)session->preproc.nmasked / (double)(session->preproc.nx * session->preproc.ny));
    if (session->preproc.nbroken > 0) {
        log_warning(&session->log, "%s: %zu pixels are NaN or infinite or have a negative ivar: masked",
                    arguments->input, session->preproc.nbroken);
    }
    return STATUS_OK;
}

/* What only the files can tell: sizes, spectra, wavelengths. */
static enum status fit_together(struct session *session, struct error *error)
{
    const struct arguments *arguments = session->arguments;
    const struct psf *psf = &session->psf;
    struct plan_options *plan = &session->options.plan;
    size_t left = psf->nspec > (size_t)arguments->specmin ? psf->nspec - (size_t)arguments->specmin : 0;

    if (psf->nx != session->preproc.nx || psf->ny != session->preproc.ny) {
        return error_set(error, STATUS_MISMATCH,
                         "%s: the PSF is for a CCD of %zu x %zu pixels, but the image %s has %zu x %zu",
                         arguments->psf, psf->nx, psf->ny, arguments->input, session->preproc.nx,
                         session->preproc.ny);
    }
    if (left == 0) {
        return error_set(error, STATUS_USAGE, "--specmin %d: the PSF %s has spectra 0 to %zu only",
                         arguments->specmin, arguments->psf, psf->nspec - 1);
    }
    plan->specmin = (size_t)arguments->specmin;
    plan->nspec = (size_t)arguments->nspec;
    if (plan->nspec > left) {
        log_warning(&session->log,
                    "--nspec %d: the PSF has %zu spectra from --specmin %d on; these are taken",
                    arguments->nspec, left, arguments->specmin);
        plan->nspec = left;
    }
    if (!arguments->wavelength) {
        plan->wave_min = psf->wave_min;
        plan->wave_max = psf->wave_max;
        plan->wave_step = default_wave_step;
    }
    if (plan->wave_min < psf->wave_min || plan->wave_max > psf->wave_max) {
        return error_set(
            error, STATUS_USAGE, "--wavelength %s: the PSF %s is defined from %g to %g Angstrom only",
            arguments->wavelength ? arguments->wavelength : "", arguments->psf, psf->wave_min, psf->wave_max);
    }
    return STATUS_OK;
}

static void set_options(struct session *session)
{
    const struct arguments *arguments = session->arguments;
    struct extract_options *options = &session->options;

    options->plan.bundlesize = (size_t)arguments->bundlesize;
    options->plan.nsubbundles = (size_t)arguments->nsubbundles;
    options->plan.nwavestep = (size_t)arguments->nwavestep;
    options->plan.wavepad =
        (size_t)(arguments->wavepad + (int)(arguments->wavepad * arguments->wavepad_frac));
    options->plan.pixpad_frac = arguments->pixpad_frac;
    options->plan.whole_bundles = options->whole_bundles;
    options->regularize = arguments->regularize;
    options->psferr = arguments->psferr == psferr_of_psf ? session->psf.psferr : arguments->psferr;
    options->model = arguments->model != NULL;
    session->timing.solver = arguments->solver;
    session->timing.backend = linalg_name(options->linalg);
    session->timing.threads = omp_get_max_threads();
    session->timing.nspec = options->plan.nspec;
}

/* The options that the numbers depend on, in one line: equal lines and inputs give equal frames. */
static void describe_options(const struct session *session, char *text, size_t size)
{
    const struct plan_options *plan = &session->options.plan;

    snprintf(
        text, size,
        "wavelength=%.10g,%.10g,%.10g specmin=%zu nspec=%zu bundlesize=%zu nsubbundles=%zu nwavestep=%zu "
        "wavepad=%zu pixpad-frac=%g regularize=%g psferr=%g maskbits=%d patch=%s solver=%s",
        plan->wave_min, plan->wave_max, plan->wave_step, plan->specmin, plan->nspec, plan->bundlesize,
        plan->nsubbundles, plan->nwavestep, plan->wavepad, plan->pixpad_frac, session->options.regularize,
        session->options.psferr, session->arguments->maskbits, session->arguments->patch,
        session->arguments->solver);
}

static void make_keywords(const struct session *session, long fibermin, struct keywords *keywords)
{
    const struct frame *frame = &session->frame;
    char options[512];

    describe_options(session, options, sizeof options);
    keywords->count = 0;
    keyword_integer(keywords, "NSPEC", (long long)frame->nspec, "Number of spectra");
    keyword_real(keywords, "WAVEMIN", frame->wave[0], "First wavelength [Angstroms]");
    keyword_real(keywords, "WAVEMAX", frame->wave[frame->nwave - 1], "Last wavelength [Angstroms]");
    keyword_real(keywords, "WAVESTEP", frame->wave_step, "Wavelength step size [Angstroms]");
    keyword_string(keywords, "SPECTER", "unspot " UNSPOT_VERSION, "Extraction program");
    keyword_string(keywords, "IN_PSF", session->arguments->psf, "Input spectral PSF");
    keyword_string(keywords, "IN_IMG", session->arguments->input, "Input image");
    if (session->psf.original[0]) {
        keyword_string(keywords, "ORIG_PSF", session->psf.original, "PSF that IN_PSF was made from");
    }
    keyword_integer(keywords, "FIBERMIN", fibermin, "First fiber");
    keyword_string(keywords, "EXTROPTS", options, "");
    keyword_string(keywords, "BACKEND", session->timing.backend, "Linear algebra of the extraction");
    keyword_integer(keywords, "NREGPTCH", (long long)session->timing.nregularised,
                    "Patches that were regularised");
    keyword_integer(keywords, "NDNSPTCH", (long long)session->timing.ndense,
                    "Patches left to the dense solver");
    keyword_integer(keywords, "NBADPTCH", (long long)session->timing.nunsolved, "Patches without a solution");
    provenance_dependencies(keywords, &session->preproc.header, linalg_description(session->options.linalg));
}

static enum status write_frame(const struct session *session, const struct table *fibermap,
                               const struct keywords *keywords, struct error *error)
{
    const struct frame *frame = &session->frame;
    struct frame_scores scores;
    double *value = memory_zeroed(frame->nspec, 3 * sizeof(double));
    enum status status;
    size_t count;

    if (!value) return memory_error(error, "scores");
    count = frame_scores_compute(frame, &scores.band, &scores.window_min, &scores.window_max, value);
    scores.value = value;
    if (count == 0) {
        log_warning(&session->log, "no wavelength lies in the scores' window %g to %g: SCORES is left out",
                    scores.window_min, scores.window_max);
    }
    status = frame_file_write(session->arguments->output, frame, &session->preproc.header, fibermap,
                              count > 0 ? &scores : NULL, keywords, error);
    free(value);
    return status;
}

static enum status write_outputs(struct session *session, struct error *error)
{
    const struct arguments *arguments = session->arguments;
    struct table fibermap = {0};
    struct keywords *keywords = memory_zeroed(1, sizeof *keywords);
    double now = timing_now();
    char camera[72];
    long fibermin;
    enum status status = keywords ? STATUS_OK : memory_error(error, "keywords");

    cards_value(&session->preproc.header, "CAMERA", camera, sizeof camera);
    if (status == STATUS_OK) {
        status = fibermap_select(&session->preproc.fibermap, camera, session->psf.nspec,
                                 session->options.plan.specmin, session->options.plan.nspec, &fibermap,
                                 &fibermin, error);
    }
    if (status != STATUS_OK) goto done;
    if (fibermap.header.count == 0)
        log_warning(&session->log, "%s has no FIBERMAP: none is written", arguments->input);
    make_keywords(session, fibermin, keywords);
    log_info(&session->log, "writing %s", arguments->output);
    status = write_frame(session, &fibermap, keywords, error);
    if (status == STATUS_OK && arguments->model) {
        log_info(&session->log, "writing the model image %s", arguments->model);
        status = model_write(arguments->model, &session->frame, &session->preproc.header, keywords, error);
    }
    session->timing.stage[STAGE_WRITE].bytes =
        file_bytes(arguments->output) + (arguments->model ? file_bytes(arguments->model) : 0);
    timing_add(&session->timing, STAGE_WRITE, now, arguments->model ? 2 : 1);
done:
    table_free(&fibermap);
    free(keywords);
    return status;
}

static void summarise(const struct session *session)
{
    const struct timing *timing = &session->timing;
    size_t nbin = session->frame.nspec * session->frame.nwave, nempty = 0;

    for (size_t i = 0; i < nbin; i++) nempty += !(session->frame.ivar[i] > 0);
    if (timing->ndense > 0) {
        log_info(&session->log, "%zu of %zu patches were left to the dense solver, as ill-conditioned",
                 timing->ndense, timing->npatch);
    }
    if (timing->nregularised + timing->nunsolved > 0) {
        log_warning(&session->log, "%zu of %zu patches were regularised, %zu have no solution",
                    timing->nregularised, timing->npatch, timing->nunsolved);
    }
    log_info(&session->log,
             "%zu spectra x %zu wavelengths, %zu bins without data; extracted in %.2f s, %.2f s in all",
             session->frame.nspec, session->frame.nwave, nempty, timing->extract_seconds,
             timing->total_seconds);
    for (int i = 0; i < STAGE_COUNT; i++) {
        log_debug(&session->log, "%-17s %9.3f s %12zu", stage_name((enum stage)i), timing->stage[i].seconds,
                  timing->stage[i].count);
    }
}

static enum status run(struct session *session, struct error *error)
{
    const struct arguments *arguments = session->arguments;
    double start = timing_now();
    enum status status = check_usage(session, error);

    if (status == STATUS_OK) status = check_outputs(arguments, error);
    if (status != STATUS_OK) return status;
    if (arguments->threads > 0) omp_set_num_threads(arguments->threads);
    log_info(&session->log, "unspot %s (%s), on the CPU: %d threads, solver %s, linear algebra %s",
             UNSPOT_VERSION, UNSPOT_GIT_HASH, omp_get_max_threads(), arguments->solver,
             linalg_description(session->options.linalg));
    status = read_inputs(session, error);
    if (status == STATUS_OK) status = fit_together(session, error);
    if (status != STATUS_OK) return status;
    set_options(session);
    log_info(&session->log, "extracting spectra %zu to %zu, %g to %g Angstrom in steps of %g",
             session->options.plan.specmin, session->options.plan.specmin + session->options.plan.nspec - 1,
             session->options.plan.wave_min, session->options.plan.wave_max, session->options.plan.wave_step);
    status = extract_frame(&session->preproc, &session->psf, &session->options, &session->log,
                           &session->progress, &session->frame, &session->timing, error);
    session->timing.nwave = session->frame.nwave;
    if (status == STATUS_OK) status = write_outputs(session, error);
    session->timing.total_seconds = timing_now() - start;
    if (status == STATUS_OK && arguments->timing) {
        status = timing_write(arguments->timing, &session->timing, error);
    }
    if (status == STATUS_OK) summarise(session);
    return status;
}

enum status extract_command(int argc, const char **argv, struct error *error)
{
    struct arguments arguments;
    struct session session = {.arguments = &arguments, .log = {LOG_INFO}};
    enum status status = arguments_parse(argc, argv, &arguments, error);

    if (status == STATUS_OK) status = run(&session, error);
    psf_free(&session.psf);
    preproc_free(&session.preproc);
    frame_free(&session.frame);
    arguments_free(&arguments);
    return status;
}
