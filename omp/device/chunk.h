/* A chunk of patches of one shape on the device: its arrays. Private to omp/offload_*.c. */
#ifndef UNSPOT_OMP_DEVICE_CHUNK_H
#define UNSPOT_OMP_DEVICE_CHUNK_H

#include "omp/decorrelate.h"
#include "omp/offload.h"

/* What the kernels see: all pointers are the device's, arrays are one patch after another. */
struct chunk {
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
    double *prior, *diagonal;          /* [npatch][n] */
    double *x;                         /* [npatch][rows] or, dense, [npatch][n] */
    double *deconvolved;               /* [npatch][spec][wave] */
    double *matrix;                    /* [npatch] tiles, or [n][n] */
    double *inverse;                   /* [npatch] tiles; banded only */
    struct decorrelate_arrays spectra; /* [npatch][core spec]; banded only */
    double *dense_root;                /* [npatch][core spec][nwave][nwave]: Q; dense only */
    void *linalg;
    size_t linalg_bytes;

    struct offload_results results; /* but for the times; they return in one piece */
    size_t results_bytes;
    struct chunk *there; /* this, on the device */

    double *overlap_scratch, *shared, *pixel_scratch; /* [teams] */
    double *resolution;                               /* [teams][ndiag][core wave] */
    size_t overlap_scratch_size;
};

/* Bytes of a chunk, of which *chunk gets the sizes; SIZE_MAX: impossible. With memory, the device's, its
 * arrays are laid out there. */
size_t chunk_layout(const struct offload_shape *shape, size_t npatch, size_t teams,
                    const struct linalg *linalg, char *memory, struct chunk *chunk);

/* The kernels, each a launch; banded and dense differ in the middle. chunk is the device's. */
void chunk_fill(const struct chunk *chunk, size_t npatch, int teams, int team);   /* normal equations */
void chunk_gather(const struct chunk *chunk, size_t npatch, int teams, int team); /* C_ss and vectors */
void chunk_decorrelate(const struct chunk *chunk, size_t nsystem, int teams, int team);
void chunk_quality(const struct chunk *chunk, size_t npatch, int teams, int team);

/* Lays the results out, on either side, and returns their bytes. */
size_t chunk_results_layout(const struct chunk *chunk, char *memory, struct offload_results *results);

/* Diagonals of C_ss that patch k needs, as on the host: by its own band, so that S is cut where it is there.
 */
TEAM_BODY size_t chunk_band(const struct chunk *chunk, const struct patch *patch)
{
    return decorrelate_band(patch->wave_halfwidth, chunk->bandwidths.half, chunk->shape.wide);
}

/* Where the diagonals of C_ss of a system stand, of a patch whose band is c: those of one band are packed,
 * and begin where they would if all were as wide as the widest. */
TEAM_BODY double *chunk_diagonals(const struct chunk *chunk, size_t system, size_t c)
{
    const size_t first = chunk->first_of[c] * chunk->shape.core_nspec;

    return chunk->spectra.c +
           (first * (chunk->bandwidths.c + 1) + (system - first) * (c + 1)) * chunk->shape.nwave;
}

/* What linalg_band_root() gives for all systems. */
TEAM_BODY struct linalg_root chunk_root(const struct chunk *chunk)
{
    return decorrelate_linalg_root(&chunk->spectra, chunk->shape.nwave, &chunk->bandwidths);
}

#endif
