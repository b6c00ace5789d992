/* Aligned memory whose size is checked for overflow. */
#ifndef UNSPOT_BASE_MEMORY_H
#define UNSPOT_BASE_MEMORY_H

#include <stddef.h>

#include "base/status.h"

enum { MEMORY_ALIGNMENT = 64 }; /* bytes: one cache line, one AVX-512 register */

/* Zero-filled memory for count elements of size bytes each, aligned to MEMORY_ALIGNMENT; NULL when there is
 * not enough or count * size overflows. Release it with free(). At least one element is allocated. */
void *memory_zeroed(size_t count, size_t size);

/* Allocates like memory_zeroed() but does not fill the memory: for large arrays that are written before they
 * are read. */
void *memory_raw(size_t count, size_t size);

/* Sets the error in which every failed allocation ends, and returns STATUS_MEMORY; `what` names the data
 * ("image", "spots"). */
enum status memory_error(struct error *error, const char *what);

/* Bytes rounded up to a multiple of MEMORY_ALIGNMENT: for laying arrays out in one workspace. */
static inline size_t memory_round_up(size_t bytes)
{
    return (bytes + MEMORY_ALIGNMENT - 1) / MEMORY_ALIGNMENT * MEMORY_ALIGNMENT;
}

/* Arrays that are laid out one after another in one workspace. While memory is NULL their bytes are only
 * counted, so that the same code finds the size of the workspace and then divides it. */
struct memory_layout {
    char *memory;
    size_t used; /* bytes */
};

/* Takes the next count elements of size bytes from the workspace, aligned to MEMORY_ALIGNMENT; NULL while the
 * bytes are only counted. */
static inline void *memory_take(struct memory_layout *layout, size_t count, size_t size)
{
    void *array = layout->memory ? layout->memory + layout->used : NULL;

    layout->used += memory_round_up(count * size);
    return array;
}

#endif
