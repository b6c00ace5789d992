/* The overlaps of one spot with others, computed by the 32 members of a part of a team on a device, as
 * omp/kernels/overlap.h does by a single thread. Each member has every 32nd pixel of the spot in its
 * registers, and neighbouring members read neighbouring pixels of the other spots. */
#ifndef UNSPOT_OMP_KERNELS_OVERLAP_LANES_H
#define UNSPOT_OMP_KERNELS_OVERLAP_LANES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/team.h"
#include "omp/kernels/overlap.h"

enum {
    LANE_PIXELS = 6, /* pixels of a member at a time: DESI's spots have 11 x 17 pixels, 5.8 times 32 */
    LANE_EXCHANGE = TEAM_SIZE * TEAM_SUMS /* doubles through which a team exchanges sums */
};

/* A member's pixels of a weighted spot. Pixels that do not count have the weight 0. */
struct lane_pixels {
    int row[LANE_PIXELS], column[LANE_PIXELS]; /* of the spot */
    double weighed[LANE_PIXELS];
};

/* The sums over a member's own pixels from which overlap_sums() makes those of the spot. */
struct lane_sums {
    double y, weight, usable, count;
};

/* Multiplies the pixels first + lane, first + lane + 32, ... of a spot by their inverse variances, 0 outside
 * the rows asked for, and adds them to *sums. */
TEAM_BODY void lane_weigh(struct member lane, const struct bundle_view *bundle, const struct spot_place *at,
                          int first, struct lane_pixels *own, struct lane_sums *sums)
{
    const struct spots *spots = bundle->spots;
    const struct pixels *pixels = bundle->pixels;
    const size_t spot = spot_number(spots, at);
    const int nx = (int)spots->nx, column0 = spots->column[spot], row0 = spots->row[spot];
    const double *value = spots->value + spot * spots->nx * spots->ny;
    const int row_min = max_int(at->row_min, 0),
              row_max = min_int(min_int(at->row_max, (int)pixels->ny), row0 + (int)spots->ny);

    DEVICE_UNROLL
    for (int k = 0; k < LANE_PIXELS; k++) {
        const int p = first + lane.index + k * TEAM_WARP, row = p / nx, column = p - row * nx;
        const bool is_in = row0 + row >= row_min && row0 + row < row_max && column0 + column >= 0 &&
                           column0 + column < (int)pixels->nx;
        const ptrdiff_t pixel =
            is_in ? (ptrdiff_t)(row0 + row) * (ptrdiff_t)pixels->nx + column0 + column : 0;
        const double a = is_in ? value[p] : 0, w = is_in ? (double)pixels->ivar[pixel] : 0;

        own->row[k] = row;
        own->column[k] = column;
        own->weighed[k] = w * a;
        sums->y += own->weighed[k] * (double)pixels->image[pixel];
        sums->weight += own->weighed[k];
        sums->usable += w > 0 ? a : 0;
        sums->count += w > 0;
    }
}

/* The sum of Σ w A_1 A_2 over a member's own pixels among those that the spot shares with another. */
TEAM_BODY double lane_overlap(const struct spots *spots, const struct lane_pixels *own, size_t spot,
                              size_t other, int first)
{
    const int nx = (int)spots->nx, ny = (int)spots->ny;
    const int rows = spots->row[other] - spots->row[spot],
              columns = spots->column[other] - spots->column[spot];
    const double *value =
        spots->value + (ptrdiff_t)(other * spots->nx * spots->ny) - ((ptrdiff_t)rows * nx + columns) + first;
    double sum = 0;

    DEVICE_UNROLL
    for (int k = 0; k < LANE_PIXELS; k++) {
        const unsigned row = (unsigned)(own->row[k] - rows), column = (unsigned)(own->column[k] - columns);

        if (row < (unsigned)ny && column < (unsigned)nx) sum += own->weighed[k] * value[k * TEAM_WARP];
    }
    return sum;
}

/* Does what overlaps_of_spot() does. All parts of a team must come here together; one that has no spot of its
 * own passes another's with stores = false, and its overlaps are not stored. Every member gets the result.
 * exchange: [32 members][TEAM_SUMS] of this part. */
TEAM_BODY struct spot_sums overlaps_by_lanes(struct member lane, const struct bundle_view *bundle,
                                             const struct spot_place *at, bool stores, double *exchange,
                                             double *sum)
{
    const struct spots *spots = bundle->spots;
    const struct overlaps *overlaps = bundle->overlaps;
    const size_t width = 2 * overlaps->spec_halfwidth + 1, count = overlaps->wave_halfwidth + 1,
                 spec = at->spec, wave = at->wave, spot = spot_number(spots, at);
    const int npix = (int)(spots->nx * spots->ny);
    struct lane_sums sums = {0};

    for (int first = 0; first < npix; first += LANE_PIXELS * TEAM_WARP) {
        struct lane_pixels own;

        lane_weigh(lane, bundle, at, first, &own, &sums);
        for (size_t r = 0; r < width; r++) {
            const size_t other = spec + r - overlaps->spec_halfwidth;
            const bool exists = spec + r >= overlaps->spec_halfwidth && other < spots->nspec;

            for (size_t d0 = 0; d0 < count; d0 += TEAM_SUMS) {
                const size_t d = d0 + (size_t)lane.index;
                double part[TEAM_SUMS], total;

                DEVICE_UNROLL
                for (size_t e = 0; e < TEAM_SUMS; e++) {
                    const size_t far = d0 + e;
                    const bool is_pair =
                        exists && far < count && wave + far < spots->nwave &&
                        (far > 0 || r >= overlaps->spec_halfwidth); /* at distance 0 the lower triangle */

                    part[e] = is_pair ? lane_overlap(spots, &own, spot, other * spots->nwave + wave + far,
                                                     first + lane.index)
                                      : 0;
                }
                total = team_sums(lane, part, exchange);
                if (stores && lane.index < TEAM_SUMS && d < count) {
                    sum[r * count + d] = first == 0 ? total : sum[r * count + d] + total;
                }
            }
        }
    }
    sums.y = team_sum(lane, sums.y, exchange);
    sums.weight = team_sum(lane, sums.weight, exchange);
    sums.usable = team_sum(lane, sums.usable, exchange);
    sums.count = team_sum(lane, sums.count, exchange);
    return overlap_sums(spots, sums.y, sums.weight, sums.usable, (size_t)sums.count);
}

#endif
