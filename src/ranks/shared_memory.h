/* Memory that rank 0 writes and the other ranks of its node read, so that not each of them needs a copy. */
#ifndef UNSPOT_RANKS_SHARED_MEMORY_H
#define UNSPOT_RANKS_SHARED_MEMORY_H

#include "ranks/ranks.h"

/* The memory as this rank sees it. It begins as {0}. */
struct shared_memory {
    void *base;
    size_t bytes;
    bool is_impossible; /* it was tried and failed, and is not tried again */
};

/* Returns at least so many bytes (collective), which are the same as before where those were enough. Returns
 * NULL on all ranks when they cannot share memory: they are on several nodes, or in containers that do not
 * let them see each other. shared_memory_free() releases this rank's view of it. */
void *shared_memory_get(struct shared_memory *memory, const struct ranks *ranks, size_t bytes);
void shared_memory_free(struct shared_memory *memory);

#endif
