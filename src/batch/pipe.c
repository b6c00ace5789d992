#include "batch/pipe.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "ranks/transfer.h"

enum { READER_FROM_END = 2, WRITER_FROM_END = 1 }; /* of the group's ranks */

struct batch_pipe {
    struct batch *batch;
    /* The rest is used with IO_THREADS only; the mutex guards what follows it. */
    bool has_reader, has_writer;
    pthread_t reader, writer;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct work_item *reading; /* being read, or read and waiting */
    bool is_read;
    struct work_item *writing; /* being written */
    bool has_ended;
};

/* The next task of this group, with nothing read yet, or NULL when there is none. */
static struct work_item *next_item(struct batch *batch)
{
    long task = engine_next_task(batch);

    return task < 0 ? NULL : work_item_new(batch, task);
}

static void *read_frames(void *argument)
{
    struct batch_pipe *pipe = argument;

    pthread_mutex_lock(&pipe->mutex);
    for (;;) {
        struct work_item *item;

        while (!pipe->has_ended && (!pipe->reading || pipe->is_read))
            pthread_cond_wait(&pipe->changed, &pipe->mutex);
        if (pipe->has_ended) break;
        item = pipe->reading;
        pthread_mutex_unlock(&pipe->mutex);
        work_item_read(pipe->batch, item, &pipe->batch->events[LANE_READER]);
        pthread_mutex_lock(&pipe->mutex);
        pipe->is_read = true;
        pthread_cond_broadcast(&pipe->changed);
    }
    pthread_mutex_unlock(&pipe->mutex);
    return NULL;
}

static void *write_frames(void *argument)
{
    struct batch_pipe *pipe = argument;
    struct batch *batch = pipe->batch;

    pthread_mutex_lock(&pipe->mutex);
    for (;;) {
        struct work_item *item;

        while (!pipe->has_ended && !pipe->writing) pthread_cond_wait(&pipe->changed, &pipe->mutex);
        if (!pipe->writing) break; /* An item that is there is written before the thread ends. */
        item = pipe->writing;
        pthread_mutex_unlock(&pipe->mutex);
        work_item_write(batch, item, &batch->tally, &batch->events[LANE_WRITER]);
        pthread_mutex_lock(&pipe->mutex);
        pipe->writing =
            NULL; /* Only now may the next one come, so that a group holds three frames at most. */
        pthread_cond_broadcast(&pipe->changed);
    }
    pthread_mutex_unlock(&pipe->mutex);
    return NULL;
}

/* Hands the next task to the reader thread. */
static void start_reading(struct batch_pipe *pipe)
{
    struct work_item *item = next_item(pipe->batch);

    pthread_mutex_lock(&pipe->mutex);
    pipe->reading = item;
    pipe->is_read = false;
    pthread_cond_broadcast(&pipe->changed);
    pthread_mutex_unlock(&pipe->mutex);
}

static struct work_item *take_from_thread(struct batch_pipe *pipe)
{
    struct work_item *item;

    pthread_mutex_lock(&pipe->mutex);
    while (pipe->reading && !pipe->is_read) pthread_cond_wait(&pipe->changed, &pipe->mutex);
    item = pipe->reading;
    pthread_mutex_unlock(&pipe->mutex);
    if (item) start_reading(pipe);
    return item;
}

static void give_to_thread(struct batch_pipe *pipe, struct work_item *item)
{
    pthread_mutex_lock(&pipe->mutex);
    while (pipe->writing) pthread_cond_wait(&pipe->changed, &pipe->mutex);
    pipe->writing = item;
    pthread_cond_broadcast(&pipe->changed);
    pthread_mutex_unlock(&pipe->mutex);
}

static struct work_item *take_from_rank(struct batch_pipe *pipe)
{
    const struct ranks *group = pipe->batch->group;
    struct transfer transfer = transfer_receive(group, ranks_size(group) - READER_FROM_END);
    struct work_item *item;
    enum log_level level;
    long task;

    transfer_bytes(&transfer, &task, sizeof task);
    if (task < 0) return NULL;
    item = work_item_new(pipe->batch, task);
    work_item_transfer_inputs(&transfer, item);
    if (item->status != STATUS_OK || item->is_complete) return item;
    level = item->session.log.level;
    item->session.log.level = LOG_ERROR; /* The reader has given the warnings already. */
    item->status = session_fit(&item->session, &item->error);
    item->session.log.level = level;
    return item;
}

