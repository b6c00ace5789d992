/* Banded symmetric positive definite systems in tiles: the bodies that every back-end but the reference runs.
 *
 * The layout is described in linalg/linalg.h. On a CPU a column of a tile is one AVX-512 register, and all
 * inner loops have its constant length. On a device a team works on a system: each of its members has one
 * element of a tile, or two where the 32 threads of a warp share a tile. Where the two ways differ, functions
 * named after a tile are the CPU's, and those named after a team, a lane or a row are the device's. */
#ifndef UNSPOT_LINALG_KERNELS_BAND_H
#define UNSPOT_LINALG_KERNELS_BAND_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/team.h"
#include "linalg/linalg.h"

enum { TILE = LINALG_TILE };

/* Element [k][i] is in column k and row i, unless a comment says otherwise. Parameters that are only read are
 * not const, because C11 does not convert an array of arrays to one of const elements. */
typedef double tile[TILE][TILE];

/* One system of a batch. Column c of L has its tiles at l + c (tband + 1), column c of C at z + c (zband +
 * 1). */
struct band_system {
    size_t ntile, tband, zband;
    tile *l;   /* A, then its factor L */
    tile *z;   /* C = A⁻¹, whose tiles are stored by rows: [i][k] */
    double *x; /* [8 ntile], or NULL */
};

/* System k of a batch. */
TEAM_BODY struct band_system band_system_of(const struct linalg_band *band, size_t k)
{
    const size_t ntile = linalg_band_ntile(band->n), z = k * linalg_band_size(band->n, band->zband);

    return (struct band_system){.ntile = ntile,
                                .tband = band->tband,
                                .zband = band->zband,
                                .l = (tile *)(band->matrix + k * linalg_band_size(band->n, band->tband)),
                                .z = band->inverse ? (tile *)(band->inverse + z) : NULL,
                                .x = band->x ? band->x + k * ntile * TILE : NULL};
}

/* A member's share of a tile: size x size elements from [k][i] on, which is a whole tile or one element. */
struct row_part {
    int k, i, size;
};

_Static_assert(TEAM_SIZE == TILE * TILE, "a team has a member for each element of a tile");

TEAM_BODY struct row_part part_of(struct member member)
{
    if (member.count == 1) return (struct row_part){0, 0, TILE};
    return (struct row_part){member.index / TILE, member.index % TILE, 1};
}

/* for (part_tiles(part, d, last)): those of the tiles d = 1 ... last in which the
 * member has rows of its own. */
#define part_tiles(part, d, last)                                                                            \
    size_t d = 1 + (size_t)(part).k;                                                                         \
    d <= (last);                                                                                             \
    d += (size_t)(TILE / (part).size)

/* to = sign * from. It is a loop because memcpy() would keep `from` out of registers. */
TEAM_BODY void tile_store(tile from, double sign, tile to)
{
    for (int k = 0; k < TILE; k++) {
#pragma omp simd
        for (int i = 0; i < TILE; i++) to[k][i] = sign * from[k][i];
    }
}

/* sum[k][i] -= Σ_m left[m][k] right[m][i]:  A_ic -= L_ip L_cpᵀ */
TEAM_BODY void tile_update(tile sum, tile left, tile right)
{
    for (int m = 0; m < TILE; m++) {
        for (int k = 0; k < TILE; k++) {
#pragma omp simd
            for (int i = 0; i < TILE; i++) sum[k][i] -= left[m][k] * right[m][i];
        }
    }
}

/* Replaces a diagonal tile by its Cholesky factor with zeros above the diagonal. Returns TILE, or the first
 * column whose pivot is not positive. */
TEAM_BODY int tile_cholesky(tile a)
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

/* tile_cholesky() in a member's own registers: the lower triangle of the factored tile, and inverse[TILE], 1
 * / its pivots. Every member of a team does it, so that none has to wait. */
