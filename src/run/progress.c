#include "run/progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "run/timing.h"

static const double refresh_seconds = 0.1;

bool progress_init(struct progress *progress, const char *mode)
{
    *progress = (struct progress){.visible = false};
    if (strcmp(mode, "always") == 0)
        progress->visible = true;
    else if (strcmp(mode, "auto") == 0)
        progress->visible = isatty(STDERR_FILENO) == 1;
    else if (strcmp(mode, "never") != 0)
        return false;
    return true;
}

static void draw(const struct progress *progress, double now)
{
    enum { WIDTH = 30 };
    static const char full[] = "##############################", empty[] = "..............................";
    double seconds = now - progress->start;
    double rate = seconds > 0 ? (double)progress->done / seconds : 0;
    double left = rate > 0 ? (double)(progress->total - progress->done) / rate : 0;
    int filled = (int)(WIDTH * progress->done / (progress->total ? progress->total : 1));

    fprintf(stderr, "\r[%.*s%.*s] %zu/%zu patches, %.0f/s, %.0f s left   ", filled, full, WIDTH - filled,
            empty, progress->done, progress->total, rate, left);
    fflush(stderr);
}

void progress_start(struct progress *progress, size_t total)
{
    progress->total = total;
    progress->done = 0;
    progress->start = progress->shown = timing_now();
    if (progress->visible) draw(progress, progress->start);
}

void progress_step(struct progress *progress)
{
#pragma omp critical(progress)
    {
        double now;

        progress->done++;
        if (progress->visible && (now = timing_now()) - progress->shown > refresh_seconds) {
            progress->shown = now;
            draw(progress, now);
        }
    }
}

void progress_end(struct progress *progress)
{
    if (!progress->visible) return;
    draw(progress, timing_now());
    fprintf(stderr, "\n");
}
