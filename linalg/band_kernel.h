/* Banded symmetric positive definite systems in tiles: the bodies that every backend runs.
 *
 * Layout: see linalg.h. A tile is one AVX-512 register for each of its columns, and all inner loops have its
 * constant length. One system is one call; on a device it would be one team. */
#ifndef UNSPOT_LINALG_BAND_KERNEL_H
#define UNSPOT_LINALG_BAND_KERNEL_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "linalg/linalg.h"

enum { TILE = LINALG_TILE };

/* [k][i]: column k, row i, unless said otherwise. Parameters that are only read are not const, as C11 does
 * not convert an array of arrays to one. */
typedef double tile[TILE][TILE];

/* a[k][i] -= Σ_m left[m][k] right[m][i]:  A_ic -= L_ip L_cpᵀ */
static inline void tile_update(tile a, tile left, tile right)
{
    for (int m = 0; m < TILE; m++) {
        for (int k = 0; k < TILE; k++) {
#pragma omp simd
            for (int i = 0; i < TILE; i++) a[k][i] -= left[m][k] * right[m][i];
        }
    }
}

/* Cholesky factor of a diagonal tile, zeros above; TILE, or the first column whose pivot is not positive. */
static inline int tile_cholesky(tile a)
{
    for (int k = 0; k < TILE; k++) {
        double inverse;

        if (!(a[k][k] > 0) || !isfinite(a[k][k])) return k;
        inverse = 1 / sqrt(a[k][k]);
        for (int i = 0; i < TILE; i++) a[k][i] = i < k ? 0 : a[k][i] * inverse;
        for (int j = k + 1; j < TILE; j++) {
            double factor = a[k][j];
#pragma omp simd
            for (int i = 0; i < TILE; i++) a[j][i] -= factor * a[k][i];
        }
    }
    return TILE;
}

/* a := a L⁻ᵀ, l: a factored diagonal tile */
static inline void tile_solve(tile a, tile l)
{
    for (int k = 0; k < TILE; k++) {
        double inverse = 1 / l[k][k];

        for (int m = 0; m < k; m++) {
            double factor = l[m][k];
#pragma omp simd
            for (int i = 0; i < TILE; i++) a[k][i] -= factor * a[m][i];
        }
#pragma omp simd
        for (int i = 0; i < TILE; i++) a[k][i] *= inverse;
    }
}

/* Tiles that column c has below its diagonal within the band. */
static inline size_t band_below(size_t ntile, size_t tband, size_t c)
{
    return c + tband < ntile ? tband : ntile - 1 - c;
}

/* What column c adds to the solution of L y = x, in place. Eight rows are copied, so that they stay in a
 * register. */
static inline void band_solve_down(size_t ntile, size_t tband, size_t c, tile *column, double *x)
{
    double head[TILE], below[TILE];

    memcpy(head, x + c * TILE, sizeof head);
    for (int k = 0; k < TILE; k++) {
        head[k] /= column[0][k][k];
        for (int i = k + 1; i < TILE; i++) head[i] -= column[0][k][i] * head[k];
    }
    memcpy(x + c * TILE, head, sizeof head);
    for (size_t d = 1; d <= band_below(ntile, tband, c); d++) {
        memcpy(below, x + (c + d) * TILE, sizeof below);
        for (int k = 0; k < TILE; k++) {
#pragma omp simd
            for (int i = 0; i < TILE; i++) below[i] -= column[d][k][i] * head[k];
        }
        memcpy(x + (c + d) * TILE, below, sizeof below);
    }
}

/* Rows c of the solution of Lᵀ y = x, in place, when those below are known. */
static inline void band_solve_up(size_t ntile, size_t tband, size_t c, tile *column, double *x)
{
    double head[TILE], below[TILE];
    tile sum = {{0}}; /* lane i of row k: partial sums over the rows below */

    for (size_t d = 1; d <= band_below(ntile, tband, c); d++) {
        memcpy(below, x + (c + d) * TILE, sizeof below);
        for (int k = 0; k < TILE; k++) {
#pragma omp simd
            for (int i = 0; i < TILE; i++) sum[k][i] += column[d][k][i] * below[i];
        }
    }
    memcpy(head, x + c * TILE, sizeof head);
    for (int k = TILE - 1; k >= 0; k--) {
        for (int i = 0; i < TILE; i++) head[k] -= sum[k][i];
        for (int i = k + 1; i < TILE; i++) head[k] -= column[0][k][i] * head[i];
        head[k] /= column[0][k][k];
    }
    memcpy(x + c * TILE, head, sizeof head);
}

/* x := L⁻ᵀ L⁻¹ x, x[8 ntile] */
static inline void band_solve(size_t ntile, size_t tband, tile *l, double *x)
{
    for (size_t c = 0; c < ntile; c++) band_solve_down(ntile, tband, c, l + c * (tband + 1), x);
    for (size_t c = ntile; c-- > 0;) band_solve_up(ntile, tband, c, l + c * (tband + 1), x);
}

