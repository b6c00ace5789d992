/* The overlaps of one spot with others: the bodies that every backend runs, for one member of a team; devices
 * have overlap_lanes.h. */
#ifndef UNSPOT_OMP_KERNELS_OVERLAP_H
#define UNSPOT_OMP_KERNELS_OVERLAP_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/team.h"
#include "omp/kernels/footprint.h"
#include "omp/kernels/spot.h"
#include "omp/overlaps.h"

/* A row of the weighted spot stands between SPOT_LANES zeros on either side, so that a sum runs over whole
 * lanes: what it reads of the other spot beyond the shared columns meets a zero. */
TEAM_BODY size_t overlap_row(const struct spots *spots)
{
    return SPOT_LANES + spots->nx + SPOT_LANES;
}

/* Doubles of the scratch for one weighted spot. */
TEAM_BODY size_t overlaps_scratch_size(const struct spots *spots)
{
    return memory_round_up(overlap_row(spots) * spots->ny * sizeof(double)) / sizeof(double);
}

/* Light of a spot on the pixels of the CCD, usable or not. */
TEAM_BODY double light_on_ccd(const struct spots *spots, size_t spot, const struct pixels *pixels)
{
    const struct patch ccd = {.row_max = (int)pixels->ny, .column_max = (int)pixels->nx};
    const struct footprint foot = footprint_of(&ccd, spots, spot);
    const double *value = spots->value + spot * spots->nx * spots->ny;
    double light = 0;

    for (int row = foot.row_min; row < foot.row_max; row++) {
        const double *a = value + (row - foot.row) * (int)spots->nx - foot.column;

        for (int c = foot.column_min; c < foot.column_max; c++) light += a[c];
    }
    return light;
}

/* What the sums over a spot's pixels say of it. */
TEAM_BODY struct spot_sums overlap_sums(const struct spots *spots, double y, double weight, double usable,
                                        size_t count)
{
    const bool is_whole = count == spots->nx * spots->ny && usable > 0;

    return (struct spot_sums){
        .y = y, .weight = weight, .pixmask_fraction = is_whole ? 0 : fmax(0, 1 - usable)};
}

/* Puts a spot times the weights of its pixels into the scratch, those of the rows asked for. */
TEAM_BODY struct spot_sums overlap_weigh(const struct spots *spots, const struct pixels *pixels, size_t spot,
                                         int row_min, int row_max, double *scratch)
{
    int column = spots->column[spot], row0 = spots->row[spot];
    int first = max_int(0, -column), last = min_int((int)spots->nx, (int)pixels->nx - column);
    int row_first = max_int(row0, max_int(row_min, 0));
    int row_last = min_int(row0 + (int)spots->ny, min_int(row_max, (int)pixels->ny));
    size_t stride = overlap_row(spots);
    const double *value = spots->value + spot * spots->nx * spots->ny;
    double sum_y = 0, sum_weight = 0, usable = 0;
    size_t count = 0;

    memset(scratch, 0, spots->ny * stride * sizeof(double));
    for (int row = row_first; row < row_last; row++) {
        const double *a = value + (size_t)(row - row0) * spots->nx;
        double *wa = scratch + (size_t)(row - row0) * stride + SPOT_LANES;
        const float *image = pixels->image + (ptrdiff_t)row * (ptrdiff_t)pixels->nx + column;
        const float *ivar = pixels->ivar + (ptrdiff_t)row * (ptrdiff_t)pixels->nx + column;

#pragma omp simd reduction(+ : sum_y, sum_weight, usable, count)
        for (int c = first; c < last; c++) {
            double w = ivar[c];

            wa[c] = w * a[c];
            sum_y += wa[c] * (double)image[c];
            sum_weight += wa[c];
            usable += w > 0 ? a[c] : 0;
            count += w > 0;
        }
    }
    return overlap_sums(spots, sum_y, sum_weight, usable, count);
}

enum { OVERLAP_GROUPS = 3 }; /* lanes of columns at a time: DESI's 17 columns */

/* SPOT_LANES numbers, from any address: clang 19 does not make one register of a loop over so few. */
typedef double spot_lanes
    __attribute__((vector_size(SPOT_LANES * sizeof(double)), aligned(sizeof(double)), may_alias));

/* Where a weighted spot and another one meet: lanes beyond the shared columns must meet the zeros beside the
 * weighted rows: on their right where the other spot is shifted to the right, else on their left. */
struct overlap {
    int groups; /* of lanes; 0: they share no pixel */
    size_t rows;
    const double *wa, *a; /* first row, lane 0 */
};

TEAM_BODY struct overlap overlap_of(const struct spots *spots, size_t spot, const double *scratch,
                                    size_t other)
{
    int nx = (int)spots->nx, ny = (int)spots->ny;
    int shift = spots->column[other] - spots->column[spot], rows = spots->row[other] - spots->row[spot];
    int shared = nx - abs(shift), groups = (shared + SPOT_LANES - 1) / SPOT_LANES;
    int first = shift >= 0 ? 0 : nx - groups * SPOT_LANES; /* column of the other spot */

    if (shared <= 0 || abs(rows) >= ny) return (struct overlap){0};
    return (struct overlap){
        .groups = groups,
        .rows = (size_t)(ny - abs(rows)),
        .wa = scratch + (size_t)max_int(rows, 0) * overlap_row(spots) + (size_t)(SPOT_LANES + first + shift),
        .a = spots->value + (ptrdiff_t)((other * spots->ny + (size_t)max_int(-rows, 0)) * spots->nx) + first,
    };
}

