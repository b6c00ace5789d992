#include "omp/device/memory.h"

#include "device/device.h"

/* The blocks belong to the process, as the device in use does, and are used by the main thread only. */
static struct {
    void *memory;
    size_t bytes;
} kept[BLOCK_COUNT];

void *offload_reserve(enum offload_block block, size_t bytes)
{
    const bool on_host = block >= BLOCK_ON_HOST;

    if (kept[block].memory && kept[block].bytes >= bytes) {
        if (!on_host) device_poison(kept[block].memory, bytes);
        return kept[block].memory;
    }
    offload_release(block, block + 1);
    kept[block].memory = on_host ? device_host_alloc(bytes) : device_alloc(bytes);
    if (kept[block].memory) kept[block].bytes = bytes;
    return kept[block].memory;
}

size_t offload_reserved(enum offload_block block)
{
    return kept[block].bytes;
}

size_t offload_reserved_on_device(void)
{
    size_t bytes = 0;

    for (enum offload_block block = 0; block < BLOCK_ON_HOST; block++) bytes += kept[block].bytes;
    return bytes;
}

void offload_release(enum offload_block first, enum offload_block last)
{
    for (enum offload_block block = first; block < last; block++) {
        if (block >= BLOCK_ON_HOST)
            device_host_free(kept[block].memory);
        else
            device_free(kept[block].memory);
        kept[block].memory = NULL;
        kept[block].bytes = 0;
    }
}
