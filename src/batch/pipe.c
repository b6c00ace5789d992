/* The reader and the writer of a group: threads, ranks, or nobody but the rank that extracts. */
#include <pthread.h>
#include <stdlib.h>

#include "base/memory.h"
#include "batch/batch.h"
#include "ranks/transfer.h"
#include "run/interrupt.h"

enum { READER_FROM_END = 2, WRITER_FROM_END = 1 }; /* of the group's ranks */

struct batch_pipe {
    struct batch *batch;
    /* with threads only; mutex guards what follows */
    bool has_reader, has_writer;
    pthread_t reader, writer;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct flight *reading; /* being read, or read and waiting */
    bool is_read;
    struct flight *writing; /* being written */
    bool has_ended;
};

void batch_heed_signal(struct batch *batch)
{
    if (interrupt_noted()) counter_add(batch->frames, (long)batch->tasks.count);
}

long batch_next_task(struct batch *batch)
{
    long count = (long)batch->tasks.count;
    long task;

    batch_heed_signal(batch);
    task = counter_add(batch->frames, 1);
    return task < count && !interrupt_noted() ? task : -1;
}

/* The next task's flight, or NULL. */
static struct flight *next_flight(struct batch *batch)
{
    long task = batch_next_task(batch);

    return task < 0 ? NULL : flight_new(batch, task);
}

static void *read_frames(void *argument)
{
    struct batch_pipe *pipe = argument;

    pthread_mutex_lock(&pipe->mutex);
    for (;;) {
        struct flight *flight;

        while (!pipe->has_ended && (!pipe->reading || pipe->is_read))
            pthread_cond_wait(&pipe->changed, &pipe->mutex);
        if (pipe->has_ended) break;
        flight = pipe->reading;
        pthread_mutex_unlock(&pipe->mutex);
        flight_read(pipe->batch, flight, &pipe->batch->events[LANE_READER]);
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
        struct flight *flight;

        while (!pipe->has_ended && !pipe->writing) pthread_cond_wait(&pipe->changed, &pipe->mutex);
        if (!pipe->writing) break; /* what is there is written before the end */
        flight = pipe->writing;
        pthread_mutex_unlock(&pipe->mutex);
        flight_write(batch, flight, &batch->tally, &batch->events[LANE_WRITER]);
        pthread_mutex_lock(&pipe->mutex);
        pipe->writing = NULL; /* only now: so that no more frames are in memory than are promised */
        pthread_cond_broadcast(&pipe->changed);
    }
    pthread_mutex_unlock(&pipe->mutex);
    return NULL;
}

/* Has the reader begin with the next frame. */
static void start_reading(struct batch_pipe *pipe)
{
    struct flight *flight = next_flight(pipe->batch);

    pthread_mutex_lock(&pipe->mutex);
    pipe->reading = flight;
    pipe->is_read = false;
    pthread_cond_broadcast(&pipe->changed);
    pthread_mutex_unlock(&pipe->mutex);
}

static struct flight *take_from_thread(struct batch_pipe *pipe)
{
    struct flight *flight;

    pthread_mutex_lock(&pipe->mutex);
    while (pipe->reading && !pipe->is_read) pthread_cond_wait(&pipe->changed, &pipe->mutex);
    flight = pipe->reading;
    pthread_mutex_unlock(&pipe->mutex);
    if (flight) start_reading(pipe);
    return flight;
}

static void give_to_thread(struct batch_pipe *pipe, struct flight *flight)
{
    pthread_mutex_lock(&pipe->mutex);
    while (pipe->writing) pthread_cond_wait(&pipe->changed, &pipe->mutex);
    pipe->writing = flight;
    pthread_cond_broadcast(&pipe->changed);
    pthread_mutex_unlock(&pipe->mutex);
}

static struct flight *take_from_rank(struct batch_pipe *pipe)
{
    const struct ranks *group = pipe->batch->group;
    struct transfer transfer = transfer_receive(group, ranks_size(group) - READER_FROM_END);
    struct flight *flight;
    enum log_level level;
    long task;

