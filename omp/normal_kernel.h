/* The normal equations of a patch: the body that every backend runs, for the members of a team. */
#ifndef UNSPOT_OMP_NORMAL_KERNEL_H
#define UNSPOT_OMP_NORMAL_KERNEL_H

#include <stdbool.h>
#include <stddef.h>

#include "omp/normal.h"
#include "omp/overlap_kernel.h"

/* Whether all rows of a spot that are on the CCD are rows of the patch. */
TEAM_BODY bool normal_is_inside(const struct patch *patch, const struct spots *spots,
                                const struct pixels *pixels, size_t spot)
{
    int row = spots->row[spot];

    return max_int(row, 0) >= patch->row_min &&
           min_int(row + (int)spots->ny, (int)pixels->ny) <= patch->row_max;
}

/* Column (wave, spec1) of M from the overlaps of its spot. */
TEAM_BODY void normal_scatter(const struct normal *normal, const struct overlaps *overlaps, const double *sum,
                              size_t wave, size_t spec1)
{
    size_t nspec = normal->nspec, reach = overlaps->reach;
    size_t first = spec1 > reach ? spec1 - reach : 0,
           last = spec1 + reach < nspec ? spec1 + reach : nspec - 1;
    double *block = normal->block + wave * (normal->band + 1) * nspec * nspec + spec1;

    for (size_t d = 0; d <= normal->band && wave + d < normal->nwave; d++) {
        const double *from = sum + d;

        for (size_t spec2 = d == 0 ? spec1 : first; spec2 <= last; spec2++) {
            block[(d * nspec + spec2) * nspec] = from[(spec2 + reach - spec1) * (overlaps->band + 1)];
            if (d == 0)
                normal->block[(wave * (normal->band + 1) * nspec + spec1) * nspec + spec2] =
                    from[(spec2 + reach - spec1) * (overlaps->band + 1)];
        }
    }
}

/* Fills a placed *normal, see normal_sum(). own: [2 reach + 1][band + 1] */
TEAM_BODY void normal_fill(struct member member, const struct normal *normal, const struct patch *patch,
                           const struct overlaps *overlaps, const struct spots *spots,
                           const struct pixels *pixels, const struct overlap_scratch *scratch, double *own)
{
    const size_t nspec = normal->nspec, size = overlaps_pairs(overlaps->band, overlaps->reach);

    team_zero(member, normal_block_count(nspec, normal->nwave, normal->band), normal->block);
    for (size_t wave = 0; wave < normal->nwave; wave++) {
        for (size_t spec = 0; spec < nspec; spec++) {
            size_t spot = (patch->spec + spec) * spots->nwave + patch->wave + wave, i = wave * nspec + spec;
            struct spot_sums sums = {overlaps->y[spot], overlaps->weight[spot], overlaps->masked[spot]};
            const double *sum = overlaps->sum + spot * size;
            bool is_inside = normal_is_inside(patch, spots, pixels, spot);

            if (!is_inside) {
                sums = overlaps_of_spot(member, overlaps, spots, pixels, patch->spec + spec,
                                        patch->wave + wave, patch->row_min, patch->row_max, scratch, own);
                sum = own;
            }
            if (i % (size_t)member.count == (size_t)member.index) { /* each has spots of its own */
                normal->y[i] = sums.y;
                normal->weight[i] = sums.weight;
                normal->masked[i] = sums.masked;
                normal_scatter(normal, overlaps, sum, wave, spec);
            }
            if (!is_inside) team_sync(member);
        }
    }
    team_sync(member);
}

#endif
