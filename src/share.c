#include "share.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "finish.h"
#include "transfer.h"
#include "units.h"

/* A strip of the model image, by unit: they are added in the order of units, when all are there. */
struct strip {
    size_t column, nx;
    double *model;
};

/* What one rank made of one unit. */
struct part {
    size_t unit;
    struct frame frame;
};

/* What one rank has of a frame. */
struct parts {
    size_t nunit, count;
    struct unit *unit;   /* [nunit] */
    struct part *part;   /* [count], of at most nunit */
    struct strip *strip; /* [nunit], on rank 0 of all ranks' units */
    struct timing timing;
    enum status status;
    struct error error;
};

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

long share_announce(const struct share *share, long number)
{
    ranks_broadcast(share->ranks, 0, &number, sizeof number);
    return number;
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

static void parts_free(struct parts *parts)
{
    for (size_t i = 0; i < parts->count; i++) frame_free(&parts->part[i].frame);
    for (size_t i = 0; parts->strip && i < parts->nunit; i++) free(parts->strip[i].model);
    free(parts->strip);
    free(parts->part);
    free(parts->unit);
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

static enum status parts_begin(const struct share *share, const struct session *session, struct parts *parts)
{
    *parts = (struct parts){.status = STATUS_OK};
    parts->status = units_make(&session->options, &session->psf, (size_t)ranks_size(share->ranks),
                               &parts->unit, &parts->nunit, &parts->error);
    if (parts->status != STATUS_OK) return parts->status;
    parts->part = memory_zeroed(parts->nunit, sizeof *parts->part);
    parts->strip = memory_zeroed(parts->nunit, sizeof *parts->strip);
    if (!parts->part || !parts->strip) parts->status = memory_error(&parts->error, "list of bundles");
    return parts->status;
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

/* The arrays of a frame that have rows of spectra, from a row on. */
struct plane {
    void *data;
    size_t row_bytes;
};

enum { PLANES = 6 };

static void planes_of(const struct frame *frame, size_t row, struct plane *plane)
{
    size_t first = row * frame->nwave;

    plane[0] = (struct plane){frame->flux + first, frame->nwave * sizeof *frame->flux};
    plane[1] = (struct plane){frame->ivar + first, frame->nwave * sizeof *frame->ivar};
    plane[2] = (struct plane){frame->mask + first, frame->nwave * sizeof *frame->mask};
    plane[3] =
        (struct plane){frame->pixmask_fraction + first, frame->nwave * sizeof *frame->pixmask_fraction};
    plane[4] = (struct plane){frame->chi2pix + first, frame->nwave * sizeof *frame->chi2pix};
    plane[5] = (struct plane){frame->resolution + first * frame->ndiag,
                              frame->nwave * frame->ndiag * sizeof *frame->resolution};
}

static void send_parts(const struct share *share, struct parts *parts)
{
    struct transfer transfer = transfer_send(share->ranks, 0);
    size_t count = parts->status == STATUS_OK ? parts->count : 0;

    transfer_bytes(&transfer, &parts->status, sizeof parts->status);
    transfer_bytes(&transfer, &parts->error, sizeof parts->error);
    transfer_bytes(&transfer, &parts->timing, sizeof parts->timing);
    transfer_bytes(&transfer, &count, sizeof count);
    for (size_t i = 0; i < count; i++) {
        struct part *part = &parts->part[i];
        struct plane plane[PLANES];
        void *model = part->frame.model;

        transfer_bytes(&transfer, &part->unit, sizeof part->unit);
        planes_of(&part->frame, 0, plane);
        for (int k = 0; k < PLANES; k++)
            transfer_bytes(&transfer, plane[k].data, part->frame.nspec * plane[k].row_bytes);
        transfer_bytes(&transfer, &part->frame.model_column, sizeof part->frame.model_column);
        transfer_bytes(&transfer, &part->frame.model_nx, sizeof part->frame.model_nx);
        transfer_optional(&transfer, &model, part->frame.model_nx * part->frame.model_ny, sizeof(double));
    }
}

static void receive_parts(const struct share *share, int from, struct parts *own, struct frame *frame,
                          struct parts *parts)
{
    struct transfer transfer = transfer_receive(share->ranks, from);
    size_t count = 0;

    transfer_bytes(&transfer, &parts->status, sizeof parts->status);
    transfer_bytes(&transfer, &parts->error, sizeof parts->error);
    transfer_bytes(&transfer, &parts->timing, sizeof parts->timing);
    transfer_bytes(&transfer, &count, sizeof count);
    for (size_t i = 0; i < count; i++) {
        size_t unit;
        struct plane plane[PLANES];
        struct strip *strip;
        void *model = NULL;

        transfer_bytes(&transfer, &unit, sizeof unit);
        planes_of(frame, own->unit[unit].specmin - frame->specmin, plane);
        for (int k = 0; k < PLANES; k++)
            transfer_bytes(&transfer, plane[k].data, own->unit[unit].nspec * plane[k].row_bytes);
        strip = &own->strip[unit];
        transfer_bytes(&transfer, &strip->column, sizeof strip->column);
        transfer_bytes(&transfer, &strip->nx, sizeof strip->nx);
        transfer_optional(&transfer, &model, strip->nx * frame->model_ny, sizeof(double));
        strip->model = model;
    }
    if (transfer.out_of_memory) parts->status = memory_error(&parts->error, "model image");
}

static void take_own_parts(struct parts *own, struct frame *frame)
{
    for (size_t i = 0; i < own->count && own->status == STATUS_OK; i++) {
        struct part *part = &own->part[i];
        struct plane from[PLANES], to[PLANES];

        planes_of(&part->frame, 0, from);
        planes_of(frame, part->frame.specmin - frame->specmin, to);
        for (int k = 0; k < PLANES; k++)
            memcpy(to[k].data, from[k].data, part->frame.nspec * from[k].row_bytes);
        own->strip[part->unit] =
            (struct strip){part->frame.model_column, part->frame.model_nx, part->frame.model};
        part->frame.model = NULL;
    }
}

static void add_strips(const struct strip *strip, size_t count, struct frame *frame)
{
    for (size_t i = 0; frame->model && i < count; i++) {
        for (size_t y = 0; y < frame->model_ny; y++) {
            double *to = frame->model + y * frame->model_nx + strip[i].column;

            for (size_t x = 0; x < strip[i].nx; x++) to[x] += strip[i].model[y * strip[i].nx + x];
        }
    }
}

/* On rank 0: everybody's parts into the frame; of several errors the first. */
static enum status gather_parts(struct share *share, struct session *session, struct parts *own,
                                struct error *error)
{
    enum status status = own->status;

    *error = own->error;
    take_own_parts(own, &session->frame);
    timing_merge(&session->timing, &own->timing);
    for (int rank = 1; rank < ranks_size(share->ranks); rank++) {
        struct parts parts = {0};

        receive_parts(share, rank, own, &session->frame, &parts);
        timing_merge(&session->timing, &parts.timing);
        if (status == STATUS_OK) {
            status = parts.status;
            *error = parts.error;
        }
    }
    if (status == STATUS_OK) add_strips(own->strip, own->nunit, &session->frame);
    return status;
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
        parts_begin(share, session, &parts);
    session->log.level = level;
    now = events_add(events, EVENT_BROADCAST, now, task);
    extract_units(share, session, &parts);
    now = events_add(events, EVENT_EXTRACT, now, task);
    send_parts(share, &parts);
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
    status = gather_parts(share, session, parts, error);
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
        status = parts_begin(share, session, parts);
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
    if (share_announce(share, status) != STATUS_OK) {
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
