#define _GNU_SOURCE /* RTLD_DEFAULT */
#include "device/device.h"

#include <dlfcn.h>
#include <omp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/minmax.h"
#include "device/driver.h"

static bool is_poisoned(void)
{
    const char *value = getenv("UNSPOT_DEVICE_POISON");

    return value && strcmp(value, "1") == 0;
}

/* Failures are not reported here, as the next copy fails as well. */
void device_poison(void *memory, size_t bytes)
{
    enum { PIECE = 1 << 20 };
    char *piece = is_poisoned() ? memory_raw(PIECE, 1) : NULL;

    if (!piece) return;
    memset(piece, 0xFF, PIECE);
    for (size_t done = 0; done < bytes; done += PIECE) {
        device_upload((char *)memory + done, piece, min_size(PIECE, bytes - done));
    }
    free(piece);
}

#ifdef UNSPOT_OFFLOAD

/* Finds one of LLVM's own functions for memory that the device reaches directly. Other runtimes do not have
 * them. */
static void *find_function(const char *name, void *function)
{
    void *symbol = dlsym(RTLD_DEFAULT, name);

    memcpy(function, &symbol, sizeof symbol);
    return symbol;
}

void *device_host_alloc(size_t bytes)
{
    void *(*alloc)(size_t size, int device);

    if (!find_function("llvm_omp_target_alloc_host", &alloc)) return memory_raw(bytes, 1);
    return alloc(bytes > 0 ? bytes : 1, omp_get_default_device());
}

void device_host_free(void *memory)
{
    void (*release)(void *memory, int device);

    if (!memory) return;
    if (find_function("llvm_omp_target_free_host", &release))
        release(memory, omp_get_default_device());
    else
        free(memory);
}

/* The memory of a GPU is aligned to 256 bytes or more, that of a device in the host's memory to 16 bytes. In
 * the latter case the pointer is moved on, to an odd multiple of 64 bytes, and the pointer that must be
 * released is stored in front of it. */
static void *alloc_aligned(size_t bytes)
{
    enum { EVEN = 2 * MEMORY_ALIGNMENT };
    int device = omp_get_default_device(), host = omp_get_initial_device();
    char *memory, *moved;

    if (bytes > SIZE_MAX - 2 * EVEN) return NULL;
    memory = omp_target_alloc(bytes + EVEN + MEMORY_ALIGNMENT, device);
    if (!memory || (uintptr_t)memory % EVEN == 0) return memory;
    moved = memory + (EVEN - (uintptr_t)memory % EVEN) + MEMORY_ALIGNMENT;
    if (omp_target_memcpy(moved - sizeof memory, &memory, sizeof memory, 0, 0, device, host) == 0)
        return moved;
    omp_target_free(memory, device);
    return NULL;
}

void device_free(void *memory)
{
    int device = omp_get_default_device(), host = omp_get_initial_device();
    void *start = memory;

    if (!memory) return;
    if ((uintptr_t)memory % (2 * MEMORY_ALIGNMENT) != 0) {
        omp_target_memcpy(&start, (char *)memory - sizeof start, sizeof start, 0, 0, host, device);
    }
    omp_target_free(start, device);
}

bool device_upload(void *to, const void *from, size_t bytes)
{
    return bytes == 0 ||
           omp_target_memcpy(to, from, bytes, 0, 0, omp_get_default_device(), omp_get_initial_device()) == 0;
}

bool device_download(void *to, const void *from, size_t bytes)
{
    return bytes == 0 ||
           omp_target_memcpy(to, from, bytes, 0, 0, omp_get_initial_device(), omp_get_default_device()) == 0;
}

#else /* this build cannot link omp_target_alloc(), so that all memory is the host's own */

static void *alloc_aligned(size_t bytes)
{
    return memory_raw(bytes, 1);
}

void *device_host_alloc(size_t bytes)
{
    return memory_raw(bytes, 1);
}

void device_host_free(void *memory)
{
    free(memory);
}

void device_free(void *memory)
{
    free(memory);
}

bool device_upload(void *to, const void *from, size_t bytes)
{
    if (bytes > 0) memcpy(to, from, bytes);
    return true;
}

bool device_download(void *to, const void *from, size_t bytes)
{
    if (bytes > 0) memcpy(to, from, bytes);
    return true;
}

#endif

void *device_alloc(size_t bytes)
{
    void *memory = alloc_aligned(bytes);

    if (memory) device_poison(memory, bytes);
    return memory;
}

size_t device_memory_free(const struct device *device, size_t kept)
{
    static const size_t guess = (size_t)2 << 30; /* a batch on the host should not need more */
    size_t bytes = max_size(guess, kept), unused;
    struct driver driver;
    char problem[256];

    if (device->cuda_ordinal >= 0) {
        if (driver_open(&driver, problem, sizeof problem) &&
            driver_memory_free(&driver, device->cuda_ordinal, &unused, problem, sizeof problem)) {
            bytes = unused + kept;
        }
        driver_close(&driver);
    }
    return min_size(bytes, device->memory_limit);
}
