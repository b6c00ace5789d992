/* One frame extracted by all ranks of a set: rank 0 has the inputs and gets the frame, all take units
 * (units.h) from a counter. The frame does not depend on who took which, by not one bit. */
#ifndef UNSPOT_SHARE_SHARE_H
#define UNSPOT_SHARE_SHARE_H

#include "extract/session.h"
#include "ranks/ranks.h"
#include "ranks/shared_memory.h"
#include "run/events.h"

struct share {
    const struct ranks *ranks;
    struct counter *units;
    struct shared_memory pixels;
};

/* Collective, as are all functions here; share_end() whatever the status. */
enum status share_begin(struct share *share, const struct ranks *ranks, struct error *error);
void share_end(struct share *share);

/* Whether all ranks have succeeded: STATUS_OK, or the status, and on rank 0 the error, of one that has not;
 * where rank 0 has none, the others log theirs. */
enum status share_agree(const struct ranks *ranks, enum status status, const struct log *log,
                        struct error *error);

/* Extracts. On rank 0 the session has its inputs, and session_fit() has succeeded; it gets frame and timing.
 * On the others it has passed session_check() only; they return STATUS_OK, as rank 0 has their errors. */
enum status share_extract(struct share *share, struct session *session, struct events *events, int task,
                          struct error *error);

/* The same, and the error says which PSF cannot be used. */
enum status session_extract(struct session *session, struct share *share, struct events *events, int task,
                            struct error *error);

#endif
