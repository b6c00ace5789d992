/* A chunk of patches of one shape on the device: its arrays. Private to omp/offload_*.c. */
#ifndef UNSPOT_OMP_DEVICE_CHUNK_H
#define UNSPOT_OMP_DEVICE_CHUNK_H

#include "omp/decorrelate.h"
#include "omp/kernels/system.h"
#include "omp/offload.h"

/* What the kernels see: all pointers are the device's, arrays are one patch after another. */
struct patch_chunk {
    struct offload_shape shape;
    size_t npatch;
    size_t n, rows;                            /* unknowns of a patch; the same, in whole tiles */
    struct bandwidths bandwidths;              /* c: the largest of any patch */
    size_t first_of[LINALG_ROOT_BAND_MAX + 1]; /* the first patch of each band c; npatch: there is none */
    double regularize, psferr;
    struct pixels pixels;
    const struct spots *spots; /* [bundle] */
    const struct overlaps *overlaps;
    const struct patch *patch; /* [npatch] */
    const unsigned *bundle;

    char *normal; /* [npatch][normal_bytes]; banded: where inverse is, which comes later */
    size_t normal_bytes;
    double *prior;                     /* [npatch][n] */
    struct filled_system filled;       /* matrix: [npatch] tiles, or [n][n]; x: [npatch][rows] or, dense,
                                          [npatch][n];       diagonal: [npatch][n] */
    double *inverse;                   /* [npatch] tiles; banded only */
    struct decorrelate_arrays spectra; /* [npatch][core spec]; banded only */
    double *dense_root;                /* [npatch][core spec][nwave][nwave]: Q; dense only */
    void *linalg;
    size_t linalg_bytes;

    struct offload_results results; /* but for the times; they return in one piece */
    size_t results_bytes;
    struct patch_chunk *on_device; /* this, on the device */

    double *overlap_scratch, *shared, *pixel_scratch; /* [teams] */
    double *resolution;                               /* [teams][ndiag][core wave] */
    size_t overlap_scratch_size;
};

/* What the banded operations of the linear algebra work on. */
static inline struct linalg_band chunk_linalg_band(const struct patch_chunk *chunk)
{
    return (struct linalg_band){.batch = chunk->npatch,
                                .n = chunk->n,
                                .tband = chunk->bandwidths.tband,
                                .zband = chunk->bandwidths.zband,
                                .matrix = chunk->filled.matrix,
                                .inverse = chunk->inverse,
                                .x = chunk->filled.x};
}

/* Bytes of a chunk of so many patches, of which *chunk gets the sizes; SIZE_MAX: impossible. With memory, the
 * device's, its arrays are laid out there. */
size_t chunk_layout(const struct offload *offload, const struct offload_shape *shape, size_t npatch,
                    char *memory, struct patch_chunk *chunk);

/* How a kernel is launched. */
struct launch {
    int teams, team; /* how many, and threads of each */
};

/* The kernels, each a launch; banded and dense differ in the middle. chunk is the device's. */
void chunk_fill(const struct patch_chunk *chunk, size_t npatch, struct launch launch); /* normal equations */
void chunk_gather(const struct patch_chunk *chunk, size_t npatch,
                  struct launch launch); /* C_ss and vectors */
void chunk_decorrelate(const struct patch_chunk *chunk, size_t nsystem, struct launch launch);
void chunk_quality(const struct patch_chunk *chunk, size_t npatch, struct launch launch);

/* Lays the results out, on either side, and returns their bytes. */
size_t chunk_results_layout(const struct patch_chunk *chunk, char *memory, struct offload_results *results);

/* Diagonals of C_ss that patch k needs, as on the host: by its own band, so that S is cut where it is there.
 */
TEAM_BODY size_t chunk_band(const struct patch_chunk *chunk, const struct patch *patch)
{
    return decorrelate_band(patch->wave_halfwidth, chunk->bandwidths.half, chunk->shape.wide);
}

/* Where the diagonals of C_ss of a system stand, of a patch whose band is c: those of one band are packed,
 * and begin where they would if all were as wide as the widest. */
TEAM_BODY double *chunk_diagonals(const struct patch_chunk *chunk, size_t system, size_t c)
{
    const size_t first = chunk->first_of[c] * chunk->shape.core_nspec;

    return chunk->spectra.c +
           (first * (chunk->bandwidths.c + 1) + (system - first) * (c + 1)) * chunk->shape.nwave;
}

/* What linalg_band_root() gives for all systems. */
TEAM_BODY struct linalg_root chunk_root(const struct patch_chunk *chunk)
{
    return decorrelate_linalg_root(&chunk->spectra, chunk->shape.nwave, &chunk->bandwidths);
}

#endif