TEAM_BODY int tile_factor(tile own, double *inverse)
{
    int bad = TILE;

    DEVICE_UNROLL
    for (int k = 0; k < TILE; k++) {
        if (bad == TILE && (!(own[k][k] > 0) || !isfinite(own[k][k]))) bad = k;
        inverse[k] = 1 / sqrt(own[k][k]);
        DEVICE_UNROLL
        for (int i = k; i < TILE; i++) own[k][i] *= inverse[k];
        DEVICE_UNROLL
        for (int j = k + 1; j < TILE; j++) {
            DEVICE_UNROLL
            for (int i = j; i < TILE; i++) own[j][i] -= own[k][j] * own[k][i];
        }
    }
    return bad;
}

/* Row i of a := a L⁻ᵀ, with the factored diagonal tile in registers. */
TEAM_BODY void tile_solve_row(int i, tile a, tile own, const double *inverse)
{
    double row[TILE];

    DEVICE_UNROLL
    for (int k = 0; k < TILE; k++) row[k] = a[k][i];
    DEVICE_UNROLL
    for (int k = 0; k < TILE; k++) {
        DEVICE_UNROLL
        for (int m = 0; m < k; m++) row[k] -= own[m][k] * row[m];
        row[k] *= inverse[k];
    }
    DEVICE_UNROLL
    for (int k = 0; k < TILE; k++) a[k][i] = row[k];
}

/* a := a L⁻ᵀ, with l a factored diagonal tile. */
TEAM_BODY void tile_solve(tile a, tile l)
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

/* Tiles that column c has below its diagonal, in a band of that many tiles. */
TEAM_BODY size_t band_below(size_t ntile, size_t band, size_t c)
{
    return c + band < ntile ? band : ntile - 1 - c;
}

/* The tiles of column c of L. */
TEAM_BODY tile *band_column(const struct band_system *system, size_t c)
{
    return system->l + c * (system->tband + 1);
}

/* What column c adds to the solution of L y = x, in place. Every member finds the eight rows of column c for
 * itself. */
TEAM_BODY void band_solve_down(struct member member, const struct band_system *system, size_t c)
{
    struct row_part part = part_of(member);
    tile *column = band_column(system, c);
    double head[TILE], below[TILE], *x = system->x;

    memcpy(head, x + c * TILE, sizeof head);
    for (int k = 0; k < TILE; k++) {
        head[k] /= column[0][k][k];
        for (int i = k + 1; i < TILE; i++) head[i] -= column[0][k][i] * head[k];
    }
    for (part_tiles(part, d, band_below(system->ntile, system->tband, c))) {
        double *rows = x + (c + d) * TILE + part.i;

        for (int i = 0; i < part.size; i++) below[i] = rows[i];
        for (int k = 0; k < TILE; k++) {
#pragma omp simd
            for (int i = 0; i < part.size; i++) below[i] -= column[d][k][part.i + i] * head[k];
        }
        for (int i = 0; i < part.size; i++) rows[i] = below[i];
    }
    team_sync(member);
    if (member.index == 0) memcpy(x + c * TILE, head, sizeof head);
}

/* The eight rows of column c of the solution of Lᵀ y = x, in place, once the rows below are known. */
TEAM_BODY void band_solve_up(struct member member, const struct band_system *system, size_t c)
{
    tile *column = band_column(system, c);
    double head[TILE], *x = system->x, *rows = x + c * TILE;

    for (team_share(member, k, TILE)) {
        double sum[TILE] = {0}; /* partial sums over the rows below */

        for (size_t d = 1; d <= band_below(system->ntile, system->tband, c); d++) {
#pragma omp simd
            for (int i = 0; i < TILE; i++) sum[i] += column[d][k][i] * x[(c + d) * TILE + (size_t)i];
        }
        for (int i = 0; i < TILE; i++) rows[k] -= sum[i];
    }
    team_sync(member);
    memcpy(head, rows, sizeof head);
    for (int k = TILE - 1; k >= 0; k--) {
        for (int i = k + 1; i < TILE; i++) head[k] -= column[0][k][i] * head[i];
        head[k] /= column[0][k][k];
    }
    team_sync(member);
    if (member.index == 0) memcpy(rows, head, sizeof head);
    team_sync(member);
}

