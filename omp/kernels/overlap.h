/* The overlaps of one spot with others, computed by a single thread. omp/kernels/overlap_lanes.h has the same
 * for the members of a team on a device. */
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

/* Doubles in a row of a weighted spot. Each row has SPOT_LANES zeros on either side, so that sums run over
 * whole vectors: whatever they read of the other spot beyond the shared columns is multiplied by a zero. */
TEAM_BODY size_t overlap_row(const struct spots *spots)
{
    return SPOT_LANES + spots->nx + SPOT_LANES;
}

/* Doubles of scratch for one weighted spot. */
TEAM_BODY size_t overlaps_scratch_size(const struct spots *spots)
{
    return memory_round_up(overlap_row(spots) * spots->ny * sizeof(double)) / sizeof(double);
}

/* The fraction of spot number `spot` that falls on pixels of the CCD, usable or not. */
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

/* A spot of a bundle, and the rows of the CCD from which its sums are taken. */
struct spot_place {
    size_t spec, wave;
    int row_min, row_max; /* the last one excluded */
};

TEAM_BODY size_t spot_number(const struct spots *spots, const struct spot_place *at)
{
    return at->spec * spots->nwave + at->wave;
}

/* The sums of a spot from those over its pixels: usable is its light on usable pixels,
 * count is their number. */
TEAM_BODY struct spot_sums overlap_sums(const struct spots *spots, double y, double weight, double usable,
                                        size_t count)
{
    const bool is_whole = count == spots->nx * spots->ny && usable > 0;

    return (struct spot_sums){
        .y = y, .weight = weight, .pixmask_fraction = is_whole ? 0 : fmax(0, 1 - usable)};
}

/* Fills weighed[ny][overlap_row()] with a spot times the inverse variances of its pixels; rows other than
 * those asked for become 0. Returns the spot's own sums. */