/* Sends an item to the rank that writes; NULL tells it that no more will come. */
static void give_to_rank(struct batch_pipe *pipe, struct work_item *item)
{
    const struct ranks *group = pipe->batch->group;
    struct transfer transfer = transfer_send(group, ranks_size(group) - WRITER_FROM_END);
    long task = item ? item->task : -1;

    transfer_bytes(&transfer, &task, sizeof task);
    if (item) work_item_transfer_results(&transfer, item);
    work_item_free(item);
}

enum status pipe_begin(struct batch_pipe **result, struct batch *batch, struct error *error)
{
    struct batch_pipe *pipe = memory_zeroed(1, sizeof *pipe);
    int failure;

    *result = pipe;
    if (!pipe) return memory_error(error, "reader and writer");
    pipe->batch = batch;
    pthread_mutex_init(&pipe->mutex, NULL);
    pthread_cond_init(&pipe->changed, NULL);
    if (batch->options->io != IO_THREADS) return STATUS_OK;
    failure = pthread_create(&pipe->reader, NULL, read_frames, pipe);
    pipe->has_reader = failure == 0;
    if (pipe->has_reader) {
        failure = pthread_create(&pipe->writer, NULL, write_frames, pipe);
        pipe->has_writer = failure == 0;
    }
    if (failure) {
        return error_set(error, STATUS_MEMORY, "--io threads: cannot start a thread: %s: take --io off",
                         strerror(failure));
    }
    start_reading(pipe);
    return STATUS_OK;
}

struct work_item *pipe_next(struct batch_pipe *pipe)
{
    struct batch *batch = pipe->batch;
    struct events *events = &batch->events[LANE_MAIN];
    struct work_item *item = NULL;
    double now = timing_now();

    switch (batch->options->io) {
    case IO_OFF:
        item = next_item(batch);
        if (item) work_item_read(batch, item, events);
        return item;
    case IO_THREADS:
        item = take_from_thread(pipe);
        break;
    case IO_RANKS:
        item = take_from_rank(pipe);
        break;
    }
    events_add(events, EVENT_WAIT_INPUT, now, item ? (int)item->task : -1);
    return item;
}

void pipe_put(struct batch_pipe *pipe, struct work_item *item)
{
    struct batch *batch = pipe->batch;
    int task = (int)item->task;
    double now = timing_now();

    switch (batch->options->io) {
    case IO_OFF:
        work_item_write(batch, item, &batch->tally, &batch->events[LANE_MAIN]);
        return;
    case IO_THREADS:
        give_to_thread(pipe, item);
        break;
    case IO_RANKS:
        give_to_rank(pipe, item);
        break;
    }
    events_add(&batch->events[LANE_MAIN], EVENT_HAND_OVER, now, task);
}

void pipe_end(struct batch_pipe *pipe)
{
    if (!pipe) return;
    pthread_mutex_lock(&pipe->mutex);
    pipe->has_ended = true;
    pthread_cond_broadcast(&pipe->changed);
    pthread_mutex_unlock(&pipe->mutex);
    if (pipe->has_reader) pthread_join(pipe->reader, NULL);
    if (pipe->has_writer) pthread_join(pipe->writer, NULL);
    if (pipe->batch->options->io == IO_RANKS) give_to_rank(pipe, NULL);
    pthread_cond_destroy(&pipe->changed);
    pthread_mutex_destroy(&pipe->mutex);
    free(pipe);
}

void pipe_read_all(struct batch *batch)
{
    struct events *events = &batch->events[LANE_MAIN];
    struct transfer transfer = transfer_send(batch->group, 0);
    struct work_item *item;
    long task = -1;

    while ((item = next_item(batch))) {
        double now;

        work_item_read(batch, item, events);
        now = timing_now();
        transfer_bytes(&transfer, &item->task, sizeof item->task);
        work_item_transfer_inputs(&transfer, item);
        events_add(events, EVENT_HAND_OVER, now, (int)item->task);
        work_item_free(item);
    }
    transfer_bytes(&transfer, &task, sizeof task);
}

void pipe_write_all(struct batch *batch)
{
    struct events *events = &batch->events[LANE_MAIN];
    struct transfer transfer = transfer_receive(batch->group, 0);

    for (;;) {
        double now = timing_now();
        struct work_item *item;
        long task;

        transfer_bytes(&transfer, &task, sizeof task);
        if (task < 0) break;
        item = work_item_new(batch, task);
        transfer.out_of_memory = false;
        work_item_transfer_results(&transfer, item);
        events_add(events, EVENT_WAIT_INPUT, now, (int)task);
        work_item_write(batch, item, &batch->tally, events);
        engine_heed_signal(batch);
    }
}
