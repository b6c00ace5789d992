/* The dense solver of a patch. It takes the Cholesky factor of the whole M, the diagonal blocks of the
 * inverse for the core spectra only, and their inverse square roots by eigendecompositions of one spectrum's
 * order:
 *
 *     x = M⁻¹ y,   C = M⁻¹,   Q_s = C_ss^(-1/2),   r_s = Q_s 1,
 *     ivar_s = r_s²,   R_s = Q_s / r_s,   flux_s = R_s x_s
 *
 * (Bolton & Schlegel 2010, eq. 4 and 10 to 15, with the noise decorrelated within each spectrum). */
#ifndef UNSPOT_OMP_DENSE_H
#define UNSPOT_OMP_DENSE_H

#include <stddef.h>

#include "linalg/linalg.h"
#include "omp/normal_equations.h"
#include "omp/patch.h"
#include "omp/solver.h"

/* Bytes of workspace for any patch whose sizes are no larger than those of `largest`, when ndiag diagonals of
 * R are wanted. SIZE_MAX when the patch is larger than the linear algebra can do. */
size_t dense_bytes(const struct linalg *linalg, const struct patch *largest, size_t ndiag);

/* Bytes of workspace for the linear algebra alone, which solves npatch patches of n = nspec nwave unknowns at
 * a time. SIZE_MAX when that is more than it can do. */
size_t dense_linalg_bytes(const struct linalg *linalg, size_t n, size_t nwave, size_t core_nspec,
                          size_t npatch);

/* Solves the system and fills *result except chi2pix. Unless SOLVED is returned, *result must not be used; it
 * is never IMPRECISE. */
enum solved dense_solve(const struct patch_system *system, struct workspace work,
                        struct patch_result *result);

#endif
