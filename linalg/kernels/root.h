/* The square root of a banded matrix S that is known by the band of its inverse C: the bodies that every
 * back-end but the reference runs. They have two steps, in both of which LANES independent lanes are the
 * innermost index of the arrays:
 *
 *  - complete: S from the band of C; a lane is one window of C along the diagonal;
 *  - root: Q = S^(1/2) as a rational function of S; a lane is one of its poles.
 *
 * A thread of a CPU has all lanes in a register or two; each member of a team on a device has one. Where the
 * band is narrow, root_window.h replaces most of this file on a device. The constant `order` says so: it is
 * the bandwidth that root_window.h is compiled for, or 0 where this file's own loops run. */
#ifndef UNSPOT_LINALG_KERNELS_ROOT_H
#define UNSPOT_LINALG_KERNELS_ROOT_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/team.h"
#include "linalg/kernels/poles.h"
#include "linalg/kernels/root_window.h"

/* How many lanes each member that works on a system has: all, or one. */
TEAM_BODY int root_width(struct member lane)
{
    return lane.count == 1 ? LANES : 1;
}

/* sum[width] -= a[width] b[width] */
TEAM_BODY void lanes_subtract(int width, double *sum, const double *a, const double *b)
{
#pragma omp simd
    for (int k = 0; k < width; k++) sum[k] -= a[k] * b[k];
}

/* to[width] = from[width] */
TEAM_BODY void lanes_copy(int width, double *to, const double *from)
{
#pragma omp simd
    for (int k = 0; k < width; k++) to[k] = from[k];
}

/* Columns j, j + 1, ... of G and v in S = G diag(1/v) Gᵀ, one a lane. Column j of G comes from the regression
 * of unknown j on the `band` unknowns that follow it:
 *
 *     Σ_q C[j+1+p, j+1+q] a_q = C[j+1+p, j],   v = C[j, j] - Σ_p a_p C[j+1+p, j],
 *     G[j, j] = 1,   G[j+1+p, j] = -a_p
 *
 * This is the factor of the one matrix with this bandwidth whose inverse has the band of C. */
TEAM_BODY void complete_columns(struct member lane, size_t band, size_t j, const struct root_arrays *arrays)
{
    const int width = root_width(lane), first = lane.index;
    const size_t stride = arrays->stride;
    const double *c = arrays->c + j;
    double *g = arrays->g + j;
    lanes *l = arrays->l;             /* the window is L D Lᵀ; l[p * band + q] */
    lanes *ld = arrays->window;       /* [band]: one row of L D */
    lanes *z = arrays->pivot;         /* [band] */
    lanes *inverse = arrays->inverse; /* [band]: 1/D */
    double rest[LANES];

    lanes_copy(width, rest, c);
    for (size_t p = 0; p < band; p++) {
        double sum[LANES], zp[LANES];

        for (size_t q = 0; q < p; q++) {
            double row[LANES];

            lanes_copy(width, row, c + (p - q) * stride + q + 1);
            DEVICE_UNROLL_FOUR
            for (size_t m = 0; m < q; m++) lanes_subtract(width, row, ld[m] + first, l[q * band + m] + first);
            lanes_copy(width, ld[q] + first, row);
        }
        lanes_copy(width, sum, c + p + 1);
        lanes_copy(width, zp, c + (p + 1) * stride);
        for (size_t q = 0; q < p; q++) {
            double *lpq = l[p * band + q] + first;
#pragma omp simd
            for (int k = 0; k < width; k++) lpq[k] = ld[q][first + k] * inverse[q][first + k];
            lanes_subtract(width, sum, ld[q] + first, lpq);
            lanes_subtract(width, zp, lpq, z[q] + first);
        }
#pragma omp simd
        for (int k = 0; k < width; k++) {
            inverse[p][first + k] = 1 / sum[k];
            rest[k] -= zp[k] * zp[k] * inverse[p][first + k];
            z[p][first + k] = zp[k];
        }
    }
    for (size_t p = band; p-- > 0;) {
        double a[LANES];

#pragma omp simd
        for (int k = 0; k < width; k++) a[k] = -z[p][first + k] * inverse[p][first + k];
        for (size_t m = p + 1; m < band; m++) {
            lanes_subtract(width, a, l[m * band + p] + first, g + (m + 1) * stride);
        }
        lanes_copy(width, g + (p + 1) * stride, a);
    }
    for (int k = 0; k < width; k++) g[k] = 1;
    lanes_copy(width, arrays->v + j, rest);
}

