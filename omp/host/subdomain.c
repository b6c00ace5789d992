#include "omp/host/subdomain.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "omp/decorrelate.h"
#include "omp/kernels/decorrelate.h"
#include "omp/solver.h"

/* The subdomain's system as the linear algebra sees it. */
static struct linalg_band subdomain_band(const struct bundle_solver *solver,
                                         const struct subdomain *subdomain)
{
    return (struct linalg_band){.batch = 1,
                                .n = subdomain->nspec * solver->nwave,
                                .tband = subdomain->tband,
                                .matrix = subdomain->l,
                                .x = subdomain->x};
}

/* Fills subdomain->l with M of the subdomain's spectra and the prior, in wavelength-major tiles. */
static void fill_matrix(const struct bundle_solver *solver, const struct overlaps *overlaps,
                        const struct subdomain *subdomain)
{
    size_t nspec = subdomain->nspec, nwave = solver->nwave, n = nspec * nwave,
           halfwidth = overlaps->spec_halfwidth;
    size_t tband = subdomain->tband;

    memset(subdomain->l, 0, linalg_band_size(n, tband) * sizeof(double));
    for (size_t wave = 0; wave < nwave; wave++) {
        for (size_t s1 = 0; s1 < nspec; s1++) {
            size_t column = wave * nspec + s1;

            for (size_t s2 = s1 > halfwidth ? s1 - halfwidth : 0; s2 < nspec && s2 <= s1 + halfwidth; s2++) {
                const double *sum = overlaps_with(overlaps, subdomain->first + s1, wave, s2 + halfwidth - s1);

                for (size_t d = s2 < s1 ? 1 : 0; d <= overlaps->wave_halfwidth && wave + d < nwave; d++) {
                    size_t row = (wave + d) * nspec + s2;

                    subdomain->l[linalg_tile_index(tband, row, column)] = sum[d];
                    if (row / LINALG_TILE == column / LINALG_TILE)
                        subdomain->l[linalg_tile_index(tband, column, row)] = sum[d];
                }
            }
            subdomain->l[linalg_tile_index(tband, column, column)] +=
                solver->prior[(subdomain->first + s1) * nwave + wave];
        }
    }
    for (size_t i = n; i < LINALG_TILE * linalg_band_ntile(n); i++)
        subdomain->l[linalg_tile_index(tband, i, i)] = 1;
}

bool subdomain_factor(const struct bundle_solver *solver, const struct overlaps *overlaps,
                      const struct subdomain *subdomain)
{
    const struct linalg_band band = subdomain_band(solver, subdomain);
    size_t nspec = subdomain->nspec;
    int info;

    fill_matrix(solver, overlaps, subdomain);
    if (linalg_band_cholesky(solver->linalg, &band, &info) != 0) return false;
    for (size_t i = 0; i < nspec * solver->nwave; i++) {
        size_t spec = subdomain->first + i % nspec, wave = i / nspec;
        double diagonal =
            overlaps_diagonal(overlaps, spec, wave) + solver->prior[spec * solver->nwave + wave];

        if (!is_regular_pivot(subdomain->l[linalg_tile_index(subdomain->tband, i, i)], diagonal))
            return false;
    }
    return true;
}

void subdomain_invert(struct bundle_solver *solver, const struct subdomain *subdomain, size_t band, double *x,
                      size_t first, size_t last)
{
    size_t nspec = subdomain->nspec, nwave = solver->nwave, thread = (size_t)omp_get_thread_num();
    size_t zband = max_size(subdomain->tband, tiles_below(band, nspec, 0));
    double *inverse = solver->inverse + thread * solver->inverse_size;
    const struct inverse_tiles tiles = {inverse, zband, nspec, nwave};
    struct linalg_band system = subdomain_band(solver, subdomain);
    int info = 1;

    system.zband = zband;
    system.inverse = inverse;
    system.x = x;
    linalg_band_inverse(solver->linalg, &system, solver->work + thread * solver->work_bytes,
                        solver->work_bytes, &info);
    for (size_t s = max_size(first, subdomain->core_first); s < min_size(last, subdomain->core_last); s++) {
        double *c =
            solver->c + s * (decorrelate_band(solver->wave_halfwidth, solver->half, true) + 1) * nwave;

        if (solver->solved[s]) continue;
        decorrelate_diagonals(team_of_one(), &tiles, s - subdomain->first, band, c);
        if (info != 0) c[0] = NAN; /* linalg_band_root() then finds no root */
    }
}

void subdomain_load(const struct bundle_solver *solver, const struct subdomain *subdomain)
{
    size_t nspec = subdomain->nspec, n = nspec * solver->nwave;

    for (size_t i = 0; i < LINALG_TILE * linalg_band_ntile(n); i++) {
        subdomain->x[i] =
            i < n ? solver->residual[(subdomain->first + i % nspec) * solver->nwave + i / nspec] : 0;
    }
}

double subdomain_add(struct bundle_solver *solver, const struct overlaps *overlaps,
                     const struct subdomain *subdomain)
{
    size_t nwave = solver->nwave;
    double largest = 0;

    for (size_t s = subdomain->core_first; s < subdomain->core_last; s++) {
        for (size_t w = 0; w < nwave; w++) {
            double change = subdomain->x[w * subdomain->nspec + s - subdomain->first];

            solver->x[s * nwave + w] += change;
            largest = fmax(largest, fabs(change) * sqrt(overlaps_diagonal(overlaps, s, w)));
            if (!isfinite(change)) largest = INFINITY;
        }
    }
    return largest;
}

double subdomain_correct(struct bundle_solver *solver, const struct overlaps *overlaps,
                         const struct subdomain *subdomain)
{
    const struct linalg_band band = subdomain_band(solver, subdomain);
    int info;

    subdomain_load(solver, subdomain);
    linalg_band_solve(solver->linalg, &band, &info);
    return subdomain_add(solver, overlaps, subdomain);
}
