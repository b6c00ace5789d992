/* The memory of a frame on the device, and the host's memory that it copies from and to. It outlives the
 * frame: to allocate gigabytes takes as long as some of a frame's kernels, and the next frame most often
 * needs the same. Private to omp/offload*.c. */
#ifndef UNSPOT_OMP_DEVICE_MEMORY_H
#define UNSPOT_OMP_DEVICE_MEMORY_H

#include <stddef.h>

enum offload_block {
    BLOCK_IMAGE,
    BLOCK_IVAR,
    BLOCK_PSF,
    BLOCK_SPOT_SCRATCH,
    BLOCK_OVERLAP_SCRATCH,
    BLOCK_TEAM_SHARED,
    BLOCK_BUNDLE_SPOTS, /* the first of those that are held per bundle */
    BLOCK_BUNDLE_OVERLAPS,
    BLOCK_VALUES,
    BLOCK_CORNERS,
    BLOCK_SUMS,
    BLOCK_Y,
    BLOCK_WEIGHT,
    BLOCK_PIXMASK_FRACTION,
    BLOCK_OFF_CCD,
    BLOCK_ARENA,
    BLOCK_ON_HOST, /* from here on the host's: device_host_alloc() */
    BLOCK_HOST_PIXMASK_FRACTION = BLOCK_ON_HOST,
    BLOCK_HOST_OFF_CCD,
    BLOCK_HOST_RESULTS,
    BLOCK_COUNT
};

/* The block, of so many bytes or more, with nothing in it; NULL: there is no memory, and no block. */
void *offload_reserve(enum offload_block block, size_t bytes);

/* The bytes that it has; 0: there is none. */
size_t offload_reserved(enum offload_block block);

/* What all blocks on the device have together. */
size_t offload_reserved_on_device(void);

/* Gives blocks first ... last - 1 back. */
void offload_release(enum offload_block first, enum offload_block last);

#endif
