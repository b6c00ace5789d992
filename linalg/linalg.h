/* Batched linear algebra on plain arrays: one interface to several back-ends, for dense and for banded
 * matrices.
 *
 * Back-ends on the host are `ref`, plain C, slow and simple, against which all others are tested, and
 * `lapack`, which uses LAPACKE and OpenBLAS. Back-ends on the device of device/device.h are `offload`, for
 * any device, which does banded systems in target regions and copies dense ones to the host and back, and
 * `cuda`, which does the same banded ones, and dense ones by cuSOLVER and cuBLAS. CUDA's libraries are opened
 * when the back-end is first found; the environment variable UNSPOT_CUDA_LIBDIR names their folder where they
 * are not in a usual one.
 *
 * The same conventions hold for every operation:
 *  - The sizes and arrays of a batch are in a structure, struct linalg_dense, linalg_band or linalg_root.
 *    All numbers are double.
 *  - The caller asks for the size of the workspace first (bytes, for the whole batch) and passes that much
 *    memory, aligned to 64 bytes. Nothing is allocated inside. On the host, operations may be called from
 *    several threads at once, each with its own workspace.
 *  - info[k] becomes 0 where system k is solved. Otherwise it is positive and says where the system failed,
 *    and the output of that system, and of no other, is undefined.
 *  - The return value is the number of systems whose info is not 0, or -1 when the workspace is too small
 *    or not aligned. Sizes that make no sense (nblocks block > n, n > 32000) need SIZE_MAX bytes, and so
 *    give -1 too. Where a size is 0 nothing is done, and info becomes 0.
 *  - A matrix with a NaN or an infinity in the triangle that is read fails (info > 0); it never makes an
 *    endless loop.
 *
 * On a device every array of doubles and the workspace are device memory; info and the structures themselves
 * are the host's. All calls come from the main thread, outside of parallel regions, and return when the
 * device is done. The device must be chosen (device_choose()) before `cuda` is first found, which stays with
 * that one. Where a call of a library, a copy or a host allocation fails, info becomes n + 1 for each system
 * concerned, which may well be soluble: the caller repeats failed systems on the host,
 * from data of its own. */
#ifndef UNSPOT_LINALG_LINALG_H
#define UNSPOT_LINALG_LINALG_H

#include <stdbool.h>
#include <stddef.h>

struct linalg; /* a back-end */

/* The back-end of that name ("ref", "lapack", "offload", "cuda"), or NULL when there is none or this machine
 * does not have what it needs. */
const struct linalg *linalg_find(const char *name);

/* One line on why linalg_find() does not find that back-end; NULL when it does. */
const char *linalg_why_not(const char *name);

/* Whether its matrices, vectors and workspaces are device memory. */
bool linalg_is_on_device(const struct linalg *linalg);

/* One line on the first call of a library that failed for another reason than the system it was given; NULL
 * when none did. */
const char *linalg_trouble(const struct linalg *linalg);

/* The names of all back-ends, with NULL after the last. */
const char *const *linalg_names(void);

/* The name of a back-end. */
const char *linalg_name(const struct linalg *linalg);

/* One line on what the back-end uses, for `unspot info`: library, version, threads. */
const char *linalg_description(const struct linalg *linalg);

/* Dense systems.
 *
 * A batch of matrices A of order n, column-major with leading dimension n, one after another; of a symmetric
 * matrix only the lower triangle is read. The operations read the sizes and arrays that they name; other
 * sizes may be 0, other arrays NULL. */
struct linalg_dense {
    size_t batch;          /* matrices */
    size_t n;              /* order */
    double *matrix;        /* [batch][n columns][n rows] */
    size_t nrhs;           /* right-hand sides of each matrix */
    double *rhs;           /* [batch][nrhs][n] */
    size_t block, nblocks; /* order and number of the blocks of the inverse that are wanted */
    double *inverse;       /* [batch][nblocks][block][block] */
};