    transfer_bytes(&transfer, &task, sizeof task);
    if (task < 0) return NULL;
    flight = flight_new(pipe->batch, task);
    flight_transfer_inputs(&transfer, flight);
    if (flight->status != STATUS_OK || flight->is_complete) return flight;
    level = flight->session.log.level;
    flight->session.log.level = LOG_ERROR; /* the reader has warned already */
    flight->status = session_fit(&flight->session, &flight->error);
    flight->session.log.level = level;
    return flight;
}

/* NULL: no more will come. */
static void give_to_rank(struct batch_pipe *pipe, struct flight *flight)
{
    const struct ranks *group = pipe->batch->group;
    struct transfer transfer = transfer_send(group, ranks_size(group) - WRITER_FROM_END);
    long task = flight ? flight->task : -1;

    transfer_bytes(&transfer, &task, sizeof task);
    if (flight) flight_transfer_results(&transfer, flight);
    flight_free(flight);
}

enum status pipe_begin(struct batch_pipe **result, struct batch *batch, struct error *error)
{
    struct batch_pipe *pipe = memory_zeroed(1, sizeof *pipe);

    *result = pipe;
    if (!pipe) return memory_error(error, "reader and writer");
    pipe->batch = batch;
    pthread_mutex_init(&pipe->mutex, NULL);
    pthread_cond_init(&pipe->changed, NULL);
    if (batch->options.io != IO_THREADS) return STATUS_OK;
    pipe->has_reader = pthread_create(&pipe->reader, NULL, read_frames, pipe) == 0;
    pipe->has_writer = pthread_create(&pipe->writer, NULL, write_frames, pipe) == 0;
    if (!pipe->has_reader || !pipe->has_writer)
        return error_set(error, STATUS_MEMORY, "the threads that read and write cannot be started");
    start_reading(pipe);
    return STATUS_OK;
}

struct flight *pipe_next(struct batch_pipe *pipe)
{
    struct batch *batch = pipe->batch;
    struct events *events = &batch->events[LANE_MAIN];
    struct flight *flight = NULL;
    double now = timing_now();

    switch (batch->options.io) {
    case IO_OFF:
        flight = next_flight(batch);
        if (flight) flight_read(batch, flight, events);
        return flight;
    case IO_THREADS:
        flight = take_from_thread(pipe);
        break;
    case IO_RANKS:
        flight = take_from_rank(pipe);
        break;
    }
    events_add(events, EVENT_WAIT_INPUT, now, flight ? (int)flight->task : -1);
    return flight;
}

void pipe_put(struct batch_pipe *pipe, struct flight *flight)
{
    struct batch *batch = pipe->batch;
    int task = (int)flight->task;
    double now = timing_now();

    switch (batch->options.io) {
    case IO_OFF:
        flight_write(batch, flight, &batch->tally, &batch->events[LANE_MAIN]);
        return;
    case IO_THREADS:
        give_to_thread(pipe, flight);
        break;
    case IO_RANKS:
        give_to_rank(pipe, flight);
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
    if (pipe->batch->options.io == IO_RANKS) give_to_rank(pipe, NULL);
    pthread_cond_destroy(&pipe->changed);
    pthread_mutex_destroy(&pipe->mutex);
    free(pipe);
}

void batch_read_all(struct batch *batch)
{
    struct events *events = &batch->events[LANE_MAIN];
    struct transfer transfer = transfer_send(batch->group, 0);
    struct flight *flight;
    long task = -1;

    while ((flight = next_flight(batch))) {
        double now;

        flight_read(batch, flight, events);
        now = timing_now();
        transfer_bytes(&transfer, &flight->task, sizeof flight->task);
        flight_transfer_inputs(&transfer, flight);
        events_add(events, EVENT_HAND_OVER, now, (int)flight->task);
        flight_free(flight);
    }
    transfer_bytes(&transfer, &task, sizeof task);
}

void batch_write_all(struct batch *batch)
{
    struct events *events = &batch->events[LANE_MAIN];
    struct transfer transfer = transfer_receive(batch->group, 0);

    for (;;) {
        double now = timing_now();
        struct flight *flight;
        long task;

        transfer_bytes(&transfer, &task, sizeof task);
        if (task < 0) break;
        flight = flight_new(batch, task);
        transfer.out_of_memory = false;
        flight_transfer_results(&transfer, flight);
        events_add(events, EVENT_WAIT_INPUT, now, (int)task);
        flight_write(batch, flight, &batch->tally, events);
        batch_heed_signal(batch);
    }
}
