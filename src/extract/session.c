#include "extract/session.h"

#include <ctype.h>
#include <omp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "extract/device_patches.h"
#include "extract/fibermap.h"
#include "io/image_file.h"
#include "io/psf_file.h"
#include "run/options.h"

/* The options by the command line, as far as the PSF has no say. */
static enum status options_of(const struct arguments *arguments, struct extract_options *options,
                              struct error *error)
{
    struct plan_options *plan = &options->plan;
    enum status status;

    *options = extract_options_default();
    options->from_first = arguments->specmin == specmin_of_psf;
    plan->spectra.first = options->from_first ? 0 : (size_t)arguments->specmin;
    plan->spectra.count = (size_t)arguments->nspec;
    plan->bundlesize = (size_t)arguments->bundlesize;
    plan->nsubbundles = (size_t)arguments->nsubbundles;
    plan->nwavestep = (size_t)arguments->nwavestep;
    plan->wavepad = extract_wavepad(arguments->wavepad, arguments->wavepad_frac);
    plan->pixpad_frac = arguments->pixpad_frac;
    options->regularize = arguments->regularize;
    options->psferr = arguments->psferr;
    options->model = arguments->model != NULL;
    if (arguments->wavelength) {
        status = options_wavelengths(arguments->wavelength, &plan->wave_min, &plan->wave_max,
                                     &plan->wave_step, error);
        if (status != STATUS_OK) return status;
    }
    if (strcmp(arguments->solver, "dense") == 0)
        options->solver = SOLVER_DENSE;
    else if (strcmp(arguments->solver, "banded") != 0)
        return error_set(error, STATUS_USAGE, "--solver %s: expected banded or dense", arguments->solver);
    if (strcmp(arguments->bad2dfit, "desispec") == 0)
        options->bad_fit_rule = BAD_FIT_DESISPEC;
    else if (strcmp(arguments->bad2dfit, "robust") != 0)
        return error_set(error, STATUS_USAGE, "--bad2dfit %s: expected robust or desispec",
                         arguments->bad2dfit);
    plan->whole_bundles = strcmp(arguments->patch, "bundle") == 0;
    if (!plan->whole_bundles && strcmp(arguments->patch, "step") != 0)
        return error_set(error, STATUS_USAGE, "--patch %s: expected step or bundle", arguments->patch);
    options->linalg = linalg_find(arguments->backend);
    if (!options->linalg || linalg_is_on_device(options->linalg))
        return error_set(error, STATUS_USAGE, "--backend %s: expected lapack or ref", arguments->backend);
    return extract_options_check(options, error);
}

enum status session_begin(struct session *session, const struct arguments *arguments, struct error *error)
{
    enum status status = options_loglevel(arguments->loglevel, &session->log, error);

    session->arguments = arguments;
    if (status != STATUS_OK) return status;
    if (!progress_init(&session->progress, arguments->progress)) {
        return error_set(error, STATUS_USAGE, "--progress %s: expected auto, always or never",
                         arguments->progress);
    }
    return options_of(arguments, &session->options, error);
}

enum status session_check_outputs(const struct session *session, struct error *error)
{
    const struct arguments *arguments = session->arguments;
    const struct named_file files[] = {{"--input", arguments->input, false},
                                       {"--psf", arguments->psf, false},
                                       {"--output", arguments->output, true},
                                       {"--model", arguments->model, true},
                                       {"--timing", arguments->timing, true}};

    return options_outputs(files, sizeof files / sizeof files[0], error);
}

/* Libraries for dense systems take a second to open: where the banded solver begins it is left to the first
 * dense system, which most frames do not have. */
static const struct linalg *find_device_linalg(const struct device *device, enum solver solver,
                                               const struct log *log)
{
    const struct linalg *linalg = linalg_find("offload");

    return linalg && solver == SOLVER_DENSE ? device_dense_linalg(device, linalg, log) : linalg;
}

enum status session_choose_device(struct session *session, int local_rank, struct error *error)
{
    const struct arguments *arguments = session->arguments;
    const bool host_only = session->options.plan.whole_bundles && strcmp(arguments->device, "auto") == 0;
    const struct linalg *linalg = NULL;
    struct device device;
    enum status status = device_choose(host_only ? "host" : arguments->device, local_rank, &device, error);

    if (status != STATUS_OK) return status;
    if (host_only) snprintf(device.reason, sizeof device.reason, "--patch bundle is done on the CPU");
    if (session->options.plan.whole_bundles && device.kind != DEVICE_HOST) {
        return error_set(
            error, STATUS_USAGE,
            "--device %s: --patch bundle is done on the CPU only: use --patch step or --device host",
            arguments->device);
    }
    if (device.kind != DEVICE_HOST) {
        linalg = find_device_linalg(&device, session->options.solver, &session->log);
        if (!linalg)
            return error_set(error, STATUS_DEVICE, "%s: no back-end of linear algebra works there",
                             device.name);
    }
    session_use_device(session, &device, linalg);
    return STATUS_OK;
}

void session_use_device(struct session *session, const struct device *device, const struct linalg *linalg)
{
    struct extract_options *options = &session->options;

    options->device = *device;
    options->device_linalg = linalg;
    session->timing.device = options->device.name;
    session->timing.backend = linalg_name(linalg ? linalg : options->linalg);
}

