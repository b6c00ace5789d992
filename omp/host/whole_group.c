#include "omp/host/whole_group.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "omp/resolve.h"
#include "omp/solver.h"

enum { TILE = LINALG_TILE };

/* M of the group's spectra, with the prior, in wavelength-major tiles. */
static void fill_group(const struct whole *whole, const struct overlaps *overlaps,
                       const struct whole_group *group)
{
    size_t nspec = group->nspec, nwave = whole->nwave, n = nspec * nwave, reach = overlaps->reach;
    size_t tband = group->tband;

    memset(group->l, 0, linalg_band_size(n, tband) * sizeof(double));
    for (size_t wave = 0; wave < nwave; wave++) {
        for (size_t s1 = 0; s1 < nspec; s1++) {
            size_t column = wave * nspec + s1;

            for (size_t s2 = s1 > reach ? s1 - reach : 0; s2 < nspec && s2 <= s1 + reach; s2++) {
                const double *sum = overlaps_with(overlaps, group->first + s1, wave, s2 + reach - s1);

                for (size_t d = s2 < s1 ? 1 : 0; d <= overlaps->band && wave + d < nwave; d++) {
                    size_t row = (wave + d) * nspec + s2;

                    group->l[linalg_tile_index(tband, row, column)] = sum[d];
                    if (row / TILE == column / TILE) group->l[linalg_tile_index(tband, column, row)] = sum[d];
                }
            }
            group->l[linalg_tile_index(tband, column, column)] +=
                whole->prior[(group->first + s1) * nwave + wave];
        }
    }
    for (size_t i = n; i < TILE * linalg_band_ntile(n); i++) group->l[linalg_tile_index(tband, i, i)] = 1;
}

bool whole_group_factor(const struct whole *whole, const struct overlaps *overlaps,
                        const struct whole_group *group)
{
    size_t nspec = group->nspec;
    int info;

    fill_group(whole, overlaps, group);
    if (linalg_band_cholesky(whole->linalg, nspec * whole->nwave, group->tband, group->l, group->x, 1,
                             &info) != 0)
        return false;
    for (size_t i = 0; i < nspec * whole->nwave; i++) {
        size_t spec = group->first + i % nspec, wave = i / nspec;
        double diagonal = overlaps_diagonal(overlaps, spec, wave) + whole->prior[spec * whole->nwave + wave];

        if (!is_regular_pivot(group->l[linalg_tile_index(group->tband, i, i)], diagonal)) return false;
    }
    return true;
}

void whole_group_invert(struct whole *whole, const struct whole_group *group, size_t band, double *x,
                        size_t first, size_t last)
{
    size_t nspec = group->nspec, nwave = whole->nwave, thread = (size_t)omp_get_thread_num();
    size_t zband = max_size(group->tband, tiles_below(band, nspec, 0));
    double *inverse = whole->inverse + thread * whole->inverse_size;
    int info = 1;

    linalg_band_inverse(whole->linalg, nspec * nwave, group->tband, zband, group->l, inverse, x, 1,
                        whole->work + thread * whole->work_bytes, whole->work_bytes, &info);
    for (size_t s = max_size(first, group->core_first); s < min_size(last, group->core_last); s++) {
        double *c = whole->c + s * (resolve_band(whole->band, whole->half, true) + 1) * nwave;

        if (whole->solved[s]) continue;
        resolve_diagonals(inverse, zband, nspec, nwave, s - group->first, band, c);
        if (info != 0) c[0] = NAN; /* no root then */
    }
}

void whole_group_load(const struct whole *whole, const struct whole_group *group)
{
    size_t nspec = group->nspec, n = nspec * whole->nwave;

    for (size_t i = 0; i < TILE * linalg_band_ntile(n); i++) {
        group->x[i] = i < n ? whole->residual[(group->first + i % nspec) * whole->nwave + i / nspec] : 0;
    }
}

double whole_group_add(struct whole *whole, const struct overlaps *overlaps, const struct whole_group *group)
{
    size_t nwave = whole->nwave;
    double largest = 0;

    for (size_t s = group->core_first; s < group->core_last; s++) {
        for (size_t w = 0; w < nwave; w++) {
            double change = group->x[w * group->nspec + s - group->first];

            whole->x[s * nwave + w] += change;
            largest = fmax(largest, fabs(change) * sqrt(overlaps_diagonal(overlaps, s, w)));
            if (!isfinite(change)) largest = INFINITY;
        }
    }
    return largest;
}

double whole_group_correct(struct whole *whole, const struct overlaps *overlaps,
                           const struct whole_group *group)
{
    int info;

    whole_group_load(whole, group);
    linalg_band_solve(whole->linalg, group->nspec * whole->nwave, group->tband, group->l, group->x, 1, &info);
    return whole_group_add(whole, overlaps, group);
}
