/* The arrays of one system of which linalg/kernels/root.h takes the square root.
 *
 * Diagonals are stored one after another: c[d * stride + j] = C[j + d, j]. Each row of `stride` numbers has
 * ROOT_PAD elements before j = 0 and at least ROOT_PAD + LANES after j = n - 1, so that no lane needs a
 * condition. */
#ifndef UNSPOT_LINALG_KERNELS_ROOT_ARRAYS_H
#define UNSPOT_LINALG_KERNELS_ROOT_ARRAYS_H

#include <stddef.h>

#include "base/team.h"
#include "linalg/linalg.h"

enum { LANES = 16, ROOT_BAND = LINALG_ROOT_BAND_MAX, ROOT_RING = ROOT_BAND + 1, ROOT_PAD = 32 };

/* root_window.h is compiled for bands up to ROOT_NARROW and up to ROOT_ORDER, and for
 * ROOT_VECTORS vectors. */
enum { ROOT_NARROW = 8, ROOT_ORDER = 10, ROOT_VECTORS = 2 };

/* A number of each lane. A member that has one lane uses the element of its index. */
typedef double lanes[LANES];

/* The arrays of one system. Those of doubles, except sum, have rows of `stride`, and point to column 0 of the
 * first. */
struct root_arrays {
    size_t stride;
    double *c, *s;            /* [band + 1]: diagonals of C and S */
    double *g, *v;            /* [band + 1], [1]: G and then 1/v in S = G diag(1/v) Gᵀ */
    double *vector, *product; /* [nvec]: see struct linalg_root */
    double *root;             /* [half + 1]: diagonals of Q, behind product in memory */
    double *sum;              /* [LANES][max(nvec + half + 1, TEAM_SUMS)]: the members' sums for one column */
    lanes *l;       /* [max(n, band)][width]: L of S + shift = L D Lᵀ, with width root_width_of_l() and
                       l[i * width + p - 1] = L[i + p, i] */
    lanes *pivot;   /* [max(n, band)]: D */
    lanes *inverse; /* [max(n, band)]: 1/D */
    lanes *x;       /* [nvec][max(n, band)]: solutions */
    lanes *window;  /* [ROOT_RING][band + 1]: the last columns of (S + shift)⁻¹ */
    int *info;      /* as in linalg/linalg.h; any member may set it */
};

/* Doubles in a row. */
TEAM_BODY size_t root_stride(size_t n)
{
    return (n + 2 * ROOT_PAD + LANES + 7) / 8 * 8;
}

/* Doubles of sum. */
TEAM_BODY size_t root_nsum(const struct linalg_root *root)
{
    size_t count = root->nvec + root->half + 1;

    return (count > TEAM_SUMS ? count : TEAM_SUMS) * LANES;
}

/* Rows of l, pivot, inverse and x. */
TEAM_BODY size_t root_rows(const struct linalg_root *root)
{
    return root->n > root->band ? root->n : root->band;
}

/* The smallest band that root_window.h is compiled for and into which this one fits; 0: there is none. */
TEAM_BODY size_t root_order(size_t band, size_t nvec)
{
    if (nvec != ROOT_VECTORS || band > ROOT_ORDER) return 0;
    return band <= ROOT_NARROW ? ROOT_NARROW : ROOT_ORDER;
}

/* How many elements below the diagonal a column of L has room for. It does not depend on the number of
 * vectors, because the memory for the largest of several systems must suffice for all of them. */
TEAM_BODY size_t root_width_of_l(const struct linalg_root *root)
{
    size_t order = root_order(root->band, ROOT_VECTORS);

    return order > 0 ? order : root->band;
}

/* Bytes of the arrays of one system. */
TEAM_BODY size_t root_bytes(const struct linalg_root *root)
{
    const size_t rows = root->band + 1;
    const size_t nrow = 3 * rows + 1 + 2 * root->nvec + root->half + 1;
    const size_t nlane = root_rows(root) * (root_width_of_l(root) + 2 + root->nvec) + ROOT_RING * rows;

    return (nrow * root_stride(root->n) + root_nsum(root) + nlane * LANES + LANES) * sizeof(double);
}

/* Takes the next `count` doubles. */
TEAM_BODY double *root_take_memory(double **next, size_t count)
{
    double *memory = *next;

    *next += count;
    return memory;
}

/* Lays out the arrays of a system in memory of root_bytes(). */
TEAM_BODY struct root_arrays root_place(const struct linalg_root *root, void *memory)
{
    const size_t stride = root_stride(root->n), rows = root->band + 1, nvec = root->nvec;
    const size_t longest = root_rows(root);
    double *next = memory;
    struct root_arrays arrays = {.stride = stride};

    arrays.c = root_take_memory(&next, rows * stride) + ROOT_PAD;
    arrays.g = root_take_memory(&next, rows * stride) + ROOT_PAD;
    arrays.s = root_take_memory(&next, rows * stride) + ROOT_PAD;
    arrays.v = root_take_memory(&next, stride) + ROOT_PAD;
    arrays.vector = root_take_memory(&next, nvec * stride) + ROOT_PAD;
    arrays.product = root_take_memory(&next, nvec * stride) + ROOT_PAD;
    arrays.root = root_take_memory(&next, (root->half + 1) * stride) + ROOT_PAD;
    arrays.sum = root_take_memory(&next, root_nsum(root));
    arrays.l = (lanes *)root_take_memory(&next, longest * root_width_of_l(root) * LANES);
    arrays.pivot = (lanes *)root_take_memory(&next, longest * LANES);
    arrays.inverse = (lanes *)root_take_memory(&next, longest * LANES);
    arrays.x = (lanes *)root_take_memory(&next, nvec * longest * LANES);
    arrays.window = (lanes *)root_take_memory(&next, ROOT_RING * rows * LANES);
    arrays.info = (int *)root_take_memory(&next, LANES);
    return arrays;
}

#endif
