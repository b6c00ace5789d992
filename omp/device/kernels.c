/* The kernels of a chunk. Teams take one patch, or one core spectrum, after another. */
#include <math.h>
#include <omp.h>

#include "omp/banded.h"
#include "omp/device/chunk.h"
#include "omp/kernels/banded.h"
#include "omp/kernels/decorrelate.h"
#include "omp/kernels/dense.h"
#include "omp/kernels/normal_equations.h"
#include "omp/kernels/quality.h"

/* Sums M and y of patch k, and fills its system in the form that its solver wants. slot: the number of the
 * team. */
TEAM_BODY void fill_patch(struct member member, const struct patch_chunk *chunk, size_t k, size_t slot)
{
    const size_t n = chunk->n, nspec = chunk->shape.nspec, nwave = chunk->shape.nwave;
    const struct bundle_view bundle = {chunk->spots + chunk->bundle[k], chunk->overlaps + chunk->bundle[k],
                                       &chunk->pixels};
    double *shared = chunk->shared + slot * TEAM_SIZE, *prior = chunk->prior + k * n, largest;
    double *scratch = chunk->overlap_scratch + slot * chunk->overlap_scratch_size;
    struct normal_equations normal;

    normal_equations_place(&normal, nspec, nwave, chunk->shape.wave_halfwidth,
                           chunk->normal + k * chunk->normal_bytes);
    if (member.count == 1) {
        normal_equations_fill(&normal, chunk->patch + k, &bundle, scratch);
    } else {
        normal_equations_fill_by_lanes(member, &normal, chunk->patch + k, &bundle, scratch,
                                       scratch + LANE_EXCHANGE);
    }
    largest = solver_prior(member, n, normal.weight, chunk->prior_rule, shared, prior);
    if (member.index == 0) chunk->results.largest[k] = largest;
    if (chunk->shape.dense) {
        const struct filled_system filled = {chunk->filled.matrix + k * n * n, chunk->filled.x + k * n,
                                             chunk->filled.diagonal + k * n};

        dense_expand(member, chunk->patch + k, &normal, prior, &filled);
    } else {
        const size_t tband = chunk->bandwidths.tband;
        const struct filled_system filled = {chunk->filled.matrix + k * linalg_band_size(n, tband),
                                             chunk->filled.x + k * chunk->rows,
                                             chunk->filled.diagonal + k * n};

        banded_fill(member, tband, &normal, prior, &filled);
    }
}

void chunk_fill(const struct patch_chunk *chunk, size_t npatch, struct launch launch)
{
    const int teams = launch.teams, team = launch.team;

#pragma omp target teams num_teams(teams) thread_limit(team) is_device_ptr(chunk)
#pragma omp parallel num_threads(team)
    for (size_t k = (size_t)omp_get_team_num(); k < npatch; k += (size_t)omp_get_num_teams()) {
        fill_patch(team_member(), chunk, k, (size_t)omp_get_team_num());
    }
}

/* Checks the banded factor of patch k, and gathers what the square roots need. */
TEAM_BODY void gather_banded(struct member member, const struct patch_chunk *chunk, size_t k, double *shared)
{
    const struct offload_shape *shape = &chunk->shape;
    const size_t n = chunk->n, nwave = shape->nwave, core = shape->core_nspec;
    const size_t c = chunk_band(chunk, chunk->patch + k);
    const struct inverse_tiles inverse = {chunk->inverse + k * linalg_band_size(n, chunk->bandwidths.zband),
                                          chunk->bandwidths.zband, shape->nspec, nwave};
    double *deconvolved = chunk->results.patch.deconvolved + k * n;
    const bool regular =
        banded_is_regular(member, chunk->bandwidths.tband, n,
                          chunk->filled.matrix + k * linalg_band_size(n, chunk->bandwidths.tband),
                          chunk->filled.diagonal + k * n, shared);

    if (member.index == 0) chunk->results.solved[k] = regular;
    banded_deconvolved(member, shape->nspec, nwave, chunk->filled.x + k * chunk->rows, deconvolved);
    for (size_t s = 0; s < core; s++) {
        size_t spec = chunk->patch[k].core_spec + s, system = k * core + s;

        decorrelate_diagonals(member, &inverse, spec, c, chunk_diagonals(chunk, system, c));
        decorrelate_vectors(member, nwave, deconvolved + spec * nwave,
                            chunk->spectra.vector + system * DECORRELATE_VECTORS * nwave);
    }
}

