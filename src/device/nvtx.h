/* Named ranges in the time line of NVIDIA's profilers (nsys profile -t nvtx). They need only CUDA's headers:
 * in a build without these there are no ranges, and without a profiler they cost nothing. */
#ifndef UNSPOT_DEVICE_NVTX_H
#define UNSPOT_DEVICE_NVTX_H

#if defined(__has_include)
#if __has_include(<nvtx3/nvToolsExt.h>)
#define UNSPOT_NVTX
#include <nvtx3/nvToolsExt.h>
#endif
#endif

/* A range lasts from a push to the pop that belongs to it, in the same thread; it may hold other ranges. */
static inline void stage_push(const char *name)
{
#ifdef UNSPOT_NVTX
    nvtxRangePushA(name);
#else
    (void)name;
#endif
}

static inline void stage_pop(void)
{
#ifdef UNSPOT_NVTX
    nvtxRangePop();
#endif
}

#endif
