/* unspot extract: files to files. */
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "commands/command.h"
#include "extract/session.h"
#include "extract/write.h"
#include "omp/offload.h"
#include "ranks/agree.h"
#include "run/version.h"
#include "share/share.h"

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

/* All that rank 0 does before the ranks begin to work together. */
static enum status read_inputs(struct session *session, int nranks, struct error *error)
{
    const struct plan_options *plan = &session->options.plan;
    enum status status = session_check_outputs(session, error);
    size_t first;

    if (status != STATUS_OK) return status;
    announce(session, nranks);
    status = session_read_psf(session, error);
    if (status == STATUS_OK) status = session_read_image(session, error);
    if (status == STATUS_OK) status = session_fit(session, error);
    if (status == STATUS_OK) status = session_select_fibers(session, error);
    if (status != STATUS_OK) return status;
    first = session->psf.fibermin + plan->spectra.first;
    log_info(&session->log, "extracting spectra %zu to %zu, %g to %g Angstrom in steps of %g", first,
             first + plan->spectra.count - 1, plan->wave_min, plan->wave_max, plan->wave_step);
    return STATUS_OK;
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

static enum status write_outputs(struct session *session, double start, struct error *error)
{
    const char *timing = session->arguments->timing;
    enum status status = session_write(session, error);

    session->timing.total_seconds = timing_now() - start;
    if (status == STATUS_OK && timing) status = timing_write(timing, &session->timing, error);
    if (status == STATUS_OK) summarise(session);
    return status;
}

/* Whether all ranks are to do the same; parsed: whether this rank's command line is right. */
static enum status agree(const struct ranks *world, enum status parsed, const struct arguments *arguments,
                         struct error *error)
{
    char *text = parsed == STATUS_OK ? arguments_text(arguments) : NULL;
    enum status status = parsed;

    if (parsed == STATUS_OK && !text) status = memory_error(error, "command line");
    status = ranks_agree(world, status, text, error);
    free(text);
    return status;
}

static enum status run(struct session *session, const struct arguments *arguments, struct share *share,
                       struct error *error)
{
    const bool is_root = ranks_rank(share->ranks) == 0;
    const double start = timing_now();
    struct events events = {0};
    enum status status = session_begin(session, arguments, error);

    if (status != STATUS_OK) return status;
    if (arguments->threads > 0) omp_set_num_threads(arguments->threads);
    status = session_choose_device(session, ranks_local(share->ranks), error);
    status = share_agree(share->ranks, status, &session->log, error);
    if (status != STATUS_OK) return status;
    if (is_root) status = read_inputs(session, ranks_size(share->ranks), error);
    if (ranks_announce(share->ranks, status) != STATUS_OK) return status;
    status = share_extract(share, session, (struct share_task){&events, 0}, error);
    events_free(&events);
    return is_root && status == STATUS_OK ? write_outputs(session, start, error) : status;
}

enum status extract_command(int argc, const char **argv, struct error *error)
{
    struct arguments arguments;
    struct session session = {.log = {.level = LOG_INFO}};
    struct share share = {0};
    struct ranks *world = NULL;
    enum status parsed = arguments_parse(argc, argv, &arguments, error);
    enum status status = ranks_begin(&world, error);

    if (status == STATUS_OK) {
        status = agree(world, parsed, &arguments, error);
        if (status == STATUS_OK) status = share_begin(&share, world, error);
        if (status == STATUS_OK) status = run(&session, &arguments, &share, error);
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
