/* Moves data structures between ranks. One function describes both directions: it is called on both sides,
 * and sends on the one what it fills in on the other. */
#ifndef UNSPOT_RANKS_TRANSFER_H
#define UNSPOT_RANKS_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/frame.h"
#include "base/psf.h"
#include "ranks/ranks.h"

struct transfer {
    const struct ranks *ranks;
    enum { TRANSFER_SEND, TRANSFER_RECEIVE, TRANSFER_BROADCAST, TRANSFER_PACK, TRANSFER_UNPACK } kind;
    int peer;           /* the other side; of a broadcast: the root */
    bool out_of_memory; /* for something received or packed: what came for it was thrown away */
    char *packed;
    size_t size, used; /* bytes of packed */
};

struct transfer transfer_send(const struct ranks *ranks, int to);
struct transfer transfer_receive(const struct ranks *ranks, int from);
struct transfer transfer_broadcast(const struct ranks *ranks, int root);

/* Into packed[used], which the caller releases; out of it: for many small things in one message. */
struct transfer transfer_pack(void);
struct transfer transfer_unpack(char *packed, size_t size);

/* data[bytes]; on the receiving side NULL throws them away. */
void transfer_bytes(struct transfer *transfer, void *data, size_t bytes);

/* *data[count] of elements of size bytes, allocated on the receiving side; it stays NULL where there is no
 * memory. With optional, *data may be NULL on the sending side. */
void transfer_array(struct transfer *transfer, void **data, size_t count, size_t size);
void transfer_optional(struct transfer *transfer, void **data, size_t count, size_t size);

/* All of a PSF. */
void transfer_psf(struct transfer *transfer, struct psf *psf);

/* The pixels of an image, without header and fibermap. */
void transfer_pixels(struct transfer *transfer, struct preproc *preproc);

void transfer_cards(struct transfer *transfer, struct cards *cards);
void transfer_table(struct transfer *transfer, struct table *table);

/* All of a frame. */
void transfer_frame(struct transfer *transfer, struct frame *frame);

#endif
