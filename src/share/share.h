/* One frame extracted by all ranks of a set, or by one: rank 0 has the inputs and gets the frame, and all
 * take work units (share/work_units.h) from a counter. The frame does not depend by one bit on who took
 * which. */
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

/* All functions here are collective. STATUS_MEMORY when there is no memory for the counter of units. The
 * caller ends with share_end(), whatever the status. */
enum status share_begin(struct share *share, const struct ranks *ranks, struct error *error);
void share_end(struct share *share);

/* Whether all ranks have succeeded. A rank that has not gets its own status back, the others STATUS_DEVICE.
 * Where rank 0 has succeeded, the ranks that have not log their errors, as only rank 0's becomes the
 * program's. */
enum status share_agree(const struct ranks *ranks, enum status status, const struct log *log,
                        struct error *error);

/* Who extracts which frame, for the event log. */
struct share_task {
    struct events *events; /* of the calling thread */
    int number;            /* of the task */
};

/* Extracts. On rank 0 the session has its inputs and has passed session_fit(); it gets frame and timing. On
 * the other ranks it has passed session_begin() only; they return STATUS_OK, as rank 0 has their errors. A
 * PSF that cannot be used is STATUS_FORMAT, and the error names its file. */
enum status share_extract(struct share *share, struct session *session, struct share_task task,
                          struct error *error);

#endif