/* Cholesky factor A = L Lᵀ: the lower triangle of matrix is replaced by L, the strict upper one is left
 * alone. info: order of the leading minor that is not positive definite. */
size_t linalg_cholesky_bytes(const struct linalg *linalg, const struct linalg_dense *dense);
int linalg_cholesky(const struct linalg *linalg, const struct linalg_dense *dense, void *work,
                    size_t work_bytes, int *info);

/* Solves L Lᵀ x = b, with L in matrix; b in rhs is replaced by x. info: 1 + row of the first diagonal element
 * of L that is 0 or not finite, or n + 1 when x is not finite. */
size_t linalg_cholesky_solve_bytes(const struct linalg *linalg, const struct linalg_dense *dense);
int linalg_cholesky_solve(const struct linalg *linalg, const struct linalg_dense *dense, void *work,
                          size_t work_bytes, int *info);

/* Diagonal blocks of (L Lᵀ)⁻¹, with L in matrix, for the trailing nblocks block rows only: block 0 begins at
 * row n - nblocks block. inverse gets both triangles of each block. The trailing columns of L's triangle are
 * used as scratch and are destroyed. info: as of linalg_cholesky_solve(), or n + 1 when the inverse is not
 * finite. */
size_t linalg_inverse_blocks_bytes(const struct linalg *linalg, const struct linalg_dense *dense);
int linalg_inverse_blocks(const struct linalg *linalg, const struct linalg_dense *dense, void *work,
                          size_t work_bytes, int *info);

/* Inverse square root: the symmetric positive definite A in matrix is replaced by the symmetric A^(-1/2),
 * both triangles, by an eigendecomposition. info: 1 + number of eigenvalues that are not positive, or that
 * rounding makes indistinguishable from 0 (below n ε times the largest); n + 1 when A is not finite or the
 * eigenvalues did not converge. */
size_t linalg_inverse_sqrt_bytes(const struct linalg *linalg, const struct linalg_dense *dense);
int linalg_inverse_sqrt(const struct linalg *linalg, const struct linalg_dense *dense, void *work,
                        size_t work_bytes, int *info);

/* Banded systems.
 *
 * A matrix of order n is cut into ntile = ceil(n / 8) columns of tiles of 8 x 8, of which those of the lower
 * triangle within tband tiles of the diagonal are kept. With distance = 0 ... tband,
 *
 *     matrix[batch][column][distance][k][i] = A[8 (column + distance) + i, 8 column + k]
 *
 * Diagonal tiles hold both triangles. Rows n ... 8 ntile - 1 must be those of the identity; tiles below the
 * last row are not read. On a CPU a column of a tile is one register. On a device a team works on each
 * system. */
enum { LINALG_TILE = 8 };

static inline size_t linalg_band_ntile(size_t n)
{
    return (n + LINALG_TILE - 1) / LINALG_TILE;
}

/* The index of element (row, column) of such a matrix, with row >= column or both in one diagonal tile. */
static inline size_t linalg_tile_index(size_t tband, size_t row, size_t column)
{
    size_t tile = column / LINALG_TILE * (tband + 1) + row / LINALG_TILE - column / LINALG_TILE;

    return (tile * LINALG_TILE + column % LINALG_TILE) * LINALG_TILE + row % LINALG_TILE;
}

/* The same for an inverse, whose tiles are stored by rows. */
static inline size_t linalg_inverse_index(size_t zband, size_t row, size_t column)
{
    size_t tile = column / LINALG_TILE * (zband + 1) + row / LINALG_TILE - column / LINALG_TILE;

    return (tile * LINALG_TILE + row % LINALG_TILE) * LINALG_TILE + column % LINALG_TILE;
}

/* Doubles of one matrix in tiles. */
static inline size_t linalg_band_size(size_t n, size_t tband)
{
    return linalg_band_ntile(n) * (tband + 1) * LINALG_TILE * LINALG_TILE;
}

/* A batch of banded systems A x = b, A = L Lᵀ, with C = A⁻¹. The operations below read its sizes and those
 * arrays that they name; the others may be NULL. */
