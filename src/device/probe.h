/* What the build can offload to, and whether an OpenMP device really works. */
#ifndef UNSPOT_DEVICE_PROBE_H
#define UNSPOT_DEVICE_PROBE_H

#include <stdbool.h>
#include <stddef.h>

/* What the build was told to offload to (UNSPOT_OFFLOAD), and the part of UNSPOT_OFFLOAD_FLAGS that says for
 * which processors its images are. Both are NULL in a build without offloading. */
const char *probe_offload(void);
const char *probe_images(void);

/* Says what keeps all OpenMP devices from being used; NULL when nothing does. LLVM's runtime counts
 * devices that the user forbids, and its version 22 even uses them. */
const char *probe_forbidden(void);

/* Writes to path[size] which library's omp_target_alloc() is called; "none" without offloading. */
void probe_runtime(char *path, size_t size);

/* What a device has said of itself. */
struct probe {
    int team_size;    /* as the device's code sees it (base/team.h) */
    int cuda_ordinal; /* of the GPU that holds the device's memory; -1: no GPU of the CUDA driver */
};

/* Runs a whole team on OpenMP device `number`. False when it did not run there;
 * problem[size] then says why. */
bool probe_run(int number, struct probe *probe, char *problem, size_t size);

#endif