/* The sum of products, lane by lane. Constant numbers of groups, so that the sums stay in registers. */
TEAM_BODY void overlap_groups(int groups, size_t rows, const double *a, size_t stride_a, const double *b,
                              size_t stride_b, spot_lanes *total)
{
    spot_lanes sum[OVERLAP_GROUPS];

    for (int g = 0; g < groups; g++) sum[g] = (spot_lanes){0};
    for (size_t row = 0; row < rows; row++, a += stride_a, b += stride_b) {
        for (int g = 0; g < groups; g++) {
            sum[g] += *(const spot_lanes *)(a + g * SPOT_LANES) * *(const spot_lanes *)(b + g * SPOT_LANES);
        }
    }
    for (int g = 1; g < groups; g++) sum[0] += sum[g];
    *total += sum[0];
}

TEAM_BODY void overlap_all_lanes(struct overlap overlap, size_t stride_a, size_t stride_b, spot_lanes *total)
{
    const double *wa = overlap.wa, *a = overlap.a;
    int groups = overlap.groups;

    *total = (spot_lanes){0};
    for (; groups > OVERLAP_GROUPS; groups -= OVERLAP_GROUPS) {
        overlap_groups(OVERLAP_GROUPS, overlap.rows, wa, stride_a, a, stride_b, total);
        wa += OVERLAP_GROUPS * SPOT_LANES;
        a += OVERLAP_GROUPS * SPOT_LANES;
    }
    if (groups == 1) overlap_groups(1, overlap.rows, wa, stride_a, a, stride_b, total);
    if (groups == 2) overlap_groups(2, overlap.rows, wa, stride_a, a, stride_b, total);
    if (groups == 3) overlap_groups(3, overlap.rows, wa, stride_a, a, stride_b, total);
}

/* Σ over the pixels that the weighted spot shares with another. */
TEAM_BODY double overlap_sum(const struct spots *spots, struct overlap overlap)
{
    spot_lanes sum;
    double total = 0;

    if (overlap.groups == 0) return 0;
    overlap_all_lanes(overlap, overlap_row(spots), spots->nx, &sum);
    for (int lane = 0; lane < SPOT_LANES; lane++) total += sum[lane];
    return total;
}

/* Of spot (spec, wave), weighted in the scratch, with that of spectrum spec + r - spec_halfwidth, wavelength
 * wave + d. At distance 0 the lower triangle only. */
TEAM_BODY struct overlap overlap_pair(const struct overlaps *overlaps, const struct spots *spots, size_t spec,
                                      size_t wave, size_t r, size_t d, const double *scratch)
{
    size_t other = spec + r - overlaps->spec_halfwidth;
    bool exists = spec + r >= overlaps->spec_halfwidth && other < spots->nspec && wave + d < spots->nwave;

    if (!exists || (d == 0 && r < overlaps->spec_halfwidth)) return (struct overlap){0};
    return overlap_of(spots, spec * spots->nwave + wave, scratch, other * spots->nwave + wave + d);
}

/* The sums of one spot with rows row_min ... row_max - 1 of the CCD only: sum[2 spec_halfwidth +
 * 1][wave_halfwidth + 1]. One member's work; weighed: [ny][overlap_row()] */
TEAM_BODY struct spot_sums overlaps_of_spot(const struct overlaps *overlaps, const struct spots *spots,
                                            const struct pixels *pixels, size_t spec, size_t wave,
                                            int row_min, int row_max, double *weighed, double *sum)
{
    const size_t width = 2 * overlaps->spec_halfwidth + 1, count = overlaps->wave_halfwidth + 1;
    struct spot_sums sums =
        overlap_weigh(spots, pixels, spec * spots->nwave + wave, row_min, row_max, weighed);

    for (size_t r = 0; r < width; r++) {
        for (size_t d = 0; d < count; d++) {
            sum[r * count + d] =
                sums.weight > 0 ? overlap_sum(spots, overlap_pair(overlaps, spots, spec, wave, r, d, weighed))
                                : 0;
        }
    }
    return sums;
}

/* One member's work. */
TEAM_BODY void overlaps_store(const struct overlaps *overlaps, const struct spots *spots,
                              const struct pixels *pixels, size_t spot, struct spot_sums sums)
{
    overlaps->y[spot] = sums.y;
    overlaps->weight[spot] = sums.weight;
    overlaps->pixmask_fraction[spot] = sums.pixmask_fraction;
    overlaps->off_ccd[spot] = sums.pixmask_fraction > 1 - unusable_tolerance &&
                              light_on_ccd(spots, spot, pixels) <= unusable_tolerance;
}

#endif
