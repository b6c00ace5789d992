/* What the mock CUDA driver lacks for unspot: a device must have run a team before unspot believes in it
 * (run_team in src/device/probe.c), but the mock runs no kernel. Built together with the mock, whose
 * cuLaunchKernel is renamed to mock_launch, by program_mockdriver.sh; nothing else uses it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/team.h"

enum { MARK_DEVICE = 2 }; /* and struct team_report: as in src/device/probe.c */
struct report {
    int mark[TEAM_SIZE];
    int team_size;
    int started;
};

typedef unsigned int count;

int mock_launch(void *kernel, count gx, count gy, count gz, count bx, count by, count bz, count shared,
                void *stream, void **arguments, void **extra);

/* The kernel's arguments are OpenMP's own, the number of threads and the report. They come as pointers to
 * each or, from libomptarget 20 on, one behind the other; the second of extra[] points there. */
int cuLaunchKernel(void *kernel, count gx, count gy, count gz, count bx, count by, count bz, count shared,
                   void *stream, void **arguments, void **extra)
{
    if (strstr(kernel, "_run_team_l")) {
        struct report **where = extra ? (struct report **)extra[1] + 2 : arguments[2], *report = *where;

        int wrong = getenv("MOCK_SMALL_TEAM") && bx > 1; /* a thread is missing */

        for (int i = 0; i < TEAM_SIZE; i++) report->mark[i] = MARK_DEVICE;
        report->team_size = TEAM_SIZE;
        report->started = (int)bx - wrong;
    }
    return mock_launch(kernel, gx, gy, gz, bx, by, bz, shared, stream, arguments, extra);
}

int cuCtxGetDevice(int *device);

/* Memory is of the GPU that this thread used last. */
int cuPointerGetAttribute(void *value, int attribute, uintptr_t memory)
{
    (void)attribute, (void)memory;
    return cuCtxGetDevice(value);
}