/* Checks the dense factor of patch k, and copies its solution. */
TEAM_BODY void gather_dense(struct member member, const struct patch_chunk *chunk, size_t k, double *shared)
{
    const size_t n = chunk->n;
    const bool regular =
        dense_is_regular(member, n, chunk->filled.matrix + k * n * n, chunk->filled.diagonal + k * n, shared);

    if (member.index == 0) chunk->results.solved[k] = regular;
    dense_deconvolved(member, chunk->patch + k, chunk->filled.x + k * n,
                      chunk->results.patch.deconvolved + k * n);
}

void chunk_gather(const struct patch_chunk *chunk, size_t npatch, struct launch launch)
{
    const int teams = launch.teams, team = launch.team;

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

/* Computes flux, ivar and R of one core spectrum, and whether they are precise. resolution: [ndiag][core
 * wave] */
TEAM_BODY void decorrelate_system(struct member member, const struct patch_chunk *chunk, size_t system,
                                  double *shared, double *resolution)
{
    const struct offload_shape *shape = &chunk->shape;
    const size_t k = system / shape->core_nspec, s = system % shape->core_nspec, nwave = shape->nwave;
    const size_t bins = shape->core_nwave;
    const struct patch *patch = chunk->patch + k;
    const struct patch_result *result = &chunk->results.patch;
    const struct spectrum_out out = {result->flux + system * bins, result->ivar + system * bins, resolution};
    bool good;

    if (shape->dense) { /* the row sums overwrite the patch's blocks of M, which are no longer needed */
        const struct dense_root root = {
            .q = chunk->dense_root + system * nwave * nwave,
            .x = result->deconvolved + k * chunk->n + (patch->core_spec + s) * nwave,
            .row_sum = (double *)(chunk->normal + k * chunk->normal_bytes) + s * nwave,
            .shared = shared};

        good = dense_decorrelate(member, patch, shape->ndiag, &root, out);
    } else {
        const struct linalg_root batch = chunk_root(chunk);
        const struct spectrum_root root = decorrelate_root(&batch, system);
        const struct span waves = {patch->core_wave, bins};

        good = decorrelate_spectrum(member, &root, waves, shared, out);
        good &= decorrelate_is_precise(member, &root, waves, nwave, banded_flux_error, shared);
    }
    if (member.index == 0) chunk->results.precise[system] = good;
    /* All members have waited for each other to agree on `good`, so that `resolution` is complete. */
    round_resolution(member, shape->ndiag * bins, resolution,
                     result->resolution + system * shape->ndiag * bins);
}

void chunk_decorrelate(const struct patch_chunk *chunk, size_t nsystem, struct launch launch)
{
    const int teams = launch.teams, team = launch.team;

#pragma omp target teams num_teams(teams) thread_limit(team) is_device_ptr(chunk)
#pragma omp parallel num_threads(team)
    for (size_t k = (size_t)omp_get_team_num(); k < nsystem; k += (size_t)omp_get_num_teams()) {
        const size_t slot = (size_t)omp_get_team_num();

        decorrelate_system(team_member(), chunk, k, chunk->shared + slot * TEAM_SIZE,
                           chunk->resolution + slot * chunk->shape.ndiag * chunk->shape.core_nwave);
    }
}

void chunk_quality(const struct patch_chunk *chunk, size_t npatch, struct launch launch)
{
    const int teams = launch.teams, team = launch.team;

#pragma omp target teams num_teams(teams) thread_limit(team) is_device_ptr(chunk)
#pragma omp parallel num_threads(team)
    for (size_t k = (size_t)omp_get_team_num(); k < npatch; k += (size_t)omp_get_num_teams()) {
        const struct offload_shape *shape = &chunk->shape;
        double *scratch = chunk->pixel_scratch + (size_t)omp_get_team_num() * 2 * shape->npix;

        const struct quality quality = {
            .patch = chunk->patch + k,
            .spots = chunk->spots + chunk->bundle[k],
            .pixels = &chunk->pixels,
            .psferr = chunk->psferr,
            .deconvolved = chunk->results.patch.deconvolved + k * chunk->n,
            .scratch = scratch,
            .exchange = chunk->overlap_scratch + (size_t)omp_get_team_num() * chunk->overlap_scratch_size,
            .chi2pix = chunk->results.patch.chi2pix + k * shape->core_nspec * shape->core_nwave};

        quality_of_patch(team_member(), &quality);
    }
}
