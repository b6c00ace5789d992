#include "batch/engine.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "extract/session.h"
#include "io/output.h"
#include "run/interrupt.h"

enum { IO_RANKS_NEEDED = 3 };

enum status engine_share_tasks(struct batch *batch, struct error *error)
{
    const struct batch_options *options = batch->options;
    const struct ranks *world = batch->world;
    bool is_root = ranks_rank(world) == 0;
    char *text = NULL;
    size_t size = 0;
    enum status status = is_root ? tasks_read(options->tasks, &text, &size, error) : STATUS_OK;

    status = (enum status)ranks_announce(world, status);
    if (status != STATUS_OK) {
        free(text);
        return status;
    }
    size = (size_t)ranks_announce(world, (long)size);
    if (!is_root) text = malloc(size + 1);
    if (!text) abort(); /* The other ranks wait for this one, and mpiexec is to end them. */
    ranks_broadcast(world, 0, text, size + 1);
    status = tasks_split(&batch->tasks, options->tasks, text, error);
    batch->tasks.common = options->common;
    batch->tasks.ncommon = options->ncommon;
    if (is_root && status == STATUS_OK) status = tasks_check(&batch->tasks, options->timing, error);
    if (is_root && status == STATUS_OK && options->timing) status = output_check(options->timing, error);
    return (enum status)ranks_announce(world, status);
}

enum status engine_make_groups(struct batch *batch, struct error *error)
{
    const struct ranks *world = batch->world;
    struct ranks *node = ranks_split_nodes(world);
    int size = batch->options->group_size, nranks = ranks_size(world), rank, from_end;
    double counts[3];

    if (!node) return memory_error(error, "ranks");
    counts[0] = ranks_rank(node) == 0;
    if (size > 0) {
        ranks_free(node);
        if (nranks % size != 0)
            return error_set(error, STATUS_USAGE, "--group-size %d: does not divide the %d ranks there are",
                             size, nranks);
        batch->group = ranks_split(world, ranks_rank(world) / size);
    } else {
        batch->group = node;
    }
    if (!batch->group) return memory_error(error, "ranks");
    rank = ranks_rank(batch->group);
    from_end = ranks_size(batch->group) - rank;
    if (batch->options->io == IO_RANKS && from_end <= 2)
        batch->role = from_end == 1 ? ROLE_WRITER : ROLE_READER;
    counts[1] = rank == 0;
    counts[2] = ranks_size(batch->group) < IO_RANKS_NEEDED;
    ranks_sum(world, counts, 3);
    ranks_broadcast(world, 0, counts, sizeof counts);
    batch->nodes = (size_t)counts[0];
    batch->groups = (size_t)counts[1];
    if (batch->options->io == IO_RANKS && counts[2] > 0) {
        return error_set(error, STATUS_USAGE,
                         "--io ranks: a group needs %d ranks, a reader, a writer and one that extracts; the "
                         "smallest here has fewer",
                         IO_RANKS_NEEDED);
    }
    batch->compute = ranks_split(batch->group, batch->role == ROLE_COMPUTE ? 0 : -1);
    batch->frames = counter_new(world);
    if (!batch->frames) return memory_error(error, "counter");
    return batch->compute ? share_begin(&batch->share, batch->compute, error) : STATUS_OK;
}

enum status engine_choose_device(struct batch *batch, struct error *error)
{
    struct arguments arguments = {0};
    struct session session = {.log = batch->log};
    const int local = ranks_local(batch->world);
    enum status status = tasks_arguments(&batch->tasks, 0, &arguments, error);

    if (status == STATUS_OK) status = session_begin(&session, &arguments, error);
    session.log = batch->log;
    if (status == STATUS_OK) status = session_choose_device(&session, local, error);
    if (status == STATUS_OK) {
        snprintf(batch->device_request, sizeof batch->device_request, "%s", arguments.device);
        batch->device = session.options.device;
        batch->device_linalg = session.options.device_linalg;
    }
    arguments_free(&arguments);
    return share_agree(batch->world, status, &batch->log, error);
}

void engine_heed_signal(struct batch *batch)
{
    if (interrupt_noted()) counter_add(batch->frames, (long)batch->tasks.count);
}

long engine_next_task(struct batch *batch)
{
    const long count = (long)batch->tasks.count;
    long task;

    engine_heed_signal(batch);
    task = counter_add(batch->frames, 1);
    return task < count && !interrupt_noted() ? task : -1;
}

void engine_free(struct batch *batch)
{
    share_end(&batch->share);
    counter_free(batch->frames);
    ranks_free(batch->compute);
    ranks_free(batch->group);
    tasks_free(&batch->tasks);
    free(batch->tally.failures);
    for (int i = 0; i < LANE_COUNT; i++) events_free(&batch->events[i]);
}