TEAM_BODY struct spot_sums overlap_weigh(const struct bundle_view *bundle, const struct spot_place *at,
                                         double *weighed)
{
    const struct spots *spots = bundle->spots;
    const struct pixels *pixels = bundle->pixels;
    const size_t spot = spot_number(spots, at);
    int column = spots->column[spot], row0 = spots->row[spot];
    int first = max_int(0, -column), last = min_int((int)spots->nx, (int)pixels->nx - column);
    int row_first = max_int(row0, max_int(at->row_min, 0));
    int row_last = min_int(row0 + (int)spots->ny, min_int(at->row_max, (int)pixels->ny));
    size_t stride = overlap_row(spots);
    const double *value = spots->value + spot * spots->nx * spots->ny;
    double sum_y = 0, sum_weight = 0, usable = 0;
    size_t count = 0;

    memset(weighed, 0, spots->ny * stride * sizeof(double));
    for (int row = row_first; row < row_last; row++) {
        const double *a = value + (size_t)(row - row0) * spots->nx;
        double *wa = weighed + (size_t)(row - row0) * stride + SPOT_LANES;
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

enum {
    OVERLAP_GROUPS = 3
}; /* groups of SPOT_LANES columns at a time: enough for the 17 columns of DESI's spots */

/* SPOT_LANES numbers from any address. The type is needed because clang 19 does not keep the sums of a loop
 * over so few numbers in one register. */
typedef double spot_lanes
    __attribute__((vector_size(SPOT_LANES * sizeof(double)), aligned(sizeof(double)), may_alias));

/* Where a weighted spot and another one share pixels. Vectors extend beyond the shared columns into the zeros
 * beside the weighted rows: to the right where the other spot is shifted to the right, else to the left. */
struct overlap {
    int groups;           /* of SPOT_LANES columns; 0: the spots share no pixel */
    size_t rows;          /* that they share */
    const double *wa, *a; /* the weighted and the other spot in the first column of the first shared row */
    size_t stride_wa, stride_a; /* from row to row */
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
        .stride_wa = overlap_row(spots),
        .stride_a = spots->nx,
    };
}

/* Adds the products of `groups` groups of columns from group `first` on, lane by lane. The number of groups
 * is a constant, so that the sums stay in registers. */
TEAM_BODY void overlap_groups(int groups, const struct overlap *overlap, int first, spot_lanes *total)
{
    const double *wa = overlap->wa + first * SPOT_LANES, *a = overlap->a + first * SPOT_LANES;
    spot_lanes sum[OVERLAP_GROUPS];

    for (int g = 0; g < groups; g++) sum[g] = (spot_lanes){0};
    for (size_t row = 0; row < overlap->rows; row++, wa += overlap->stride_wa, a += overlap->stride_a) {
        for (int g = 0; g < groups; g++) {
            sum[g] += *(const spot_lanes *)(wa + g * SPOT_LANES) * *(const spot_lanes *)(a + g * SPOT_LANES);
        }
    }
    for (int g = 1; g < groups; g++) sum[0] += sum[g];
    *total += sum[0];
}

/* Sums the products of all columns, lane by lane. */
TEAM_BODY void overlap_all_lanes(const struct overlap *overlap, spot_lanes *total)
{
    int first = 0;

    *total = (spot_lanes){0};
    for (; overlap->groups - first > OVERLAP_GROUPS; first += OVERLAP_GROUPS)
        overlap_groups(OVERLAP_GROUPS, overlap, first, total);
    if (overlap->groups - first == 1) overlap_groups(1, overlap, first, total);
    if (overlap->groups - first == 2) overlap_groups(2, overlap, first, total);
    if (overlap->groups - first == 3) overlap_groups(3, overlap, first, total);
}

/* Σ w A_1 A_2 over the pixels that the weighted spot shares with another. */
TEAM_BODY double overlap_sum(struct overlap overlap)
{
    spot_lanes sum;
    double total = 0;

    if (overlap.groups == 0) return 0;
    overlap_all_lanes(&overlap, &sum);
    for (int lane = 0; lane < SPOT_LANES; lane++) total += sum[lane];
    return total;
}

/* Where a weighted spot shares pixels with the spot of spectrum spec + r - spec_halfwidth at wavelength wave
 * + d. At d = 0 only the lower triangle of M is wanted, and earlier spectra are said to share none. */
TEAM_BODY struct overlap overlap_pair(const struct bundle_view *bundle, const struct spot_place *at, size_t r,
                                      size_t d, const double *weighed)
{
    const struct spots *spots = bundle->spots;
    const size_t halfwidth = bundle->overlaps->spec_halfwidth, other = at->spec + r - halfwidth;
    bool exists = at->spec + r >= halfwidth && other < spots->nspec && at->wave + d < spots->nwave;

    if (!exists || (d == 0 && r < halfwidth)) return (struct overlap){0};
    return overlap_of(spots, spot_number(spots, at), weighed, other * spots->nwave + at->wave + d);
}

/* Computes the overlaps of one spot from the rows asked for, sum[2 spec_halfwidth + 1][wave_halfwidth + 1],
 * and returns its own sums. A single member does all of it. weighed: [ny][overlap_row()] */
TEAM_BODY struct spot_sums overlaps_of_spot(const struct bundle_view *bundle, const struct spot_place *at,
                                            double *weighed, double *sum)
{
    const struct overlaps *overlaps = bundle->overlaps;
    const size_t width = 2 * overlaps->spec_halfwidth + 1, count = overlaps->wave_halfwidth + 1;
    struct spot_sums sums = overlap_weigh(bundle, at, weighed);

    for (size_t r = 0; r < width; r++) {
        for (size_t d = 0; d < count; d++) {
            sum[r * count + d] = sums.weight > 0 ? overlap_sum(overlap_pair(bundle, at, r, d, weighed)) : 0;
        }
    }
    return sums;
}

/* Stores the sums of spot number `spot`, and whether it is off the CCD. A single member does all of it. */
TEAM_BODY void overlaps_store(const struct bundle_view *bundle, size_t spot, struct spot_sums sums)
{
    const struct overlaps *overlaps = bundle->overlaps;

    overlaps->y[spot] = sums.y;
    overlaps->weight[spot] = sums.weight;
    overlaps->pixmask_fraction[spot] = sums.pixmask_fraction;
    overlaps->off_ccd[spot] = sums.pixmask_fraction > 1 - unusable_tolerance &&
                              light_on_ccd(bundle->spots, spot, bundle->pixels) <= unusable_tolerance;
}

#endif
