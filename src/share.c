#include "share.h"

#include "base/memory.h"
#include "finish.h"
#include "share_parts.h"
#include "transfer.h"

enum status share_begin(struct share *share, const struct ranks *ranks, struct error *error)
{
    *share = (struct share){ranks, counter_new(ranks)};
    return share->units ? STATUS_OK : memory_error(error, "counter");
}

void share_end(struct share *share)
{
    counter_free(share->units);
    *share = (struct share){0};
}

enum status share_agree(const struct ranks *ranks, enum status status, const struct log *log,
                        struct error *error)
{
    const bool is_root = ranks_rank(ranks) == 0;
    double failed = status != STATUS_OK, own = failed;

    ranks_sum(ranks, &failed, 1);
    ranks_broadcast(ranks, 0, &failed, sizeof failed);
    if (failed == 0 || status != STATUS_OK) {
        if (!is_root && own > 0) log_error(log, "rank %d: %s", ranks_rank(ranks), error->text);
        return status;
    }
    return error_set(error, STATUS_DEVICE, "%.0f of %d ranks cannot start, see the lines above", failed,
                     ranks_size(ranks));
}

static void extract_unit(const struct session *session, size_t unit, struct parts *parts)
{
    struct extract_options options = session->options;
    struct part *part = &parts->part[parts->count++];
    struct progress hidden = {.visible = false};
    struct timing timing = {0};

    part->unit = unit;
    options.part = true;
    options.plan.specmin = parts->unit[unit].specmin;
    options.plan.nspec = parts->unit[unit].nspec;
    parts->status = extract_frame(&session->preproc, &session->psf, &options, &session->log, &hidden,
                                  &part->frame, &timing, &parts->error);
    timing_merge(&parts->timing, &timing);
}

/* Takes units for as long as there are any. A rank that cannot work on takes none, and says so later. */
static void extract_units(struct share *share, const struct session *session, struct parts *parts)
{
    while (parts->status == STATUS_OK) {
        long unit = counter_add(share->units, 1);

        if (unit >= (long)parts->nunit) break;
        extract_unit(session, (size_t)unit, parts);
    }
}

/* The members of the set other than rank 0. */
static void extract_as_member(struct share *share, struct session *session, struct events *events, int task)
{
    struct transfer transfer = transfer_broadcast(share->ranks, 0);
    enum log_level level = session->log.level;
    double now = timing_now();
    struct parts parts = {.status = STATUS_OK};

    transfer_psf(&transfer, &session->psf);
    transfer_pixels(&transfer, &session->preproc);
    session->log.level = LOG_ERROR; /* what there is to warn of, rank 0 has */
    if (transfer.out_of_memory)
        parts.status = memory_error(&parts.error, "image on another rank");
    else if ((parts.status = session_fit(session, &parts.error)) == STATUS_OK)
        parts_begin(&parts, session, share->ranks);
    session->log.level = level;
    now = events_add(events, EVENT_BROADCAST, now, task);
    extract_units(share, session, &parts);
    now = events_add(events, EVENT_EXTRACT, now, task);
    parts_send(&parts, share->ranks);
    events_add(events, EVENT_GATHER, now, task);
    parts_free(&parts);
}

static enum status extract_as_root(struct share *share, struct session *session, struct events *events,
                                   int task, struct parts *parts, struct error *error)
{
    struct transfer transfer = transfer_broadcast(share->ranks, 0);
    double start = timing_now(), now = start;
    enum status status;

    transfer_psf(&transfer, &session->psf);
    transfer_pixels(&transfer, &session->preproc);
    now = events_add(events, EVENT_BROADCAST, now, task);
    extract_units(share, session, parts);
    now = events_add(events, EVENT_EXTRACT, now, task);
    status = parts_gather(parts, session, share->ranks, error);
    now = events_add(events, EVENT_GATHER, now, task);
    if (status == STATUS_OK) {
        double begin = now;

        status = finish_frame(&session->frame, error);
        events_add(events, EVENT_FINISH, now, task);
        timing_add(&session->timing, STAGE_FINISH, begin, 1);
    }
    session->timing.extract_seconds = timing_now() - start;
    return status;
}

static enum status extract_alone(struct session *session, struct events *events, int task,
                                 struct error *error)
{
    double now = timing_now();
    enum status status = extract_frame(&session->preproc, &session->psf, &session->options, &session->log,
                                       &session->progress, &session->frame, &session->timing, error);

    events_add(events, EVENT_EXTRACT, now, task);
    return status;
}

/* What rank 0 needs memory for, before it calls the others. */
static enum status prepare(const struct share *share, struct session *session, struct parts *parts,
                           struct error *error)
{
    enum status status = extract_frame_alloc(&session->frame, &session->options, &session->psf, 0,
                                             session->preproc.nx, session->preproc.ny, error);

    if (status == STATUS_OK) {
        status = parts_begin(parts, session, share->ranks);
        *error = parts->error;
    }
    counter_set(share->units, 0);
    return status;
}

enum status share_extract(struct share *share, struct session *session, struct events *events, int task,
                          struct error *error)
{
    struct parts parts = {.status = STATUS_OK};
    enum status status = STATUS_OK;
    bool is_root = ranks_rank(share->ranks) == 0;

    if (ranks_size(share->ranks) == 1) return extract_alone(session, events, task, error);
    if (is_root) status = prepare(share, session, &parts, error);
    if (ranks_announce(share->ranks, status) != STATUS_OK) {
        parts_free(&parts);
        return status;
    }
    if (is_root) {
        status = extract_as_root(share, session, events, task, &parts, error);
        parts_free(&parts);
    } else {
        extract_as_member(share, session, events, task);
    }
    return status;
}
