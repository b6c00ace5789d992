/* What the ranks that share a frame make of it, and how it comes together. Private to share/. */
#ifndef UNSPOT_SHARE_PARTS_H
#define UNSPOT_SHARE_PARTS_H

#include "extract/session.h"
#include "ranks/ranks.h"
#include "share/work_units.h"

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
    struct span *unit;   /* [nunit] spectra of the PSF */
    struct part *part;   /* [count], of at most nunit */
    struct strip *strip; /* [nunit], on rank 0 of all ranks' units */
    struct timing timing;
    enum status status;
    struct error error;
};

/* The units of a frame, for so many ranks; release with parts_free(), whatever the status, which is also in
 * parts->status. */
enum status parts_begin(struct parts *parts, const struct session *session, const struct ranks *ranks);
void parts_free(struct parts *parts);

/* To rank 0: all of this rank's parts, or why there are none. */
void parts_send(struct parts *parts, const struct ranks *ranks);

/* On rank 0: everybody's parts into the session's frame; of several errors the first. */
enum status parts_gather(struct parts *own, struct session *session, const struct ranks *ranks,
                         struct error *error);

#endif