/* a = L Lᵀ in place, from the left: what column c gets from the tband columns before it stays in registers.
 * x, unless NULL, becomes L⁻¹ x on the way, while the columns are at hand. 0, or 1 + the row of the first
 * pivot that is not positive. */
static inline int band_cholesky(size_t ntile, size_t tband, tile *a, double *x)
{
    for (size_t c = 0; c < ntile; c++) {
        tile *column = a + c * (tband + 1);

        for (size_t d = 0; d <= band_below(ntile, tband, c); d++) {
            size_t first = c + d > tband ? c + d - tband : 0;
            tile sum;

            memcpy(sum, column[d], sizeof sum);
            for (size_t p = first; p < c; p++) {
                tile *before = a + p * (tband + 1);

                tile_update(sum, before[c - p], before[c - p + d]);
            }
            if (d == 0) {
                int k = tile_cholesky(sum);

                if (k < TILE) return (int)(c * TILE) + k + 1;
            } else {
                tile_solve(sum, column[0]);
            }
            memcpy(column[d], sum, sizeof sum);
        }
        if (x) band_solve_down(ntile, tband, c, column, x);
    }
    return 0;
}

/* inverse[p][k] of a factored diagonal tile, row p, column k */
static inline void tile_invert(tile inverse, tile l)
{
    for (int p = 0; p < TILE; p++) { /* row p of L times the rows above it of the inverse */
        double scale = 1 / l[p][p];

        for (int k = 0; k < TILE; k++) inverse[p][k] = k == p ? 1 : 0;
        for (int m = 0; m < p; m++) {
            double factor = l[m][p];
#pragma omp simd
            for (int k = 0; k < TILE; k++) inverse[p][k] -= factor * inverse[m][k];
        }
#pragma omp simd
        for (int k = 0; k < TILE; k++) inverse[p][k] *= scale;
    }
}

/* sum[i][k] += Σ_m a[m][i] b[m][k] */
static inline void tile_add_product(tile sum, tile a, tile b)
{
    for (int m = 0; m < TILE; m++) {
        for (int i = 0; i < TILE; i++) {
#pragma omp simd
            for (int k = 0; k < TILE; k++) sum[i][k] += a[m][i] * b[m][k];
        }
    }
}

/* sum[i][k] += Σ_m a[i][m] b[m][k] */
static inline void tile_add_transposed(tile sum, tile a, tile b)
{
    for (int m = 0; m < TILE; m++) {
        for (int i = 0; i < TILE; i++) {
#pragma omp simd
            for (int k = 0; k < TILE; k++) sum[i][k] += a[i][m] * b[m][k];
        }
    }
}

/* The tiles of C = (L Lᵀ)⁻¹ within zband >= tband tiles of the diagonal, both triangles of diagonal tiles,
 * each tile stored by rows. Takahashi's recurrence, from the last column back (Erisman & Tinney 1975): C_ic =
 * Σ_p C_ip Y_p,   C_cc = L_cc⁻ᵀ L_cc⁻¹ + Σ_p C_pcᵀ Y_p,   Y_p = -L_pc L_cc⁻¹,   p = c + 1 ... c + tband.
 * x, unless NULL, becomes L⁻ᵀ x on the way. scratch[tband]. */
static inline void band_inverse(size_t ntile, size_t tband, size_t zband, tile *l, tile *z, tile *scratch,
                                double *x)
{
    for (size_t c = ntile; c-- > 0;) {
        tile *out = z + c * (zband + 1);
        size_t below = band_below(ntile, tband, c);
        tile corner, minus_corner, sum;

        if (x) band_solve_up(ntile, tband, c, l + c * (tband + 1), x);
        tile_invert(corner, l[c * (tband + 1)]);
        for (int m = 0; m < TILE; m++) {
            for (int k = 0; k < TILE; k++) minus_corner[m][k] = -corner[m][k];
        }
        for (size_t d = 1; d <= below; d++) {
            memset(sum, 0, sizeof sum);
            tile_add_product(sum, l[c * (tband + 1) + d], minus_corner);
            memcpy(scratch[d - 1], sum, sizeof sum);
        }
        for (size_t e = band_below(ntile, zband, c); e > 0; e--) { /* row c + e */
            memset(sum, 0, sizeof sum);
            for (size_t d = 1; d <= below && d <= e; d++) {
                tile_add_transposed(sum, z[(c + d) * (zband + 1) + e - d], scratch[d - 1]);
            }
            for (size_t d = e + 1; d <= below; d++) {
                tile_add_product(sum, z[(c + e) * (zband + 1) + d - e], scratch[d - 1]);
            }
            memcpy(out[e], sum, sizeof sum);
        }
        memset(sum, 0, sizeof sum);
        tile_add_product(sum, corner, corner);
        for (size_t d = 1; d <= below; d++) tile_add_product(sum, out[d], scratch[d - 1]);
        for (int i = 0; i < TILE; i++) { /* rounding that is not symmetric would grow from column to column */
            for (int k = 0; k < TILE; k++) out[0][i][k] = 0.5 * (sum[i][k] + sum[k][i]);
        }
    }
}

#endif
