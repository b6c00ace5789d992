#include "share/parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "ranks/transfer.h"

enum status parts_begin(struct parts *parts, const struct session *session, const struct ranks *ranks)
{
    *parts = (struct parts){.status = STATUS_OK};
    parts->status = work_units_make(&session->options, &session->psf, (size_t)ranks_size(ranks), &parts->unit,
                                    &parts->nunit, &parts->error);
    if (parts->status != STATUS_OK) return parts->status;
    parts->part = memory_zeroed(parts->nunit, sizeof *parts->part);
    parts->strip = memory_zeroed(parts->nunit, sizeof *parts->strip);
    if (!parts->part || !parts->strip) parts->status = memory_error(&parts->error, "list of bundles");
    return parts->status;
}

void parts_free(struct parts *parts)
{
    for (size_t i = 0; i < parts->count; i++) frame_free(&parts->part[i].frame);
    for (size_t i = 0; parts->strip && i < parts->nunit; i++) free(parts->strip[i].model);
    free(parts->strip);
    free(parts->part);
    free(parts->unit);
}

/* One of a frame's arrays that have a row for each spectrum, from a row on. */
struct frame_rows {
    void *data;
    size_t row_bytes;
};

enum { FRAME_ARRAYS = 6 };

static void rows_of(const struct frame *frame, size_t row, struct frame_rows *rows)
{
    size_t first = row * frame->nwave;

    rows[0] = (struct frame_rows){frame->flux + first, frame->nwave * sizeof *frame->flux};
    rows[1] = (struct frame_rows){frame->ivar + first, frame->nwave * sizeof *frame->ivar};
    rows[2] = (struct frame_rows){frame->mask + first, frame->nwave * sizeof *frame->mask};
    rows[3] =
        (struct frame_rows){frame->pixmask_fraction + first, frame->nwave * sizeof *frame->pixmask_fraction};
    rows[4] = (struct frame_rows){frame->chi2pix + first, frame->nwave * sizeof *frame->chi2pix};
    rows[5] = (struct frame_rows){frame->resolution + first * frame->ndiag,
                                  frame->nwave * frame->ndiag * sizeof *frame->resolution};
}

void parts_send(struct parts *parts, const struct ranks *ranks)
{
    struct transfer transfer = transfer_send(ranks, 0);
    size_t count = parts->status == STATUS_OK ? parts->count : 0;

    transfer_bytes(&transfer, &parts->status, sizeof parts->status);
    transfer_bytes(&transfer, &parts->error, sizeof parts->error);
    transfer_bytes(&transfer, &parts->timing, sizeof parts->timing);
    transfer_bytes(&transfer, &count, sizeof count);
    for (size_t i = 0; i < count; i++) {
        struct part *part = &parts->part[i];
        struct frame_rows rows[FRAME_ARRAYS];
        void *model = part->frame.model;

        transfer_bytes(&transfer, &part->unit, sizeof part->unit);
        rows_of(&part->frame, 0, rows);
        for (int k = 0; k < FRAME_ARRAYS; k++)
            transfer_bytes(&transfer, rows[k].data, part->frame.nspec * rows[k].row_bytes);
        transfer_bytes(&transfer, &part->frame.model_column, sizeof part->frame.model_column);
        transfer_bytes(&transfer, &part->frame.model_nx, sizeof part->frame.model_nx);
        transfer_optional(&transfer, &model, part->frame.model_nx * part->frame.model_ny, sizeof(double));
    }
}

static void receive(const struct ranks *ranks, int from, struct parts *own, struct frame *frame,
                    struct parts *parts)
{
    struct transfer transfer = transfer_receive(ranks, from);
    size_t count = 0;

    transfer_bytes(&transfer, &parts->status, sizeof parts->status);
    transfer_bytes(&transfer, &parts->error, sizeof parts->error);
    transfer_bytes(&transfer, &parts->timing, sizeof parts->timing);
    transfer_bytes(&transfer, &count, sizeof count);
    for (size_t i = 0; i < count; i++) {
        size_t unit;
        struct frame_rows rows[FRAME_ARRAYS];
        struct strip *strip;
        void *model = NULL;

        transfer_bytes(&transfer, &unit, sizeof unit);
        rows_of(frame, own->unit[unit].first - frame->specmin, rows);
        for (int k = 0; k < FRAME_ARRAYS; k++)
            transfer_bytes(&transfer, rows[k].data, own->unit[unit].count * rows[k].row_bytes);
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
        struct frame_rows from[FRAME_ARRAYS], to[FRAME_ARRAYS];

        rows_of(&part->frame, 0, from);
        rows_of(frame, part->frame.specmin - frame->specmin, to);
        for (int k = 0; k < FRAME_ARRAYS; k++)
            memcpy(to[k].data, from[k].data, part->frame.nspec * from[k].row_bytes);
        own->strip[part->unit] =
            (struct strip){part->frame.model_column, part->frame.model_nx, part->frame.model};
        part->frame.model = NULL;
    }
}

enum status parts_gather(struct parts *own, struct session *session, const struct ranks *ranks,
                         struct error *error)
{
    enum status status = own->status;

    *error = own->error;
    take_own_parts(own, &session->frame);
    timing_merge(&session->timing, &own->timing);
    for (int rank = 1; rank < ranks_size(ranks); rank++) {
        struct parts parts = {0};

        receive(ranks, rank, own, &session->frame, &parts);
        timing_merge(&session->timing, &parts.timing);
        if (status == STATUS_OK) {
            status = parts.status;
            *error = parts.error;
        }
    }
    for (size_t i = 0; status == STATUS_OK && session->frame.model && i < own->nunit; i++) {
        frame_add_to_model(&session->frame, own->strip[i].column, own->strip[i].nx, own->strip[i].model);
    }
    return status;
}
