/* The choice of the device. OpenMP falls back to the host in silence, and its runtime may end the program
 * where a region cannot start. So everything is asked beforehand, and a region is believed only when it says
 * itself where it ran. */
#include "device/device.h"

#include <ctype.h>
#include <dlfcn.h>
#include <errno.h>
#include <omp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device/driver.h"
#include "device/probe.h"

/* Teams of 64 threads that a multiprocessor holds at the registers the kernels need, and a guess for GPUs
 * that cannot be asked. */
enum { TEAMS_PER_MULTIPROCESSOR = 8, TEAMS_OF_UNKNOWN_GPU = 1024 };

/* The teams that fill the device in use. Like OpenMP's default device it is set by whoever chooses one. */
static size_t teams_in_use = TEAMS_OF_UNKNOWN_GPU;

size_t device_teams(void)
{
    return teams_in_use;
}

/* Reads a number of bytes such as "2G", with K, M, G or T for powers of 1024. */
static bool parse_bytes(const char *text, size_t *bytes)
{
    static const char units[] = "KMGT";
    unsigned long long value;
    const char *unit;
    char *end;
    int shift = 0;

    errno = 0;
    value = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)text[0]) || errno != 0 || value == 0) return false;
    if (*end) {
        unit = strchr(units, toupper((unsigned char)*end));
        if (!unit || end[1] != '\0') return false;
        shift = 10 * (int)(unit - units + 1);
    }
    if (value > SIZE_MAX >> shift) return false;
    *bytes = (size_t)value << shift;
    return true;
}

static enum status set_memory_limit(struct device *device, struct error *error)
{
    const char *text = getenv("UNSPOT_DEVICE_MEMORY");

    if (!text || !*text || parse_bytes(text, &device->memory_limit)) return STATUS_OK;
    return error_set(error, STATUS_USAGE,
                     "UNSPOT_DEVICE_MEMORY=%s: expected a number of bytes, with K, M, G or T", text);
}

bool device_may_start(void)
{
    const char *policy = getenv("OMP_TARGET_OFFLOAD");

    return omp_get_num_devices() > 0 || !policy || strcasecmp(policy, "mandatory") != 0;
}

static void take_host(struct device *device)
{
    device->kind = DEVICE_HOST;
    device->number = omp_get_initial_device();
    device->cuda_ordinal = -1;
    device->team_size = 1;
    device->teams = 1;
    snprintf(device->name, sizeof device->name, "CPU");
    omp_set_default_device(device->number);
}

/* Takes an OpenMP device into use. False when it does not work; problem[size] then says why. */
static bool take(int number, struct device *device, char *problem, size_t size)
{
    struct probe probe;
    struct driver driver;
    struct driver_gpu gpu;
    char no_driver[128];

    if (!probe_run(number, &probe, problem, size)) return false;
    driver_open(&driver, no_driver, sizeof no_driver);
    device->number = number;
    device->team_size = probe.team_size;
    device->cuda_ordinal = probe.cuda_ordinal;
    device->kind = probe.team_size > 1 || probe.cuda_ordinal >= 0 ? DEVICE_GPU : DEVICE_OFFLOAD;
    device->teams = device->kind == DEVICE_GPU ? TEAMS_OF_UNKNOWN_GPU : (size_t)omp_get_num_procs();
    snprintf(device->name, sizeof device->name, "%s offload", probe_offload());
    if (probe.cuda_ordinal >= 0 && driver_gpu(&driver, probe.cuda_ordinal, &gpu)) {
        device->teams = (size_t)gpu.multiprocessors * TEAMS_PER_MULTIPROCESSOR;
        snprintf(device->name, sizeof device->name, "%s", gpu.name);
    }
    driver_close(&driver);
    omp_set_default_device(number);
    teams_in_use = device->teams;
    return true;
}

/* Whether OpenMP's runtime can find the driver. LLVM's runtime opens libcuda.so, which is not part of the
 * driver's packages everywhere. */
static bool runtime_finds_driver(void)
{
#ifdef __clang__
    void *library = dlopen("libcuda.so", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);

    if (library) dlclose(library);
    return library != NULL;
#else
    return true;
#endif
}

