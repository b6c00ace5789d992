/* Evaluates the spots and overlaps of bundles on the device. */
#include <omp.h>

#include "omp/kernels/overlap_lanes.h"
#include "omp/kernels/spot.h"
#include "omp/offload.h"

bool offload_spots(struct offload *offload, const struct span *bundle, size_t nbundle, double wave_min,
                   double wave_step)
{
    const struct spots *all = offload->bundle_spots;
    struct spot_scratch *scratch = offload->spot_scratch;
    const size_t nwave = offload->sizes.bundle.nwave, count = nbundle * nwave;
    const int teams = offload_teams(offload, count), team = offload->device->team_size;

    for (size_t b = 0; b < nbundle; b++) {
        spots_place(&offload->host_bundle_spots[b], bundle[b].first, bundle[b].count, wave_min, wave_step,
                    nwave);
        offload->host_bundle_overlaps[b].nspec = bundle[b].count;
        offload->host_bundle_overlaps[b].nwave = nwave;
        offload->host_bundle_overlaps[b].wave_halfwidth = offload->sizes.bundle.wave_halfwidth;
    }
    if (!device_upload(offload->bundle_spots, offload->host_bundle_spots, nbundle * sizeof(struct spots)) ||
        !device_upload(offload->bundle_overlaps, offload->host_bundle_overlaps,
                       nbundle * sizeof(struct overlaps))) {
        return false;
    }
#pragma omp target teams num_teams(teams) thread_limit(team) is_device_ptr(all, scratch)
#pragma omp parallel num_threads(team)
    for (size_t k = (size_t)omp_get_team_num(); k < count; k += (size_t)omp_get_num_teams()) {
        const struct spots *spots = all + k / nwave;

        if (k % nwave == 0) spots_clear_pads(team_member(), spots);
        spots_at(team_member(), spots, k % nwave, scratch + omp_get_team_num());
    }
    return true;
}

/* Wavelengths of one spectrum that a team takes one after another: they read much of the same spots. */
enum { RUN = 32 };

/* Sums the overlaps of a run of wavelengths of one spectrum by a single member. scratch:
 * offload_overlap_scratch() */
TEAM_BODY void sum_run_alone(const struct bundle_view *bundle, size_t spec, struct span waves,
                             double *scratch)
{
    const struct overlaps *overlaps = bundle->overlaps;
    const size_t npair = overlaps_pairs(overlaps->wave_halfwidth, overlaps->spec_halfwidth);

    for (size_t wave = waves.first; wave < span_end(waves); wave++) {
        const struct spot_place at = {spec, wave, 0, (int)bundle->pixels->ny};
        const size_t spot = spot_number(bundle->spots, &at);

        overlaps_store(bundle, spot, overlaps_of_spot(bundle, &at, scratch, overlaps->sum + spot * npair));
    }
}

/* The same by a team of TEAM_SIZE members, whose parts take one spot each. Where no spots are left they
 * repeat the last one and do not store it. */
TEAM_BODY void sum_run(struct member member, const struct bundle_view *bundle, size_t spec, struct span waves,
                       double *scratch)
{
    const struct member lane = team_part(member, TEAM_WARP);
    const size_t part = (size_t)(member.index / TEAM_WARP), parts = TEAM_SIZE / TEAM_WARP;
    const struct overlaps *overlaps = bundle->overlaps;
    const size_t npair = overlaps_pairs(overlaps->wave_halfwidth, overlaps->spec_halfwidth);

    for (size_t wave = waves.first; wave < span_end(waves); wave += parts) {
        const bool is_one = wave + part < span_end(waves);
        const struct spot_place at = {spec, is_one ? wave + part : span_end(waves) - 1, 0,
                                      (int)bundle->pixels->ny};
        const size_t spot = spot_number(bundle->spots, &at);
        const struct spot_sums sums = overlaps_by_lanes(
            lane, bundle, &at, is_one, scratch + part * TEAM_WARP * TEAM_SUMS, overlaps->sum + spot * npair);

        if (lane.index == 0 && is_one) overlaps_store(bundle, spot, sums);
    }
}

bool offload_overlaps(struct offload *offload, size_t nbundle)
{
    const struct spots *all_spots = offload->bundle_spots;
    const struct overlaps *all_overlaps = offload->bundle_overlaps;
    const float *image = offload->pixels.image, *ivar = offload->pixels.ivar;
    const size_t nx = offload->pixels.nx, ny = offload->pixels.ny;
    double *memory = offload->overlap_scratch;
    const size_t memory_size = offload_overlap_scratch(&offload->sizes, &offload->spots);
    const size_t nspec = offload->sizes.bundle.nspec, nwave = offload->sizes.bundle.nwave,
                 count = nbundle * nspec * nwave;
    const size_t nrun = (nwave + RUN - 1) / RUN, runs = nbundle * nspec * nrun;
    const int teams = offload_teams(offload, runs), team = offload->device->team_size;

#pragma omp target teams num_teams(teams) thread_limit(team)                                                 \
    is_device_ptr(all_spots, all_overlaps, image, ivar, memory)
#pragma omp parallel num_threads(team)
    for (size_t k = (size_t)omp_get_team_num(); k < runs; k += (size_t)omp_get_num_teams()) {
        const size_t number = k / (nspec * nrun), spec = k % nspec, first = k / nspec % nrun * RUN;
        const struct span waves = span_between(first, first + RUN < nwave ? first + RUN : nwave);
        const struct pixels pixels = {nx, ny, image, ivar};
        const struct bundle_view bundle = {all_spots + number, all_overlaps + number, &pixels};
        double *scratch = memory + (size_t)omp_get_team_num() * memory_size;

        if (spec >= bundle.spots->nspec) continue; /* the bundle has fewer spectra */
        if (team_member().count == 1)
            sum_run_alone(&bundle, spec, waves, scratch);
        else
            sum_run(team_member(), &bundle, spec, waves, scratch);
    }
    return device_download(offload->host_pixmask_fraction, offload->pixmask_fraction,
                           count * sizeof(double)) &&
           device_download(offload->host_off_ccd, offload->off_ccd, count * sizeof(bool));
}
