/* The dense solver of a patch: Cholesky factor of the whole M, the diagonal blocks of its inverse for the
 * core spectra only, and the square roots of these by eigendecompositions of one spectrum's size.
 *
 * x = M⁻¹ y;  C = M⁻¹;  Q_s = C_ss^(-1/2);  r_s = Q_s 1;  ivar_s = r_s²;  R_s = Q_s / r_s;  flux_s = R_s x_s
 * (Bolton & Schlegel 2010, eq. 4 and 10 to 19, with the noise decorrelated within each spectrum). */
#ifndef UNSPOT_OMP_DENSE_H
#define UNSPOT_OMP_DENSE_H

#include <stddef.h>

#include "linalg/linalg.h"
#include "omp/normal_equations.h"
#include "omp/patch.h"
#include "omp/solver.h"

/* Workspace for any patch of at most nspec x nwave bins, core_nspec spectra of them in the
 * core; SIZE_MAX when that is more than the linear algebra can do. */
size_t dense_bytes(const struct linalg *linalg, size_t nspec, size_t nwave, size_t core_nspec);

/* What the linear algebra needs of it, for npatch patches of n = nspec nwave unknowns at a time. */
size_t dense_linalg_bytes(const struct linalg *linalg, size_t n, size_t nwave, size_t core_nspec,
                          size_t npatch);

/* Solves (M + diag(prior)) x = y and fills *solution, whose resolution keeps ndiag diagonals. Unless it is
 * SOLVED, *solution is not to be used. */
enum solved dense_solve(const struct linalg *linalg, const struct patch *patch,
                        const struct normal_equations *normal, const double *prior, size_t ndiag,
                        struct solution *solution, void *work, size_t work_bytes);

#endif
