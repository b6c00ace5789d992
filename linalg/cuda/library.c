/* Opens the libraries of CUDA. */
#include "linalg/cuda/library.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RUNTIME, BLAS, SOLVER, LIBRARIES, FOLDERS = 4, PATH_SIZE = 4096 };

const char *const cuda_versions[CUDA_VERSIONS] = {"13", "12"};

/* The libraries of one version of CUDA, which do not work together with those of another, and the folders
 * where toolkits are installed when the dynamic linker has not been told. */
static const struct version {
    const char *soname[LIBRARIES], *folder[FOLDERS];
} versions[CUDA_VERSIONS] = {
    {{"libcudart.so.13", "libcublas.so.13", "libcusolver.so.12"},
     {"/usr/local/cuda-13/lib64", "/usr/local/cuda/lib64", "/usr/local/cuda/targets/x86_64-linux/lib",
      "/usr/local/cuda/targets/sbsa-linux/lib"}},
    {{"libcudart.so.12", "libcublas.so.12", "libcusolver.so.11"},
     {"/usr/local/cuda-12/lib64", "/usr/local/cuda/lib64", "/usr/local/cuda/targets/x86_64-linux/lib",
      "/usr/local/cuda/targets/sbsa-linux/lib"}},
};

static void *open_file(const char *path, char *why, size_t why_size)
{
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);

    if (!handle) snprintf(why, why_size, "%s", dlerror());
    return handle;
}

/* The linker's own search comes first, because users and modules choose a toolkit by LD_LIBRARY_PATH. `why`
 * tells of that search, unless there is a file in one of the folders: what is wrong
 * with that file says more. */
static void *open_usual(const struct version *version, int library, char *why, size_t why_size)
{
    void *handle = open_file(version->soname[library], why, why_size);

    for (int k = 0; !handle && k < FOLDERS; k++) {
        char path[PATH_SIZE];

        snprintf(path, sizeof path, "%s/%s", version->folder[k], version->soname[library]);
        if (access(path, F_OK) == 0) handle = open_file(path, why, why_size);
    }
    return handle;
}

static void *open_library(const struct version *version, int library, char *why, size_t why_size)
{
    const char *folder = getenv("UNSPOT_CUDA_LIBDIR");
    char path[PATH_SIZE];

    if (!folder || !*folder) return open_usual(version, library, why, why_size);
    snprintf(path, sizeof path, "%s/%s", folder, version->soname[library]);
    return open_file(path, why, why_size);
}

/* Looks up a function; false when it is missing. memcpy() is used because C has no cast from the pointer that
 * dlsym() returns to a pointer to a function. */
static bool find(void *handle, const char *name, void *function)
{
    void *symbol = dlsym(handle, name);

    memcpy(function, &symbol, sizeof symbol);
    return symbol != NULL;
}

bool cuda_library_open(struct cuda_library *library, int version, char *why, size_t why_size)
{
    void *handle[LIBRARIES];
    const char *missing = NULL;
    bool syev = true, syevj = true;

    for (int k = 0; k < LIBRARIES; k++) {
        handle[k] = open_library(&versions[version], k, why, why_size);
        if (!handle[k]) return false;
    }
#define X(lib, function, parameters)                                                                         \
    if (!find(handle[lib], #function, &library->function)) missing = #function;
    CUDA_FUNCTIONS(X)
#undef X
#define X(lib, function, parameters) syev &= find(handle[lib], #function, &library->function);
    CUDA_SYEV_FUNCTIONS(X)
#undef X
#define X(lib, function, parameters) syevj &= find(handle[lib], #function, &library->function);
    CUDA_SYEVJ_FUNCTIONS(X)
#undef X
    if (!syev && !syevj) missing = "cusolverDnDsyevjBatched";
    if (missing) snprintf(why, why_size, "%s has no %s", versions[version].soname[SOLVER], missing);
    library->has_syev = syev;
    return !missing;
}
