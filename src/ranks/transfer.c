#include "ranks/transfer.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { THROWN_AWAY = 1 << 16, AT_ONCE = 1 << 22 }; /* bytes */

struct transfer transfer_send(const struct ranks *ranks, int to)
{
    return (struct transfer){.ranks = ranks, .kind = TRANSFER_SEND, .peer = to};
}

struct transfer transfer_receive(const struct ranks *ranks, int from)
{
    return (struct transfer){.ranks = ranks, .kind = TRANSFER_RECEIVE, .peer = from};
}

struct transfer transfer_broadcast(const struct ranks *ranks, int root)
{
    return (struct transfer){.ranks = ranks, .kind = TRANSFER_BROADCAST, .peer = root};
}

struct transfer transfer_pack(void)
{
    return (struct transfer){.kind = TRANSFER_PACK};
}

struct transfer transfer_unpack(char *packed, size_t size)
{
    return (struct transfer){.kind = TRANSFER_UNPACK, .packed = packed, .size = size};
}

static bool fills(const struct transfer *transfer)
{
    return transfer->kind == TRANSFER_RECEIVE || transfer->kind == TRANSFER_UNPACK ||
           (transfer->kind == TRANSFER_BROADCAST && ranks_rank(transfer->ranks) != transfer->peer);
}

static void pack(struct transfer *transfer, const void *data, size_t bytes)
{
    if (transfer->size - transfer->used < bytes) {
        size_t size = 2 * (transfer->size + bytes);
        char *packed = realloc(transfer->packed, size);

        if (!packed) {
            transfer->out_of_memory = true;
            return;
        }
        transfer->packed = packed;
        transfer->size = size;
    }
    memcpy(transfer->packed + transfer->used, data, bytes);
    transfer->used += bytes;
}

static void unpack(struct transfer *transfer, void *data, size_t bytes)
{
    if (transfer->size - transfer->used < bytes) abort(); /* the two sides describe different data */
    memcpy(data, transfer->packed + transfer->used, bytes);
    transfer->used += bytes;
}

static void move(struct transfer *transfer, void *data, size_t bytes)
{
    switch (transfer->kind) {
    case TRANSFER_SEND:
        ranks_send(transfer->ranks, transfer->peer, data, bytes);
        break;
    case TRANSFER_RECEIVE:
        ranks_receive(transfer->ranks, transfer->peer, data, bytes);
        break;
    case TRANSFER_BROADCAST:
        ranks_broadcast(transfer->ranks, transfer->peer, data, bytes);
        break;
    case TRANSFER_PACK:
        pack(transfer, data, bytes);
        break;
    case TRANSFER_UNPACK:
        unpack(transfer, data, bytes);
        break;
    }
}

/* The bytes go in pieces of a size that both sides know, so that a side without memory for the whole can take
 * part. */
void transfer_bytes(struct transfer *transfer, void *data, size_t bytes)
{
    static const size_t piece = AT_ONCE;
    char *bin = data ? NULL : malloc(bytes < piece ? bytes + 1 : piece);

    if (!data && !bin) abort(); /* without 4 MiB the program cannot go on; mpiexec ends the other ranks */
    for (size_t done = 0; done < bytes; done += piece) {
        size_t count = bytes - done < piece ? bytes - done : piece;

        move(transfer, data ? (char *)data + done : bin, count);
    }
    free(bin);
}

void transfer_array(struct transfer *transfer, void **data, size_t count, size_t size)
{
    if (fills(transfer)) {
        *data = memory_raw(count, size);
        if (!*data) transfer->out_of_memory = true;
    }
    transfer_bytes(transfer, *data, count * size);
}

void transfer_optional(struct transfer *transfer, void **data, size_t count, size_t size)
{
    bool exists = *data != NULL;

    transfer_bytes(transfer, &exists, sizeof exists);
    if (exists)
        transfer_array(transfer, data, count, size);
    else
        *data = NULL; /* received structs hold pointers of the other process */
}

/* Moves the array behind a pointer of any type, whose number of elements both sides know already. */
#define TRANSFER(transfer, pointer, count)                                                                   \
    do {                                                                                                     \
        void *data = (pointer);                                                                              \
        transfer_optional((transfer), &data, (count), sizeof *(pointer));                                    \
        (pointer) = data;                                                                                    \
    } while (0)

static void transfer_legendre(struct transfer *transfer, struct legendre *series, size_t nspec)
{
    transfer_bytes(transfer, series, sizeof *series);
    TRANSFER(transfer, series->coef, nspec * series->ncoef);
}

void transfer_psf(struct transfer *transfer, struct psf *psf)
{
    transfer_bytes(transfer, psf, sizeof *psf);
    transfer_legendre(transfer, &psf->x, psf->nspec);
    transfer_legendre(transfer, &psf->y, psf->nspec);
    transfer_legendre(transfer, &psf->sigmax, psf->nspec);
    transfer_legendre(transfer, &psf->sigmay, psf->nspec);
    TRANSFER(transfer, psf->gh, (psf->degx + 1) * (psf->degy + 1));
    for (size_t i = 0; i < (psf->degx + 1) * (psf->degy + 1); i++) {
        struct legendre lost = {0};

        transfer_legendre(transfer, psf->gh ? &psf->gh[i] : &lost, psf->nspec);
        free(lost.coef);
    }
    for (int i = 0; i < TAIL_COUNT; i++) transfer_legendre(transfer, &psf->tail[i], psf->nspec);
    TRANSFER(transfer, psf->broken, psf->broken ? psf->nspec : 0);
}

void transfer_pixels(struct transfer *transfer, struct preproc *preproc)
{
    transfer_bytes(transfer, &preproc->nx, sizeof preproc->nx);
    transfer_bytes(transfer, &preproc->ny, sizeof preproc->ny);
    TRANSFER(transfer, preproc->image, preproc->nx * preproc->ny);
    TRANSFER(transfer, preproc->ivar, preproc->nx * preproc->ny);
}

void transfer_cards(struct transfer *transfer, struct cards *cards)
{
    transfer_bytes(transfer, &cards->count, sizeof cards->count);
    TRANSFER(transfer, cards->text, CARD_SIZE * cards->count);
}

void transfer_table(struct transfer *transfer, struct table *table)
{
    transfer_cards(transfer, &table->header);
    transfer_bytes(transfer, &table->row_bytes, sizeof table->row_bytes);
    transfer_bytes(transfer, &table->nrows, sizeof table->nrows);
    TRANSFER(transfer, table->rows, table->row_bytes * table->nrows);
}

void transfer_frame(struct transfer *transfer, struct frame *frame)
{
    size_t nbin;

    transfer_bytes(transfer, frame, sizeof *frame);
    nbin = frame->nspec * frame->nwave;
    TRANSFER(transfer, frame->spectrum, frame->nspec);
    TRANSFER(transfer, frame->wave, frame->nwave);
    TRANSFER(transfer, frame->flux, nbin);
    TRANSFER(transfer, frame->ivar, nbin);
    TRANSFER(transfer, frame->mask, nbin);
    TRANSFER(transfer, frame->resolution, nbin * frame->ndiag);
    TRANSFER(transfer, frame->pixmask_fraction, nbin);
    TRANSFER(transfer, frame->chi2pix, nbin);
    TRANSFER(transfer, frame->model, frame->model_nx * frame->model_ny);
}
