/* The square root of a banded matrix as linalg/kernels/root.h takes it, but with the window that a lane works
 * on in registers, for one lane a member and a band of at most `order`, a constant. A GPU has enough
 * registers for it, and nothing else to do while it would wait for memory.
 *
 * Diagonals beyond the band are taken as zeros, so that a narrower band gives the same numbers. */
#ifndef UNSPOT_LINALG_KERNELS_ROOT_WINDOW_H
#define UNSPOT_LINALG_KERNELS_ROOT_WINDOW_H

#include <stdbool.h>
#include <stddef.h>

#include "linalg/kernels/root_arrays.h"

/* The lower triangle of a window: [a][b] is element (first + a, first + b), b <= a. */
typedef double window_triangle[ROOT_ORDER + 1][ROOT_ORDER + 1];

/* Does what complete_columns() does, for column j. Unknowns beyond the band have rows of the identity, and so
 * do not count. */
TEAM_BODY void window_complete(size_t order, size_t band, size_t j, const struct root_arrays *arrays)
{
    const size_t stride = arrays->stride;
    const double *c = arrays->c + j;
    double l[ROOT_ORDER][ROOT_ORDER], inverse[ROOT_ORDER], z[ROOT_ORDER], a[ROOT_ORDER], rest = c[0];

    DEVICE_UNROLL
    for (size_t p = 0; p < order; p++) {
        const bool is_in = p < band;
        double row[ROOT_ORDER], sum = is_in ? c[p + 1] : 1;

        z[p] = is_in ? c[(p + 1) * stride] : 0;
        DEVICE_UNROLL
        for (size_t q = 0; q < p; q++) {
            row[q] = is_in ? c[(p - q) * stride + q + 1] : 0;
            DEVICE_UNROLL
            for (size_t m = 0; m < q; m++) row[q] -= row[m] * l[q][m];
        }
        DEVICE_UNROLL
        for (size_t q = 0; q < p; q++) {
            l[p][q] = row[q] * inverse[q];
            sum -= row[q] * l[p][q];
            z[p] -= l[p][q] * z[q];
        }
        inverse[p] = 1 / sum;
        rest -= z[p] * z[p] * inverse[p];
    }
    DEVICE_UNROLL
    for (size_t k = 0; k < order; k++) {
        const size_t p = order - 1 - k;

        a[p] = -z[p] * inverse[p];
        DEVICE_UNROLL
        for (size_t m = p + 1; m < order; m++) a[p] -= l[m][p] * a[m];
        if (p < band) arrays->g[j + (p + 1) * stride] = a[p];
    }
    arrays->g[j] = 1;
    arrays->v[j] = rest;
}

/* A pole and the lane that it has. */
struct window_pole {
    int lane;
    double shift, weight;
};

/* Element (row, column) of S + shift; 0 beyond the last row. */
TEAM_BODY double window_element(size_t n, size_t band, const struct window_pole *pole, size_t row,
                                size_t column, const struct root_arrays *arrays)
{
    const size_t d = row - column;
    const double s = d <= band && row < n ? arrays->s[d * arrays->stride + column] : 0;

    return d == 0 ? s + pole->shift : s;
}

/* Factors S + shift = L D Lᵀ and computes L⁻¹ v, from the first column to the last. What remains of the rows
 * that follow stays in registers. */
TEAM_BODY void window_down(size_t order, size_t n, size_t band, const struct window_pole *pole,
                           const struct root_arrays *arrays)
{
    window_triangle rest;
    double y[ROOT_VECTORS][ROOT_ORDER + 1];

    DEVICE_UNROLL
    for (size_t a = 0; a < order; a++) {
        DEVICE_UNROLL
        for (size_t b = 0; b <= a; b++) rest[a][b] = window_element(n, band, pole, a, b, arrays);
        DEVICE_UNROLL
        for (size_t r = 0; r < ROOT_VECTORS; r++)
            y[r][a] = a < n ? arrays->vector[r * arrays->stride + a] : 0;
    }
    for (size_t i = 0; i < n; i++) {
        double l[ROOT_ORDER + 1], column[ROOT_ORDER + 1], inverse;
        lanes *stored = arrays->l + i * order;

        DEVICE_UNROLL
        for (size_t b = 0; b <= order; b++)
            rest[order][b] = window_element(n, band, pole, i + order, i + b, arrays);
        DEVICE_UNROLL
        for (size_t r = 0; r < ROOT_VECTORS; r++) {
            y[r][order] = i + order < n ? arrays->vector[r * arrays->stride + i + order] : 0;
        }
        inverse = 1 / rest[0][0];
        arrays->inverse[i][pole->lane] = inverse;
        DEVICE_UNROLL
        for (size_t a = 1; a <= order; a++) {
            column[a] = rest[a][0];
            l[a] = column[a] * inverse;
            stored[a - 1][pole->lane] = l[a];
        }
        DEVICE_UNROLL
        for (size_t r = 0; r < ROOT_VECTORS; r++) {
            double x = y[r][0];

            arrays->x[r * n + i][pole->lane] = x;
            DEVICE_UNROLL
            for (size_t a = 1; a <= order; a++) y[r][a - 1] = y[r][a] - l[a] * x;
        }
        DEVICE_UNROLL
        for (size_t a = 1; a <= order; a++) {
            DEVICE_UNROLL
            for (size_t b = 1; b <= a; b++) rest[a - 1][b - 1] = rest[a][b] - l[a] * column[b];
        }
    }
}

