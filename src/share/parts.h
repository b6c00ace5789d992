/* What the ranks that share a frame make of it, and how it comes together. Private to share/. */
#ifndef UNSPOT_SHARE_PARTS_H
#define UNSPOT_SHARE_PARTS_H

#include "extract/session.h"
#include "ranks/ranks.h"
#include "share/work_units.h"

/* A strip of the model image that belongs to one unit. Strips are added in the order of the units once all
 * are there, so that the sum does not depend on who was first. */
struct strip {
    size_t column, nx;
    double *model;
};

/* What one rank made of one unit: spectra, and a strip of the model. */
struct part {
    size_t unit;
    struct frame frame;
};

/* All that one rank made of a frame. */
struct parts {
    size_t nunit, count;
    struct span *unit;   /* [nunit] spectra of the PSF */
    struct part *part;   /* [count], with room for nunit */
    struct strip *strip; /* [nunit]; on rank 0 those of all ranks */
    struct timing timing;
    enum status status;
    struct error error;
};

/* Lists the units of a frame for these ranks. The caller releases *parts with parts_free(), whatever the
 * status, which is also kept in parts->status. */
enum status parts_begin(struct parts *parts, const struct session *session, const struct ranks *ranks);
void parts_free(struct parts *parts);

/* Sends all of this rank's parts to rank 0, or why there are none. */
void parts_send(struct parts *parts, const struct ranks *ranks);

/* On rank 0: puts the parts of all ranks into the session's frame. Of several errors the first one is
 * returned. */
enum status parts_gather(struct parts *own, struct session *session, const struct ranks *ranks,
                         struct error *error);

#endif
