/* Spots and overlaps of bundles on the device. */
#include <omp.h>

#include "base/minmax.h"
#include "omp/offload.h"
#include "omp/spot_kernel.h"

bool offload_spots(struct offload *offload, const struct offload_bundle *bundle, size_t nbundle,
                   double wave_min, double wave_step)
{
    const struct spots *all = offload->bundle_spots;
    struct spot_scratch *scratch = offload->spot_scratch;
    const size_t nwave = offload->sizes.nwave, count = nbundle * nwave;
    const int teams = offload_teams(offload, count), team = offload->device->team_size;

    for (size_t b = 0; b < nbundle; b++) {
        spots_place(&offload->host_bundle_spots[b], bundle[b].specmin, bundle[b].nspec, wave_min, wave_step,
                    nwave);
        offload->host_bundle_overlaps[b].nspec = bundle[b].nspec;
        offload->host_bundle_overlaps[b].nwave = nwave;
        offload->host_bundle_overlaps[b].band = offload->sizes.band;
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

/* The sums of spot number `spot` of its bundle. */
TEAM_BODY void sum_spot(struct member member, const struct overlaps *overlaps, const struct spots *spots,
                        const struct pixels *pixels, size_t spot, double *memory, double *shared)
{
    const size_t npair = overlaps_pairs(overlaps->band, overlaps->reach);
    double *own;
    const struct overlap_scratch scratch = offload_place_scratch(spots, npair, memory, shared, &own);
    const struct spot_sums sums =
        overlaps_of_spot(member, overlaps, spots, pixels, spot / spots->nwave, spot % spots->nwave, 0,
                         (int)pixels->ny, &scratch, overlaps->sum + spot * npair);

    if (member.index == 0) overlaps_store(overlaps, spots, pixels, spot, sums);
}

bool offload_overlaps(struct offload *offload, size_t nbundle)
{
    const struct spots *all_spots = offload->bundle_spots;
    const struct overlaps *all_overlaps = offload->bundle_overlaps;
    const float *image = offload->pixels.image, *ivar = offload->pixels.ivar;
    const size_t nx = offload->pixels.nx, ny = offload->pixels.ny;
    double *memory = offload->overlap_scratch, *shared = offload->team_shared;
    const size_t memory_size = offload_overlap_scratch(&offload->sizes, &offload->spots);
    const size_t nspot = offload->sizes.bundle_nspec * offload->sizes.nwave, count = nbundle * nspot;
    const int teams = offload_teams(offload, count), team = offload->device->team_size;

#pragma omp target teams num_teams(teams) thread_limit(team)                                                 \
    is_device_ptr(all_spots, all_overlaps, image, ivar, memory, shared)
#pragma omp parallel num_threads(team)
    for (size_t k = (size_t)omp_get_team_num(); k < count; k += (size_t)omp_get_num_teams()) {
        const struct spots *spots = all_spots + k / nspot;
        const struct pixels pixels = {nx, ny, image, ivar};
        const size_t slot = (size_t)omp_get_team_num();

        if (k % nspot >= spots->nspec * spots->nwave) continue; /* a smaller bundle */
        sum_spot(team_member(), all_overlaps + k / nspot, spots, &pixels, k % nspot,
                 memory + slot * memory_size, shared + slot * TEAM_SIZE);
    }
    return device_download(offload->host_masked, offload->masked, count * sizeof(double)) &&
           device_download(offload->host_off_ccd, offload->off_ccd, count * sizeof(bool));
}
