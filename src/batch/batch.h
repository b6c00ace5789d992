/* What the parts of unspot batch share. Private to batch*.c. */
#ifndef UNSPOT_BATCH_BATCH_H
#define UNSPOT_BATCH_BATCH_H

#include "batch/task_table.h"
#include "extract/session.h"
#include "ranks/ranks.h"
#include "run/events.h"
#include "share/share.h"

/* Who reads the next frame and writes the last one while a group extracts. */
enum batch_io { IO_OFF, IO_THREADS, IO_RANKS };

/* What a rank of a group does. */
enum batch_role { ROLE_COMPUTE, ROLE_READER, ROLE_WRITER };

struct batch_options {
    char *tasks, *io_name, *timing, *loglevel; /* file names; timing may be NULL */
    int group_size, threads, resume;
    enum batch_io io;
};

/* What became of the tasks whose outputs this rank wrote, or did not. */
struct tally {
    size_t written, skipped, failed, dropped;
    struct timing timing; /* of the written ones */
    char *failures;       /* one line each, or NULL */
    size_t failures_size;
};

/* One thread's log has no locks: so there is one for each of a rank's threads. */
enum lane { LANE_MAIN, LANE_READER, LANE_WRITER, LANE_COUNT };

struct batch {
    struct device device; /* of all tasks; DEVICE_HOST: none */
    const struct linalg *device_linalg;
    char device_wish[64]; /* what they asked for */
    struct batch_options options;
    struct log log;
    struct tasks tasks;
    struct ranks *world, *group;
    struct ranks *compute; /* the group's ranks that extract; NULL on its reader and writer */
    struct counter *frames;
    struct share share; /* of compute */
    enum batch_role role;
    size_t nodes, groups;
    double start, seconds; /* timing_now(), wall clock of all the work */
    struct tally tally;
    struct events events[LANE_COUNT];
};

/* A task in flight, from its reader to its writer. */
struct flight {
    long task;
    struct arguments arguments;
    struct session session;
    char about[256]; /* for the log */
    enum status status;
    struct error error;
    bool is_complete; /* by an earlier run */
    bool is_dropped;  /* because of a signal */
};

/* --- batch_flight.c: the steps of a task --- */

/* The task, with the options of its line checked, but nothing read. */
struct flight *flight_new(const struct batch *batch, long task);
void flight_free(struct flight *flight);

/* Reads the inputs, unless the output is complete already; what fails is noted in the flight. */
void flight_read(const struct batch *batch, struct flight *flight, struct events *events);

/* Writes the frame or reports why there is none; counts it and frees the flight. */
void flight_write(const struct batch *batch, struct flight *flight, struct tally *tally,
                  struct events *events);

/* Between ranks: the inputs, from a reader; the results, to a writer. */
struct transfer;
void flight_transfer_inputs(struct transfer *transfer, struct flight *flight);
void flight_transfer_results(struct transfer *transfer, struct flight *flight);

/* --- batch_io.c: a group's reader and writer, as its first computing rank sees them --- */

struct batch_pipe;
enum status pipe_begin(struct batch_pipe **pipe, struct batch *batch, struct error *error);

/* The next frame to extract; NULL when there is none. */
struct flight *pipe_next(struct batch_pipe *pipe);

/* A frame to write: waits until the one before is written, so that a group holds three frames at most: one
 * that is read or waits, one that is extracted, one that is written. */
void pipe_put(struct batch_pipe *pipe, struct flight *flight);

/* Waits for the last frame. */
void pipe_end(struct batch_pipe *pipe);

/* What a group's reader and writer ranks do. */
void batch_read_all(struct batch *batch);
void batch_write_all(struct batch *batch);

/* The next task for this group, or -1 when there is none left or a signal came. */
long batch_next_task(struct batch *batch);

/* After a signal: no group gets another task. For ranks that do not ask for tasks themselves. */
void batch_heed_signal(struct batch *batch);

/* --- batch_report.c --- */

/* Collective: brings everything to rank 0, prints the summary there, and writes the timing file. */
enum status batch_report(struct batch *batch, struct error *error);

#endif
