/* Where the time goes: the seconds, bytes and counts of each stage, for the log and for --timing. */
#ifndef UNSPOT_RUN_TIMING_H
#define UNSPOT_RUN_TIMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/status.h"

/* X(name, "what stands in the files") in the order of the work */
#define STAGE_TABLE(X)                                                                                       \
    X(READ_PSF, "read_psf")                                                                                  \
    X(READ_IMAGE, "read_image")                                                                              \
    X(PLAN, "plan")                                                                                          \
    X(SPOTS, "spots")                                                                                        \
    X(OVERLAPS, "overlaps")                                                                                  \
    X(NORMAL_EQUATIONS, "normal_equations")                                                                  \
    X(SOLVE, "solve")                                                                                        \
    X(QUALITY, "quality")                                                                                    \
    X(COPY, "device_copy")                                                                                   \
    X(STORE, "store")                                                                                        \
    X(MODEL, "model")                                                                                        \
    X(FINISH, "finish")                                                                                      \
    X(WRITE, "write")

enum stage {
#define X(name, text) STAGE_##name,
    STAGE_TABLE(X)
#undef X
        STAGE_COUNT
};

struct stage_time {
    double seconds; /* wall clock of serial stages; summed over threads within the patches */
    double bytes;   /* read, written or held in memory */
    double count;   /* files, spots, patches, ... */
};

/* What is measured of the extraction of a frame. */
struct timing {
    struct stage_time stage[STAGE_COUNT];
    double extract_seconds; /* wall clock, from the plan to the finish */
    double total_seconds;
    size_t nspec, nwave, npatch, nregularised, nunsolved;
    size_t ndense;    /* patches that the banded solver left to the dense one */
    size_t nrepeated; /* patches that the device could not solve, and the host repeated */
    char cuda[128]; /* linalg_description() of cuSOLVER and cuBLAS, used by a run that began without; or "" */
    int threads;
    const char *solver, *device, *backend;
};

/* The time of a steady clock, in seconds. */
double timing_now(void);

/* Begins a stage, and returns the time now for timing_add(). Between these two calls, which one thread makes,
 * the stage is a range in NVIDIA's profilers. */
double timing_start(enum stage stage);

/* Ends the stage: adds the time since `start`, and count to its count. */
void timing_add(struct timing *timing, enum stage stage, double start, size_t count);

/* Adds the bytes of a file that the stage has read or written; none when there is no such file. */
void timing_add_file(struct timing *timing, enum stage stage, const char *path);

/* Adds a time that was measured elsewhere. */
void timing_count(struct timing *timing, enum stage stage, double seconds, size_t count);

/* Adds the stages and the counts of patches of *part to *total. */
void timing_merge(struct timing *total, const struct timing *part);

/* The name of a stage in the files, "read_psf". */
const char *stage_name(enum stage stage);

/* Prints the stages as a member of a JSON object. */
void timing_print_stages(FILE *file, const struct stage_time stage[STAGE_COUNT]);

/* Writes all of it as JSON. STATUS_IO when the file cannot be written; path is then left as it was. */
enum status timing_write(const char *path, const struct timing *timing, struct error *error);

#endif
