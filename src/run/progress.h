/* A progress bar on stderr, which shows how many patches are done, their rate and the time that is left. */
#ifndef UNSPOT_RUN_PROGRESS_H
#define UNSPOT_RUN_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

struct progress {
    bool visible;
    size_t total, done;  /* patches */
    double start, shown; /* timing_now() */
};

/* mode is "auto" (the bar is shown when stderr is a terminal), "always" or "never";
 * false for anything else. */
bool progress_init(struct progress *progress, const char *mode);

/* Begins to count to total, and draws the bar. */
void progress_start(struct progress *progress, size_t total);

/* Counts one more. Any thread may call it. */
void progress_step(struct progress *progress);

/* Draws the final state and ends the line, so that log lines can follow it. */
void progress_end(struct progress *progress);

#endif
