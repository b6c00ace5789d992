#include "device/driver.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* cuda.h's numbers; they are part of the driver's binary interface. */
enum { SUCCESS = 0, MULTIPROCESSORS = 16, MAJOR = 75, MINOR = 76, POINTER_ORDINAL = 9 };

typedef int ask_number(int *value);
typedef int ask_with_flags(unsigned flags);
typedef int ask_attribute(int *value, int attribute, int ordinal);
typedef int ask_pointer(void *value, int attribute, uintptr_t memory);
typedef int ask_name(char *name, int size, int ordinal);
typedef int ask_size(size_t *bytes, int ordinal);
typedef int ask_memory(size_t *left, size_t *total);
typedef int ask_error(int code, const char **text);
typedef int retain_context(void **context, int ordinal);
typedef int push_context(void *context);
typedef int pop_context(void **context);
typedef int release_context(int ordinal);

/* Finds the driver's function of that name. *function is a pointer to a function and becomes NULL when there
 * is none. */
static bool find(const struct driver *driver, const char *name, void *function)
{
    void *symbol = driver->library ? dlsym(driver->library, name) : NULL;

    memcpy(function, &symbol, sizeof symbol);
    return symbol != NULL;
}

/* Writes a text such as "cuInit: error 100, no CUDA-capable device is detected" to problem[size]. */
static void explain(const struct driver *driver, const char *function, int code, char *problem, size_t size)
{
    const char *text = NULL;
    ask_error *string;

    if (find(driver, "cuGetErrorString", &string)) string(code, &text);
    snprintf(problem, size, "%s: error %d%s%s", function, code, text ? ", " : "", text ? text : "");
}

bool driver_open(struct driver *driver, char *problem, size_t size)
{
    ask_with_flags *init;
    ask_number *version, *count;
    int code;

    *driver = (struct driver){.library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE)};
    if (!driver->library) {
        snprintf(problem, size, "no NVIDIA driver here: libcuda.so.1 was not found");
        return false;
    }
    if (!find(driver, "cuInit", &init) || !find(driver, "cuDriverGetVersion", &version) ||
        !find(driver, "cuDeviceGetCount", &count)) {
        snprintf(problem, size, "libcuda.so.1 is not NVIDIA's driver: it has no cuInit");
        return false;
    }
    version(&driver->version);
    code = init(0);
    if (code != SUCCESS) {
        explain(driver, "the NVIDIA driver has no GPU: cuInit", code, problem, size);
        return false;
    }
    code = count(&driver->ngpu);
    if (code != SUCCESS || driver->ngpu <= 0) {
        driver->ngpu = 0;
        explain(driver, "the NVIDIA driver sees no GPU: cuDeviceGetCount", code, problem, size);
        return false;
    }
    return true;
}

void driver_close(struct driver *driver)
{
    if (driver->library) dlclose(driver->library);
    *driver = (struct driver){0};
}

bool driver_gpu(const struct driver *driver, int ordinal, struct driver_gpu *gpu)
{
    ask_attribute *attribute;
    ask_name *name;
    ask_size *memory;

    *gpu = (struct driver_gpu){0};
    return find(driver, "cuDeviceGetAttribute", &attribute) && find(driver, "cuDeviceGetName", &name) &&
           find(driver, "cuDeviceTotalMem_v2", &memory) &&
           name(gpu->name, sizeof gpu->name, ordinal) == SUCCESS &&
           attribute(&gpu->major, MAJOR, ordinal) == SUCCESS &&
           attribute(&gpu->minor, MINOR, ordinal) == SUCCESS &&
           attribute(&gpu->multiprocessors, MULTIPROCESSORS, ordinal) == SUCCESS &&
           memory(&gpu->bytes, ordinal) == SUCCESS;
}

int driver_ordinal(const struct driver *driver, const void *memory)
{
    int ordinal = -1;
    ask_pointer *attribute;

    if (driver->ngpu == 0 || !find(driver, "cuPointerGetAttribute", &attribute)) return -1;
    return attribute(&ordinal, POINTER_ORDINAL, (uintptr_t)memory) == SUCCESS ? ordinal : -1;
}

/* The driver answers for the current context. This is made the GPU's primary context, which OpenMP and
 * cuSOLVER use, too. */
bool driver_memory_free(const struct driver *driver, int ordinal, size_t *bytes, char *problem, size_t size)
{
    ask_memory *memory;
    retain_context *retain;
    push_context *push;
    pop_context *pop;
    release_context *release;
    void *context;
    size_t total;
    int code;

    if (!find(driver, "cuMemGetInfo_v2", &memory) || !find(driver, "cuDevicePrimaryCtxRetain", &retain) ||
        !find(driver, "cuCtxPushCurrent_v2", &push) || !find(driver, "cuCtxPopCurrent_v2", &pop) ||
        !find(driver, "cuDevicePrimaryCtxRelease_v2", &release)) {
        snprintf(problem, size, "the NVIDIA driver is too old: no cuDevicePrimaryCtxRelease_v2");
        return false;
    }
    code = retain(&context, ordinal);
    if (code != SUCCESS) {
        explain(driver, "cuDevicePrimaryCtxRetain", code, problem, size);
        return false;
    }
    code = push(context);
    if (code == SUCCESS) {
        code = memory(bytes, &total);
        pop(&context);
    }
    release(ordinal);
    if (code != SUCCESS) explain(driver, "cuMemGetInfo", code, problem, size);
    return code == SUCCESS;
}
