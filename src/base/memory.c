#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { HUGE_PAGE = 2 << 20 };

void *memory_raw(size_t count, size_t size)
{
    void *memory;
    size_t bytes, alignment = MEMORY_ALIGNMENT;

    if (count == 0) count = 1;
    if (size > (SIZE_MAX - HUGE_PAGE) / count) return NULL;
    bytes = memory_round_up(count * size);
    if (bytes >= HUGE_PAGE) { /* large pages cause fewer page faults and TLB misses */
        alignment = HUGE_PAGE;
        bytes = (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    }
    memory = aligned_alloc(alignment, bytes);
    if (memory && alignment == HUGE_PAGE)
        madvise(memory, bytes, MADV_HUGEPAGE); /* this is a hint, which may fail */
    return memory;
}

void *memory_zeroed(size_t count, size_t size)
{
    void *memory = memory_raw(count, size);

    if (memory) memset(memory, 0, memory_round_up((count ? count : 1) * size));
    return memory;
}

enum status memory_error(struct error *error, const char *what)
{
    return error_set(error, STATUS_MEMORY, "out of memory for the %s", what);
}
