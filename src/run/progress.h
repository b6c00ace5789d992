/* A progress bar on stderr: done, rate, time left. */
#ifndef UNSPOT_RUN_PROGRESS_H
#define UNSPOT_RUN_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

struct progress {
    bool visible;
    size_t total, done;
    double start, shown; /* timing_now() */
};

/* mode: "auto" (when stderr is a terminal), "always", "never"; false for anything else. */
bool progress_init(struct progress *progress, const char *mode);
void progress_start(struct progress *progress, size_t total);

/* Counts one more; may be called by any thread. */
void progress_step(struct progress *progress);

/* Draws the final state and ends the line, so that log lines can follow. */
void progress_end(struct progress *progress);

#endif
