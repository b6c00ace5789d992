/* Decorrelation of a spectrum by the square root Q of S: the sizes and arrays that the banded solver and the
 * bundle solver have in common. The loops are in omp/kernels/decorrelate.h. With r = Q 1,
 *
 *     ivar = r²,   flux = Q x / r,   R = Q / r, row by row   (Bolton & Schlegel 2010, eq. 11 to 13) */
#ifndef UNSPOT_OMP_DECORRELATE_H
#define UNSPOT_OMP_DECORRELATE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/memory.h"
#include "base/minmax.h"
#include "base/team.h"
#include "linalg/linalg.h"

enum {
    DECORRELATE_VECTORS = 2, /* vectors that Q multiplies: 1 and x */
    DECORRELATE_WIDER = 12 /* diagonals of a wide band beyond the narrow one: S falls to a hundredth there */
};

/* How many off-diagonals of C_ss are used: at first one more than spots overlap over, or `half`, the
 * diagonals of R on each side, where these are more. In the `wide` second attempt, for spectra that were not
 * precise, it is DECORRELATE_WIDER more. There are never more than LINALG_ROOT_BAND_MAX. */
static inline size_t decorrelate_band(size_t wave_halfwidth, size_t half, bool wide)
{
    return min_size(max_size(wave_halfwidth + 1, half) + (wide ? DECORRELATE_WIDER : 0),
                    LINALG_ROOT_BAND_MAX);
}

/* Whether the banded solver can do patches whose spots overlap over wave_halfwidth wavelengths, when ndiag
 * diagonals of R are wanted. */
static inline bool decorrelate_is_possible(size_t wave_halfwidth, size_t ndiag)
{
    return wave_halfwidth <= LINALG_ROOT_BAND_MAX && ndiag / 2 <= LINALG_ROOT_BAND_MAX;
}

/* Tiles below the diagonal that hold the unknowns up to wave_halfwidth wavelengths and `further` spectra
 * later. Unknowns are in wavelength-major order. */
static inline size_t tiles_below(size_t wave_halfwidth, size_t nspec, size_t further)
{
    return (wave_halfwidth * nspec + further + LINALG_TILE - 1) / LINALG_TILE;
}

/* The half bandwidths of a patch's matrices. */
struct bandwidths {
    size_t half;  /* of R, in wavelengths */
    size_t c;     /* of C_ss as far as it is used, in wavelengths */
    size_t tband; /* of M and its factor, in tiles */
    size_t zband; /* of C, in tiles */
};

/* The half bandwidths of a patch of nspec spectra whose spots overlap over wave_halfwidth wavelengths. */
static inline struct bandwidths decorrelate_bandwidths(size_t nspec, size_t wave_halfwidth, size_t ndiag,
                                                       bool wide)
{
    struct bandwidths bandwidths = {.half = min_size(ndiag / 2, LINALG_ROOT_BAND_MAX)};

    bandwidths.c = decorrelate_band(wave_halfwidth, bandwidths.half, wide);
    bandwidths.tband = tiles_below(wave_halfwidth, nspec, nspec - 1);
    bandwidths.zband = max_size(bandwidths.tband, tiles_below(bandwidths.c, nspec, 0));
    return bandwidths;
}

/* What linalg_band_root() reads and writes for a batch of spectra. */
struct decorrelate_arrays {
    double *c;         /* [batch][bandwidths.c + 1][nwave]: diagonals of C_ss */
    double *vector;    /* [batch][DECORRELATE_VECTORS][nwave]: 1 and x_s */
    double *product;   /* [batch][DECORRELATE_VECTORS][nwave]: Q 1 and Q x_s */
    double *root;      /* [batch][bandwidths.half + 1][nwave]: diagonals of Q */
    double *edge;      /* [batch][nwave]: relative size of S at the edge of its band */
    double *condition; /* [batch]: bound of the condition number of S */
};

/* Lays out the arrays of a batch of spectra. */
static inline struct decorrelate_arrays decorrelate_take_arrays(struct memory_layout *layout, size_t batch,
                                                                size_t nwave,
                                                                const struct bandwidths *bandwidths)
{
    const size_t bytes = batch * nwave * sizeof(double);
    struct decorrelate_arrays arrays;

    arrays.c = memory_take(layout, bandwidths->c + 1, bytes);
    arrays.vector = memory_take(layout, DECORRELATE_VECTORS, bytes);
    arrays.product = memory_take(layout, DECORRELATE_VECTORS, bytes);
    arrays.root = memory_take(layout, bandwidths->half + 1, bytes);
    arrays.edge = memory_take(layout, 1, bytes);
    arrays.condition = memory_take(layout, batch, sizeof(double));
    return arrays;
}

/* The same arrays as linalg_band_root() wants them; the caller sets the size of the batch. */
TEAM_BODY struct linalg_root decorrelate_linalg_root(const struct decorrelate_arrays *arrays, size_t nwave,
                                                     const struct bandwidths *bandwidths)
{
    return (struct linalg_root){.n = nwave,
                                .band = bandwidths->c,
                                .nvec = DECORRELATE_VECTORS,
                                .half = bandwidths->half,
                                .inverse = arrays->c,
                                .vector = arrays->vector,
                                .product = arrays->product,
                                .root = arrays->root,
                                .edge = arrays->edge,
                                .condition = arrays->condition};
}

/* What linalg_band_root() gives for one spectrum. */
struct spectrum_root {
    size_t nwave, half;
    const double *row_sum; /* [nwave] Q 1 */
    const double *product; /* [nwave] Q x */
    const double *root;    /* [half + 1][nwave] diagonals of Q */
    const double *edge;    /* [nwave] relative size of S at the edge of its band */
    double condition;      /* bound of the condition number of S, its largest over its smallest eigenvalue */
};

/* The results for system k of a batch. */
TEAM_BODY struct spectrum_root decorrelate_root(const struct linalg_root *root, size_t k)
{
    size_t nwave = root->n;
    const double *product = root->product + k * DECORRELATE_VECTORS * nwave;

    return (struct spectrum_root){.nwave = nwave,
                                  .half = root->half,
                                  .row_sum = product,
                                  .product = product + nwave,
                                  .root = root->root + k * (root->half + 1) * nwave,
                                  .edge = root->edge + k * nwave,
                                  .condition = root->condition[k]};
}

#endif