struct linalg_band {
    size_t batch;    /* systems */
    size_t n;        /* order */
    size_t tband;    /* tiles below the diagonal of A and L */
    size_t zband;    /* tiles below the diagonal of C that are wanted; at least tband */
    double *matrix;  /* [batch][ntile][tband + 1][8][8]: A, then L */
    double *inverse; /* [batch][ntile][zband + 1][8][8]: C, whose tiles are stored by rows */
    double *x;       /* [batch][8 ntile]: b, then what the operations make of it */
};

/* Cholesky factor: A in matrix is replaced by L. Unless x is NULL, it is replaced by L⁻¹ x: cheaper than
 * afterwards, when L has left the cache. info: 1 + the first row whose pivot is not positive. */
int linalg_band_cholesky(const struct linalg *linalg, const struct linalg_band *band, int *info);

/* Solves L Lᵀ x = b in place, with L in matrix and b in x. info: n + 1 when the result is not finite. */
int linalg_band_solve(const struct linalg *linalg, const struct linalg_band *band, int *info);

/* From L in matrix the tiles of C within zband tiles of the diagonal, by Takahashi's recurrence:
 * inverse[k][column][distance][i][j] = C[8 (column + distance) + i, 8 column + j] of system k. Unless x is
 * NULL, it is replaced by L⁻ᵀ x. info: n + 1 when the inverse is not finite; it says nothing of x. */
size_t linalg_band_inverse_bytes(const struct linalg *linalg, const struct linalg_band *band);
int linalg_band_inverse(const struct linalg *linalg, const struct linalg_band *band, void *work,
                        size_t work_bytes, int *info);

/* The square root Q = S^(1/2) of a matrix S that is known by the band of its inverse C = S⁻¹. S is taken to
 * be the one matrix of that bandwidth whose inverse has this band: the sum of the inverses of C's windows
 * along the diagonal, less those of the overlaps of neighbouring windows. Q is a rational function of S
 * (Hale, Higham & Trefethen 2008, SIAM J. Numer. Anal. 46, 2505, method 3), with as many poles as S's
 * condition number, the ratio of its largest and smallest eigenvalue, needs for a relative error of 2e-11 or
 * less. */
enum { LINALG_ROOT_BAND_MAX = 31 };

struct linalg_root {
    size_t batch;          /* systems */
    size_t n;              /* order */
    size_t band;           /* off-diagonals of C that are given, 1 ... LINALG_ROOT_BAND_MAX */
    size_t nvec;           /* vectors to multiply */
    size_t half;           /* off-diagonals of Q that are wanted, at most band */
    const double *inverse; /* [batch][band + 1][n]: [d][j] = C[j + d, j], 0 where j + d >= n */
    const double *vector;  /* [batch][nvec][n]: vectors v */
    double *product;       /* [batch][nvec][n]: Q v */
    double *root;          /* [batch][half + 1][n]: [d][j] = Q[j + d, j], 0 where j + d >= n */
    double *edge; /* [batch][n]: |S[j + band, j]| / sqrt(S[j, j] S[j + band, j + band]), the relative size of
                     S at the edge of its band; 0 for the last rows */
    double *condition; /* [batch]: upper bound of the condition number of S */
};

/* Takes the roots of nroot batches of different shapes, root[nroot], which are either all empty (batch or n
 * is 0) or all not. Together they cost a device hardly more than the longest of them does. The workspace of
 * one batch suffices for any division of it into batches that are no larger in n, band, nvec and half.
 * info[all systems]: 1 when C is not positive definite, 2 when the condition number of S is too large for the
 * back-end (above 1.8e13 for all but `ref`) or a result is not finite. */
size_t linalg_band_root_bytes(const struct linalg *linalg, const struct linalg_root *root, size_t nroot);
int linalg_band_root(const struct linalg *linalg, const struct linalg_root *root, size_t nroot, void *work,
                     size_t work_bytes, int *info);

#endif