/* Rows i, i + 1, ... of diagonal d of S from G and 1/v, one a lane. */
TEAM_BODY void complete_rows(int width, size_t band, size_t d, size_t i, const struct root_arrays *arrays)
{
    const size_t stride = arrays->stride;
    double sum[LANES] = {0};

    for (size_t p = 0; p + d <= band; p++) {
        const double *near = arrays->g + p * stride + i - p, *far = arrays->g + (p + d) * stride + i - p,
                     *w = arrays->v + i - p;
#pragma omp simd
        for (int k = 0; k < width; k++) sum[k] += near[k] * far[k] * w[k];
    }
    lanes_copy(width, arrays->s + d * stride + i, sum);
}

/* Sets *info of a system; any of its members may do so. */
TEAM_BODY void root_set_info(const struct root_arrays *arrays, int value)
{
#pragma omp atomic write
    *arrays->info = +value; /* +: else gcc 12 takes value for unused */
}

/* Computes diagonals 0 ... band of S from those of C; info becomes 1 when C is not positive definite. The
 * padding of the arrays must be as root_load() leaves it. */
TEAM_BODY void complete_band(struct member lane, size_t order, size_t n, size_t band,
                             const struct root_arrays *arrays)
{
    const int width = root_width(lane);
    const size_t step = LANES, first = (size_t)lane.index;

    for (size_t j = first; j < n; j += step) {
        if (order > 0)
            window_complete(order, band, j, arrays);
        else
            complete_columns(lane, band, j, arrays);
    }
    team_sync(lane);
    for (team_share(lane, j, n)) {
        double v = arrays->v[j];

        if (!(v > 0) || !isfinite(v)) root_set_info(arrays, 1);
        arrays->v[j] = 1 / v;
    }
    team_sync(lane);
    for (size_t d = 0; d <= band; d++) {
        for (size_t i = first; i < n; i += step) complete_rows(width, band, d, i, arrays);
    }
    team_sync(lane);
}

/* Copies a system into *arrays. In the padding after the last row C becomes the identity; G and v become 0 in
 * the padding before the first column, so that what is read there does not count. */
TEAM_BODY void root_load(struct member lane, const struct linalg_root *root, size_t system,
                         const struct root_arrays *arrays)
{
    size_t n = root->n, stride = arrays->stride, rows = root->band + 1;
    const double *c = root->inverse + system * rows * n, *vector = root->vector + system * root->nvec * n;
    double *v = arrays->v - ROOT_PAD, *g = arrays->g - ROOT_PAD, *product = arrays->product - ROOT_PAD;

    for (size_t d = 0; d < rows; d++) {
        double *to = arrays->c + d * stride - ROOT_PAD;

        for (team_share(lane, i, stride)) {
            size_t j = i - ROOT_PAD;
            double outside = d == 0 && i >= ROOT_PAD ? 1 : 0;

            to[i] = i >= ROOT_PAD && j + d < n ? c[d * n + j] : j < n ? 0 : outside;
        }
    }
    for (team_share(lane, i, ROOT_PAD)) {
        v[i] = 0;
        for (size_t d = 0; d < rows; d++) g[d * stride + i] = 0;
    }
    for (team_share(lane, i, (root->nvec + root->half + 1) * stride)) product[i] = 0;
    for (size_t r = 0; r < root->nvec; r++) {
        for (team_share(lane, i, n)) arrays->vector[r * stride + i] = vector[r * n + i];
    }
    team_sync(lane);
}

/* The largest sum of absolute values in a row of a banded symmetric matrix; no eigenvalue is larger. largest:
 * scratch, one number for each member. */
