/* The normal equations of a patch, from the overlaps of its bundle. A single thread runs
 * normal_equations_fill(), a team on a device normal_equations_fill_by_lanes(). */
#ifndef UNSPOT_OMP_KERNELS_NORMAL_EQUATIONS_H
#define UNSPOT_OMP_KERNELS_NORMAL_EQUATIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "omp/kernels/overlap_lanes.h"
#include "omp/normal_equations.h"

/* Whether all rows of spot number `spot` that are on the CCD are rows of the patch. */
TEAM_BODY bool normal_equations_is_inside(const struct patch *patch, const struct bundle_view *bundle,
                                          size_t spot)
{
    int row = bundle->spots->row[spot];

    return max_int(row, 0) >= patch->row_min &&
           min_int(row + (int)bundle->spots->ny, (int)bundle->pixels->ny) <= patch->row_max;
}

/* Copies column (wave, spec1) of M from the overlaps of its spot, sum[r][distance] as in struct overlaps. */
TEAM_BODY void normal_equations_scatter(const struct normal_equations *normal,
                                        const struct overlaps *overlaps, const double *sum, size_t wave,
                                        size_t spec1)
{
    size_t nspec = normal->nspec, spec_halfwidth = overlaps->spec_halfwidth;
    size_t first = spec1 > spec_halfwidth ? spec1 - spec_halfwidth : 0,
           last = spec1 + spec_halfwidth < nspec ? spec1 + spec_halfwidth : nspec - 1;
    double *block = normal->block + wave * (normal->wave_halfwidth + 1) * nspec * nspec + spec1;

    for (size_t d = 0; d <= normal->wave_halfwidth && wave + d < normal->nwave; d++) {
        const double *from = sum + d;

        for (size_t spec2 = d == 0 ? spec1 : first; spec2 <= last; spec2++) {
            block[(d * nspec + spec2) * nspec] =
                from[(spec2 + spec_halfwidth - spec1) * (overlaps->wave_halfwidth + 1)];
            if (d == 0)
                normal->block[(wave * (normal->wave_halfwidth + 1) * nspec + spec1) * nspec + spec2] =
                    from[(spec2 + spec_halfwidth - spec1) * (overlaps->wave_halfwidth + 1)];
        }
    }
}

/* The same by the members of a part of a team, of whom each copies some of the overlaps. */
TEAM_BODY void normal_equations_scatter_by_lanes(struct member lane, const struct normal_equations *normal,
                                                 const struct overlaps *overlaps, const double *sum, int wave,
                                                 int spec1)
{
    const int nspec = (int)normal->nspec, spec_halfwidth = (int)overlaps->spec_halfwidth,
              count = (int)overlaps->wave_halfwidth + 1;
    double *block = normal->block + (size_t)wave * (normal->wave_halfwidth + 1) * (size_t)(nspec * nspec);

    for (int p = lane.index; p < (2 * spec_halfwidth + 1) * count; p += lane.count) {
        const int r = p / count, d = p - r * count, spec2 = spec1 + r - spec_halfwidth;

        if (spec2 < 0 || spec2 >= nspec || d > (int)normal->wave_halfwidth || wave + d >= (int)normal->nwave)
            continue;
        if (d == 0 && spec2 < spec1) continue;
        block[(d * nspec + spec2) * nspec + spec1] = sum[p];
        if (d == 0) block[spec1 * nspec + spec2] = sum[p];
    }
}

/* Fills *normal, which has been placed, as normal_equations_sum() does. scratch:
 * normal_equations_scratch_size() doubles. */
