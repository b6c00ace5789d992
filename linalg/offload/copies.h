/* Host copies of arrays in device memory, for what is computed on the host. Private to linalg/. */
#ifndef UNSPOT_LINALG_OFFLOAD_COPIES_H
#define UNSPOT_LINALG_OFFLOAD_COPIES_H

#include <stdlib.h>

#include "base/memory.h"
#include "device/device.h"

/* NULL when there is no memory or the download failed; release it with free(). */
static inline double *copy_back(const double *on_device, size_t count)
{
    double *copy = memory_raw(count, sizeof *copy);

    if (copy && !device_download(copy, on_device, count * sizeof *copy)) {
        free(copy);
        copy = NULL;
    }
    return copy;
}

/* Systems whose data did not come or go. */
static inline void mark_failed(size_t n, size_t batch, int *info)
{
    for (size_t k = 0; k < batch; k++) info[k] = (int)n + 1;
}

#endif
