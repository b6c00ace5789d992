/* The steps of the banded solver between those of linalg/: the bodies that every backend runs, for the
 * members of a team. */
#ifndef UNSPOT_OMP_KERNELS_BANDED_H
#define UNSPOT_OMP_KERNELS_BANDED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/team.h"
#include "linalg/linalg.h"
#include "omp/kernels/system.h"
#include "omp/normal_equations.h"
#include "omp/solver.h"

/* M's lower triangle in tiles. Rows beyond the last are the identity's. */
TEAM_BODY void banded_fill_matrix(struct member member, size_t tband, const struct normal_equations *normal,
                                  double *matrix)
{
    const size_t nspec = normal->nspec, n = nspec * normal->nwave;
    const size_t rows = linalg_band_ntile(n) * LINALG_TILE;

    team_zero(member, linalg_band_size(n, tband), matrix);
    for (team_share(member, wave, normal->nwave)) {
        for (size_t d = 0; d <= normal->wave_halfwidth && wave + d < normal->nwave; d++) {
            const double *block = normal->block + (wave * (normal->wave_halfwidth + 1) + d) * nspec * nspec;

            for (size_t s1 = 0; s1 < nspec; s1++) {
                for (size_t s2 = d == 0 ? s1 : 0; s2 < nspec; s2++) {
                    size_t row = (wave + d) * nspec + s2, column = wave * nspec + s1;

                    matrix[linalg_tile_index(tband, row, column)] = block[s2 * nspec + s1];
                }
            }
        }
    }
    for (team_share(member, i, rows - n)) matrix[linalg_tile_index(tband, n + i, n + i)] = 1;
    team_sync(member);
}

/* M + diag(prior). filled: matrix in tiles, x[rows] in whole tiles, diagonal[n]. */
TEAM_BODY void banded_fill(struct member member, size_t tband, const struct normal_equations *normal,
                           const double *prior, const struct filled_system *filled)
{
    double *matrix = filled->matrix, *x = filled->x, *diagonal = filled->diagonal;
    const size_t n = normal->nspec * normal->nwave;
    const size_t rows = linalg_band_ntile(n) * LINALG_TILE;

    banded_fill_matrix(member, tband, normal, matrix);
    for (team_share(member, i, rows)) {
        double *at = matrix + linalg_tile_index(tband, i, i);

        if (i < n) {
            *at += prior[i];
            diagonal[i] = *at;
        }
        x[i] = i < n ? normal->y[i] : 0;
        for (size_t j = i / LINALG_TILE * LINALG_TILE; j < i; j++) { /* upper triangles of diagonal tiles */
            matrix[linalg_tile_index(tband, j, i)] = matrix[linalg_tile_index(tband, i, j)];
        }
    }
    team_sync(member);
}

/* Whether the factor has any digits left: see is_regular_pivot(). */
TEAM_BODY bool banded_is_regular(struct member member, size_t tband, size_t n, const double *factor,
                                 const double *diagonal, double *shared)
{
    double bad = 0;

    for (team_share(member, i, n)) {
        if (!is_regular_pivot(factor[linalg_tile_index(tband, i, i)], diagonal[i])) bad = 1;
    }
    return team_largest(member, bad, shared) == 0;
}

/* deconvolved[spec][wave] from x, which is wavelength-major. */
TEAM_BODY void banded_deconvolved(struct member member, size_t nspec, size_t nwave, const double *x,
                                  double *deconvolved)
{
    for (team_share(member, wave, nwave)) {
        for (size_t spec = 0; spec < nspec; spec++) deconvolved[spec * nwave + wave] = x[wave * nspec + spec];
    }
    team_sync(member);
}

#endif
