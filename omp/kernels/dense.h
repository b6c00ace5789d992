/* The steps of the dense solver that lie between those of linalg/. Host and device run the same bodies, each
 * for the members of a team. shared: [TEAM_SIZE], or NULL on a CPU. */
#ifndef UNSPOT_OMP_KERNELS_DENSE_H
#define UNSPOT_OMP_KERNELS_DENSE_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/team.h"
#include "omp/kernels/system.h"
#include "omp/normal_equations.h"
#include "omp/patch.h"
#include "omp/solver.h"

/* The spectrum whose unknowns are eliminated at a position. The padding spectra come first, so that only the
 * trailing triangle of the factor, which belongs to the core, has to be inverted. */
TEAM_BODY size_t dense_spectrum_at(const struct patch *patch, size_t position)
{
    size_t padding = patch->nspec - patch->core_nspec;

    if (position >= padding) return patch->core_spec + position - padding;
    return position < patch->core_spec ? position : position + patch->core_nspec;
}

/* Fills the system (M + diag(prior)) x = y in the order of elimination, with prior[wave][spec]: the lower
 * triangle of filled->matrix[n columns][n rows], filled->x[n] and filled->diagonal[n]. */
TEAM_BODY void dense_expand(struct member member, const struct patch *patch,
                            const struct normal_equations *normal, const double *prior,
                            const struct filled_system *filled)
{
    double *matrix = filled->matrix, *x = filled->x, *diagonal = filled->diagonal;
    const size_t nspec = patch->nspec, nwave = patch->nwave, n = nspec * nwave;

    team_zero(member, n * n, matrix);
    for (size_t position1 = 0; position1 < nspec; position1++) {
        size_t spec1 = dense_spectrum_at(patch, position1);

        for (size_t position2 = position1; position2 < nspec; position2++) {
            size_t spec2 = dense_spectrum_at(patch, position2);

            for (team_share(member, wave, nwave)) {
                double *column = matrix + (position1 * nwave + wave) * n + position2 * nwave;
                const double *block = normal->block + wave * (normal->wave_halfwidth + 1) * nspec * nspec;

                for (size_t d = 0; d <= normal->wave_halfwidth && wave + d < nwave; d++) {
                    column[wave + d] = block[(d * nspec + spec2) * nspec + spec1];
                }
                if (position2 == position1) continue;
                for (size_t d = 1; d <= normal->wave_halfwidth && d <= wave; d++) {
                    block -= (normal->wave_halfwidth + 1) * nspec * nspec;
                    column[wave - d] = block[(d * nspec + spec1) * nspec + spec2];
                }
            }
        }
    }
    team_sync(member);
    for (size_t position = 0; position < nspec; position++) {
        size_t spec = dense_spectrum_at(patch, position);

        for (team_share(member, wave, nwave)) {
            size_t i = position * nwave + wave;

            matrix[i * n + i] += prior[wave * nspec + spec];
            diagonal[i] = matrix[i * n + i];
            x[i] = normal->y[wave * nspec + spec];
        }
    }
    team_sync(member);
}

/* Whether all pivots of factor[n][n] pass is_regular_pivot(). */
TEAM_BODY bool dense_is_regular(struct member member, size_t n, const double *factor, const double *diagonal,
                                double *shared)
{
    double bad = 0;

    for (team_share(member, i, n)) {
        if (!is_regular_pivot(factor[i * n + i], diagonal[i])) bad = 1;
    }
    return team_largest(member, bad, shared) == 0;
}

/* Copies the solution x[n], which is in the order of elimination, to deconvolved[spec][wave]. */
TEAM_BODY void dense_deconvolved(struct member member, const struct patch *patch, const double *x,
                                 double *deconvolved)
{
    const size_t nwave = patch->nwave;

    for (size_t position = 0; position < patch->nspec; position++) {
        double *to = deconvolved + dense_spectrum_at(patch, position) * nwave;

        for (team_share(member, wave, nwave)) to[wave] = x[position * nwave + wave];
    }
    team_sync(member);
}

/* What one core spectrum is decorrelated from. */
struct dense_root {
    const double *q; /* [nwave][nwave] Q_s, symmetric */
    const double *x; /* [nwave] x_s */
    double *row_sum; /* [nwave] scratch: the row sums of Q_s */
    double *shared;  /* [TEAM_SIZE], or NULL on a CPU */
};

/* Writes flux, ivar and ndiag diagonals of R of one core spectrum. False when a row sum of Q is 0 or flux or
 * ivar is not finite. */
TEAM_BODY bool dense_decorrelate(struct member member, const struct patch *patch, size_t ndiag,
                                 const struct dense_root *root, struct spectrum_out out)
{
    const double *q = root->q, *x = root->x;
    double *row_sum = root->row_sum;
    const size_t nwave = patch->nwave, half = ndiag / 2;
    double bad = 0;

    for (team_share(member, i, nwave)) {
        const double *row = q + i * nwave; /* Q is symmetric: a column is a row */
        double sum = 0, product = 0;

        for (size_t j = 0; j < nwave; j++) {
            sum += row[j];
            product += row[j] * x[j];
        }
        if (sum == 0 || !isfinite(product / sum) || !isfinite(sum * sum)) bad = 1;
        row_sum[i] = sum;
        if (i >= patch->core_wave && i < patch->core_wave + patch->core_nwave) {
            out.flux[i - patch->core_wave] = product / sum;
            out.ivar[i - patch->core_wave] = sum * sum;
        }
    }
    team_sync(member);
    for (size_t k = 0; k < ndiag; k++) {
        for (team_share(member, j, patch->core_nwave)) {
            size_t column = patch->core_wave + j, row = column + k - half;
            bool inside = column + k >= half && row < nwave;

            out.resolution[k * patch->core_nwave + j] = inside ? q[row * nwave + column] / row_sum[row] : 0;
        }
    }
    return team_largest(member, bad, root->shared) == 0;
}

#endif
