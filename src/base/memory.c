#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

size_t memory_round_up(size_t bytes)
{
    return (bytes + MEMORY_ALIGNMENT - 1) / MEMORY_ALIGNMENT * MEMORY_ALIGNMENT;
}

void *memory_zeroed(size_t count, size_t size)
{
    void *memory;
    size_t bytes;

    if (count == 0) count = 1;
    if (size > (SIZE_MAX - MEMORY_ALIGNMENT) / count) return NULL;
    bytes = memory_round_up(count * size);
    memory = aligned_alloc(MEMORY_ALIGNMENT, bytes);
    if (memory) memset(memory, 0, bytes);
    return memory;
}

enum status memory_error(struct error *error, const char *what)
{
    return error_set(error, STATUS_MEMORY, "out of memory for the %s", what);
}