TEAM_BODY double largest_row_sum(struct member lane, size_t n, size_t band, size_t stride,
                                 const double *diagonals, double *largest)
{
    double own = 0;

    for (team_share(lane, i, n)) {
        double sum = fabs(diagonals[i]);

        for (size_t d = 1; d <= band; d++) {
            if (i + d < n) sum += fabs(diagonals[d * stride + i]);
            if (d <= i) sum += fabs(diagonals[d * stride + i - d]);
        }
        own = fmax(own, sum);
    }
    largest[lane.index] = own;
    team_sync(lane);
    for (int k = 0; k < lane.count; k++) own = fmax(own, largest[k]);
    return own;
}

/* The system of a batch that the members of a part of a team work on: where a team has more parts than there
 * are systems left, `number` is beyond the last, and the part does the last one for nothing. */
TEAM_BODY size_t root_system(const struct linalg_root *root, size_t number)
{
    return number < root->batch ? number : root->batch - 1;
}

/* First step: S, and for system `number`, unless it is beyond the last, its condition number and its edge.
 * Returns a lower bound of S's eigenvalues. */
TEAM_BODY double root_complete(struct member lane, size_t order, const struct linalg_root *root,
                               const struct root_arrays *arrays, size_t number)
{
    /* The band of C holds most of each row, not all of it: half of the bound that follows from it is safe. */
    static const double safety = 0.5;
    const size_t system = root_system(root, number);
    const bool stores = number < root->batch;
    const size_t n = root->n, band = root->band, stride = arrays->stride;
    const double *s = arrays->s;
    double *edge = root->edge + system * n, smallest, largest;

    if (lane.index == 0) *arrays->info = 0;
    root_load(lane, root, system, arrays);
    complete_band(lane, order, n, band, arrays);
    smallest = safety / largest_row_sum(lane, n, band, stride, arrays->c, arrays->sum);
    largest = largest_row_sum(lane, n, band, stride, s, arrays->sum + LANES);
    for (team_share(lane, i, stores ? n : 0)) {
        edge[i] = i + band < n ? fabs(s[band * stride + i]) / sqrt(s[i] * s[i + band]) : 0;
    }
    if (lane.index == 0 && stores) root->condition[system] = largest / smallest;
    team_sync(lane);
    return smallest;
}

/* Column i of L and D in S + shift = L D Lᵀ, for each lane's shift. Sums run from the farthest column to the
 * nearest, which is ready last. */
TEAM_BODY void factor_column(struct member lane, size_t i, size_t band, const double *shift,
                             const struct root_arrays *arrays)
{
    const int width = root_width(lane), first = lane.index;
    const double *s = arrays->s + i;
    const size_t stride = arrays->stride, before = i < band ? i : band;
    lanes *column = arrays->l + i * band, *scaled = arrays->window; /* the window itself is needed later */
    double pivot[LANES];

    for (int k = 0; k < width; k++) pivot[k] = s[0] + shift[k];
    for (size_t p = before; p > 0; p--) {
        const double *left = arrays->l[(i - p) * band + p - 1] + first, *d = arrays->pivot[i - p] + first;
#pragma omp simd
        for (int k = 0; k < width; k++) scaled[p][first + k] = left[k] * d[k];
        lanes_subtract(width, pivot, scaled[p] + first, left);
    }
    lanes_copy(width, arrays->pivot[i] + first, pivot);
#pragma omp simd
    for (int k = 0; k < width; k++) arrays->inverse[i][first + k] = pivot[k] = 1 / pivot[k];
    for (size_t d = 1; d <= band; d++) {
        double sum[LANES];

        for (int k = 0; k < width; k++) sum[k] = s[d * stride];
        DEVICE_UNROLL_FOUR
        for (size_t p = before < band - d ? before : band - d; p > 0; p--) {
            lanes_subtract(width, sum, scaled[p] + first, arrays->l[(i - p) * band + p + d - 1] + first);
        }
#pragma omp simd
        for (int k = 0; k < width; k++) column[d - 1][first + k] = sum[k] * pivot[k];
    }
}