/* A column of L, with its elements of 1/D and of the vectors L⁻¹ v. */
struct window_column {
    double l[ROOT_ORDER + 1], inverse, x[ROOT_VECTORS];
};

/* Loads column i. */
TEAM_BODY void window_load(size_t order, size_t n, size_t i, const struct window_pole *pole,
                           const struct root_arrays *arrays, struct window_column *column)
{
    DEVICE_UNROLL
    for (size_t d = 1; d <= order; d++) column->l[d] = arrays->l[i * order + d - 1][pole->lane];
    column->inverse = arrays->inverse[i][pole->lane];
    DEVICE_UNROLL
    for (size_t r = 0; r < ROOT_VECTORS; r++) column->x[r] = arrays->x[r * n + i][pole->lane];
}

/* Sets out[v * stride], or adds to it, for the first `count` of eight values v: the sums over the members of
 * own[v]. Rows of arrays->root follow those of arrays->product in memory. */
TEAM_BODY void window_add(struct member lane, bool is_first, size_t count, double *own,
                          const struct root_arrays *arrays, double *out)
{
    const size_t v = (size_t)lane.index;
    const double sum = team_sums(lane, own, arrays->sum);

    if (v >= TEAM_SUMS || v >= count) return;
    out[v * arrays->stride] = is_first ? sum : out[v * arrays->stride] + sum;
}

/* Solves Lᵀ x = D⁻¹ x, computes the columns of (S + shift)⁻¹ by Takahashi's recurrence, from the last to the
 * first, and adds what they contribute to Q v and to the diagonals of Q. */
TEAM_BODY void window_up(size_t order, struct member lane, const struct linalg_root *root, bool is_first,
                         const struct window_pole *pole, const struct root_arrays *arrays)
{
    enum { FIRST = TEAM_SUMS - ROOT_VECTORS }; /* diagonals that are summed together with the vectors */
    const size_t n = root->n;
    window_triangle z = {{0}}; /* [a][b]: element (i + a, i + b) of the inverse, from a = b = 1 on */
    double x[ROOT_VECTORS][ROOT_ORDER + 1] = {{0}};
    struct window_column next;

    window_load(order, n, n - 1, pole, arrays, &next);
    for (size_t i = n; i-- > 0;) {
        const struct window_column column = next;
        double own[TEAM_SUMS], diagonal = column.inverse;

        window_load(order, n, i > 0 ? i - 1 : 0, pole, arrays, &next);
        DEVICE_UNROLL
        for (size_t r = 0; r < ROOT_VECTORS; r++) {
            double sum = column.x[r] * column.inverse;

            DEVICE_UNROLL
            for (size_t p = order; p > 0; p--) sum -= column.l[p] * x[r][p];
            DEVICE_UNROLL
            for (size_t p = order; p > 1; p--) x[r][p] = x[r][p - 1];
            x[r][1] = sum;
            own[r] = pole->weight * (arrays->vector[r * arrays->stride + i] - pole->shift * sum);
        }
        DEVICE_UNROLL
        for (size_t d = 1; d <= order; d++) {
            double sum = 0;

            DEVICE_UNROLL
            for (size_t p = order; p > 0; p--) sum -= (p > d ? z[p][d] : z[d][p]) * column.l[p];
            z[d][0] = sum;
            diagonal -= sum * column.l[d];
        }
        z[0][0] = diagonal;
        DEVICE_UNROLL
        for (size_t d = 0; d < FIRST; d++) {
            own[ROOT_VECTORS + d] = pole->weight * ((d == 0 ? 1 : 0) - pole->shift * z[d][0]);
        }
        window_add(lane, is_first, ROOT_VECTORS + root->half + 1, own, arrays, arrays->product + i);
        if (root->half >= FIRST) {
            DEVICE_UNROLL
            for (size_t k = 0; k < TEAM_SUMS; k++) {
                own[k] = FIRST + k <= order
                             ? -pole->weight * pole->shift * z[FIRST + k <= order ? FIRST + k : 0][0]
                             : 0;
            }
            window_add(lane, is_first, root->half + 1 - FIRST, own, arrays,
                       arrays->product + i + TEAM_SUMS * arrays->stride);
        }
        DEVICE_UNROLL
        for (size_t a = order; a > 0; a--) {
            DEVICE_UNROLL
            for (size_t b = a; b > 0; b--) z[a][b] = z[a - 1][b - 1];
        }
    }
}

/* Does what add_poles() does, with one pole a member. The first time the sums are set, later they are added
 * to. */
TEAM_BODY void window_add_poles(size_t order, struct member lane, const struct linalg_root *root,
                                bool is_first, const struct window_pole *pole,
                                const struct root_arrays *arrays)
{
    window_down(order, root->n, root->band, pole, arrays);
    window_up(order, lane, root, is_first, pole, arrays);
    team_sync(lane);
}

#endif