/* x := L⁻ᵀ L⁻¹ x */
TEAM_BODY void band_solve(struct member member, const struct band_system *system)
{
    for (size_t c = 0; c < system->ntile; c++) band_solve_down(member, system, c);
    team_sync(member);
    for (size_t c = system->ntile; c-- > 0;) band_solve_up(member, system, c);
}

/* band_solve_down() with the factored diagonal tile in registers. head[TILE] gets the rows of column c, which
 * the caller stores once nobody reads the old ones any more. */
TEAM_BODY void solve_down_factored(struct member member, const struct band_system *system, size_t c, tile own,
                                   const double *inverse, double *head)
{
    struct row_part part = part_of(member);
    tile *column = band_column(system, c);
    double *x = system->x;

    DEVICE_UNROLL
    for (int k = 0; k < TILE; k++) head[k] = x[c * TILE + (size_t)k];
    DEVICE_UNROLL
    for (int k = 0; k < TILE; k++) {
        head[k] *= inverse[k];
        DEVICE_UNROLL
        for (int i = k + 1; i < TILE; i++) head[i] -= own[k][i] * head[k];
    }
    for (part_tiles(part, d, band_below(system->ntile, system->tband, c))) {
        double below = x[(c + d) * TILE + (size_t)part.i];

        DEVICE_UNROLL
        for (int k = 0; k < TILE; k++) below -= column[d][k][part.i] * head[k];
        x[(c + d) * TILE + (size_t)part.i] = below;
    }
}

/* Finishes column c of the factor by a team, once all members see what team_update_column() wrote. Returns
 * what band_cholesky_column() does. */
TEAM_BODY int team_finish_column(struct member member, const struct band_system *system, size_t c)
{
    struct row_part part = part_of(member);
    size_t below = band_below(system->ntile, system->tband, c);
    tile *column = band_column(system, c);
    double inverse[TILE], head[TILE], *x = system->x;
    tile own;
    int bad;

    DEVICE_UNROLL
    for (int k = 0; k < TILE; k++) {
        DEVICE_UNROLL
        for (int i = k; i < TILE; i++) own[k][i] = column[0][k][i];
    }
    bad = tile_factor(own, inverse);
    for (part_tiles(part, d, below)) tile_solve_row(part.i, column[d], own, inverse);
    team_sync(member); /* column[0] is no longer read, column[d] is seen */
    if (x) solve_down_factored(member, system, c, own, inverse, head);
    if (member.index == 0) {
        DEVICE_UNROLL
        for (int k = 0; k < TILE; k++) {
            DEVICE_UNROLL
            for (int i = 0; i < TILE; i++) column[0][k][i] = i < k ? 0 : own[k][i];
        }
    }
    if (x) {
        team_sync(member);
        if (member.index == 0) {
            DEVICE_UNROLL
            for (int k = 0; k < TILE; k++) x[c * TILE + (size_t)k] = head[k];
        }
    }
    return bad < TILE ? (int)(c * TILE) + bad + 1 : 0;
}

/* The 32 members of a part of a team multiply tiles together. Each has two elements of the product:
 * [row][column] and [row][column + 1]. */
struct lane_place {
    int lane, row, column;
};

TEAM_BODY struct lane_place lane_place_of(struct member member)
{
    const int lane = member.index % TEAM_WARP;

    return (struct lane_place){lane, lane / 4, lane % 4 * 2};
}

/* sum[j] += Σ_m A[row, m] b[m][column + j] for j = 0, 1, with A[k, m] = a[k * step + m * across]. All members
 * of a warp come here together: on NVIDIA's GPUs it is two instructions m8n8k4 of the tensor cores, in double
 * precision (PTX ISA 9.7.14). */
