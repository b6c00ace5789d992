/* Where the patch work runs: the host, or an OpenMP target device; and the memory there.
 *
 * Device memory is reached only by these functions and from target regions, where its pointers are
 * is_device_ptr. The device in use is OpenMP's default device, which device_choose() sets for the calling
 * thread: call it, and everything below, from the main thread, or from one whose
 * default device is the same. */
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

/* The device that was chosen. */
struct device {
    enum device_kind kind;
    int number;          /* OpenMP's number of it */
    int cuda_ordinal;    /* the CUDA driver's number of it; -1: it is none of the driver's */
    int team_size;       /* threads that make a team there (base/team.h) */
    size_t teams;        /* how many teams fill the device */
    size_t memory_limit; /* bytes: the value of UNSPOT_DEVICE_MEMORY, or SIZE_MAX without it */
    char name[128];      /* "NVIDIA H100 80GB HBM3", "x86_64 offload", "CPU" */
    char reason[600];    /* why `auto` took the host, in one line; empty otherwise */
    bool gpu_unused;     /* true when it did so although the driver sees a GPU: worth a warning */
};

/* Chooses by the user's request:
 *   "host"  the CPU;
 *   "auto"  a GPU when one works, else the CPU, and then `reason` says why;
 *   "gpu"   a GPU; STATUS_DEVICE, and a text that says why, when none works;
 *   "0" ... OpenMP device of that number, of whatever kind; STATUS_DEVICE when there is none or it does not
 *           work.
 * Anything else is STATUS_USAGE, and so is an UNSPOT_DEVICE_MEMORY that is no size. The ranks of one node,
 * which are numbered by local_rank, share its GPUs. "Works" means that a whole team has run on it. */
enum status device_choose(const char *request, int local_rank, struct device *device, struct error *error);

/* Calls print with a name and a value for each device, image and library that there is, and says what is
 * wrong with it, for `unspot info`. The device in use stays the same. */
void device_describe(void (*print)(const char *name, const char *value));

/* How many teams fill the device that was chosen last; a guess before one was chosen. */
size_t device_teams(void);

/* Whether a target region can start at all. Where there is no device and OMP_TARGET_OFFLOAD=MANDATORY keeps
 * the host from standing in, a region would end the program. */
bool device_may_start(void);

/* Memory on the device, aligned to 64 bytes, not zeroed; NULL when there is not enough. With
 * UNSPOT_DEVICE_POISON=1 in the environment it is filled with bytes 0xFF (doubles: NaN), and so it is again
 * by device_poison(), for memory that is used anew: nobody may rely on what it holds. */
void *device_alloc(size_t bytes);
void device_free(void *memory);
void device_poison(void *memory, size_t bytes);

/* Allocates memory of the host that the device copies from and to directly, where OpenMP's runtime offers it,
 * and plain memory elsewhere. NULL when there is not enough. It takes long, so such memory should be kept and
 * used again. */
void *device_host_alloc(size_t bytes);
void device_host_free(void *memory);

/* Copies bytes to the device, or from it to the host. False when the copy has failed. */
bool device_upload(void *to, const void *from, size_t bytes);
bool device_download(void *to, const void *from, size_t bytes);

/* The bytes that may be allocated on the device once the caller has released `kept` bytes of its own there;
 * never more than memory_limit. It is a guess where the device cannot be asked. */
size_t device_memory_free(const struct device *device, size_t kept);

#endif
