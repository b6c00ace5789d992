/* Processes that work together: a thin layer over MPI, and the same for one process where there is no MPI.
 *
 * Collective means that all ranks of the set call it. MPI's own errors end all ranks with MPI's message. */
#ifndef UNSPOT_RANKS_RANKS_H
#define UNSPOT_RANKS_RANKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/status.h"

struct ranks;   /* a set of ranks, numbered from 0: an MPI communicator */
struct counter; /* a number that any rank of a set can read and increase at any time */

/* Makes the set of all ranks. MPI is started only where a launcher (mpiexec, srun) has started this process:
 * without one there is one rank, and no MPI runtime has to work on this machine. STATUS_DEVICE when MPI does
 * not start. The caller calls ranks_end(), whatever the status. */
enum status ranks_begin(struct ranks **world, struct error *error);
void ranks_end(struct ranks *world);

/* How many tasks srun has started, this one among them; 1 without srun. */
static inline int ranks_slurm_tasks(void)
{
    const char *tasks = getenv("SLURM_STEP_NUM_TASKS");

    return tasks ? atoi(tasks) : 1;
}

/* STATUS_USAGE when srun has started several tasks and each sees itself alone (size is 1), as all would then
 * write the same files. */
static inline enum status ranks_check_alone(int size, struct error *error)
{
    if (size > 1 || ranks_slurm_tasks() <= 1) return STATUS_OK;
    return error_set(
        error, STATUS_USAGE,
        "srun started %d tasks, but each sees itself alone: take another --mpi=TYPE of srun (see srun "
        "--mpi=list), or a build with MPI",
        ranks_slurm_tasks());
}

/* Writes to text[size] which MPI library this is, "MPICH Version: 4.0.2", or that there is none. */
void ranks_describe(char *text, size_t size);

/* This rank's number, from 0, and the number of ranks. */
int ranks_rank(const struct ranks *ranks);
int ranks_size(const struct ranks *ranks);

/* Divide a set (collective). By the first, ranks that give the same colour, 0 or more, come together, in
 * their order; those that give a negative one get NULL. The second divides the set by nodes, whose ranks
 * share memory. The caller releases the result with ranks_free(). */
struct ranks *ranks_split(const struct ranks *ranks, int colour);
struct ranks *ranks_split_nodes(const struct ranks *ranks);
void ranks_free(struct ranks *ranks);

/* This rank's number among those of its node (collective). */
int ranks_local(const struct ranks *ranks);

/* Whether all ranks of the set are on one node. */
bool ranks_share_node(const struct ranks *ranks);

/* Waits until all ranks have come here (collective). */
void ranks_barrier(const struct ranks *ranks);

/* Copies data[bytes] of the rank `root` to all others (collective). */
void ranks_broadcast(const struct ranks *ranks, int root, void *data, size_t bytes);

/* Returns the number that rank 0 gives, on all ranks (collective). */
static inline long ranks_announce(const struct ranks *ranks, long number)
{
    ranks_broadcast(ranks, 0, &number, sizeof number);
    return number;
}

/* Sends data[bytes] to one rank, which receives as many bytes. Both calls return when the data may be used
 * again. */
void ranks_send(const struct ranks *ranks, int to, const void *data, size_t bytes);
void ranks_receive(const struct ranks *ranks, int from, void *data, size_t bytes);

/* Adds up values[count] over all ranks (collective). Rank 0 gets the sums in its array. */
void ranks_sum(const struct ranks *ranks, double *values, size_t count);

/* A counter that starts at 0 and lives on rank 0 (collective). Rank 0 need not take part when
 * others add to it, and may be in the middle of its work. */
struct counter *counter_new(const struct ranks *ranks);
void counter_free(struct counter *counter); /* collective */

/* Adds step, and returns the value from before. */
long counter_add(struct counter *counter, long step);

/* Sets the counter. Only rank 0 may call it, while no other rank uses the counter. */
void counter_set(struct counter *counter, long value);

#endif
