/* chi2pix of a patch, defined in omp/quality.h. Host and device run the same bodies, each for the members of
 * a team. */
#ifndef UNSPOT_OMP_KERNELS_QUALITY_H
#define UNSPOT_OMP_KERNELS_QUALITY_H

#include <stdbool.h>

#include "base/team.h"
#include "omp/kernels/footprint.h"
#include "omp/quality.h"

/* Two images of the pixels of a patch, [row][column]. */
struct chi2_map {
    double *chi2;   /* first the model, A x, then χ² */
    double *usable; /* 1 where the pixel is usable, else 0 */
};

/* Replaces the model by χ², and sets usable, pixel by pixel. */
TEAM_BODY void quality_compare(struct member member, const struct quality *quality, struct chi2_map map)
{
    const struct patch *patch = quality->patch;
    const struct pixels *pixels = quality->pixels;
    const double psferr = quality->psferr;
    double *restrict chi2 = map.chi2, *restrict usable = map.usable;
    int width = patch->column_max - patch->column_min;

    for (team_rows(member, row, patch->row_min, patch->row_max)) {
        const float *image = pixels->image + (size_t)row * pixels->nx + patch->column_min;
        const float *ivar = pixels->ivar + (size_t)row * pixels->nx + patch->column_min;
        size_t first = (size_t)(row - patch->row_min) * (size_t)width;

#pragma omp simd
        for (team_columns(member, 1, c, 0, width)) {
            double w = ivar[c], model = chi2[first + (size_t)c], residual = (double)image[c] - model;
            double model_error = psferr * model;

            usable[first + (size_t)c] = w > 0 ? 1 : 0;
            chi2[first + (size_t)c] = w * residual * residual / (1 + w * model_error * model_error);
        }
    }
}

/* Σ A χ² / Σ A usable over the pixels of one spot, by a single thread; 0 where no pixel is usable. */
TEAM_BODY double quality_mean(const struct patch *patch, const struct spots *spots, size_t spot,
                              struct chi2_map map)
{
    const double *restrict chi2 = map.chi2, *restrict usable = map.usable;
    struct footprint foot = footprint_of(patch, spots, spot);
    int width = patch->column_max - patch->column_min;
    const double *value = spots->value + spot * spots->nx * spots->ny;
    double sum = 0, weight = 0;

    for (int row = foot.row_min; row < foot.row_max; row++) {
        const double *a = value + (row - foot.row) * (int)spots->nx - foot.column;
        int first = (row - patch->row_min) * width - patch->column_min;

#pragma omp simd reduction(+ : sum, weight)
        for (int c = foot.column_min; c < foot.column_max; c++) {
            sum += a[c] * chi2[first + c];
            weight += a[c] * usable[first + c];
        }
    }
    return weight > 0 ? sum / weight : 0;
}

enum { QUALITY_SPOTS = TEAM_SUMS / 2 }; /* spots whose means a part of a team takes at a time */

/* The two sums of quality_mean() over a member's own pixels: sum[2]. */
TEAM_BODY void quality_add(struct member lane, const struct patch *patch, const struct spots *spots,
                           size_t spot, struct chi2_map map, double *sum)
{
    const struct footprint foot = footprint_of(patch, spots, spot);
    const int nx = (int)spots->nx, npix = (int)(spots->nx * spots->ny);
    const int width = patch->column_max - patch->column_min;
    const double *value = spots->value + spot * spots->nx * spots->ny;

    sum[0] = sum[1] = 0;
    DEVICE_UNROLL_FOUR
    for (int p = lane.index; p < npix; p += lane.count) {
        const int row = foot.row + p / nx, column = foot.column + p % nx;
        const bool is_in = row >= foot.row_min && row < foot.row_max && column >= foot.column_min &&
                           column < foot.column_max;
        const int at = is_in ? (row - patch->row_min) * width + column - patch->column_min : 0;
        const double a = is_in ? value[p] : 0;

        sum[0] += a * map.chi2[at];
        sum[1] += a * map.usable[at];
    }
}

/* The means of all core bins by a team of TEAM_SIZE members, whose parts take QUALITY_SPOTS spots at a time.
 * Where no spots are left they repeat the last one and do not store it. */
TEAM_BODY void quality_means_by_lanes(struct member member, const struct quality *quality,
                                      struct chi2_map map)
{
    const struct patch *patch = quality->patch;
    const struct spots *spots = quality->spots;
    const struct member lane = team_part(member, TEAM_WARP);
    const int part = member.index / TEAM_WARP, parts = TEAM_SIZE / TEAM_WARP, nwave = (int)patch->core_nwave;
    const int count = (int)patch->core_nspec * nwave;

    double *exchange = quality->exchange + part * TEAM_WARP * TEAM_SUMS;

    for (int next = 0; next < count; next += parts * QUALITY_SPOTS) {
        const int first = next + part * QUALITY_SPOTS;
        double sum[TEAM_SUMS], total;

        DEVICE_UNROLL
        for (int k = 0; k < QUALITY_SPOTS; k++) {
            const int i = min_int(first + k, count - 1), spec = i / nwave, wave = i - spec * nwave;
            const size_t spot = (patch->spec + patch->core_spec + (size_t)spec) * spots->nwave + patch->wave +
                                patch->core_wave + (size_t)wave;

            quality_add(lane, patch, spots, spot, map, sum + 2 * k);
        }
        total = team_sums(lane, sum, exchange);
        if (lane.index < TEAM_SUMS) exchange[lane.index] = total;
        team_sync(lane);
        if (lane.index < QUALITY_SPOTS && first + lane.index < count) {
            const double weight = exchange[2 * lane.index + 1];

            quality->chi2pix[first + lane.index] = weight > 0 ? exchange[2 * lane.index] / weight : 0;
        }
        team_sync(lane);
    }
}

/* Fills quality->chi2pix by the members of a team, as quality_chi2pix() does. */
TEAM_BODY void quality_of_patch(struct member member, const struct quality *quality)
{
    const struct patch *patch = quality->patch;
    const struct spots *spots = quality->spots;
    size_t npix = (size_t)(patch->column_max - patch->column_min) * (size_t)(patch->row_max - patch->row_min);
    const struct chi2_map map = {quality->scratch, quality->scratch + npix};

    team_zero(member, npix, map.chi2);
    for (size_t spec = 0; spec < patch->nspec; spec++) {
        for (size_t wave = 0; wave < patch->nwave; wave++) {
            const size_t spot = (patch->spec + spec) * spots->nwave + patch->wave + wave;
            const double amplitude = quality->deconvolved[spec * patch->nwave + wave];

            if (member.count == 1)
                footprint_add(member, patch, spots, spot, amplitude, map.chi2);
            else
                footprint_add_columns(member, patch, spots, spot, amplitude, map.chi2);
        }
    }
    team_sync(member);
    quality_compare(member, quality, map);
    team_sync(member);
    if (member.count > 1) {
        quality_means_by_lanes(member, quality, map);
        team_sync(member);
        return;
    }
    for (size_t spec = 0; spec < patch->core_nspec; spec++) {
        for (size_t wave = 0; wave < patch->core_nwave; wave++) {
            size_t spot = (patch->spec + patch->core_spec + spec) * spots->nwave + patch->wave +
                          patch->core_wave + wave;

            quality->chi2pix[spec * patch->core_nwave + wave] = quality_mean(patch, spots, spot, map);
        }
    }
}

#endif
