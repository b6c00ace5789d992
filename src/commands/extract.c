/* unspot extract: files to files. */
#include <omp.h>
#include <stdio.h>
#include <string.h>

#include "base/minmax.h"
#include "commands/command.h"
#include "extract/on_device.h"
#include "extract/session.h"
#include "io/image_file.h"
#include "io/psf_file.h"
#include "omp/offload.h"
#include "run/options.h"
#include "run/version.h"
#include "share/share.h"

static const double default_wave_step = 0.8; /* Angstrom; gpu_specter's */
enum { default_wave_steps = 50 }; /* a patch on a shorter grid still has so many, as gpu_specter's */

enum status session_check(struct session *session, struct error *error)
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
    plan->whole_bundles = strcmp(arguments->patch, "bundle") == 0;
    if (!plan->whole_bundles && strcmp(arguments->patch, "step") != 0) {
        return error_set(error, STATUS_USAGE, "--patch %s: expected step or bundle", arguments->patch);
    }
    if (plan->whole_bundles && session->options.solver != SOLVER_BANDED) {
        return error_set(error, STATUS_USAGE, "--patch bundle: needs --solver banded");
    }
    session->options.linalg = linalg_find(arguments->backend);
    if (!session->options.linalg || linalg_is_on_device(session->options.linalg)) {
        return error_set(error, STATUS_USAGE, "--backend %s: expected lapack or ref", arguments->backend);
    }
    return STATUS_OK;
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

    return linalg && solver == SOLVER_DENSE ? extract_dense_linalg(device, linalg, log) : linalg;
}

