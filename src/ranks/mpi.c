/* Ranks by MPI. */
#include <mpi.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "ranks/ranks.h"

enum { TAG = 1, CHUNK = 1 << 30 /* bytes; MPI counts in int */ };

struct ranks {
    MPI_Comm comm; /* MPI_COMM_NULL: one rank without MPI */
    int rank, size;
    bool threads;  /* any thread may call MPI */
    bool one_node; /* all ranks of the set are on one node */
};

static bool is_launched(void)
{
    static const char *const signs[] = {"PMI_RANK", "PMI_SIZE", "PMI_CONTROL_PORT", "PMIX_RANK",
                                        "OMPI_COMM_WORLD_SIZE"};
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        if (getenv(signs[i])) return true;
    }
    return ranks_slurm_tasks() > 1;
}

/* Makes a set of ranks that takes over comm. Without memory for this the program cannot go on. */
static struct ranks *wrap(MPI_Comm comm, bool threads)
{
    struct ranks *ranks = memory_zeroed(1, sizeof *ranks);
    MPI_Comm node;
    int nearby;

    if (!ranks) MPI_Abort(MPI_COMM_WORLD, 1);
    *ranks = (struct ranks){comm, 0, 1, threads, true};
    if (comm == MPI_COMM_NULL) return ranks;
    MPI_Comm_rank(comm, &ranks->rank);
    MPI_Comm_size(comm, &ranks->size);
    MPI_Comm_split_type(comm, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node);
    MPI_Comm_size(node, &nearby);
    MPI_Comm_free(&node);
    ranks->one_node = nearby == ranks->size;
    return ranks;
}

enum status ranks_begin(struct ranks **world, struct error *error)
{
    int provided = MPI_THREAD_SINGLE;

    *world = NULL;
    if (is_launched()) {
        if (MPI_Init_thread(NULL, NULL, MPI_THREAD_MULTIPLE, &provided) != MPI_SUCCESS)
            return error_set(error, STATUS_DEVICE,
                             "MPI cannot be started: start one process without mpiexec, or see unspot info "
                             "for the MPI of this build");
        *world = wrap(MPI_COMM_WORLD, provided == MPI_THREAD_MULTIPLE);
        return ranks_check_alone((*world)->size, error);
    }
    *world = memory_zeroed(1, sizeof **world);
    if (!*world) return memory_error(error, "ranks");
    **world = (struct ranks){MPI_COMM_NULL, 0, 1, false, true};
    return STATUS_OK;
}

void ranks_end(struct ranks *world)
{
    if (world && world->comm != MPI_COMM_NULL) MPI_Finalize();
    free(world);
}

void ranks_describe(char *text, size_t size)
{
    char version[MPI_MAX_LIBRARY_VERSION_STRING];
    int length;

    MPI_Get_library_version(version, &length); /* MPI allows this call before MPI_Init */
    for (char *c = version; *c; c++) {
        if (*c == '\t') *c = ' ';
    }
    snprintf(text, size, "%.*s", (int)strcspn(version, "\n"), version);
}

int ranks_rank(const struct ranks *ranks)
{
    return ranks->rank;
}

int ranks_size(const struct ranks *ranks)
{
    return ranks->size;
}

struct ranks *ranks_split(const struct ranks *ranks, int colour)
{
    MPI_Comm comm = MPI_COMM_NULL;

    if (ranks->comm != MPI_COMM_NULL)
        MPI_Comm_split(ranks->comm, colour < 0 ? MPI_UNDEFINED : colour, 0, &comm);
    return colour < 0 ? NULL : wrap(comm, ranks->threads);
}

struct ranks *ranks_split_nodes(const struct ranks *ranks)
{
    MPI_Comm comm = MPI_COMM_NULL;

    if (ranks->comm != MPI_COMM_NULL)
        MPI_Comm_split_type(ranks->comm, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &comm);
    return wrap(comm, ranks->threads);
}

void ranks_free(struct ranks *ranks)
{
    if (ranks && ranks->comm != MPI_COMM_NULL) MPI_Comm_free(&ranks->comm);
    free(ranks);
}

/* Waits without occupying a core. MPI's own waiting occupies one, and takes it from the threads that extract,
 * read and write, which on 2 cores makes them 7 times slower. First this rank only lets others go before it:
 * MPI needs two ranks that exchange a large array again and again, and sleep would make them 10 times slower.
 * Then it sleeps, and a long wait ends up to a millisecond late. */
static void wait_for(MPI_Request *request)
{
    enum { YIELDS = 5000, LONGEST = 1000000 /* ns */ };
    struct timespec pause = {.tv_nsec = 10000};

    for (int tries = 0;; tries++) {
        int done;

        MPI_Test(request, &done, MPI_STATUS_IGNORE);
        if (done) return;
        if (tries < YIELDS) {
            sched_yield();
        } else {
            nanosleep(&pause, NULL);
            if (pause.tv_nsec < LONGEST) pause.tv_nsec *= 2;
        }
    }
}

int ranks_local(const struct ranks *ranks)
{
    struct ranks *node = ranks_split_nodes(ranks);
    int rank = node ? ranks_rank(node) : 0; /* without memory the ranks share a device */

    ranks_free(node);
    return rank;
}

bool ranks_share_node(const struct ranks *ranks)
{
    return ranks->one_node;
}

void ranks_barrier(const struct ranks *ranks)
{
    MPI_Request request;

    if (ranks->size == 1) return;
    MPI_Ibarrier(ranks->comm, &request);
    wait_for(&request);
}

