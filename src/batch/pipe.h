/* A group's reader and writer: threads, ranks, or nobody but the rank that extracts. Private to batch/.
 *
 * The first rank of those that extract sees a pipe: frames to extract come out of it, extracted frames go in.
 * A group holds three frames at most: one that is read or waits, one that is
 * extracted, one that is written. */
#ifndef UNSPOT_BATCH_PIPE_H
#define UNSPOT_BATCH_PIPE_H

#include "batch/work_item.h"

struct batch_pipe;

enum status pipe_begin(struct batch_pipe **pipe, struct batch *batch, struct error *error);

/* The next frame to extract; NULL when there is none. */
struct work_item *pipe_next(struct batch_pipe *pipe);

/* A frame to write, which is taken over; waits until the one before is written. */
void pipe_put(struct batch_pipe *pipe, struct work_item *item);

/* Waits for the last frame, and frees the pipe. */
void pipe_end(struct batch_pipe *pipe);

/* What a group's reader and writer ranks do, until there are no more tasks. */
void pipe_read_all(struct batch *batch);
void pipe_write_all(struct batch *batch);

#endif
