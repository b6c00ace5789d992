/* The steps of the banded solver that lie between those of linalg/. Host and device run the same bodies, each
 * for the members of a team. tband: tiles below the diagonal of M; shared: [TEAM_SIZE], or NULL on a CPU. */
#ifndef UNSPOT_OMP_KERNELS_BANDED_H
#define UNSPOT_OMP_KERNELS_BANDED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/team.h"
#include "linalg/linalg.h"
#include "omp/kernels/system.h"
#include "omp/normal_equations.h"
#include "omp/solver.h"

/* Fills matrix with the lower triangle of M in tiles; see linalg/linalg.h for their layout. The rows that pad
 * the last tiles are those of the identity. */
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

/* Fills the system (M + diag(prior)) x = y, with prior[wave][spec]. filled->matrix is in tiles, filled->x has
 * whole tiles of rows, filled->diagonal has n elements. */
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
        for (size_t j = i / LINALG_TILE * LINALG_TILE; j < i; j++) { /* upper triangle of a diagonal tile */
            matrix[linalg_tile_index(tband, j, i)] = matrix[linalg_tile_index(tband, i, j)];
        }
    }
    team_sync(member);
}

/* Whether all pivots of the factor, which is in tiles, pass is_regular_pivot(). */
TEAM_BODY bool banded_is_regular(struct member member, size_t tband, size_t n, const double *factor,
                                 const double *diagonal, double *shared)
{
    double bad = 0;

    for (team_share(member, i, n)) {
        if (!is_regular_pivot(factor[linalg_tile_index(tband, i, i)], diagonal[i])) bad = 1;
    }
    return team_largest(member, bad, shared) == 0;
}

/* Copies the solution x[wave][spec] to deconvolved[spec][wave]. */
TEAM_BODY void banded_deconvolved(struct member member, size_t nspec, size_t nwave, const double *x,
                                  double *deconvolved)
{
    for (team_share(member, wave, nwave)) {
        for (size_t spec = 0; spec < nspec; spec++) deconvolved[spec * nwave + wave] = x[wave * nspec + spec];
    }
    team_sync(member);
}

#endif
