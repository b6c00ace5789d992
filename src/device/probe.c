#define _GNU_SOURCE /* dladdr, RTLD_DEFAULT */
#include "device/probe.h"

#include <dlfcn.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/team.h"
#include "device/driver.h"

const char *probe_forbidden(void)
{
    const char *policy = getenv("OMP_TARGET_OFFLOAD");

    if (!probe_offload()) return "this build has no offloading";
    return policy && strcasecmp(policy, "disabled") == 0 ? "OMP_TARGET_OFFLOAD=DISABLED forbids it" : NULL;
}

#ifdef UNSPOT_OFFLOAD

const char *probe_offload(void)
{
    return UNSPOT_OFFLOAD;
}

const char *probe_images(void)
{
    return UNSPOT_OFFLOAD_IMAGES;
}

void probe_runtime(char *path, size_t size)
{
    void *symbol = dlsym(RTLD_DEFAULT, "omp_target_alloc");
    Dl_info info;

    snprintf(path, size, "%s", symbol && dladdr(symbol, &info) ? info.dli_fname : "unknown");
}

/* What a thread writes about where it runs. */
enum mark { MARK_NOTHING, MARK_HOST, MARK_DEVICE };

struct team_report {
    int mark[TEAM_SIZE];
    int team_size;
    int started; /* how many threads OpenMP says there are */
};

/* Runs one team of so many threads on a device. */
static void run_team(int number, int threads, struct team_report *report)
{
#pragma omp target teams device(number) num_teams(1) thread_limit(threads) is_device_ptr(report)
#pragma omp parallel num_threads(threads)
    {
        report->mark[omp_get_thread_num()] = omp_is_initial_device() ? MARK_HOST : MARK_DEVICE;
        if (omp_get_thread_num() == 0) {
            report->team_size = team_member().count;
            report->started = omp_get_num_threads();
        }
    }
}

/* Runs a team, copies its report to the host, and checks that every thread has run on the device. */
static bool try_team(int number, int threads, void *memory, struct team_report *report, char *problem,
                     size_t size)
{
    int host = omp_get_initial_device();

    *report = (struct team_report){0};
    if (omp_target_memcpy(memory, report, sizeof *report, 0, 0, number, host) != 0) {
        snprintf(problem, size, "OpenMP device %d takes no data", number);
        return false;
    }
    run_team(number, threads, memory);
    if (omp_target_memcpy(report, memory, sizeof *report, 0, 0, host, number) != 0) {
        snprintf(problem, size, "OpenMP device %d gives no data back", number);
        return false;
    }
    for (int i = 0; i < threads; i++) {
        if (report->mark[i] == MARK_DEVICE) continue;
        snprintf(problem, size, "a region for OpenMP device %d %s", number,
                 report->mark[i] == MARK_HOST ? "ran on the host" : "did not run, or not with a whole team");
        return false;
    }
    if (report->started != threads) { /* the threads would wait for one that is not there */
        snprintf(problem, size, "OpenMP device %d starts %d threads where a team of %d is asked for", number,
                 report->started, threads);
        return false;
    }
    return true;
}

bool probe_run(int number, struct probe *probe, char *problem, size_t size)
{
    struct team_report report, *memory = omp_target_alloc(sizeof *memory, number);
    struct driver driver;
    char no_driver[128];
    bool works;

    if (!memory) {
        snprintf(problem, size, "OpenMP device %d has no memory left, or does not start", number);
        return false;
    }
    works = try_team(number, 1, memory, &report, problem, size);
    if (works && report.team_size > 1) {
        works = try_team(number, report.team_size, memory, &report, problem, size);
    }
    driver_open(&driver, no_driver, sizeof no_driver);
    *probe = (struct probe){report.team_size, driver_ordinal(&driver, memory)};
    driver_close(&driver);
    omp_target_free(memory, number);
    return works;
}

#else

const char *probe_offload(void)
{
    return NULL;
}

const char *probe_images(void)
{
    return NULL;
}

void probe_runtime(char *path, size_t size)
{
    snprintf(path, size, "none");
}

bool probe_run(int number, struct probe *probe, char *problem, size_t size)
{
    (void)probe;
    snprintf(problem, size, "OpenMP device %d: this build has no offloading", number);
    return false;
}

#endif