/* Writes to why[size] why OpenMP has no device for a GPU that the driver sees. */
static void explain_refusal(const struct driver *driver, char *why, size_t size)
{
    char problem[160], runtime[160];
    size_t bytes;

    probe_runtime(runtime, sizeof runtime);
    if (!driver_memory_free(driver, 0, &bytes, problem, sizeof problem)) {
        snprintf(why, size, "it cannot be used: %s", problem);
    } else if (!runtime_finds_driver()) {
        snprintf(why, size,
                 "OpenMP's runtime cannot open libcuda.so: link that name to libcuda.so.1 in a folder of "
                 "LD_LIBRARY_PATH");
    } else {
        snprintf(
            why, size,
            "OpenMP has no device: %s refused this program's images (%s); they are for other GPUs, or CUDA's "
            "tools were newer than it knows (CUDA 13 needs libomptarget 22)",
            runtime, probe_images());
    }
}

/* Sets device->reason to why no GPU works, and gpu_unused when the driver sees one. problem is what was wrong
 * with one that was tried, and is empty when none was. */
static void explain_no_gpu(struct device *device, const char *problem)
{
    char why[400];
    struct driver driver;
    struct driver_gpu gpu;

    device->gpu_unused = driver_open(&driver, why, sizeof why);
    if (!device->gpu_unused) {
        snprintf(device->reason, sizeof device->reason, "%s", problem[0] ? problem : why);
    } else {
        if (problem[0])
            snprintf(why, sizeof why, "%s", problem);
        else
            explain_refusal(&driver, why, sizeof why);
        driver_gpu(&driver, 0, &gpu);
        snprintf(device->reason, sizeof device->reason, "the driver sees %d GPU%s (%s, sm_%d%d), but %s",
                 driver.ngpu, driver.ngpu > 1 ? "s" : "", gpu.name, gpu.major, gpu.minor, why);
    }
    driver_close(&driver);
}

/* Takes a GPU into use, of which the rank's own one is tried first. False when none works; device->reason
 * then says why. */
static bool take_gpu(int local_rank, struct device *device)
{
    const char *obstacle = probe_forbidden();
    char problem[256] = "";
    int count = obstacle ? 0 : omp_get_num_devices();

    if (obstacle) {
        snprintf(device->reason, sizeof device->reason, "%s", obstacle);
        return false;
    }
    for (int k = 0; k < count; k++) {
        if (take((local_rank + k) % count, device, problem, sizeof problem) && device->kind == DEVICE_GPU)
            return true;
    }
    if (count > 0 && !problem[0]) {
        snprintf(problem, sizeof problem, "none of OpenMP's %d devices is a GPU (%s)", count, probe_images());
    }
    explain_no_gpu(device, problem);
    return false;
}

static enum status take_number(const char *request, struct device *device, struct error *error)
{
    const char *obstacle = probe_forbidden();
    long number = strtol(request, NULL, 10);
    char problem[256];
    int count = obstacle ? 0 : omp_get_num_devices();

    if (obstacle) return error_set(error, STATUS_DEVICE, "--device %s: %s", request, obstacle);
    if (count == 0) {
        explain_no_gpu(device, "");
        return error_set(error, STATUS_DEVICE, "--device %s: OpenMP has no device; %s", request,
                         device->reason);
    }
    if (number >= count) {
        return error_set(error, STATUS_DEVICE, "--device %s: OpenMP has devices 0 to %d", request, count - 1);
    }
    if (take((int)number, device, problem, sizeof problem)) return STATUS_OK;
    return error_set(error, STATUS_DEVICE, "--device %s: %s", request, problem);
}

enum status device_choose(const char *request, int local_rank, struct device *device, struct error *error)
{
    enum status status;

    *device = (struct device){.memory_limit = SIZE_MAX};
    take_host(device);
    status = set_memory_limit(device, error);
    if (status != STATUS_OK || strcmp(request, "host") == 0) return status;
    if (*request && strlen(request) < 9 && strspn(request, "0123456789") == strlen(request)) {
        return take_number(request, device, error);
    }
    if (strcmp(request, "auto") != 0 && strcmp(request, "gpu") != 0) {
        return error_set(error, STATUS_USAGE, "--device %s: expected auto, host, gpu or a number", request);
    }
    if (take_gpu(local_rank, device)) return STATUS_OK;
    take_host(device);
    if (strcmp(request, "auto") == 0) return STATUS_OK;
    return error_set(error, STATUS_DEVICE, "--device gpu: %s; --device auto would take the CPU",
                     device->reason);
}
