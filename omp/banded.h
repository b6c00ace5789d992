/* The banded solver of a patch. It needs neither eigenvectors nor a dense matrix of the whole patch.
 *
 * In wavelength-major order M is banded. Its Cholesky factor gives x = M⁻¹ y, and Takahashi's recurrence
 * gives the entries of C = M⁻¹ within the band. For each spectrum s of the core, S_s = C_ss⁻¹, the Schur
 * complement of M onto that spectrum, is banded too: beyond +-8 wavelengths its entries are below 1e-10 of
 * its largest. It is therefore determined by the band of C_ss, and Q_s = S_s^(1/2) is a rational function of
 * it (omp/README.md, "The mathematics"; "Measured facts" has the numbers). The results are those of the dense
 * solver, omp/dense.h. */
#ifndef UNSPOT_OMP_BANDED_H
#define UNSPOT_OMP_BANDED_H

#include <stddef.h>

#include "linalg/linalg.h"
#include "omp/patch.h"
#include "omp/solver.h"

/* The largest error of flux, in units of its sigma, that cutting S_s at the edge of its band may cause. */
static const double banded_flux_error = 5e-7;

/* Bytes of workspace for any patch whose sizes and wave_halfwidth are no larger than those of `largest`, when
 * ndiag diagonals of R are wanted. SIZE_MAX when the patch is larger than the linear algebra can do. */
size_t banded_bytes(const struct linalg *linalg, const struct patch *largest, size_t ndiag);

/* Solves the system and fills *result except chi2pix. Unless SOLVED is returned, *result must not be used.
 *
 * IMPRECISE says that the band of some S_s is cut where its entries are not yet small, or that the condition
 * number of S_s, the ratio of its largest and smallest eigenvalue, is too large. banded_solve_wide(), called
 * next with the same arguments, may do better: it takes the factor that is left in the workspace and repeats
 * the spectra that were not precise with more diagonals of C. */
enum solved banded_solve(const struct patch_system *system, struct workspace work,
                         struct patch_result *result);
enum solved banded_solve_wide(const struct patch_system *system, struct workspace work,
                              struct patch_result *result);

#endif
