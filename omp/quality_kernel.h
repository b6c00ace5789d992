/* chi2pix of a patch: the body that every backend runs, for the members of a team. */
#ifndef UNSPOT_OMP_QUALITY_KERNEL_H
#define UNSPOT_OMP_QUALITY_KERNEL_H

#include "base/team.h"
#include "omp/footprint.h"
#include "omp/quality.h"

/* Turns the model into χ² and usable (0 or 1), pixel by pixel. */
TEAM_BODY void quality_compare(struct member member, const struct patch *patch, const struct pixels *pixels,
                               double psferr, double *restrict chi2, double *restrict usable)
{
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

/* Σ A χ² / Σ A usable over the pixels of one spot */
TEAM_BODY double quality_mean(const struct patch *patch, const struct spots *spots, size_t spot,
                              const double *restrict chi2, const double *restrict usable)
{
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

/* See quality_chi2pix(). */
TEAM_BODY void quality_of_patch(struct member member, const struct patch *patch, const struct spots *spots,
                                const struct pixels *pixels, const double *deconvolved, double psferr,
                                double *chi2pix, double *scratch)
{
    size_t npix = (size_t)(patch->column_max - patch->column_min) * (size_t)(patch->row_max - patch->row_min);
    double *chi2 = scratch, *usable = scratch + npix;

    team_zero(member, npix, chi2);
    for (size_t spec = 0; spec < patch->nspec; spec++) {
        for (size_t wave = 0; wave < patch->nwave; wave++) {
            footprint_add(member, patch, spots, (patch->spec + spec) * spots->nwave + patch->wave + wave,
                          deconvolved[spec * patch->nwave + wave], chi2);
            team_sync(member);
        }
    }
    quality_compare(member, patch, pixels, psferr, chi2, usable);
    team_sync(member);
    for (size_t spec = 0; spec < patch->core_nspec; spec++) {
        for (team_share(member, wave, patch->core_nwave)) {
            size_t spot = (patch->spec + patch->core_spec + spec) * spots->nwave + patch->wave +
                          patch->core_wave + wave;

            chi2pix[spec * patch->core_nwave + wave] = quality_mean(patch, spots, spot, chi2, usable);
        }
    }
    team_sync(member);
}

#endif
