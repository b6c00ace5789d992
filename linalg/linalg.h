/* Batched dense linear algebra on plain arrays: one interface, several backends.
 *
 * Backends: `ref`, plain C, slow and simple, the oracle of all others; `lapack`, LAPACKE/OpenBLAS.
 *
 * Conventions, the same for every operation:
 *  - matrices are double, column-major, leading dimension n, packed one after another: a[batch][n
 * columns][n]; of a symmetric input only the lower triangle is read;
 *  - ask for the workspace's size first (bytes, for the whole batch), hand in that much memory, aligned to
 *    64 bytes; nothing is allocated inside and an operation may be called from several threads at once, each
 *    with its own workspace;
 *  - info[k] is 0 where system k is solved; otherwise it is positive, says where it failed, and the output of
 *    that system, and of no other, is undefined;
 *  - the return value is the number of systems whose info is not 0, or -1 when the workspace is too small or
 *    not aligned; sizes that make no sense (nblocks * block > n, n > 32000) need SIZE_MAX bytes and so end
 *    there too. A size of 0 is allowed, does nothing and sets info to 0.
 * A matrix with a NaN or an infinity in the triangle that is read fails (info > 0); it is never an endless
 * loop. */
#ifndef UNSPOT_LINALG_H
#define UNSPOT_LINALG_H

#include <stddef.h>

struct linalg; /* a backend */

/* The backend of that name ("ref", "lapack"), or NULL. */
const struct linalg *linalg_find(const char *name);

/* The names of all backends, NULL-terminated. */
const char *const *linalg_names(void);

const char *linalg_name(const struct linalg *linalg);

/* One line on what is behind the backend, for `unspot info`: library, version, threads. */
const char *linalg_description(const struct linalg *linalg);

/* Cholesky factor: a = L Lᵀ, the lower triangle of a is replaced by L, the strict upper one is left alone.
 * info: order of the leading minor that is not positive definite. */
size_t linalg_cholesky_bytes(const struct linalg *linalg, size_t n, size_t batch);
int linalg_cholesky(const struct linalg *linalg, size_t n, double *a, size_t batch, void *work,
                    size_t work_bytes, int *info);

/* Solves L Lᵀ x = b for nrhs right-hand sides; b[batch][nrhs][n] is replaced by x. info: 1 + row of the first
 * diagonal element of L that is 0 or not finite, or n + 1 when x is not finite. */
size_t linalg_cholesky_solve_bytes(const struct linalg *linalg, size_t n, size_t nrhs, size_t batch);
int linalg_cholesky_solve(const struct linalg *linalg, size_t n, size_t nrhs, const double *l, double *b,
                          size_t batch, void *work, size_t work_bytes, int *info);

/* Diagonal blocks of (L Lᵀ)⁻¹, of the trailing nblocks * block rows only: first = n - nblocks * block is the
 * first row of block 0. l's lower triangle is used as scratch: it is destroyed in the trailing columns.
 * inverse[batch][nblocks][block][block], both triangles. info: 1 + row of the first diagonal element of L
 * that is 0 or not finite, or n + 1 when the inverse is not finite. */
size_t linalg_inverse_blocks_bytes(const struct linalg *linalg, size_t n, size_t block, size_t nblocks,
                                   size_t batch);
int linalg_inverse_blocks(const struct linalg *linalg, size_t n, size_t block, size_t nblocks, double *l,
                          double *inverse, size_t batch, void *work, size_t work_bytes, int *info);

/* Inverse square root of symmetric positive definite matrices: a is replaced by the symmetric a^(-1/2), both
 * triangles, by an eigendecomposition. info: 1 + number of eigenvalues that are not positive (or below n ε
 * times the largest: rounding errors), or n + 1 when a is not finite or the eigenvalues did not converge. */
size_t linalg_inverse_sqrt_bytes(const struct linalg *linalg, size_t n, size_t batch);
int linalg_inverse_sqrt(const struct linalg *linalg, size_t n, double *a, size_t batch, void *work,
                        size_t work_bytes, int *info);

#endif
