/* A chunk of patches of one shape on the device: its arrays and its kernels. For omp/device alone. */
#ifndef UNSPOT_OMP_DEVICE_CHUNK_H
#define UNSPOT_OMP_DEVICE_CHUNK_H

#include "omp/decorrelate.h"
#include "omp/kernels/system.h"
#include "omp/offload.h"

/* A chunk as its kernels see it. All pointers are the device's, and arrays have one patch after another. */
struct patch_chunk {
    struct offload_shape shape;
    size_t npatch;
    size_t n, rows;                            /* unknowns of a patch; the same in whole tiles */
    struct bandwidths bandwidths;              /* c: the largest of any patch */
    size_t first_of[LINALG_ROOT_BAND_MAX + 1]; /* [c] the first patch of bandwidth c; npatch: there is none */
    struct prior_rule prior_rule;              /* see struct offload_patches */
    double psferr;
    struct pixels pixels;
    const struct spots *spots;       /* [bundle] */
    const struct overlaps *overlaps; /* [bundle] */
    const struct patch *patch;       /* [npatch] */
    const unsigned *bundle;          /* [npatch] the number of each patch's bundle */

    char *normal; /* [npatch][normal_bytes]; with the banded solver, `inverse` takes its memory
                     once the system is filled */
    size_t normal_bytes;
    double *prior;               /* [npatch][n] */
    struct filled_system filled; /* banded: matrix[npatch] in tiles, x[npatch][rows], diagonal[npatch][n];
                                    dense: matrix[npatch][n][n], x[npatch][n], diagonal[npatch][n] */
    double *inverse;             /* banded: C[npatch] in tiles */
    struct decorrelate_arrays spectra; /* banded: [npatch][core spec] */
    double *dense_root;                /* dense: C_ss, then Q_s: [npatch][core spec][nwave][nwave] */
    void *linalg;                      /* [linalg_bytes] workspace of the linear algebra */
    size_t linalg_bytes;

    struct offload_results results; /* without the times; the arrays are copied to the host in one piece */
    size_t results_bytes;
    struct patch_chunk *on_device; /* the copy of this structure on the device */

    double *overlap_scratch; /* [teams][overlap_scratch_size] */
    double *shared;          /* [teams][TEAM_SIZE] */
    double *pixel_scratch;   /* [teams][quality_bytes(npix)] */
    double *resolution;      /* [teams][ndiag][core wave] */
    size_t overlap_scratch_size;
};

/* The chunk's systems as the banded operations of the linear algebra want them. */
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

/* Sets the sizes of a chunk of npatch patches and returns the bytes that its arrays need; SIZE_MAX when that
 * is more than the linear algebra can do. Unless memory, the device's, is NULL, the arrays are laid out
 * there. */
size_t chunk_layout(const struct offload *offload, const struct offload_shape *shape, size_t npatch,
                    char *memory, struct patch_chunk *chunk);

/* How a kernel is launched. */
struct launch {
    int teams, team; /* how many, and threads of each */
};

/* The kernels, each of one launch; chunk is the copy on the device. nsystem: npatch
 * times the core spectra. */

/* Sums the normal equations and fills the systems. */
void chunk_fill(const struct patch_chunk *chunk, size_t npatch, struct launch launch);

/* Checks the factors and copies x to deconvolved; with the banded solver, gathers C_ss and the vectors that Q
 * is to multiply. */
void chunk_gather(const struct patch_chunk *chunk, size_t npatch, struct launch launch);

/* Computes flux, ivar and R from Q. */
void chunk_decorrelate(const struct patch_chunk *chunk, size_t nsystem, struct launch launch);

/* Computes chi2pix. */
void chunk_quality(const struct patch_chunk *chunk, size_t npatch, struct launch launch);

/* Sets the addresses of the results in memory of the device or of the host, and returns their bytes. */
size_t chunk_results_layout(const struct patch_chunk *chunk, char *memory, struct offload_results *results);

/* The bandwidth c of a patch. It follows from the patch's own wave_halfwidth, as on the host, so that S is
 * cut at the same place there. */
TEAM_BODY size_t chunk_band(const struct patch_chunk *chunk, const struct patch *patch)
{
    return decorrelate_band(patch->wave_halfwidth, chunk->bandwidths.half, chunk->shape.wide);
}

/* The diagonals of C_ss of a system whose patch has bandwidth c. Systems of one bandwidth are packed, and
 * begin where they would if all systems before them had the largest bandwidth. */
TEAM_BODY double *chunk_diagonals(const struct patch_chunk *chunk, size_t system, size_t c)
{
    const size_t first = chunk->first_of[c] * chunk->shape.core_nspec;

    return chunk->spectra.c +
           (first * (chunk->bandwidths.c + 1) + (system - first) * (c + 1)) * chunk->shape.nwave;
}

/* The arrays of all systems as linalg_band_root() wants them. */
TEAM_BODY struct linalg_root chunk_root(const struct patch_chunk *chunk)
{
    return decorrelate_linalg_root(&chunk->spectra, chunk->shape.nwave, &chunk->bandwidths);
}

#endif