void session_name_linalg(struct session *session)
{
    if (session->timing.cuda[0]) session->timing.backend = "cuda";
}

enum status session_read_psf(struct session *session, struct error *error)
{
    const struct arguments *arguments = session->arguments;
    double now = timing_start(STAGE_READ_PSF);
    enum status status;

    log_info(&session->log, "reading the PSF %s", arguments->psf);
    status = psf_file_read(arguments->psf, &session->psf, error);
    if (status != STATUS_OK) return status;
    psf_warn_of_broken(&session->psf, arguments->psf, &session->log);
    timing_add_file(&session->timing, STAGE_READ_PSF, arguments->psf);
    timing_add(&session->timing, STAGE_READ_PSF, now, 1);
    return STATUS_OK;
}

enum status session_fit(struct session *session, struct error *error)
{
    const struct arguments *arguments = session->arguments;
    enum status status =
        extract_options_settle(&session->options, &session->psf, arguments->psf, &session->log, error);

    session->timing.solver = arguments->solver;
    session->timing.threads = omp_get_max_threads();
    session->timing.nspec = session->options.plan.spectra.count;
    return status;
}

/* Whether PSF and image, as far as both say it, are of one camera. A PSF of another arm is for other
 * wavelengths, and a mistake; one of the same arm in another petal may be meant as a stand-in. */
static enum status check_cameras(const struct session *session, struct error *error)
{
    const struct arguments *arguments = session->arguments;
    const char *of_psf = session->psf.camera;
    char of_image[72];

    cards_value(&session->preproc.header, "CAMERA", of_image, sizeof of_image);
    if (!of_psf[0] || !of_image[0] || strcasecmp(of_psf, of_image) == 0) return STATUS_OK;
    if (tolower((unsigned char)of_psf[0]) != tolower((unsigned char)of_image[0]))
        return error_set(
            error, STATUS_MISMATCH,
            "%s: the PSF is for camera %s, but the image %s is of camera %s: give that camera's PSF",
            arguments->psf, of_psf, arguments->input, of_image);
    log_warning(&session->log, "%s: the PSF is for camera %s, the image %s is of camera %s", arguments->psf,
                of_psf, arguments->input, of_image);
    return STATUS_OK;
}

enum status session_read_image(struct session *session, struct error *error)
{
    const struct arguments *arguments = session->arguments;
    const struct psf *psf = &session->psf;
    struct preproc *preproc = &session->preproc;
    double now = timing_start(STAGE_READ_IMAGE);
    enum status status;

    log_info(&session->log, "reading the image %s", arguments->input);
    status = preproc_read(arguments->input, (uint32_t)arguments->maskbits, preproc, error);
    if (status != STATUS_OK) return status;
    timing_add_file(&session->timing, STAGE_READ_IMAGE, arguments->input);
    timing_add(&session->timing, STAGE_READ_IMAGE, now, 1);
    log_info(&session->log, "%zu x %zu pixels, %.2f%% of them masked", preproc->nx, preproc->ny,
             100 * (double)preproc->nmasked / (double)(preproc->nx * preproc->ny));
    if (preproc->nbroken > 0) {
        log_warning(&session->log, "%s: %zu pixels are NaN or infinite or have a negative ivar: masked",
                    arguments->input, preproc->nbroken);
    }
    if (preproc->header.nbroken + preproc->fibermap.header.nbroken > 0) {
        log_warning(
            &session->log,
            "%s: not valid FITS are %zu cards of its headers: passed on as COMMENT, or with ? for what is no "
            "printable ASCII",
            arguments->input, preproc->header.nbroken + preproc->fibermap.header.nbroken);
    }
    if (preproc->nrounded > 0) {
        log_warning(
            &session->log,
            "%s: IVAR is compressed by a method that does not keep zeros: %zu pixels that may have been 0 "
            "are masked; SUBTRACTIVE_DITHER_2 keeps them",
            arguments->input, preproc->nrounded);
    }
    if (psf->nx == preproc->nx && psf->ny == preproc->ny) return check_cameras(session, error);
    return error_set(error, STATUS_MISMATCH,
                     "%s: the PSF is for a CCD of %zu x %zu pixels, but the image %s has %zu x %zu",
                     arguments->psf, psf->nx, psf->ny, arguments->input, preproc->nx, preproc->ny);
}

enum status session_select_fibers(struct session *session, struct error *error)
{
    const char *input = session->arguments->input;
    const struct fibers_wanted wanted = {&session->preproc, &session->psf, session->options.plan.spectra};
    struct error cause;
    enum status status;

    if (session->preproc.fibermap.header.count == 0)
        log_warning(&session->log, "%s has no FIBERMAP: none is written", input);
    status = fibermap_select(&wanted, &session->log, &session->fibers, &cause);
    return status == STATUS_OK ? status : error_set(error, status, "%s: %s", input, cause.text);
}

void session_free(struct session *session)
{
    psf_free(&session->psf);
    preproc_free(&session->preproc);
    table_free(&session->fibers.rows);
    frame_free(&session->frame);
}
