/* Many frames on any number of ranks: what `unspot batch` does. */
#ifndef UNSPOT_BATCH_BATCH_H
#define UNSPOT_BATCH_BATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/log.h"
#include "base/status.h"
#include "ranks/ranks.h"

/* Who reads the next frame and writes the last one while a group extracts. */
enum batch_io { IO_OFF, IO_THREADS, IO_RANKS };

struct batch_options {
    const char *tasks;   /* file name of the table of tasks (batch/task_table.h) */
    const char **common; /* [ncommon] options of unspot extract for all tasks */
    size_t ncommon;
    const char *timing; /* file name, or NULL */
    int group_size;     /* ranks that work on one frame together; 0: all of a node */
    int threads;        /* of a rank; 0: as OpenMP chooses */
    bool resume;        /* outputs that are complete are skipped */
    enum batch_io io;
    struct log log;
};

/* Extracts the frames of the table (collective). STATUS_USAGE where table or options are wrong; before the
 * first frame. A frame that cannot be done is logged and the others are made; the result then is
 * STATUS_INCOMPLETE, on rank 0. */
enum status batch_run(const struct batch_options *options, struct ranks *world, struct error *error);

#endif