/* Row i of the solution of L x = v, then, in solve_up(), of Lᵀ x = D⁻¹ x. */
TEAM_BODY void solve_down(struct member lane, size_t i, size_t band, double v,
                          const struct root_arrays *arrays, lanes *x)
{
    const int width = root_width(lane), first = lane.index;
    double sum[LANES];

    for (int k = 0; k < width; k++) sum[k] = v;
    DEVICE_UNROLL_FOUR
    for (size_t p = i < band ? i : band; p > 0; p--) {
        lanes_subtract(width, sum, arrays->l[(i - p) * band + p - 1] + first, x[i - p] + first);
    }
    lanes_copy(width, x[i] + first, sum);
}

TEAM_BODY void solve_up(struct member lane, size_t i, size_t n, size_t band, const struct root_arrays *arrays,
                        lanes *x)
{
    const int width = root_width(lane), first = lane.index;
    double sum[LANES];

#pragma omp simd
    for (int k = 0; k < width; k++) sum[k] = x[i][first + k] * arrays->inverse[i][first + k];
    DEVICE_UNROLL_FOUR
    for (size_t p = i + band < n ? band : n - 1 - i; p > 0; p--) {
        lanes_subtract(width, sum, arrays->l[i * band + p - 1] + first, x[i + p] + first);
    }
    lanes_copy(width, x[i] + first, sum);
}

/* Column i of Z = (S + shift)⁻¹ by Takahashi's recurrence, which needs only the `band` columns after it. They
 * are in window[column mod ROOT_RING][distance = 0 ... band]; rows beyond the last are 0. */
TEAM_BODY void inverse_column(struct member lane, size_t i, size_t n, size_t band,
                              const struct root_arrays *arrays)
{
    const int width = root_width(lane), first = lane.index;
    lanes *window = arrays->window, *column = window + i % ROOT_RING * (band + 1);
    const lanes *l = (const lanes *)arrays->l + i * band; /* l[p - 1] = L[i + p, i] */
    const size_t last = i + band < n ? band : n - 1 - i;
    double diagonal[LANES];

    lanes_copy(width, diagonal, arrays->inverse[i] + first);
    for (size_t d = 1; d <= band; d++) {
        double sum[LANES] = {0};

        DEVICE_UNROLL_FOUR
        for (size_t p = last; p > d; p--) {
            lanes_subtract(width, sum, window[(i + d) % ROOT_RING * (band + 1) + p - d] + first,
                           l[p - 1] + first);
        }
        DEVICE_UNROLL_FOUR
        for (size_t p = d < last ? d : last; p > 0; p--) {
            lanes_subtract(width, sum, window[(i + p) % ROOT_RING * (band + 1) + d - p] + first,
                           l[p - 1] + first);
        }
        lanes_copy(width, column[d] + first, sum);
        if (d <= last) lanes_subtract(width, diagonal, sum, l[d - 1] + first);
    }
    lanes_copy(width, column[0] + first, diagonal);
}

/* Σ weight (unit - shift x) over a member's lanes. */
TEAM_BODY double sum_poles(int width, const double *weight, const double *shift, double unit, const double *x)
{
    double term[LANES], sum = 0;

#pragma omp simd
    for (int k = 0; k < width; k++) term[k] = weight[k] * (unit - shift[k] * x[k]);
    for (int k = 0; k < width; k++) sum += term[k];
    return sum;
}

/* out[v * stride] += Σ_k sum[k][v] over the members k, for v = 0 ... count - 1. */
TEAM_BODY void add_over_members(struct member lane, size_t count, size_t stride, const double *sum,
                                double *out)
{
    team_sync(lane);
    for (team_share(lane, v, count)) {
        double total = 0;

        for (int k = 0; k < lane.count; k++) total += sum[(size_t)k * count + v];
        out[v * stride] += total;
    }
    team_sync(lane);
}

/* Adds the terms of LANES poles to Q = Σ weight S (S + shift)⁻¹ = Σ weight (1 - shift (S + shift)⁻¹): to Q v
 * in product[nvec][stride], for vector[nvec][stride], and to the diagonals of Q in root[half + 1][stride],
 * which follow it in memory. It sweeps down the matrix once and up once, so that the factor of a long matrix
 * passes through the cache twice. */
