/* Small loops over column-major matrices that back-ends share, so that they agree on what a bad matrix is. */
#ifndef UNSPOT_LINALG_KERNELS_TRIANGLE_H
#define UNSPOT_LINALG_KERNELS_TRIANGLE_H

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>

/* 1 + the first row of l[n][n] whose diagonal element is 0 or not finite; 0 when there is none. */
static inline int triangle_bad_diagonal(size_t n, const double *l)
{
    for (size_t i = 0; i < n; i++) {
        if (l[i * (n + 1)] == 0 || !isfinite(l[i * (n + 1)])) return (int)i + 1;
    }
    return 0;
}

/* Whether all of x[count] are finite. The loop has no early exit, so that it is vectorised. */
static inline bool all_finite(size_t count, const double *x)
{
    int finite = 1;

    for (size_t i = 0; i < count; i++) finite &= isfinite(x[i]) != 0;
    return finite;
}

/* Whether the lower triangle of a[n][n] is finite. */
static inline bool triangle_finite(size_t n, const double *a)
{
    bool finite = true;

    for (size_t j = 0; j < n; j++) finite &= all_finite(n - j, a + j * (n + 1));
    return finite;
}

/* Copies the lower triangle of `from` into both triangles of `to`, which may be `from` itself. */
static inline void triangle_mirror(size_t n, const double *from, double *to)
{
    for (size_t j = 0; j < n; j++) {
        for (size_t i = j; i < n; i++) to[i + n * j] = to[j + n * i] = from[i + n * j];
    }
}

/* The number of eigenvalues that are not positive. Those below n ε times the largest count as well: they are
 * rounding errors, and their inverse square roots would be large numbers without a meaningful digit. */
static inline size_t count_not_positive(size_t n, const double *eigenvalue)
{
    double largest = 0;
    size_t count = 0;

    for (size_t i = 0; i < n; i++) largest = fmax(largest, fabs(eigenvalue[i]));
    for (size_t i = 0; i < n; i++) count += !(eigenvalue[i] > (double)n * DBL_EPSILON * largest);
    return count;
}

#endif