TEAM_BODY void lane_multiply(struct lane_place place, const double *a, int step, int across, tile b,
                             double *sum)
{
#if defined(__NVPTX__)
    DEVICE_UNROLL
    for (int half = 0; half < 2; half++) {
        const int m = half * 4 + place.lane % 4, k = place.lane / 4;
        const double left = a[k * step + m * across], right = b[m][k];

        __dmma_m8n8k4_mma_f64(sum, &left, &right, sum, 1, 0); /* 1: A by rows, B by columns */
    }
#else
    for (int m = 0; m < TILE; m++) {
        for (int k = 0; k < 2; k++) sum[k] += a[place.row * step + m * across] * b[m][place.column + k];
    }
#endif
}

/* Subtracts from column c what the columns before it contribute, by a team. */
TEAM_BODY void team_update_column(struct member member, const struct band_system *system, size_t c)
{
    const struct lane_place place = lane_place_of(member);
    const size_t parts = TEAM_SIZE / TEAM_WARP, tband = system->tband;
    const size_t below = band_below(system->ntile, tband, c);
    tile *a = system->l, *column = a + c * (tband + 1);

    for (size_t d = (size_t)(member.index / TEAM_WARP); d <= below; d += 2 * parts) { /* d and another */
        const size_t other = d + parts, first = c + d > tband ? c + d - tband : 0;
        const size_t other_first = c + other > tband ? c + other - tband : 0;
        const bool has_other = other <= below;
        double sum[2] = {0}, other_sum[2] = {0};

        for (size_t p = first; p < c; p++) {
            tile *before = a + p * (tband + 1) + (c - p);

            lane_multiply(place, &before[0][0][0], 1, TILE, before[d], sum);
            if (has_other && p >= other_first)
                lane_multiply(place, &before[0][0][0], 1, TILE, before[other], other_sum);
        }
        DEVICE_UNROLL
        for (int k = 0; k < 2; k++) {
            column[d][place.row][place.column + k] -= sum[k];
            if (has_other) column[other][place.row][place.column + k] -= other_sum[k];
        }
    }
}

/* Column c of band_cholesky() on a CPU. Returns 0, or 1 + the row of the first pivot that is not positive. */
TEAM_BODY int band_cholesky_column(const struct band_system *system, size_t c)
{
    const size_t tband = system->tband, below = band_below(system->ntile, tband, c);
    tile *a = system->l, *column = a + c * (tband + 1);
    int k;

    for (size_t d = 0; d <= below; d++) {
        tile sum;

        tile_store(column[d], 1, sum);
        for (size_t p = c + d > tband ? c + d - tband : 0; p < c; p++) {
            tile *before = a + p * (tband + 1);

            tile_update(sum, before[c - p], before[c - p + d]);
        }
        tile_store(sum, 1, column[d]);
    }
    k = tile_cholesky(column[0]);
    if (k < TILE) return (int)(c * TILE) + k + 1;
    for (size_t d = 1; d <= below; d++) tile_solve(column[d], column[0]);
    if (system->x) band_solve_down(team_of_one(), system, c);
    return 0;
}

/* A = L Lᵀ in place, column by column from the left, so that what a tile gets from the tband columns before
 * it stays in registers. x, unless NULL, becomes L⁻¹ x on the way, while the columns are in the cache. *info
 * becomes 0, or 1 + the row of the first pivot that is not positive. */
TEAM_BODY void band_cholesky(struct member member, const struct band_system *system, int *info)
{
    int bad = 0;

    for (size_t c = 0; c < system->ntile && bad == 0; c++) {
        if (member.count > 1) {
            team_update_column(member, system, c);
            team_sync(member);
            bad = team_finish_column(member, system, c);
        } else {
            bad = band_cholesky_column(system, c);
        }
    }
    if (member.index == 0) *info = bad;
    team_sync(member);
}

/* The inverse of a factored diagonal tile: inverse[p][k] is in row p and column k. */
TEAM_BODY void tile_invert(tile inverse, tile l)
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

/* Column i of the inverse of a factored tile, in registers. */
TEAM_BODY void tile_invert_column(int i, double *own, tile l)
{
    DEVICE_UNROLL
    for (int p = 0; p < TILE; p++) {
        double sum = p == i ? 1 : 0;

        DEVICE_UNROLL
        for (int m = 0; m < p; m++) sum -= l[m][p] * own[m];
        own[p] = sum / l[p][p];
    }
}

