/* The kernels of a chunk: one team for each patch, or for each of its core spectra. */
#include <math.h>
#include <omp.h>

#include "omp/banded.h"
#include "omp/device/chunk.h"
#include "omp/kernels/banded.h"
#include "omp/kernels/decorrelate.h"
#include "omp/kernels/dense.h"
#include "omp/kernels/normal_equations.h"
#include "omp/kernels/quality.h"

/* M, y and the prior of patch k, in the form that its solver wants. */
TEAM_BODY void fill_patch(struct member member, const struct chunk *chunk, size_t k, size_t slot)
{
    const size_t n = chunk->n, nspec = chunk->shape.nspec, nwave = chunk->shape.nwave;
    const struct overlaps *overlaps = chunk->overlaps + chunk->bundle[k];
    const struct spots *spots = chunk->spots + chunk->bundle[k];
    double *shared = chunk->shared + slot * TEAM_SIZE, *prior = chunk->prior + k * n, largest;
    double *scratch = chunk->overlap_scratch + slot * chunk->overlap_scratch_size;
    struct normal_equations normal;

    normal_equations_place(&normal, nspec, nwave, chunk->shape.wave_halfwidth,
                           chunk->normal + k * chunk->normal_bytes);
    if (member.count == 1) {
        normal_equations_fill(&normal, chunk->patch + k, overlaps, spots, &chunk->pixels, scratch);
    } else {
        normal_equations_fill_by_lanes(member, &normal, chunk->patch + k, overlaps, spots, &chunk->pixels,
                                       scratch, scratch + LANE_EXCHANGE);
    }
    largest = solver_prior(member, n, normal.weight, chunk->regularize, shared, prior);
    if (member.index == 0) chunk->results.largest[k] = largest;
    if (chunk->shape.dense) {
        dense_expand(member, chunk->patch + k, &normal, prior, chunk->matrix + k * n * n, chunk->x + k * n,
                     chunk->diagonal + k * n);
    } else {
        banded_fill(member, chunk->bandwidths.tband, &normal, prior,
                    chunk->matrix + k * linalg_band_size(n, chunk->bandwidths.tband),
                    chunk->x + k * chunk->rows, chunk->diagonal + k * n);
    }
}

void chunk_fill(const struct chunk *chunk, size_t npatch, int teams, int team)
{
#pragma omp target teams num_teams(teams) thread_limit(team) is_device_ptr(chunk)
#pragma omp parallel num_threads(team)
    for (size_t k = (size_t)omp_get_team_num(); k < npatch; k += (size_t)omp_get_num_teams()) {
        fill_patch(team_member(), chunk, k, (size_t)omp_get_team_num());
    }
}

/* Whether the banded factor is good, and what the square roots need. */
TEAM_BODY void gather_banded(struct member member, const struct chunk *chunk, size_t k, double *shared)
{
    const struct offload_shape *shape = &chunk->shape;
    const size_t n = chunk->n, nwave = shape->nwave, core = shape->core_nspec;
    const size_t c = chunk_band(chunk, chunk->patch + k);
    const double *inverse = chunk->inverse + k * linalg_band_size(n, chunk->bandwidths.zband);
    double *deconvolved = chunk->deconvolved + k * n;
    const bool regular = banded_is_regular(member, chunk->bandwidths.tband, n,
                                           chunk->matrix + k * linalg_band_size(n, chunk->bandwidths.tband),
                                           chunk->diagonal + k * n, shared);

    if (member.index == 0) chunk->results.solved[k] = regular;
    banded_deconvolved(member, shape->nspec, nwave, chunk->x + k * chunk->rows, deconvolved);
    for (size_t s = 0; s < core; s++) {
        size_t spec = chunk->patch[k].core_spec + s, system = k * core + s;

        decorrelate_take_diagonals(member, inverse, chunk->bandwidths.zband, shape->nspec, nwave, spec, c,
                                   chunk_diagonals(chunk, system, c));
        decorrelate_make_vectors(member, nwave, deconvolved + spec * nwave,
                                 chunk->spectra.vector + system * DECORRELATE_VECTORS * nwave);
    }
}

