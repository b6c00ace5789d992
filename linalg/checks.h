/* Checks that come before and after every operation. Private to linalg/. */
#ifndef UNSPOT_LINALG_CHECKS_H
#define UNSPOT_LINALG_CHECKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"

static inline bool linalg_usable(const void *work, size_t work_bytes, size_t needed)
{
    if (needed == 0) return true;
    return work && (uintptr_t)work % MEMORY_ALIGNMENT == 0 && work_bytes >= needed && needed != SIZE_MAX;
}

/* Systems of order 0 are solved. */
static inline int linalg_solved(size_t batch, int *info)
{
    for (size_t k = 0; k < batch; k++) info[k] = 0;
    return 0;
}

static inline int linalg_count_failures(size_t batch, const int *info)
{
    int count = 0;

    for (size_t k = 0; k < batch; k++) count += info[k] != 0;
    return count;
}

#endif
