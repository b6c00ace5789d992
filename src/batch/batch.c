#include "batch/batch.h"

#include <errno.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "batch/engine.h"
#include "batch/pipe.h"
#include "batch/report.h"
#include "run/interrupt.h"
#include "run/version.h"

/* Says on how much of which machines the batch runs. */
static void announce_batch(const struct batch *batch)
{
    const struct device *device = &batch->device;

    if (device->gpu_unused) log_warning(&batch->log, "no GPU is used: %s", device->reason);
    log_info(
        &batch->log,
        "unspot %s (%s), device %s: %zu frames; nodes: %zu, ranks: %d, groups: %zu, threads of a rank: %d",
        UNSPOT_VERSION, UNSPOT_GIT_HASH, device->name, batch->tasks.count, batch->nodes,
        ranks_size(batch->world), batch->groups, omp_get_max_threads());
}

/* The pixels are not needed once the frame is extracted: the group holds less while it is written. */
static void free_inputs(struct session *session)
{
    free(session->preproc.image);
    free(session->preproc.ivar);
    session->preproc.image = session->preproc.ivar = NULL;
}

/* Lowers the priority of this thread and of those that it starts from now on. On a machine with too few cores
 * the threads that read and write then go before those that extract: they have less to do, and all wait for
 * them in the end. */
static void give_way(const struct batch *batch)
{
    enum { NICER = 5 };

    errno = 0;
    if (batch->options->io != IO_OFF && nice(NICER) == -1 && errno != 0)
        log_debug(&batch->log, "priority: %s", strerror(errno));
}

/* Who extracts which frame, in this thread. */
static struct share_task task_of(struct batch *batch, long task)
{
    return (struct share_task){&batch->events[LANE_MAIN], (int)task};
}

static void extract_items(struct batch *batch, struct batch_pipe *pipe)
{
    struct work_item *item;

    while ((item = pipe_next(pipe))) {
        if (item->status == STATUS_OK && !item->is_complete) {
            item->is_dropped = interrupt_noted() != 0;
            if (!item->is_dropped) {
                ranks_announce(batch->compute, item->task);
                item->status =
                    share_extract(&batch->share, &item->session, task_of(batch, item->task), &item->error);
            }
            free_inputs(&item->session);
        }
        pipe_put(pipe, item);
    }
    ranks_announce(batch->compute, -1);
}

static void join_extractions(struct batch *batch)
{
    give_way(batch);
    for (;;) {
        double now = timing_now();
        long task = ranks_announce(batch->compute, 0);
        struct work_item *item;

        events_add(&batch->events[LANE_MAIN], EVENT_WAIT_INPUT, now, (int)task);
        if (task < 0) break;
        item = work_item_new(batch, task);
        if (item->status != STATUS_OK) abort(); /* The line was checked before, so that memory has run out. */
        share_extract(&batch->share, &item->session, task_of(batch, task), &item->error);
        work_item_free(item);
        engine_heed_signal(batch);
    }
}

/* What the first of the ranks that extract does. The threads that read and write begin before it gives way,
 * and so keep their priority. */
static void extract_from_pipe(struct batch *batch)
{
    struct batch_pipe *pipe = NULL;
    struct error error;

    if (pipe_begin(&pipe, batch, &error) !=
        STATUS_OK) { /* Other ranks wait for this one, and mpiexec is to end them. */
        log_error(&batch->log, "%s", error.text);
        abort();
    }
    give_way(batch);
    extract_items(batch, pipe);
    pipe_end(pipe);
}

/* Extracts all frames of the table, each rank in its role. */
static void extract_all(struct batch *batch)
{
    interrupt_defer();
    ranks_barrier(batch->world);
    batch->start = timing_now();
    if (batch->role == ROLE_READER)
        pipe_read_all(batch);
    else if (batch->role == ROLE_WRITER)
        pipe_write_all(batch);
    else if (ranks_rank(batch->compute) == 0)
        extract_from_pipe(batch);
    else
        join_extractions(batch);
    ranks_barrier(batch->world);
    batch->seconds = timing_now() - batch->start;
}

enum status batch_run(const struct batch_options *options, struct ranks *world, struct error *error)
{
    struct batch batch = {.options = options, .log = options->log, .world = world};
    enum status status;

    if (options->threads > 0) omp_set_num_threads(options->threads);
    status = engine_share_tasks(&batch, error);
    if (status == STATUS_OK) status = engine_make_groups(&batch, error);
    if (status == STATUS_OK && batch.tasks.count > 0) status = engine_choose_device(&batch, error);
    if (status == STATUS_OK) {
        if (ranks_rank(world) == 0) announce_batch(&batch);
        extract_all(&batch);
        status = batch_report(&batch, error);
    }
    engine_free(&batch);
    return status;
}