/* sum[i][k] += Σ_m a[m][i] b[m][k] */
TEAM_BODY void tile_add_product(tile sum, tile a, tile b)
{
    for (int m = 0; m < TILE; m++) {
        for (int i = 0; i < TILE; i++) {
#pragma omp simd
            for (int k = 0; k < TILE; k++) sum[i][k] += a[m][i] * b[m][k];
        }
    }
}

/* sum[i][k] += Σ_m a[i][m] b[m][k] */
TEAM_BODY void tile_add_transposed(tile sum, tile a, tile b)
{
    for (int m = 0; m < TILE; m++) {
        for (int i = 0; i < TILE; i++) {
#pragma omp simd
            for (int k = 0; k < TILE; k++) sum[i][k] += a[i][m] * b[m][k];
        }
    }
}

/* out = (out + outᵀ) / 2: rounding that is not symmetric would grow from column to column. */
TEAM_BODY void tile_symmetrise(tile out)
{
    tile mean;

    for (int i = 0; i < TILE; i++) {
        for (int k = 0; k < TILE; k++) mean[i][k] = 0.5 * (out[i][k] + out[k][i]);
    }
    tile_store(mean, 1, out);
}

/* The tiles below the diagonal of column c of C, by a team. scratch[d]: Y of that distance, see
 * band_inverse(). */
TEAM_BODY void team_inverse_rows(struct member member, const struct band_system *system, size_t c,
                                 tile *scratch)
{
    const struct lane_place place = lane_place_of(member);
    const size_t parts = TEAM_SIZE / TEAM_WARP, zband = system->zband;
    const size_t below = band_below(system->ntile, system->tband, c),
                 last = band_below(system->ntile, zband, c);
    tile *z = system->z, *out = z + c * (zband + 1);

    for (size_t e = 1 + (size_t)(member.index / TEAM_WARP); e <= last; e += 2 * parts) { /* e and another */
        const size_t other = e + parts;
        const bool has_other = other <= last;
        double sum[2] = {0}, other_sum[2] = {0};

        for (size_t d = 1; d <= below; d++) {
            tile *far = z + (c + d) * (zband + 1);

            if (d <= e)
                lane_multiply(place, &far[e - d][0][0], TILE, 1, scratch[d], sum);
            else
                lane_multiply(place, &z[(c + e) * (zband + 1) + d - e][0][0], 1, TILE, scratch[d], sum);
            if (has_other && d <= other)
                lane_multiply(place, &far[other - d][0][0], TILE, 1, scratch[d], other_sum);
            else if (has_other)
                lane_multiply(place, &z[(c + other) * (zband + 1) + d - other][0][0], 1, TILE, scratch[d],
                              other_sum);
        }
        DEVICE_UNROLL
        for (int k = 0; k < 2; k++) {
            out[e][place.row][place.column + k] = sum[k];
            if (has_other) out[other][place.row][place.column + k] = other_sum[k];
        }
    }
}

