/* Square root of a banded matrix that is known by the band of its inverse: the bodies that every backend
 * runs.
 *
 * Two steps, both with LANES independent lanes as the innermost index:
 *  - complete: S from the band of C = S⁻¹; a lane is one window of C along the diagonal;
 *  - root: S^(1/2) as a rational function of S; a lane is one of its poles.
 * Diagonals are stored one after another: c[d * stride + j] = C[j + d, j]. Rows of `stride` have ROOT_PAD
 * elements before j = 0 and at least ROOT_PAD + LANES after j = n - 1, so that no lane needs a condition. */
#ifndef UNSPOT_LINALG_ROOT_KERNEL_H
#define UNSPOT_LINALG_ROOT_KERNEL_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

enum { LANES = 16, ROOT_BAND = 31, ROOT_RING = ROOT_BAND + 1, ROOT_PAD = 32 };

typedef double lanes[LANES];

/* sum -= a b */
static inline void lanes_subtract(lanes sum, const double *a, const double *b)
{
#pragma omp simd
    for (int i = 0; i < LANES; i++) sum[i] -= a[i] * b[i];
}

/* Columns j ... j + LANES - 1 of S = G diag(1/v) Gᵀ. Column j of G comes from the regression of unknown j on
 * the `band` unknowns that follow it, Σ_q C[j+1+p, j+1+q] a_q = C[j+1+p, j],   v = C[j, j] - Σ_p a_p C[j+1+p,
 * j],   G[j+1+p, j] = -a_p,  G[j, j] = 1: the factor of the one matrix with this bandwidth whose inverse has
 * C's band. c and g point to row 0, column j of C's and G's diagonals; v to column j. */
static inline void complete_columns(size_t band, size_t stride, const double *c, double *g, double *v)
{
    lanes l[ROOT_BAND * ROOT_BAND]; /* the window is L D Lᵀ; l[p * band + q] */
    lanes ld[ROOT_BAND];            /* one row of L D */
    lanes inverse[ROOT_BAND];       /* 1/D */
    lanes z[ROOT_BAND], rest;

    memcpy(rest, c, sizeof rest);
    for (size_t p = 0; p < band; p++) {
        lanes sum;

        for (size_t q = 0; q < p; q++) {
            memcpy(ld[q], c + (p - q) * stride + q + 1, sizeof(lanes));
            for (size_t m = 0; m < q; m++) lanes_subtract(ld[q], ld[m], l[q * band + m]);
        }
        memcpy(sum, c + p + 1, sizeof sum);
        memcpy(z[p], c + (p + 1) * stride, sizeof(lanes));
        for (size_t q = 0; q < p; q++) {
#pragma omp simd
            for (int i = 0; i < LANES; i++) l[p * band + q][i] = ld[q][i] * inverse[q][i];
            lanes_subtract(sum, ld[q], l[p * band + q]);
            lanes_subtract(z[p], l[p * band + q], z[q]);
        }
#pragma omp simd
        for (int i = 0; i < LANES; i++) {
            inverse[p][i] = 1 / sum[i];
            rest[i] -= z[p][i] * z[p][i] * inverse[p][i];
        }
    }
    for (size_t p = band; p-- > 0;) {
        lanes a;

#pragma omp simd
        for (int i = 0; i < LANES; i++) a[i] = -z[p][i] * inverse[p][i];
        for (size_t m = p + 1; m < band; m++) lanes_subtract(a, l[m * band + p], g + (m + 1) * stride);
        memcpy(g + (p + 1) * stride, a, sizeof a);
    }
    for (int i = 0; i < LANES; i++) g[i] = 1;
    memcpy(v, rest, sizeof rest);
}

/* S's diagonals 0 ... band from C's; false when C is not positive definite. g[band + 1][stride] and v[stride]
 * are scratch. Outside 0 ... n - 1 C must be the identity, and v infinite before column 0. */
static inline bool complete_band(size_t n, size_t band, size_t stride, const double *c, double *g, double *v,
                                 double *s)
{
    for (size_t j = 0; j < n; j += LANES) complete_columns(band, stride, c + j, g + j, v + j);
    for (size_t j = 0; j < n; j++) {
        if (!(v[j] > 0) || !isfinite(v[j])) return false;
        v[j] = 1 / v[j];
    }
    for (size_t d = 0; d <= band; d++) {
        for (size_t i = 0; i < n; i += LANES) {
            lanes sum = {0};

            for (size_t p = 0; p + d <= band; p++) {
                const double *near = g + p * stride + i - p, *far = g + (p + d) * stride + i - p,
                             *w = v + i - p;
#pragma omp simd
                for (int k = 0; k < LANES; k++) sum[k] += near[k] * far[k] * w[k];
            }
            memcpy(s + d * stride + i, sum, sizeof sum);
        }
    }
    return true;
}

/* What one group of poles needs: factors of S + shift = L D Lᵀ, and solutions. */
struct root_work {
    lanes *l;       /* [n][band]: l[i * band + p - 1] = L[i + p, i] */
    lanes *pivot;   /* [n]: D */
    lanes *inverse; /* [n]: 1/D */
    lanes *x;       /* [nvec][n] */
};