TEAM_BODY void normal_equations_fill(const struct normal_equations *normal, const struct patch *patch,
                                     const struct bundle_view *bundle, double *scratch)
{
    const struct spots *spots = bundle->spots;
    const struct overlaps *overlaps = bundle->overlaps;
    const size_t nspec = normal->nspec,
                 size = overlaps_pairs(overlaps->wave_halfwidth, overlaps->spec_halfwidth);
    double *own = scratch + overlaps_scratch_size(spots);

    memset(normal->block, 0,
           normal_equations_block_count(nspec, normal->nwave, normal->wave_halfwidth) * sizeof(double));
    for (size_t wave = 0; wave < normal->nwave; wave++) {
        for (size_t spec = 0; spec < nspec; spec++) {
            size_t spot = (patch->spec + spec) * spots->nwave + patch->wave + wave, i = wave * nspec + spec;
            struct spot_sums sums = {overlaps->y[spot], overlaps->weight[spot],
                                     overlaps->pixmask_fraction[spot]};
            const double *sum = overlaps->sum + spot * size;

            if (!normal_equations_is_inside(patch, bundle, spot)) {
                const struct spot_place at = {patch->spec + spec, patch->wave + wave, patch->row_min,
                                              patch->row_max};

                sums = overlaps_of_spot(bundle, &at, scratch, own);
                sum = own;
            }
            normal->y[i] = sums.y;
            normal->weight[i] = sums.weight;
            normal->pixmask_fraction[i] = sums.pixmask_fraction;
            normal_equations_scatter(normal, overlaps, sum, wave, spec);
        }
    }
}

/* The same by a team of TEAM_SIZE members, whose parts work on one spot each. exchange: [LANE_EXCHANGE]; own:
 * [part][2 spec_halfwidth + 1][wave_halfwidth + 1], for overlaps that are summed anew. */
TEAM_BODY void normal_equations_fill_by_lanes(struct member member, const struct normal_equations *normal,
                                              const struct patch *patch, const struct bundle_view *bundle,
                                              double *exchange, double *own)
{
    enum { PARTS = TEAM_SIZE / TEAM_WARP };
    const struct member lane = team_part(member, TEAM_WARP);
    const int part = member.index / TEAM_WARP, nspec = (int)normal->nspec, count = nspec * (int)normal->nwave;
    const struct overlaps *overlaps = bundle->overlaps;
    const size_t size = overlaps_pairs(overlaps->wave_halfwidth, overlaps->spec_halfwidth);
    const int nwave = (int)bundle->spots->nwave;

    exchange += part * TEAM_WARP * TEAM_SUMS;
    own += (size_t)part * size;
    team_zero(member, normal_equations_block_count(normal->nspec, normal->nwave, normal->wave_halfwidth),
              normal->block);
    for (int first = 0; first < count; first += PARTS) {
        const bool is_one = first + part < count; /* parts without a spot of their own repeat the last one */
        const int i = is_one ? first + part : count - 1, wave = i / nspec, spec = i - wave * nspec;
        const size_t spot = (size_t)(((int)patch->spec + spec) * nwave + (int)patch->wave + wave);
        struct spot_sums sums = {overlaps->y[spot], overlaps->weight[spot], overlaps->pixmask_fraction[spot]};
        const double *sum = overlaps->sum + spot * size;
        bool all_inside = true;

        for (int k = 0; k < PARTS; k++) { /* all parts take the same way */
            const int other = min_int(first + k, count - 1), other_wave = other / nspec;
            const int other_spec = (int)patch->spec + other - other_wave * nspec;

            all_inside &= normal_equations_is_inside(
                patch, bundle, (size_t)(other_spec * nwave + (int)patch->wave + other_wave));
        }
        if (!all_inside) {
            const struct spot_place at = {patch->spec + (size_t)spec, patch->wave + (size_t)wave,
                                          patch->row_min, patch->row_max};

            sums = overlaps_by_lanes(lane, bundle, &at, true, exchange, own);
            sum = own;
            team_sync(lane);
        }
        if (is_one && lane.index == 0) {
            normal->y[i] = sums.y;
            normal->weight[i] = sums.weight;
            normal->pixmask_fraction[i] = sums.pixmask_fraction;
        }
        if (is_one) normal_equations_scatter_by_lanes(lane, normal, overlaps, sum, wave, spec);
        if (!all_inside) team_sync(lane);
    }
    team_sync(member);
}

#endif