/* The bytes of the next message, when so many are left. */
static int next_chunk(size_t left)
{
    return left < CHUNK ? (int)left : CHUNK;
}

void ranks_broadcast(const struct ranks *ranks, int root, void *data, size_t bytes)
{
    for (size_t done = 0; ranks->size > 1 && done < bytes; done += CHUNK) {
        MPI_Request request;

        MPI_Ibcast((char *)data + done, next_chunk(bytes - done), MPI_BYTE, root, ranks->comm, &request);
        wait_for(&request);
    }
}

void ranks_send(const struct ranks *ranks, int to, const void *data, size_t bytes)
{
    for (size_t done = 0; done < bytes; done += CHUNK) {
        MPI_Request request;

        MPI_Isend((const char *)data + done, next_chunk(bytes - done), MPI_BYTE, to, TAG, ranks->comm,
                  &request);
        wait_for(&request);
    }
}

void ranks_receive(const struct ranks *ranks, int from, void *data, size_t bytes)
{
    for (size_t done = 0; done < bytes; done += CHUNK) {
        MPI_Request request;

        MPI_Irecv((char *)data + done, next_chunk(bytes - done), MPI_BYTE, from, TAG, ranks->comm, &request);
        wait_for(&request);
    }
}

void ranks_sum(const struct ranks *ranks, double *values, size_t count)
{
    if (ranks->size == 1) return;
    MPI_Reduce(ranks->rank == 0 ? MPI_IN_PLACE : values, values, (int)count, MPI_DOUBLE, MPI_SUM, 0,
               ranks->comm);
}

/* Within a node the counter is an atomic in shared memory. Between nodes it is MPI_Fetch_and_op(), which
 * libraries without help of the network hardware only answer while the owner calls MPI (MPICH 4.0 over UCX:
 * a rank that computed for 2 s let others wait for 2 s), so the owner has a thread that does nothing else. */
struct counter {
    MPI_Win window;
    bool is_shared, is_owner, has_keeper;
    atomic_long *value; /* the value in shared memory, or NULL */
    long own;           /* the value of one rank without MPI */
    atomic_bool done;
    pthread_t keeper;
};

static void *keep_counter(void *argument)
{
    static const struct timespec pause = {.tv_nsec = 500000};
    struct counter *counter = argument;

    while (!atomic_load(&counter->done)) {
        int ignored;

        MPI_Iprobe(MPI_ANY_SOURCE, TAG + 1, MPI_COMM_SELF, &ignored, MPI_STATUS_IGNORE);
        nanosleep(&pause, NULL);
    }
    return NULL;
}

static void open_window(struct counter *counter, const struct ranks *ranks)
{
    MPI_Aint bytes = counter->is_owner ? sizeof(atomic_long) : 0;
    int unit;
    void *base = NULL;

    if (counter->is_shared) {
        MPI_Win_allocate_shared(bytes, sizeof(atomic_long), MPI_INFO_NULL, ranks->comm, &base,
                                &counter->window);
        MPI_Win_shared_query(counter->window, 0, &bytes, &unit, &base);
        counter->value = base;
    } else {
        MPI_Win_allocate(bytes, sizeof(long), MPI_INFO_NULL, ranks->comm, &base, &counter->window);
    }
    if (counter->is_owner) memset(base, 0, sizeof(long));
    MPI_Win_lock_all(MPI_MODE_NOCHECK, counter->window);
    MPI_Win_sync(counter->window);
    MPI_Barrier(ranks->comm);
}

struct counter *counter_new(const struct ranks *ranks)
{
    struct counter *counter = memory_zeroed(1, sizeof *counter);

    if (!counter && ranks->comm != MPI_COMM_NULL) MPI_Abort(MPI_COMM_WORLD, 1);
    if (!counter || ranks->size == 1) return counter;
    _Static_assert(ATOMIC_LONG_LOCK_FREE == 2 && sizeof(atomic_long) == sizeof(long),
                   "an atomic in memory that processes share must need no lock");
    counter->is_shared = ranks->one_node;
    counter->is_owner = ranks->rank == 0;
    atomic_init(&counter->done, false);
    open_window(counter, ranks);
    if (counter->is_owner && !counter->is_shared && ranks->threads)
        counter->has_keeper = pthread_create(&counter->keeper, NULL, keep_counter, counter) == 0;
    return counter;
}

void counter_free(struct counter *counter)
{
    if (counter && counter->window) {
        MPI_Win_unlock_all(counter->window);
        MPI_Win_free(
            &counter->window); /* this call waits for all ranks, and the keeper is needed until it returns */
    }
    if (counter && counter->has_keeper) {
        atomic_store(&counter->done, true);
        pthread_join(counter->keeper, NULL);
    }
    free(counter);
}

long counter_add(struct counter *counter, long step)
{
    long value = counter->own;

    if (counter->value) return atomic_fetch_add(counter->value, step);
    if (counter->window) {
        MPI_Fetch_and_op(&step, &value, MPI_LONG, 0, 0, MPI_SUM, counter->window);
        MPI_Win_flush(0, counter->window);
        return value;
    }
    counter->own += step;
    return value;
}

void counter_set(struct counter *counter, long value)
{
    long before;

    if (counter->value) {
        atomic_store(counter->value, value);
    } else if (counter->window) {
        MPI_Fetch_and_op(&value, &before, MPI_LONG, 0, 0, MPI_REPLACE, counter->window);
        MPI_Win_flush(0, counter->window);
    } else {
        counter->own = value;
    }
}
