#include "share/share.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "extract/frame.h"
#include "extract/mask.h"
#include "ranks/transfer.h"
#include "share/parts.h"

enum status share_begin(struct share *share, const struct ranks *ranks, struct error *error)
{
    *share = (struct share){.ranks = ranks, .units = counter_new(ranks)};
    return share->units ? STATUS_OK : memory_error(error, "counter");
}

void share_end(struct share *share)
{
    counter_free(share->units);
    shared_memory_free(&share->pixels);
    *share = (struct share){0};
}

enum status share_agree(const struct ranks *ranks, enum status status, const struct log *log,
                        struct error *error)
{
    const bool is_root = ranks_rank(ranks) == 0;
    double failed[2] = {status != STATUS_OK, is_root && status != STATUS_OK}; /* of all ranks; of rank 0 */

    ranks_sum(ranks, failed, 2);
    ranks_broadcast(ranks, 0, failed, sizeof failed);
    if (status != STATUS_OK) {
        if (failed[1] == 0) log_error(log, "rank %d: %s", ranks_rank(ranks), error->text);
        return status;
    }
    if (failed[0] == 0) return STATUS_OK;
    return error_set(error, STATUS_DEVICE, "%.0f of %d ranks cannot start, see the lines above", failed[0],
                     ranks_size(ranks));
}

/* The frame of this session, with these options. */
static struct extraction extraction_of(const struct session *session, const struct extract_options *options,
                                       struct progress *progress)
{
    return (struct extraction){.preproc = &session->preproc,
                               .psf = &session->psf,
                               .options = options,
                               .log = &session->log,
                               .progress = progress};
}

static void extract_unit(const struct session *session, size_t unit, struct parts *parts)
{
    struct extract_options options = session->options;
    struct part *part = &parts->part[parts->count++];
    struct progress hidden = {.visible = false};
    const struct extraction in = extraction_of(session, &options, &hidden);
    struct timing timing = {0};

    part->unit = unit;
    options.part = true;
    options.plan.spectra = parts->unit[unit];
    parts->status = extract_frame(&in, &part->frame, &timing, &parts->error);
    timing_merge(&parts->timing, &timing);
}

/* Takes units for as long as there are any. A rank that has failed takes no more, and tells rank 0 in the
 * end. */
static void extract_units(struct share *share, const struct session *session, struct parts *parts)
{
    while (parts->status == STATUS_OK) {
        long unit = counter_add(share->units, 1);

        if (unit >= (long)parts->nunit) break;
        extract_unit(session, (size_t)unit, parts);
    }
}

/* What all ranks need to begin with a frame, in few messages, as a rank that waits for a core delays all of
 * them. */
struct inputs {
    size_t nx, ny, psf_bytes;
    char *psf; /* packed */
};

/* What rank 0 begins with. */
struct beginning {
    struct inputs inputs;
    struct parts parts;
};

static double note(struct share_task task, enum event_kind kind, double begin)
{
    return events_add(task.events, kind, begin, task.number);
}

/* The ranks of one node see the same image in shared memory; elsewhere each rank gets a copy. */
static void broadcast_pixels(struct share *share, struct transfer *transfer, struct session *session)
{
    const bool is_root = ranks_rank(share->ranks) == 0;
    struct preproc *preproc = &session->preproc;
    size_t npixel = preproc->nx * preproc->ny;
    float *pixels = shared_memory_get(&share->pixels, share->ranks, 2 * npixel * sizeof *pixels);

    if (is_root)
        log_debug(&session->log, "%s",
                  pixels ? "the ranks see one image" : "each rank gets a copy of the image");
    if (!pixels) {
        transfer_pixels(transfer, preproc);
        return;
    }
    if (is_root) {
        memcpy(pixels, preproc->image, npixel * sizeof *pixels);
        memcpy(pixels + npixel, preproc->ivar, npixel * sizeof *pixels);
    } else {
        preproc->image = pixels;
        preproc->ivar = pixels + npixel;
    }
    ranks_barrier(share->ranks);
}

/* Sends rank 0's inputs to the other ranks. False on one that has no memory for them. */
static bool broadcast_inputs(struct share *share, struct session *session, struct inputs *inputs)
{
    struct transfer transfer = transfer_broadcast(share->ranks, 0), packed;
    void *psf = inputs->psf;

    transfer_bytes(&transfer, inputs, sizeof *inputs);
    transfer_array(&transfer, &psf, inputs->psf_bytes, 1);
    session->preproc.nx = inputs->nx;
    session->preproc.ny = inputs->ny;
    broadcast_pixels(share, &transfer, session);
    inputs->psf = psf;
    if (ranks_rank(share->ranks) == 0) return true;
    if (transfer.out_of_memory) return false;
    packed = transfer_unpack(inputs->psf, inputs->psf_bytes);
    transfer_psf(&packed, &session->psf);
    return !packed.out_of_memory;
}

