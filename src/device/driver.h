/* NVIDIA's driver, asked through libcuda.so.1 at run time: nothing of CUDA is needed to build or start.
 *
 * OpenMP alone cannot tell a machine without a GPU from one whose GPU it could not use; the driver can. */
#ifndef UNSPOT_DEVICE_DRIVER_H
#define UNSPOT_DEVICE_DRIVER_H

#include <stdbool.h>
#include <stddef.h>

struct driver {
    void *library;
    int version; /* 13000: CUDA 13.0 */
    int ngpu;
};

struct driver_gpu {
    char name[96];
    int major, minor; /* compute capability */
    int multiprocessors;
    size_t bytes;
};

/* false when there is no driver or it has no GPU; problem[size] gets why, in one line. Close it in either
 * case; closing leaves the library in memory, as OpenMP's runtime may use it. */
bool driver_open(struct driver *driver, char *problem, size_t size);
void driver_close(struct driver *driver);

bool driver_gpu(const struct driver *driver, int ordinal, struct driver_gpu *gpu);

/* The GPU that holds this device memory; -1 when it is none of the driver's. */
int driver_ordinal(const struct driver *driver, const void *memory);

/* Free bytes of a GPU; false when the driver refuses, and problem[size] gets why. */
bool driver_memory_free(const struct driver *driver, int ordinal, size_t *bytes, char *problem, size_t size);

#endif
