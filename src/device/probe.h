/* What the build can offload to, and whether an OpenMP device really works. Private to base/device*.c. */
#ifndef UNSPOT_DEVICE_PROBE_H
#define UNSPOT_DEVICE_PROBE_H

#include <stdbool.h>
#include <stddef.h>

/* UNSPOT_OFFLOAD of the build and, of UNSPOT_OFFLOAD_FLAGS, what says for which processors its images are;
 * NULL: it has no offloading. */
const char *probe_offload(void);
const char *probe_images(void);

/* What keeps every OpenMP device from being used, whichever it is; NULL: nothing. LLVM's runtime counts
 * devices that the user forbids, and its version 22 even uses them. */
const char *probe_forbidden(void);

/* The library whose omp_target_alloc() is called; "none" without offloading. */
void probe_runtime(char *path, size_t size);

struct probe {
    int team_size;    /* as the device's code sees it (base/team.h) */
    int cuda_ordinal; /* of the GPU that holds the device's memory; -1: no GPU of the CUDA driver */
};

/* Runs a whole team on OpenMP device `number`; false when it did not run there, and problem[size] gets why.
 */
bool probe_run(int number, struct probe *probe, char *problem, size_t size);

#endif
