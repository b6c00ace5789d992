/* Who did what when: the event log of one thread of one rank. */
#ifndef UNSPOT_RUN_EVENTS_H
#define UNSPOT_RUN_EVENTS_H

#include <stddef.h>

/* X(name, "what stands in the files") */
#define EVENT_TABLE(X)                                                                                       \
    X(READ, "read")           /* inputs, and checking outputs that may be complete */                        \
    X(WAIT_INPUT, "wait")     /* for the reader, or for what to do */                                        \
    X(BROADCAST, "broadcast") /* inputs, to the ranks of a group */                                          \
    X(EXTRACT, "extract")                                                                                    \
    X(GATHER, "gather") /* spectra, from the ranks of a group, and waiting for the last of these */          \
    X(FINISH, "finish")                                                                                      \
    X(HAND_OVER, "hand_over") /* waiting for the writer */                                                   \
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
    int task;
};

struct events {
    size_t count, capacity;
    struct event *list;
    double seconds[EVENT_COUNT]; /* of all events, also of those that there was no memory to list */
};

/* Notes an event of a task from `begin`, a value of timing_now(), until now; returns now. */
double events_add(struct events *events, enum event_kind kind, double begin, int task);
void events_free(struct events *events);

const char *event_name(enum event_kind kind);

#endif
