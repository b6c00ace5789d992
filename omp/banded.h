/* The banded solver of a patch: no eigenvectors, no matrix of the whole patch.
 *
 * M is banded in wavelength-major order. Its Cholesky factor gives x = M⁻¹ y and, by Takahashi's recurrence,
 * the entries of C = M⁻¹ within the band. For each spectrum s of the core S_s = C_ss⁻¹, the Schur complement
 * of M onto it, is a banded matrix too (beyond +-8 wavelengths below 1e-10 of its largest entry), and so is
 * determined by C_ss within the band; Q_s = S_s^(1/2) is a rational function of it (algorithm.md, "measured
 * facts"). The results are those of the dense solver, omp/dense.h. */
#ifndef UNSPOT_OMP_BANDED_H
#define UNSPOT_OMP_BANDED_H

#include <stddef.h>

#include "linalg/linalg.h"
#include "omp/normal_equations.h"
#include "omp/patch.h"
#include "omp/solver.h"

/* Sigma, that cutting S_s may cost. */
static const double banded_flux_error = 5e-7;

/* Workspace for any patch of at most nspec x nwave bins, core_nspec spectra of them in the core, whose spots
 * overlap within `wave_halfwidth` wavelengths; ndiag: diagonals of R that are wanted. */
size_t banded_bytes(const struct linalg *linalg, size_t nspec, size_t nwave, size_t core_nspec,
                    size_t wave_halfwidth, size_t ndiag);

/* Solves (M + diag(prior)) x = y and fills *solution. IMPRECISE: the band of an S_s is cut where its entries
 * are not yet small, or its eigenvalues spread too far; the dense solver can then do better. Unless it is
 * SOLVED, *solution is not to be used. */
enum solved banded_solve(const struct linalg *linalg, const struct patch *patch,
                         const struct normal_equations *normal, const double *prior, size_t ndiag,
                         struct solution *solution, void *work, size_t work_bytes);

#endif
