/* The event log of one thread of one rank, which says when it did what. */
#ifndef UNSPOT_RUN_EVENTS_H
#define UNSPOT_RUN_EVENTS_H

#include <stddef.h>

/* X(name, "what stands in the files") */
#define EVENT_TABLE(X)                                                                                       \
    X(READ, "read")           /* inputs, and outputs that may be complete already */                         \
    X(WAIT_INPUT, "wait")     /* until the reader is ready, or a task is known */                            \
    X(BROADCAST, "broadcast") /* inputs, to the ranks of a group */                                          \
    X(EXTRACT, "extract")                                                                                    \
    X(GATHER, "gather") /* spectra, from the ranks of a group, with the time until the last is there */      \
    X(FINISH, "finish")                                                                                      \
    X(HAND_OVER, "hand_over") /* until the writer takes the frame */                                         \
    X(WRITE, "write")

enum event_kind {
#define X(name, text) EVENT_##name,
    EVENT_TABLE(X)
#undef X
        EVENT_COUNT
};

struct event {
    double begin, end; /* timing_now() */
    int kind;          /* enum event_kind */
    int task;          /* its number in the table of tasks */
};

struct events {
    size_t count, capacity;
    struct event *list;
    double seconds[EVENT_COUNT]; /* [kind] of all events, also of those that the list had no memory for */
};

/* Notes an event of a task that began at `begin`, a value of timing_now(), and ends now. Returns the time
 * now. */
double events_add(struct events *events, enum event_kind kind, double begin, int task);

/* Frees the list and zeroes *events. */
void events_free(struct events *events);

/* The name of a kind in the files, "read". */
const char *event_name(enum event_kind kind);

#endif
