/* Makes input and output fail, to be preloaded: UNSPOT_FAULT=read:NAME:BYTES has the read after BYTES bytes
 * of files whose path holds NAME fail with EIO, write:NAME:BYTES the write with ENOSPC, as a full disk does.
 * hold:NAME:BYTES holds the program at that read or write: it says so on stderr, and waits until there is a
 * file `go`. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_long done; /* bytes */
static atomic_flag is_held = ATOMIC_FLAG_INIT;

static void hold(const char *name)
{
    if (!atomic_flag_test_and_set(&is_held)) dprintf(STDERR_FILENO, "held at %s\n", name);
    while (access("go", F_OK) != 0) usleep(10000);
}

/* Whether this call, of kind "read" or "write", is to fail. */
static int fails(const char *kind, int descriptor, size_t bytes)
{
    const char *fault = getenv("UNSPOT_FAULT");
    char link[64], path[4096], wanted[16], name[1024];
    long limit;
    ssize_t length;
    int holds;

    if (!fault || sscanf(fault, "%15[^:]:%1023[^:]:%ld", wanted, name, &limit) != 3) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = '\0';
    if (!strstr(path, name)) return 0;
    holds = strcmp(wanted, "hold") == 0;
    if (!holds && strcmp(wanted, kind) != 0) return 0;
    if (atomic_fetch_add(&done, (long)bytes) + (long)bytes <= limit) return 0;
    if (holds) hold(name);
    return !holds;
}

static void *next(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

size_t fread(void *data, size_t size, size_t count, FILE *file)
{
    size_t (*real)(void *, size_t, size_t, FILE *);

    *(void **)&real = next("fread");
    if (!fails("read", fileno(file), size * count)) return real(data, size, count, file);
    errno = EIO;
    return 0;
}

size_t fwrite(const void *data, size_t size, size_t count, FILE *file)
{
    size_t (*real)(const void *, size_t, size_t, FILE *);

    *(void **)&real = next("fwrite");
    if (!fails("write", fileno(file), size * count)) return real(data, size, count, file);
    errno = ENOSPC;
    return 0;
}

ssize_t read(int descriptor, void *data, size_t bytes)
{
    ssize_t (*real)(int, void *, size_t);

    *(void **)&real = next("read");
    if (!fails("read", descriptor, bytes)) return real(descriptor, data, bytes);
    errno = EIO;
    return -1;
}

ssize_t write(int descriptor, const void *data, size_t bytes)
{
    ssize_t (*real)(int, const void *, size_t);

    *(void **)&real = next("write");
    if (!fails("write", descriptor, bytes)) return real(descriptor, data, bytes);
    errno = ENOSPC;
    return -1;
}