TEAM_BODY void gather_dense(struct member member, const struct chunk *chunk, size_t k, double *shared)
{
    const size_t n = chunk->n;
    const bool regular =
        dense_is_regular(member, n, chunk->matrix + k * n * n, chunk->diagonal + k * n, shared);

    if (member.index == 0) chunk->results.solved[k] = regular;
    dense_deconvolved(member, chunk->patch + k, chunk->x + k * n, chunk->deconvolved + k * n);
}

void chunk_gather(const struct chunk *chunk, size_t npatch, int teams, int team)
{
#pragma omp target teams num_teams(teams) thread_limit(team) is_device_ptr(chunk)
#pragma omp parallel num_threads(team)
    for (size_t k = (size_t)omp_get_team_num(); k < npatch; k += (size_t)omp_get_num_teams()) {
        double *shared = chunk->shared + (size_t)omp_get_team_num() * TEAM_SIZE;

        if (chunk->shape.dense)
            gather_dense(team_member(), chunk, k, shared);
        else
            gather_banded(team_member(), chunk, k, shared);
    }
}

/* flux, ivar and R of one core spectrum, and whether they count. resolution: [ndiag][core wave] */
TEAM_BODY void decorrelate_system(struct member member, const struct chunk *chunk, size_t system,
                                  double *shared, double *resolution)
{
    const struct offload_shape *shape = &chunk->shape;
    const size_t k = system / shape->core_nspec, s = system % shape->core_nspec, nwave = shape->nwave;
    const size_t bins = shape->core_nwave;
    const struct patch *patch = chunk->patch + k;
    double *flux = chunk->results.flux + system * bins, *ivar = chunk->results.ivar + system * bins;
    float *rounded = chunk->results.resolution + system * shape->ndiag * bins;
    bool good;

    if (shape->dense) { /* the row sums go where the patch's y was */
        double *row_sum = (double *)(chunk->normal + k * chunk->normal_bytes) + s * nwave;

        good = dense_decorrelate(member, patch, shape->ndiag, chunk->dense_root + system * nwave * nwave,
                                 chunk->deconvolved + k * chunk->n + (patch->core_spec + s) * nwave, shared,
                                 row_sum, flux, ivar, resolution);
    } else {
        const struct linalg_root root = chunk_root(chunk);
        const struct spectrum_root spectrum = decorrelate_root(&root, system);

        good = decorrelate_make_spectrum(member, &spectrum, patch->core_wave, bins, shared, flux, ivar,
                                         resolution);
        good &=
            decorrelate_check(member, &spectrum, patch->core_wave, bins, nwave, banded_flux_error, shared);
    }
    if (member.index == 0) chunk->results.precise[system] = good;
    /* all have waited for all, to agree on `good` */
    for (team_share(member, i, shape->ndiag * bins)) rounded[i] = (float)resolution[i];
    team_sync(member);
}

void chunk_decorrelate(const struct chunk *chunk, size_t nsystem, int teams, int team)
{
#pragma omp target teams num_teams(teams) thread_limit(team) is_device_ptr(chunk)
#pragma omp parallel num_threads(team)
    for (size_t k = (size_t)omp_get_team_num(); k < nsystem; k += (size_t)omp_get_num_teams()) {
        const size_t slot = (size_t)omp_get_team_num();

        decorrelate_system(team_member(), chunk, k, chunk->shared + slot * TEAM_SIZE,
                           chunk->resolution + slot * chunk->shape.ndiag * chunk->shape.core_nwave);
    }
}

void chunk_quality(const struct chunk *chunk, size_t npatch, int teams, int team)
{
#pragma omp target teams num_teams(teams) thread_limit(team) is_device_ptr(chunk)
#pragma omp parallel num_threads(team)
    for (size_t k = (size_t)omp_get_team_num(); k < npatch; k += (size_t)omp_get_num_teams()) {
        const struct offload_shape *shape = &chunk->shape;
        double *scratch = chunk->pixel_scratch + (size_t)omp_get_team_num() * 2 * shape->npix;

        quality_of_patch(team_member(), chunk->patch + k, chunk->spots + chunk->bundle[k], &chunk->pixels,
                         chunk->deconvolved + k * chunk->n, chunk->psferr,
                         chunk->results.chi2pix + k * shape->core_nspec * shape->core_nwave, scratch,
                         chunk->overlap_scratch + (size_t)omp_get_team_num() * chunk->overlap_scratch_size);
    }
}
