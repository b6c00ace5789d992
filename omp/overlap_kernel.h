/* The overlaps of one spot with others: the bodies that every backend runs, for the members of a team. */
#ifndef UNSPOT_OMP_OVERLAP_KERNEL_H
#define UNSPOT_OMP_OVERLAP_KERNEL_H

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/team.h"
#include "omp/footprint.h"
#include "omp/overlaps.h"
#include "omp/spot_kernel.h"

/* A row of the weighted spot stands between SPOT_LANES zeros on either side, so that a sum runs over whole
 * lanes: what it reads of the other spot beyond the shared columns meets a zero. */
TEAM_BODY size_t overlap_row(const struct spots *spots)
{
    return SPOT_LANES + spots->nx + SPOT_LANES;
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

/* Puts a spot times the weights of its pixels into the scratch, those of the rows asked for. shared:
 * [TEAM_SIZE] */
TEAM_BODY struct spot_sums overlap_weigh(struct member member, const struct spots *spots,
                                         const struct pixels *pixels, size_t spot, int row_min, int row_max,
                                         double *shared, double *scratch)
{
    int column = spots->column[spot], row0 = spots->row[spot];
    int first = max_int(0, -column), last = min_int((int)spots->nx, (int)pixels->nx - column);
    int row_first = max_int(row0, max_int(row_min, 0));
    int row_last = min_int(row0 + (int)spots->ny, min_int(row_max, (int)pixels->ny));
    size_t stride = overlap_row(spots);
    const double *value = spots->value + spot * spots->nx * spots->ny;
    double sum_y = 0, sum_weight = 0, usable = 0;
    size_t count = 0;

    team_zero(member, spots->ny * stride, scratch);
    for (team_rows(member, row, row_first, row_last)) {
        const double *a = value + (size_t)(row - row0) * spots->nx;
        double *wa = scratch + (size_t)(row - row0) * stride + SPOT_LANES;
        const float *image = pixels->image + (ptrdiff_t)row * (ptrdiff_t)pixels->nx + column;
        const float *ivar = pixels->ivar + (ptrdiff_t)row * (ptrdiff_t)pixels->nx + column;

#pragma omp simd reduction(+ : sum_y, sum_weight, usable, count)
        for (team_columns(member, 1, c, first, last)) {
            double w = ivar[c];

            wa[c] = w * a[c];
            sum_y += wa[c] * (double)image[c];
            sum_weight += wa[c];
            usable += w > 0 ? a[c] : 0;
            count += w > 0;
        }
    }
    sum_y = team_sum(member, sum_y, shared);
    sum_weight = team_sum(member, sum_weight, shared);
    usable = team_sum(member, usable, shared);
    count = (size_t)team_sum(member, (double)count, shared);
    return (struct spot_sums){.y = sum_y,
                              .weight = sum_weight,
                              .masked =
                                  count == spots->nx * spots->ny && usable > 0 ? 0 : fmax(0, 1 - usable)};
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

/* The sum of products, lane by lane: of all lanes at once, or, on a device, of one. Constant numbers of
 * groups, so that the sums stay in registers. */
#define OVERLAP_SUM(name, type)                                                                              \
    TEAM_BODY void name##_groups(int groups, size_t rows, const double *a, size_t stride_a, const double *b, \
                                 size_t stride_b, type *total)                                               \
    {                                                                                                        \
        type sum[OVERLAP_GROUPS];                                                                            \
                                                                                                             \
        DEVICE_UNROLL for (int g = 0; g < groups; g++) sum[g] = (type){0};                                   \
        for (size_t row = 0; row < rows; row++, a += stride_a, b += stride_b) {                              \
            DEVICE_UNROLL for (int g = 0; g < groups; g++)                                                   \
            {                                                                                                \
                sum[g] += *(const type *)(a + g * SPOT_LANES) * *(const type *)(b + g * SPOT_LANES);         \
            }                                                                                                \
        }                                                                                                    \
        DEVICE_UNROLL for (int g = 1; g < groups; g++) sum[0] += sum[g];                                     \
        *total += sum[0];                                                                                    \
    }                                                                                                        \
                                                                                                             \
    TEAM_BODY void name(struct overlap overlap, size_t stride_a, size_t stride_b, type *total)               \
    {                                                                                                        \
        const double *wa = overlap.wa, *a = overlap.a;                                                       \
        int groups = overlap.groups;                                                                         \
                                                                                                             \
        *total = (type){0};                                                                                  \
        for (; groups > OVERLAP_GROUPS; groups -= OVERLAP_GROUPS) {                                          \
            name##_groups(OVERLAP_GROUPS, overlap.rows, wa, stride_a, a, stride_b, total);                   \
            wa += OVERLAP_GROUPS * SPOT_LANES;                                                               \
            a += OVERLAP_GROUPS * SPOT_LANES;                                                                \
        }                                                                                                    \
        if (groups == 1) name##_groups(1, overlap.rows, wa, stride_a, a, stride_b, total);                   \
        if (groups == 2) name##_groups(2, overlap.rows, wa, stride_a, a, stride_b, total);                   \
        if (groups == 3) name##_groups(3, overlap.rows, wa, stride_a, a, stride_b, total);                   \
    }

OVERLAP_SUM(overlap_all_lanes, spot_lanes)
OVERLAP_SUM(overlap_one_lane, double)

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

/* The same by one of SPOT_LANES members: its lane's part. */
TEAM_BODY double overlap_lane(const struct spots *spots, struct overlap overlap, int lane)
{
    double sum;

    if (overlap.groups == 0) return 0;
    overlap.wa += lane;
    overlap.a += lane;
    overlap_one_lane(overlap, overlap_row(spots), spots->nx, &sum);
    return sum;
}

/* Of spot (spec, wave), weighted in the scratch, with that of spectrum spec + r - reach, wavelength wave + d.
 * At distance 0 the lower triangle only. */
TEAM_BODY struct overlap overlap_pair(const struct overlaps *overlaps, const struct spots *spots, size_t spec,
                                      size_t wave, size_t r, size_t d, const double *scratch)
{
    size_t other = spec + r - overlaps->reach;
    bool exists = spec + r >= overlaps->reach && other < spots->nspec && wave + d < spots->nwave;

    if (!exists || (d == 0 && r < overlaps->reach)) return (struct overlap){0};
    return overlap_of(spots, spec * spots->nwave + wave, scratch, other * spots->nwave + wave + d);
}

/* What a team needs for one spot. */
struct overlap_scratch {
    double *weighed; /* [ny][overlap_row()] */
    double *partial; /* [2 reach + 1][band + 1][SPOT_LANES]; not on a CPU */
    double *shared;  /* [TEAM_SIZE]; not on a CPU */
};

/* sum[2 reach + 1][band + 1] of a weighted spot. On a device eight members have one pair at a time, a lane
 * each. */
TEAM_BODY void overlaps_of_weighed(struct member member, const struct overlaps *overlaps,
                                   const struct spots *spots, size_t spec, size_t wave,
                                   const struct overlap_scratch *scratch, double *sum)
{
    const size_t width = 2 * overlaps->reach + 1, count = overlaps->band + 1;
    const size_t lane = (size_t)member.index % SPOT_LANES, step = (size_t)member.count / SPOT_LANES;

    if (member.count == 1) {
        for (size_t r = 0; r < width; r++) {
            for (size_t d = 0; d < count; d++) {
                sum[r * count + d] =
                    overlap_sum(spots, overlap_pair(overlaps, spots, spec, wave, r, d, scratch->weighed));
            }
        }
        return;
    }
    for (size_t p = (size_t)member.index / SPOT_LANES; p < width * count; p += step) {
        scratch->partial[p * SPOT_LANES + lane] = overlap_lane(
            spots, overlap_pair(overlaps, spots, spec, wave, p / count, p % count, scratch->weighed),
            (int)lane);
    }
    team_sync(member);
    for (team_share(member, p, width * count)) {
        double total = 0;

        for (int k = 0; k < SPOT_LANES; k++) total += scratch->partial[p * SPOT_LANES + (size_t)k];
        sum[p] = total;
    }
    team_sync(member);
}

/* The sums of one spot with rows row_min ... row_max - 1 of the CCD only: sum[2 reach + 1][band + 1]. */
TEAM_BODY struct spot_sums overlaps_of_spot(struct member member, const struct overlaps *overlaps,
                                            const struct spots *spots, const struct pixels *pixels,
                                            size_t spec, size_t wave, int row_min, int row_max,
                                            const struct overlap_scratch *scratch, double *sum)
{
    struct spot_sums sums = overlap_weigh(member, spots, pixels, spec * spots->nwave + wave, row_min, row_max,
                                          scratch->shared, scratch->weighed);

    if (sums.weight > 0)
        overlaps_of_weighed(member, overlaps, spots, spec, wave, scratch, sum);
    else
        team_zero(member, overlaps_pairs(overlaps->band, overlaps->reach), sum);
    return sums;
}

/* One member's work. */
TEAM_BODY void overlaps_store(const struct overlaps *overlaps, const struct spots *spots,
                              const struct pixels *pixels, size_t spot, struct spot_sums sums)
{
    overlaps->y[spot] = sums.y;
    overlaps->weight[spot] = sums.weight;
    overlaps->masked[spot] = sums.masked;
    overlaps->off_ccd[spot] =
        sums.masked > 1 - unusable_tolerance && light_on_ccd(spots, spot, pixels) <= unusable_tolerance;
}

#endif
