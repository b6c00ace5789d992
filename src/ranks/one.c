/* Ranks without MPI: there is one. */
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "ranks/ranks.h"

struct ranks {
    char unused;
};

struct counter {
    long value;
};

enum status ranks_begin(struct ranks **world, struct error *error)
{
    *world = memory_zeroed(1, sizeof **world);
    return *world ? ranks_check_alone(1, error) : memory_error(error, "ranks");
}

void ranks_end(struct ranks *world)
{
    free(world);
}

void ranks_describe(char *text, size_t size)
{
    snprintf(text, size, "none: this build runs as one process");
}

int ranks_rank(const struct ranks *ranks)
{
    (void)ranks;
    return 0;
}

int ranks_size(const struct ranks *ranks)
{
    (void)ranks;
    return 1;
}

struct ranks *ranks_split(const struct ranks *ranks, int colour)
{
    (void)ranks;
    return colour < 0 ? NULL : memory_zeroed(1, sizeof *ranks);
}

struct ranks *ranks_split_nodes(const struct ranks *ranks)
{
    return ranks_split(ranks, 0);
}

void ranks_free(struct ranks *ranks)
{
    free(ranks);
}

int ranks_local(const struct ranks *ranks)
{
    (void)ranks;
    return 0;
}

bool ranks_share_node(const struct ranks *ranks)
{
    (void)ranks;
    return true;
}

void ranks_barrier(const struct ranks *ranks)
{
    (void)ranks;
}

void ranks_broadcast(const struct ranks *ranks, int root, void *data, size_t bytes)
{
    (void)ranks, (void)root, (void)data, (void)bytes;
}

/* There is no other rank, so that a call of these two functions is an error of the program. */
void ranks_send(const struct ranks *ranks, int to, const void *data, size_t bytes)
{
    (void)ranks, (void)to, (void)data, (void)bytes;
    abort();
}

void ranks_receive(const struct ranks *ranks, int from, void *data, size_t bytes)
{
    (void)ranks, (void)from, (void)data, (void)bytes;
    abort();
}

void ranks_sum(const struct ranks *ranks, double *values, size_t count)
{
    (void)ranks, (void)values, (void)count;
}

struct counter *counter_new(const struct ranks *ranks)
{
    (void)ranks;
    return memory_zeroed(1, sizeof(struct counter));
}

void counter_free(struct counter *counter)
{
    free(counter);
}

long counter_add(struct counter *counter, long step)
{
    long value = counter->value;

    counter->value += step;
    return value;
}

void counter_set(struct counter *counter, long value)
{
    counter->value = value;
}
