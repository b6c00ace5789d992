/* A CUDA of the host's, for tests without a GPU: the functions of linalg/cuda/library.h by LAPACKE, in
 * libraries of NVIDIA's names. They are stricter than NVIDIA's: an argument that is wrong ends the program,
 * and nothing is computed before its stream is waited for. The environment makes them fail:
 *   UNSPOT_FAKE_CUDA_FAILS=FUNCTION  that function returns 7
 *   UNSPOT_FAKE_CUDA_BAD=K           factorisation or eigenvectors of system K of each batch do not succeed
 *   UNSPOT_FAKE_CUDA_HOST=1          no memory is the device's */
#ifndef UNSPOT_TESTS_FAKE_CUDA_H
#define UNSPOT_TESTS_FAKE_CUDA_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FAKE_TASKS = 256, FAKE_MAX_BATCH = 16384, FAKE_STREAM = 0x5717ea, FAKE_HANDLE = 0xa2d1e };

struct fake_stream {
    int kind; /* FAKE_STREAM */
    int tasks;
    struct {
        void (*run)(void *arguments);
        void *arguments;
    } task[FAKE_TASKS];
};

/* cuBLAS's and cuSOLVER's. */
struct fake_handle {
    int kind; /* FAKE_HANDLE */
    struct fake_stream *stream;
    int math;
};

#define fake_require(condition)                                                                              \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "fake CUDA: %s: not so: %s\n", __func__, #condition);                            \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

static inline bool fake_asked(const char *variable, const char *value)
{
    const char *asked = getenv(variable);

    return asked && strcmp(asked, value) == 0;
}

#define fake_maybe_fail()                                                                                    \
    do {                                                                                                     \
        if (fake_asked("UNSPOT_FAKE_CUDA_FAILS", __func__)) return 7;                                        \
    } while (0)

static inline bool fake_bad(size_t system)
{
    const char *asked = getenv("UNSPOT_FAKE_CUDA_BAD");

    return asked && strtoul(asked, NULL, 10) == system;
}

static inline bool fake_is_stream(const struct fake_stream *stream)
{
    return stream && stream->kind == FAKE_STREAM;
}

/* A handle that has been given a stream. */
static inline bool fake_is_handle(const struct fake_handle *handle)
{
    return handle && handle->kind == FAKE_HANDLE && fake_is_stream(handle->stream);
}

/* Limits of a batch: matrices, and doubles that an int can count. */
static inline bool fake_fits(size_t columns, size_t ld, size_t batch)
{
    return batch > 0 && batch <= FAKE_MAX_BATCH && columns * ld * batch <= INT32_MAX;
}

static inline bool fake_aligned(const void *memory, size_t bytes)
{
    return memory && (uintptr_t)memory % bytes == 0;
}

/* Puts a call off until the stream is waited for. */
static inline void fake_queue(struct fake_stream *stream, void (*run)(void *arguments), const void *arguments,
                              size_t size)
{
    void *copy = malloc(size);

    fake_require(stream->tasks < FAKE_TASKS && copy);
    memcpy(copy, arguments, size);
    stream->task[stream->tasks].run = run;
    stream->task[stream->tasks++].arguments = copy;
}

#endif
