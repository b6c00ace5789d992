/* Memory that rank 0 writes and the other ranks of its node read, so that they need not each have a copy. */
#ifndef UNSPOT_RANKS_SHARED_MEMORY_H
#define UNSPOT_RANKS_SHARED_MEMORY_H

#include "ranks/ranks.h"

/* Begins as {0}. */
struct shared_memory {
    void *base;
    size_t bytes;
    bool is_impossible;
};

/* At least so many bytes (collective), the same as before where those were enough. NULL on all ranks when it
 * cannot be: they are on several nodes, or in containers that do not let them see each other. */
void *shared_memory_get(struct shared_memory *memory, const struct ranks *ranks, size_t bytes);
void shared_memory_free(struct shared_memory *memory);

#endif
