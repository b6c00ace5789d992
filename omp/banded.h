/* The banded solver of a patch: no eigenvectors, no matrix of the whole patch.
 *
 * M is banded in wavelength-major order. Its Cholesky factor gives x = M⁻¹ y and, by Takahashi's recurrence,
 * the entries of C = M⁻¹ within the band. For each spectrum s of the core S_s = C_ss⁻¹, the Schur complement
 * of M onto it, is a banded matrix too (beyond +-8 wavelengths below 1e-10 of its largest entry), and so is
 * determined by C_ss within the band; Q_s = S_s^(1/2) is a rational function of it (omp/README.md, "Measured
 * facts"). The results are those of the dense solver, omp/dense.h. */
#ifndef UNSPOT_OMP_BANDED_H
#define UNSPOT_OMP_BANDED_H

#include <stddef.h>

#include "linalg/linalg.h"
#include "omp/patch.h"
#include "omp/solver.h"

/* Sigma, that cutting S_s may cost. */
static const double banded_flux_error = 5e-7;

/* Bytes of workspace for any patch no larger than this one, of which the sizes and wave_halfwidth count;
 * ndiag: diagonals of R that are wanted. SIZE_MAX when that is more than the linear algebra can do. */
size_t banded_bytes(const struct linalg *linalg, const struct patch *largest, size_t ndiag);

/* Solves the system and fills *result, but for chi2pix. IMPRECISE: the band of some S_s is cut where its
 * entries are not yet small, or its eigenvalues spread too far. Then banded_solve_wide() may do better,
 * called next with the same arguments: it takes the factor that is left in the workspace, and does anew what
 * was not precise, from more diagonals of C. Unless it is SOLVED, *result is not to be used. */
enum solved banded_solve(const struct patch_system *system, struct workspace work,
                         struct patch_result *result);
enum solved banded_solve_wide(const struct patch_system *system, struct workspace work,
                              struct patch_result *result);

#endif