TEAM_BODY void add_poles(struct member lane, const struct linalg_root *root, const double *shift,
                         const double *weight, const struct root_arrays *arrays)
{
    const int width = root_width(lane), first = lane.index;
    const size_t n = root->n, band = root->band, nvec = root->nvec, stride = arrays->stride;
    const size_t count = nvec + root->half + 1;
    double *sum = arrays->sum + (size_t)lane.index * count;

    for (size_t i = 0; i < n; i++) {
        factor_column(lane, i, band, shift, arrays);
        for (size_t r = 0; r < nvec; r++) {
            solve_down(lane, i, band, arrays->vector[r * stride + i], arrays, arrays->x + r * n);
        }
    }
    for (size_t d = 0; d < ROOT_RING * (band + 1); d++) {
        for (int k = 0; k < width; k++) arrays->window[d][first + k] = 0;
    }
    for (size_t i = n; i-- > 0;) {
        lanes *column = arrays->window + i % ROOT_RING * (band + 1);

        for (size_t r = 0; r < nvec; r++) {
            solve_up(lane, i, n, band, arrays, arrays->x + r * n);
            sum[r] =
                sum_poles(width, weight, shift, arrays->vector[r * stride + i], arrays->x[r * n + i] + first);
        }
        inverse_column(lane, i, n, band, arrays);
        for (size_t d = 0; d <= root->half; d++) {
            sum[nvec + d] = sum_poles(width, weight, shift, d == 0 ? 1 : 0, column[d] + first);
        }
        add_over_members(lane, count, stride, arrays->sum, arrays->product + i);
    }
}

/* Copies the results of a system to its batch; info becomes 2 when one is not finite. */
TEAM_BODY void root_store(struct member lane, const struct linalg_root *root, size_t system,
                          const struct root_arrays *arrays)
{
    const size_t n = root->n;
    double *product = root->product + system * root->nvec * n,
           *out = root->root + system * (root->half + 1) * n;

    for (size_t r = 0; r < root->nvec; r++) {
        for (team_share(lane, i, n)) {
            product[r * n + i] = arrays->product[r * arrays->stride + i];
            if (!isfinite(product[r * n + i])) root_set_info(arrays, 2);
        }
    }
    for (size_t d = 0; d <= root->half; d++) {
        for (team_share(lane, j, n)) {
            out[d * n + j] = j + d < n ? arrays->root[d * arrays->stride + j] : 0;
            if (!isfinite(out[d * n + j])) root_set_info(arrays, 2);
        }
    }
}

/* What a root is summed from. */
struct root_poles {
    double smallest;           /* the lower bound of S's eigenvalues that the first step returned */
    const struct poles *poles; /* the table for S's condition number; NULL: there is none, and so no root */
    size_t count;              /* terms to sum, a multiple of LANES and at least those of the table */
};

/* Second step: Q from S for system `number`, as in the first step. Returns info as linalg/linalg.h defines it
 * for linalg_band_root(). */
TEAM_BODY int root_take(struct member lane, size_t order, const struct linalg_root *root,
                        const struct root_arrays *arrays, size_t number, struct root_poles from)
{
    const struct poles *poles = from.poles;
    const double smallest = from.smallest;
    const size_t count = from.count;
    const int width = root_width(lane);
    const bool is_good = *arrays->info == 0 && poles;

    for (size_t j = 0; j < count; j += LANES) {
        double shift[LANES], weight[LANES];

        for (int k = 0; k < width; k++) {
            size_t pole = j + (size_t)(lane.index + k);
            bool is_pole = poles && pole < poles->count;

            shift[k] = smallest * (is_pole ? poles->shift[pole] : 1);
            weight[k] = is_pole ? sqrt(smallest) * poles->weight[pole] : 0;
        }
        if (order > 0)
            window_add_poles(order, lane, root, j == 0,
                             &(struct window_pole){lane.index, shift[0], weight[0]}, arrays);
        else
            add_poles(lane, root, shift, weight, arrays);
    }
    if (is_good && number < root->batch) root_store(lane, root, number, arrays);
    team_sync(lane);
    return *arrays->info == 0 && !poles ? 2 : *arrays->info;
}

#endif