/* What works where; falling back from a GPU that is there is worth a warning. */
static void announce(const struct session *session, int nranks)
{
    const struct extract_options *options = &session->options;
    const struct linalg *linalg = options->device_linalg ? options->device_linalg : options->linalg;
    const struct device *device = &options->device;
    char reason[sizeof device->reason + 4] = "", ranks[32] = "";

    if (device->gpu_unused)
        log_warning(&session->log, "no GPU is used: %s", device->reason);
    else if (device->reason[0])
        snprintf(reason, sizeof reason, " (%s)", device->reason);
    if (nranks > 1) snprintf(ranks, sizeof ranks, "%d ranks, ", nranks);
    log_info(&session->log, "unspot %s (%s), device %s%s: %s%d threads, solver %s, linear algebra %s",
             UNSPOT_VERSION, UNSPOT_GIT_HASH, device->name, reason, ranks, omp_get_max_threads(),
             session->arguments->solver, linalg_description(linalg));
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
            return error_set(error, STATUS_DEVICE, "%s: no backend of linear algebra works there",
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
    session->timing.stage[STAGE_READ_PSF].bytes = file_bytes(arguments->psf);
    timing_add(&session->timing, STAGE_READ_PSF, now, 1);
    return STATUS_OK;
}

enum status session_read_image(struct session *session, struct error *error)
{
    const struct arguments *arguments = session->arguments;
    const struct psf *psf = &session->psf;
    double now = timing_start(STAGE_READ_IMAGE);
    enum status status;

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
    if (psf->nx == session->preproc.nx && psf->ny == session->preproc.ny) return STATUS_OK;
    return error_set(error, STATUS_MISMATCH,
                     "%s: the PSF is for a CCD of %zu x %zu pixels, but the image %s has %zu x %zu",
                     arguments->psf, psf->nx, psf->ny, arguments->input, session->preproc.nx,
                     session->preproc.ny);
}

static enum status fit_together(struct session *session, struct error *error)
{
    const struct arguments *arguments = session->arguments;
    const struct psf *psf = &session->psf;
    struct plan_options *plan = &session->options.plan;
    size_t left = psf->nspec > (size_t)arguments->specmin ? psf->nspec - (size_t)arguments->specmin : 0;

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
    size_t nwave = wavelength_count(options->plan.wave_min, options->plan.wave_max, options->plan.wave_step);

    options->plan.bundlesize = (size_t)arguments->bundlesize;
    options->plan.nsubbundles = (size_t)arguments->nsubbundles;
    options->plan.nwavestep = (size_t)arguments->nwavestep;
    options->plan.nwavestep = min_size(options->plan.nwavestep, max_size(nwave, default_wave_steps));
    options->plan.wavepad =
        (size_t)(arguments->wavepad + (int)(arguments->wavepad * arguments->wavepad_frac));
    options->plan.pixpad_frac = arguments->pixpad_frac;
    options->regularize = arguments->regularize;
    options->psferr = arguments->psferr == psferr_of_psf ? session->psf.psferr : arguments->psferr;
    options->model = arguments->model != NULL;
    session->timing.solver = arguments->solver;
    session->timing.threads = omp_get_max_threads();
    session->timing.nspec = options->plan.nspec;
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
    if (timing->nrepeated > 0) {
        log_info(&session->log, "%zu of %zu patches were repeated on the host", timing->nrepeated,
                 timing->npatch);
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
        log_debug(&session->log, "%-17s %9.3f s %12.0f", stage_name((enum stage)i), timing->stage[i].seconds,
                  timing->stage[i].count);
    }
}

enum status session_fit(struct session *session, struct error *error)
{
    enum status status = fit_together(session, error);

    if (status == STATUS_OK) set_options(session);
    return status;
}

/* All that is done before the ranks begin to work together; on rank 0 only. */
static enum status prepare(struct session *session, int nranks, struct error *error)
{
    enum status status = session_check_outputs(session, error);

    if (status != STATUS_OK) return status;
    announce(session, nranks);
    status = session_read_psf(session, error);
    if (status == STATUS_OK) status = session_read_image(session, error);
    if (status == STATUS_OK) status = session_fit(session, error);
    if (status == STATUS_OK) status = extract_select_fibers(session, error);
    if (status != STATUS_OK) return status;
    log_info(&session->log, "extracting spectra %zu to %zu, %g to %g Angstrom in steps of %g",
             session->options.plan.specmin, session->options.plan.specmin + session->options.plan.nspec - 1,
             session->options.plan.wave_min, session->options.plan.wave_max, session->options.plan.wave_step);
    return STATUS_OK;
}

enum status session_extract(struct session *session, struct share *share, struct events *events, int task,
                            struct error *error)
{
    enum status status = share_extract(share, session, events, task, error);

    session->timing.nwave = session->frame.nwave;
    session_name_linalg(session);
    if (status == STATUS_FORMAT) { /* only the PSF can be meant */
        struct error cause = *error;

        error_set(error, status, "%s: %s", session->arguments->psf, cause.text);
    }
    return status;
}

static enum status run(struct session *session, struct share *share, struct error *error)
{
    const struct arguments *arguments = session->arguments;
    bool is_root = ranks_rank(share->ranks) == 0;
    struct events events = {0};
    double start = timing_now();
    enum status status = session_check(session, error);

    if (status != STATUS_OK) return status;
    if (arguments->threads > 0) omp_set_num_threads(arguments->threads);
    status = session_choose_device(session, ranks_local(share->ranks), error);
    status = share_agree(share->ranks, status, &session->log, error);
    if (status != STATUS_OK) return status;
    if (is_root) status = prepare(session, ranks_size(share->ranks), error);
    if (ranks_announce(share->ranks, status) != STATUS_OK) return status;
    status = session_extract(session, share, &events, 0, error);
    events_free(&events);
    if (!is_root) return status;
    if (status == STATUS_OK) status = extract_write(session, error);
    session->timing.total_seconds = timing_now() - start;
    if (status == STATUS_OK && arguments->timing) {
        status = timing_write(arguments->timing, &session->timing, error);
    }
    if (status == STATUS_OK) summarise(session);
    return status;
}

void session_free(struct session *session)
{
    psf_free(&session->psf);
    preproc_free(&session->preproc);
    table_free(&session->fibermap);
    frame_free(&session->frame);
}

enum status extract_command(int argc, const char **argv, struct error *error)
{
    struct arguments arguments;
    struct session session = {.arguments = &arguments, .log = {.level = LOG_INFO}};
    struct share share = {0};
    struct ranks *world = NULL;
    enum status parsed = arguments_parse(argc, argv, &arguments, error);
    enum status status = ranks_begin(&world, error);

    if (status == STATUS_OK) status = share_begin(&share, world, error);
    if (status == STATUS_OK) {
        status = parsed == STATUS_OK ? run(&session, &share, error) : parsed;
        status = (enum status)ranks_announce(world, status);
        if (ranks_rank(world) > 0) error->text[0] = '\0'; /* rank 0 says it */
    }
    offload_forget();
    session_free(&session);
    arguments_free(&arguments);
    share_end(&share);
    ranks_end(world);
    return status;
}
