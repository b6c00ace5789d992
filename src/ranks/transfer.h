/* Moves data structures between ranks. One function describes both directions: it is called on both sides,
 * and sends on the one what it fills in on the other. */
#ifndef UNSPOT_RANKS_TRANSFER_H
#define UNSPOT_RANKS_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/frame.h"
#include "base/psf.h"
#include "ranks/ranks.h"

/* A transfer under way. */
struct transfer {
    const struct ranks *ranks;
    enum { TRANSFER_SEND, TRANSFER_RECEIVE, TRANSFER_BROADCAST, TRANSFER_PACK, TRANSFER_UNPACK } kind;
    int peer;           /* the rank on the other side; of a broadcast, its root */
    bool out_of_memory; /* memory has run out for something received, which was thrown away, or packed */
    char *packed;
    size_t size, used; /* bytes of packed */
};

/* Transfers between two ranks, and from one rank to all others of the set (collective). */
struct transfer transfer_send(const struct ranks *ranks, int to);
struct transfer transfer_receive(const struct ranks *ranks, int from);
struct transfer transfer_broadcast(const struct ranks *ranks, int root);

/* For many small things in one message: the first packs into packed[used], which the caller frees; the second
 * unpacks from packed[size]. */
struct transfer transfer_pack(void);
struct transfer transfer_unpack(char *packed, size_t size);

/* Moves data[bytes]. On the receiving side data may be NULL: then the bytes are thrown away. */
void transfer_bytes(struct transfer *transfer, void *data, size_t bytes);

/* Moves an array (*data)[count] of elements of size bytes. The receiving side allocates it, and its caller
 * frees it; it is NULL, and out_of_memory is set, when there is no memory for it. transfer_optional() also
 * moves an array that is NULL on the sending side. */
void transfer_array(struct transfer *transfer, void **data, size_t count, size_t size);
void transfer_optional(struct transfer *transfer, void **data, size_t count, size_t size);

/* Moves all of a PSF. */
void transfer_psf(struct transfer *transfer, struct psf *psf);

/* Moves image, ivar and their size, without header and fibermap. */
void transfer_pixels(struct transfer *transfer, struct preproc *preproc);

/* Move a header and a table. */
void transfer_cards(struct transfer *transfer, struct cards *cards);
void transfer_table(struct transfer *transfer, struct table *table);

/* Moves all of a frame. */
void transfer_frame(struct transfer *transfer, struct frame *frame);

#endif