/* Pixels in shared memory are not the session's to free. */
static void forget_pixels(const struct share *share, struct preproc *preproc)
{
    if (preproc->image == share->pixels.base) preproc->image = preproc->ivar = NULL;
}

/* What the ranks other than rank 0 do. */
static void extract_as_member(struct share *share, struct session *session, struct share_task task)
{
    enum log_level level = session->log.level;
    double now = timing_now();
    struct parts parts = {.status = STATUS_OK};
    struct inputs inputs = {0};
    bool received = broadcast_inputs(share, session, &inputs);

    free(inputs.psf);
    session->log.level = LOG_ERROR; /* Rank 0 has given the warnings already. */
    if (!received)
        parts.status = memory_error(&parts.error, "image on another rank");
    else if ((parts.status = session_fit(session, &parts.error)) == STATUS_OK)
        parts_begin(&parts, session, share->ranks);
    session->log.level = level;
    now = note(task, EVENT_BROADCAST, now);
    extract_units(share, session, &parts);
    now = note(task, EVENT_EXTRACT, now);
    forget_pixels(share, &session->preproc);
    parts_send(&parts, share->ranks);
    note(task, EVENT_GATHER, now);
    parts_free(&parts);
}

static enum status extract_as_root(struct share *share, struct session *session, struct share_task task,
                                   struct beginning *beginning, struct error *error)
{
    double start = timing_now(), now = start;
    enum status status;

    broadcast_inputs(share, session, &beginning->inputs);
    now = note(task, EVENT_BROADCAST, now);
    extract_units(share, session, &beginning->parts);
    now = note(task, EVENT_EXTRACT, now);
    status = parts_gather(&beginning->parts, session, share->ranks, error);
    now = note(task, EVENT_GATHER, now);
    if (status == STATUS_OK) {
        double begin = now;

        status = mask_frame(&session->frame, &session->options, error);
        note(task, EVENT_FINISH, now);
        timing_add(&session->timing, STAGE_FINISH, begin, 1);
    }
    session->timing.extract_seconds = timing_now() - start;
    return status;
}

static enum status extract_alone(struct session *session, struct share_task task, struct error *error)
{
    const struct extraction in = extraction_of(session, &session->options, &session->progress);
    double now = timing_now();
    enum status status = extract_frame(&in, &session->frame, &session->timing, error);

    note(task, EVENT_EXTRACT, now);
    return status;
}

/* Allocates all that rank 0 needs before it calls the others, who then wait for it. */
static enum status begin_as_root(const struct share *share, struct session *session,
                                 struct beginning *beginning, struct error *error)
{
    const struct span columns = {0, session->preproc.nx};
    enum status status = extraction_frame_alloc(&session->frame, &session->options, &session->psf, columns,
                                                session->preproc.ny, error);
    struct transfer packed = transfer_pack();

    transfer_psf(&packed, &session->psf);
    beginning->inputs = (struct inputs){session->preproc.nx, session->preproc.ny, packed.used, packed.packed};
    if (status == STATUS_OK && packed.out_of_memory) status = memory_error(error, "PSF, for other ranks");
    if (status == STATUS_OK) {
        status = parts_begin(&beginning->parts, session, share->ranks);
        *error = beginning->parts.error;
    }
    counter_set(share->units, 0);
    return status;
}

/* With more than one rank. */
static enum status extract_together(struct share *share, struct session *session, struct share_task task,
                                    struct error *error)
{
    const bool is_root = ranks_rank(share->ranks) == 0;
    struct beginning beginning = {.parts = {.status = STATUS_OK}};
    enum status status = STATUS_OK;

    if (is_root) status = begin_as_root(share, session, &beginning, error);
    if (ranks_announce(share->ranks, status) == STATUS_OK) {
        if (is_root)
            status = extract_as_root(share, session, task, &beginning, error);
        else
            extract_as_member(share, session, task);
    }
    parts_free(&beginning.parts);
    free(beginning.inputs.psf);
    return status;
}

enum status share_extract(struct share *share, struct session *session, struct share_task task,
                          struct error *error)
{
    enum status status = ranks_size(share->ranks) == 1 ? extract_alone(session, task, error)
                                                       : extract_together(share, session, task, error);

    session->timing.nwave = session->frame.nwave;
    session_name_linalg(session);
    if (status == STATUS_FORMAT) { /* the extraction knows one file format only, the PSF's */
        struct error cause = *error;

        error_set(error, status, "%s: %s", session->arguments->psf, cause.text);
    }
    return status;
}