/* Column i of L and D. Sums run from the farthest column to the nearest, which is ready last. */
static inline void factor_column(size_t i, size_t band, size_t stride, const double *s, const lanes shift,
                                 const struct root_work *work)
{
    lanes *pivot = work->pivot + i, *column = work->l + i * band;

    for (int k = 0; k < LANES; k++) pivot[0][k] = s[i] + shift[k];
    for (size_t d = 1; d <= band; d++) {
        for (int k = 0; k < LANES; k++) column[d - 1][k] = s[d * stride + i];
    }
    for (size_t p = i < band ? i : band; p > 0; p--) { /* column[] is L D until it is scaled below */
        const lanes *left = (const lanes *)work->l + (i - p) * band;
        lanes scaled;

#pragma omp simd
        for (int k = 0; k < LANES; k++) scaled[k] = left[p - 1][k] * work->pivot[i - p][k];
        lanes_subtract(pivot[0], scaled, left[p - 1]);
        for (size_t d = 1; p + d <= band; d++) lanes_subtract(column[d - 1], scaled, left[p + d - 1]);
    }
#pragma omp simd
    for (int k = 0; k < LANES; k++) work->inverse[i][k] = 1 / pivot[0][k];
    for (size_t d = 0; d < band; d++) {
#pragma omp simd
        for (int k = 0; k < LANES; k++) column[d][k] *= work->inverse[i][k];
    }
}

/* x_i of L x = v, then of Lᵀ x = D⁻¹ x */
static inline void solve_down(size_t i, size_t band, double v, const struct root_work *work, lanes *x)
{
    lanes sum;

    for (int k = 0; k < LANES; k++) sum[k] = v;
    for (size_t p = i < band ? i : band; p > 0; p--) {
        lanes_subtract(sum, work->l[(i - p) * band + p - 1], x[i - p]);
    }
    memcpy(x[i], sum, sizeof sum);
}

static inline void solve_up(size_t i, size_t n, size_t band, const struct root_work *work, lanes *x)
{
    lanes sum;

#pragma omp simd
    for (int k = 0; k < LANES; k++) sum[k] = x[i][k] * work->inverse[i][k];
    for (size_t p = i + band < n ? band : n - 1 - i; p > 0; p--) {
        lanes_subtract(sum, work->l[i * band + p - 1], x[i + p]);
    }
    memcpy(x[i], sum, sizeof sum);
}

/* Column i of Z = (S + shift)⁻¹ by Takahashi's recurrence, which needs the band columns after it only:
 * window[column mod ring][distance 0 ... band]. */
static inline void inverse_column(size_t i, size_t n, size_t band, const struct root_work *work,
                                  lanes *window)
{
    lanes *column = window + i % ROOT_RING * (band + 1);
    lanes l[ROOT_BAND];

    for (size_t p = 1; p <= band; p++) { /* nothing below the last row */
        if (i + p < n)
            memcpy(l[p - 1], work->l[i * band + p - 1], sizeof(lanes));
        else
            memset(l[p - 1], 0, sizeof(lanes));
    }
    for (size_t d = 1; d <= band; d++) {
        lanes sum = {0};

        for (size_t p = band; p > d; p--) {
            lanes_subtract(sum, window[(i + d) % ROOT_RING * (band + 1) + p - d], l[p - 1]);
        }
        for (size_t p = d; p > 0; p--) {
            lanes_subtract(sum, window[(i + p) % ROOT_RING * (band + 1) + d - p], l[p - 1]);
        }
        memcpy(column[d], sum, sizeof sum);
    }
    memcpy(column[0], work->inverse[i], sizeof(lanes));
    for (size_t p = 1; p <= band; p++) lanes_subtract(column[0], column[p], l[p - 1]);
}

/* Σ weight (unit - shift x) over the lanes */
static inline double sum_poles(const lanes weight, const lanes shift, double unit, const double *x)
{
    lanes term;
    double sum = 0;

#pragma omp simd
    for (int k = 0; k < LANES; k++) term[k] = weight[k] * (unit - shift[k] * x[k]);
    for (int k = 0; k < LANES; k++) sum += term[k];
    return sum;
}

/* Adds the terms of LANES poles to Q = Σ weight S (S + shift)⁻¹ = Σ weight (1 - shift (S + shift)⁻¹):
 * product[nvec][stride] += Q v for v[nvec][stride], and Q's diagonals root[half + 1][stride]. One sweep down
 * the matrix and one up: of long matrices the factor then passes through the cache twice. */
static inline void add_poles(size_t n, size_t band, size_t half, size_t stride, const double *s,
                             const lanes shift, const lanes weight, size_t nvec, const double *v,
                             const struct root_work *work, double *product, double *root)
{
    lanes window[ROOT_RING * (ROOT_BAND + 1)];

    memset(window, 0, ROOT_RING * (band + 1) * sizeof(lanes));
    for (size_t i = 0; i < n; i++) {
        factor_column(i, band, stride, s, shift, work);
        for (size_t r = 0; r < nvec; r++) solve_down(i, band, v[r * stride + i], work, work->x + r * n);
    }
    for (size_t i = n; i-- > 0;) {
        for (size_t r = 0; r < nvec; r++) {
            solve_up(i, n, band, work, work->x + r * n);
            product[r * stride + i] += sum_poles(weight, shift, v[r * stride + i], work->x[r * n + i]);
        }
        inverse_column(i, n, band, work, window);
        for (size_t d = 0; d <= half; d++) {
            root[d * stride + i] +=
                sum_poles(weight, shift, d == 0 ? 1 : 0, window[i % ROOT_RING * (band + 1) + d]);
        }
    }
}

#endif
