/* The memory is a file without a name, which the other ranks open through rank 0's list of open files. So
 * nothing is left to be removed, whatever ends the program, and /dev/shm, which is small in containers, is
 * not needed. */
#define _GNU_SOURCE /* memfd_create */
#include "ranks/shared_memory.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

struct owner {
    long process;
    int file; /* -1 when there is none */
};

static int create(size_t bytes)
{
    int file = memfd_create("unspot image", MFD_CLOEXEC);

    if (file < 0 || ftruncate(file, (off_t)bytes) == 0) return file;
    close(file);
    return -1;
}

static int open_of(const struct owner *owner)
{
    char path[64];

    if (owner->file < 0) return -1;
    snprintf(path, sizeof path, "/proc/%ld/fd/%d", owner->process, owner->file);
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* Maps the file; false when this rank cannot. */
static bool map(struct shared_memory *memory, int file, size_t bytes, int protection)
{
    void *base = file < 0 ? MAP_FAILED : mmap(NULL, bytes, protection, MAP_SHARED, file, 0);

    if (base == MAP_FAILED) return false;
    memory->base = base;
    memory->bytes = bytes;
    return true;
}

void *shared_memory_get(struct shared_memory *memory, const struct ranks *ranks, size_t bytes)
{
    const bool is_root = ranks_rank(ranks) == 0;
    struct owner owner = {(long)getpid(), -1};
    double failed;
    int file;

    if (memory->is_impossible) return NULL;
    if (memory->bytes >= bytes) return memory->base;
    shared_memory_free(memory);
    if (is_root && ranks_share_node(ranks)) owner.file = create(bytes);
    ranks_broadcast(ranks, 0, &owner, sizeof owner);
    file = is_root ? owner.file : open_of(&owner);
    failed = !map(memory, file, bytes, is_root ? PROT_READ | PROT_WRITE : PROT_READ);
    ranks_sum(ranks, &failed, 1);
    ranks_broadcast(ranks, 0, &failed, sizeof failed);
    if (file >= 0) close(file); /* rank 0 closes its file only after the others have opened it */
    if (failed > 0) {
        shared_memory_free(memory);
        memory->is_impossible = true;
    }
    return memory->base;
}

void shared_memory_free(struct shared_memory *memory)
{
    if (memory->base) munmap(memory->base, memory->bytes);
    memory->base = NULL;
    memory->bytes = 0;
}
