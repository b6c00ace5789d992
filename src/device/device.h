/* Where the patch work runs: the host, or an OpenMP target device; and the memory there.
 *
 * Device memory is reached only by these functions and from target regions, where its pointers are
 * is_device_ptr. The device in use is OpenMP's default device, which device_choose() sets for the calling
 * thread: call it, and everything below, from the main thread, or from one whose default device is the same.
 */
#ifndef UNSPOT_DEVICE_DEVICE_H
#define UNSPOT_DEVICE_DEVICE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

enum device_kind {
    DEVICE_HOST,    /* threads of the CPU, no target regions */
    DEVICE_OFFLOAD, /* an OpenMP device that is a processor like the host: for tests */
    DEVICE_GPU,
};

struct device {
    enum device_kind kind;
    int number;          /* OpenMP's */
    int cuda_ordinal;    /* the CUDA driver's number of it; -1: it is none of the driver's */
    int team_size;       /* threads that make a team there (base/team.h) */
    size_t teams;        /* that fill the device */
    size_t memory_limit; /* bytes: UNSPOT_DEVICE_MEMORY, else SIZE_MAX */
    char name[128];      /* "NVIDIA H100 80GB HBM3", "x86_64 offload", "CPU" */
    char reason[600];    /* where `auto` took the host: why, in one line */
    bool gpu_unused;     /* ... and the driver sees a GPU: worth a warning */
};

/* Chooses by the user's wish:
 *   "host"  the CPU;
 *   "auto"  a GPU when one works, else the CPU, and `reason` says why;
 *   "gpu"   a GPU; STATUS_DEVICE and why, when none works;
 *   "0" ... OpenMP device of that number, of whatever kind; STATUS_DEVICE when there is none or it does not
 *           work.
 * Anything else is STATUS_USAGE, and so is an UNSPOT_DEVICE_MEMORY that is no size. Ranks of one node share
 * its GPUs by local_rank. "Works" means that a whole team has run on it. */
enum status device_choose(const char *wish, int local_rank, struct device *device, struct error *error);

/* One line for each device, image and library there is, and what is wrong with it, for `unspot info`: print
 * gets a name and a value. Leaves the device in use as it is. */
void device_describe(void (*print)(const char *name, const char *value));

/* Teams that fill the device that was chosen last; a guess before. */
size_t device_teams(void);

/* Whether a target region can start at all: where there is no device and OMP_TARGET_OFFLOAD=MANDATORY keeps
 * the host from standing in, one ends the program. */
bool device_may_start(void);

/* Memory on the device, aligned to 64 bytes, not zeroed; NULL when there is not enough. With
 * UNSPOT_DEVICE_POISON=1 in the environment it is filled with bytes 0xFF (doubles: NaN), and so it is again
 * by device_poison(), for memory that is used anew: nobody may rely on what it holds. */
void *device_alloc(size_t bytes);
void device_free(void *memory);
void device_poison(void *memory, size_t bytes);

/* Memory of the host that a device copies from and to directly, where its runtime has such; else plain. Dear:
 * to be kept. */
void *device_host_alloc(size_t bytes);
void device_host_free(void *memory);

/* Copies; false when it failed. */
bool device_upload(void *to, const void *from, size_t bytes);
bool device_download(void *to, const void *from, size_t bytes);

/* Bytes that may be allocated there once the caller has released `kept` bytes, never more than memory_limit;
 * a guess where the device cannot be asked. */
size_t device_memory_free(const struct device *device, size_t kept);

#endif
