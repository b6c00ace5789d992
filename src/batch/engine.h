/* What the ranks of a batch know, and who does what. Private to batch/. */
#ifndef UNSPOT_BATCH_ENGINE_H
#define UNSPOT_BATCH_ENGINE_H

#include "batch/batch.h"
#include "batch/task_table.h"
#include "device/device.h"
#include "linalg/linalg.h"
#include "run/events.h"
#include "run/timing.h"
#include "share/share.h"

/* What a rank of a group does. */
enum batch_role { ROLE_COMPUTE, ROLE_READER, ROLE_WRITER };

/* What became of the tasks whose outputs this rank wrote, or did not. */
struct tally {
    size_t written, skipped, failed, dropped;
    struct timing timing; /* of the written ones */
    char *failures;       /* one line each, or NULL */
    size_t failures_size; /* bytes of these lines, without the final 0 */
};

/* An event log has no locks, so that each of a rank's threads has one of its own. */
enum lane { LANE_MAIN, LANE_READER, LANE_WRITER, LANE_COUNT };

struct batch {
    const struct batch_options *options;
    struct log log;
    struct device device; /* of all tasks; DEVICE_HOST: none */
    const struct linalg *device_linalg;
    char device_request[64]; /* the --device of all tasks */
    struct tasks tasks;
    struct ranks *world, *group;
    struct ranks *compute;  /* the group's ranks that extract; NULL on its reader and writer */
    struct counter *frames; /* the next task */
    struct share share;     /* of compute */
    enum batch_role role;
    size_t nodes, groups;
    double start, seconds; /* timing_now(); wall clock of all the work */
    struct tally tally;
    struct events events[LANE_COUNT];
};

/* Collective, in this order. engine_free() is called whatever the status. */

/* Rank 0 reads the table and checks it; all ranks get it. */
enum status engine_share_tasks(struct batch *batch, struct error *error);

/* Divides the world into groups, and a group into the ranks that extract and those that read and write. */
enum status engine_make_groups(struct batch *batch, struct error *error);

/* Chooses the device of the first task for all tasks: before any work, and in the thread that extracts. */
enum status engine_choose_device(struct batch *batch, struct error *error);

void engine_free(struct batch *batch);

/* The next task for this group, or -1 when there is none left or a signal came. */
long engine_next_task(struct batch *batch);

/* After a signal no group gets another task. For ranks that do not ask for tasks themselves. */
void engine_heed_signal(struct batch *batch);

#endif
