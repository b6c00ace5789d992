/* Host copies of arrays in device memory, for what is computed on the host. For linalg/ alone. */
#ifndef UNSPOT_LINALG_OFFLOAD_COPIES_H
#define UNSPOT_LINALG_OFFLOAD_COPIES_H

#include <stdlib.h>

#include "base/memory.h"
#include "device/device.h"

/* A copy of `count` doubles, which the caller frees; NULL when there is no memory or the download failed. */
static inline double *copy_back(const double *on_device, size_t count)
{
    double *copy = memory_raw(count, sizeof *copy);

    if (copy && !device_download(copy, on_device, count * sizeof *copy)) {
        free(copy);
        copy = NULL;
    }
    return copy;
}

/* Sets info[batch] of systems of order n whose data could not be copied, or that a library failed on. */
static inline void mark_failed(size_t n, size_t batch, int *info)
{
    for (size_t k = 0; k < batch; k++) info[k] = (int)n + 1;
}

#endif
