/* NVIDIA's driver, asked through libcuda.so.1 at run time, so that nothing of CUDA is needed to build or
 * start.
 *
 * OpenMP alone cannot tell a machine without a GPU from one whose GPU it could not use; the driver can. */
#ifndef UNSPOT_DEVICE_DRIVER_H
#define UNSPOT_DEVICE_DRIVER_H

#include <stdbool.h>
#include <stddef.h>

struct driver {
    void *library;
    int version; /* 13000: CUDA 13.0 */
    int ngpu;    /* how many GPUs it has */
};

struct driver_gpu {
    char name[96];
    int major, minor; /* compute capability */
    int multiprocessors;
    size_t bytes; /* of memory */
};

/* Opens the driver. False when there is none or it has no GPU; problem[size] then says why, in one line. The
 * caller calls driver_close() in either case, which leaves the library in memory, as OpenMP's runtime may use
 * it. */
bool driver_open(struct driver *driver, char *problem, size_t size);
void driver_close(struct driver *driver);

/* Describes the GPU of this number; false, and *gpu is not complete, when the driver does not answer. */
bool driver_gpu(const struct driver *driver, int ordinal, struct driver_gpu *gpu);

/* The number of the GPU that holds this device memory; -1 when it is none of the driver's. */
int driver_ordinal(const struct driver *driver, const void *memory);

/* Finds how many bytes of a GPU are free. False when the driver refuses; problem[size] then says why. */
bool driver_memory_free(const struct driver *driver, int ordinal, size_t *bytes, char *problem, size_t size);

#endif
