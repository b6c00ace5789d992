/* The memory of a frame on the device, and the host's memory that it copies from and to. It outlives the
 * frame: to allocate gigabytes takes as long as some of a frame's kernels, and the next frame most often
 * needs the same. For omp/device alone. */
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
    BLOCK_BUNDLE_SPOTS, /* the first of the blocks whose size depends on the number of bundles */
    BLOCK_BUNDLE_OVERLAPS,
    BLOCK_VALUES,
    BLOCK_CORNERS,
    BLOCK_SUMS,
    BLOCK_Y,
    BLOCK_WEIGHT,
    BLOCK_PIXMASK_FRACTION,
    BLOCK_OFF_CCD,
    BLOCK_ARENA,
    BLOCK_ON_HOST, /* from here on blocks are the host's, allocated by device_host_alloc() */
    BLOCK_HOST_PIXMASK_FRACTION = BLOCK_ON_HOST,
    BLOCK_HOST_OFF_CCD,
    BLOCK_HOST_RESULTS,
    BLOCK_COUNT
};

/* Returns a block of at least that many bytes, whose contents are undefined; NULL when there is no memory,
 * and then the block is gone. */
void *offload_reserve(enum offload_block block, size_t bytes);

/* The bytes of a block; 0 when it does not exist. */
size_t offload_reserved(enum offload_block block);

/* The bytes of all blocks on the device together. */
size_t offload_reserved_on_device(void);

/* Frees blocks first ... last - 1. */
void offload_release(enum offload_block first, enum offload_block last);

#endif
