/* The checks before and after every operation. For linalg/ alone. */
#ifndef UNSPOT_LINALG_CHECKS_H
#define UNSPOT_LINALG_CHECKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"

/* Whether a workspace of work_bytes bytes is aligned and has the bytes that are needed; SIZE_MAX bytes never
 * are there. */
static inline bool linalg_usable(const void *work, size_t work_bytes, size_t needed)
{
    if (needed == 0) return true;
    return work && (uintptr_t)work % MEMORY_ALIGNMENT == 0 && work_bytes >= needed && needed != SIZE_MAX;
}

/* Sets info[batch] of systems in which there is nothing to do, and returns the number of failures, 0. */
static inline int linalg_solved(size_t batch, int *info)
{
    for (size_t k = 0; k < batch; k++) info[k] = 0;
    return 0;
}

/* The number of systems whose info[batch] is not 0. */
static inline int linalg_count_failures(size_t batch, const int *info)
{
    int count = 0;

    for (size_t k = 0; k < batch; k++) count += info[k] != 0;
    return count;
}

#endif
