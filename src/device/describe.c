#include <omp.h>
#include <stdio.h>

#include "device/device.h"
#include "device/driver.h"
#include "device/probe.h"

static void describe_driver(void (*print)(const char *name, const char *value))
{
    struct driver driver;
    char text[256];
    bool found = driver_open(&driver, text, sizeof text);

    if (found) {
        snprintf(text, sizeof text, "CUDA %d.%d, GPUs: %d", driver.version / 1000, driver.version % 1000 / 10,
                 driver.ngpu);
    }
    print("GPU driver", text);
    for (int i = 0; found && i < driver.ngpu; i++) {
        struct driver_gpu gpu;

        if (!driver_gpu(&driver, i, &gpu)) continue;
        snprintf(text, sizeof text, "%d: %s, sm_%d%d, %d multiprocessors, %.1f GiB", i, gpu.name, gpu.major,
                 gpu.minor, gpu.multiprocessors, (double)gpu.bytes / (1 << 30));
        print("GPU", text);
    }
    driver_close(&driver);
}

static void describe_runtime(void (*print)(const char *name, const char *value))
{
    char runtime[256], text[512];

    if (!probe_offload()) {
        print("offload", "none: this build runs on the CPU");
        return;
    }
    probe_runtime(runtime, sizeof runtime);
    snprintf(text, sizeof text, "%s (%s) by %s", probe_offload(), probe_images(), runtime);
    print("offload", text);
}

static void describe_device(int number, void (*print)(const char *name, const char *value))
{
    struct probe probe;
    char problem[256], text[512];

    if (!probe_run(number, &probe, problem, sizeof problem))
        snprintf(text, sizeof text, "%d: does not work: %s", number, problem);
    else if (probe.cuda_ordinal >= 0)
        snprintf(text, sizeof text, "%d: GPU %d, teams of %d", number, probe.cuda_ordinal, probe.team_size);
    else
        snprintf(text, sizeof text, "%d: %s offload, teams of %d", number, probe_offload(), probe.team_size);
    print("device", text);
}

void device_describe(void (*print)(const char *name, const char *value))
{
    struct device device;
    struct error error;
    int before = omp_get_default_device();
    char text[sizeof error.text];

    describe_runtime(print);
    describe_driver(print);
    for (int i = 0; !probe_forbidden() && i < omp_get_num_devices(); i++) describe_device(i, print);
    if (device_choose("auto", 0, &device, &error) != STATUS_OK)
        snprintf(text, sizeof text, "%s", error.text);
    else if (device.kind == DEVICE_HOST)
        snprintf(text, sizeof text, "auto takes the CPU: %s", device.reason);
    else
        snprintf(text, sizeof text, "auto takes %d: %s", device.number, device.name);
    print("device", text);
    omp_set_default_device(before);
}