/* Column c of band_inverse() by a team, which waits three times for its members. scratch[tband + 3]. */
TEAM_BODY void team_inverse_column(struct member member, const struct band_system *system, size_t c,
                                   tile *scratch)
{
    struct row_part part = part_of(member);
    const size_t tband = system->tband, below = band_below(system->ntile, tband, c);
    tile *column = band_column(system, c), *out = system->z + c * (system->zband + 1);
    double(*corner)[TILE] = scratch[0], (*partial)[TILE] = scratch[tband + 1], *right = scratch[tband + 2][0];
    double own[TILE], sum = 0, *x = system->x;

    if (x) {
        for (size_t d = 1; d <= below; d++)
            sum += column[d][part.k][part.i] * x[(c + d) * TILE + (size_t)part.i];
        partial[part.k][part.i] = sum;
    }
    tile_invert_column(part.i, own, column[0]);
    if (part.k == 0) {
        DEVICE_UNROLL
        for (int p = 0; p < TILE; p++) corner[p][part.i] = own[p];
    }
    for (size_t d = 1; d <= below; d++) {
        sum = 0;
        DEVICE_UNROLL
        for (int m = 0; m < TILE; m++) sum -= column[d][m][part.k] * own[m];
        scratch[d][part.k][part.i] = sum;
    }
    team_sync(member);
    if (x && part.k == 0) {
        sum = x[c * TILE + (size_t)part.i];
        DEVICE_UNROLL
        for (int i = 0; i < TILE; i++) sum -= partial[part.i][i];
        right[part.i] = sum;
    }
    team_inverse_rows(member, system, c, scratch);
    team_sync(member);
    sum = 0;
    if (x && part.k == 0) {
        DEVICE_UNROLL
        for (int p = 0; p < TILE; p++) sum += own[p] * right[p];
        x[c * TILE + (size_t)part.i] = sum;
    }
    if (part.k <= part.i) { /* the other triangle is its mirror image: see tile_symmetrise() */
        sum = 0;
        DEVICE_UNROLL
        for (int m = 0; m < TILE; m++) sum += corner[m][part.k] * own[m];
        for (size_t d = 1; d <= below; d++) {
            DEVICE_UNROLL
            for (int m = 0; m < TILE; m++) sum += out[d][m][part.k] * scratch[d][m][part.i];
        }
        out[0][part.k][part.i] = out[0][part.i][part.k] = sum;
    }
    team_sync(member);
}

/* Column c of band_inverse() on a CPU. scratch[tband + 1]. */
TEAM_BODY void band_inverse_column(const struct band_system *system, size_t c, tile *scratch)
{
    const size_t zband = system->zband, below = band_below(system->ntile, system->tband, c);
    tile *column = band_column(system, c), *z = system->z, *out = z + c * (zband + 1);
    double(*corner)[TILE] = scratch[0];
    tile sum;

    if (system->x) band_solve_up(team_of_one(), system, c);
    tile_invert(corner, column[0]);
    for (size_t d = 1; d <= below; d++) {
        memset(sum, 0, sizeof sum);
        tile_add_product(sum, column[d], corner);
        tile_store(sum, -1, scratch[d]);
    }
    for (size_t e = band_below(system->ntile, zband, c); e > 0; e--) { /* row c + e */
        memset(sum, 0, sizeof sum);
        for (size_t d = 1; d <= below && d <= e; d++) {
            tile_add_transposed(sum, z[(c + d) * (zband + 1) + e - d], scratch[d]);
        }
        for (size_t d = e + 1; d <= below; d++) {
            tile_add_product(sum, z[(c + e) * (zband + 1) + d - e], scratch[d]);
        }
        tile_store(sum, 1, out[e]);
    }
    memset(sum, 0, sizeof sum);
    tile_add_product(sum, corner, corner);
    for (size_t d = 1; d <= below; d++) tile_add_product(sum, out[d], scratch[d]);
    tile_store(sum, 1, out[0]);
    tile_symmetrise(out[0]);
}

/* The tiles of C = (L Lᵀ)⁻¹ within zband >= tband tiles of the diagonal, with both triangles of the diagonal
 * tiles, by Takahashi's recurrence from the last column to the first (Erisman & Tinney 1975):
 *     C_ic = Σ_p C_ip Y_p,   C_cc = L_cc⁻ᵀ L_cc⁻¹ + Σ_p C_pcᵀ Y_p,   Y_p = -L_pc L_cc⁻¹,
 * with sums over p = c + 1 ... c + tband. x, unless NULL, becomes L⁻ᵀ x on the way. scratch has tband + 3
 * tiles for a team, tband + 1 for a single thread. */
TEAM_BODY void band_inverse(struct member member, const struct band_system *system, tile *scratch)
{
    for (size_t c = system->ntile; c-- > 0;) {
        if (member.count > 1)
            team_inverse_column(member, system, c, scratch);
        else
            band_inverse_column(system, c, scratch);
    }
}

#endif
