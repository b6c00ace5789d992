/* Where a spot lies on the pixels of a patch, and the light that it adds there. Host and device run the same
 * bodies, each for the members of a team. A model has the patch's pixels: [row][column] from row_min and
 * column_min on. `spot` is a spot's number, spec * nwave + wave, in its bundle. */
#ifndef UNSPOT_OMP_KERNELS_FOOTPRINT_H
#define UNSPOT_OMP_KERNELS_FOOTPRINT_H

#include "base/minmax.h"
#include "base/team.h"
#include "omp/model.h"
#include "omp/patch.h"
#include "omp/spots.h"

/* Rows and columns of the CCD. */
struct footprint {
    int column, row;            /* of the spot's first pixel */
    int row_min, row_max;       /* the spot shares rows row_min ... row_max - 1 with the patch, maybe none, */
    int column_min, column_max; /* and columns likewise */
};

TEAM_BODY struct footprint footprint_of(const struct patch *patch, const struct spots *spots, size_t spot)
{
    int column = spots->column[spot], row = spots->row[spot];

    return (struct footprint){
        .column = column,
        .row = row,
        .row_min = max_int(row, patch->row_min),
        .row_max = min_int(row + (int)spots->ny, patch->row_max),
        .column_min = max_int(column, patch->column_min),
        .column_max = min_int(column + (int)spots->nx, patch->column_max),
    };
}

/* Adds amplitude · spot to the model. */
TEAM_BODY void footprint_add(struct member member, const struct patch *patch, const struct spots *spots,
                             size_t spot, double amplitude, double *restrict model)
{
    struct footprint foot = footprint_of(patch, spots, spot);
    int width = patch->column_max - patch->column_min;
    const double *value = spots->value + spot * spots->nx * spots->ny;

    for (team_rows(member, row, foot.row_min, foot.row_max)) {
        const double *a = value + (row - foot.row) * (int)spots->nx - foot.column;
        double *m = model + (row - patch->row_min) * width - patch->column_min;

        for (team_columns(member, 1, c, foot.column_min, foot.column_max)) m[c] += amplitude * a[c];
    }
}

/* The same, with columns of the patch shared out to the members of a team for good, so that they need not
 * wait for each other between spots. */
TEAM_BODY void footprint_add_columns(struct member member, const struct patch *patch,
                                     const struct spots *spots, size_t spot, double amplitude, double *model)
{
    enum { ROWS = 4 }; /* rows whose pixels are read before the first is written */
    const struct footprint foot = footprint_of(patch, spots, spot);
    const int width = patch->column_max - patch->column_min, nx = (int)spots->nx;
    const double *value = spots->value + spot * spots->nx * spots->ny;

    for (int c = patch->column_min + member.index; c < foot.column_max; c += member.count) {
        if (c < foot.column_min) continue;
        for (int row = foot.row_min; row < foot.row_max; row += ROWS) {
            const double *a = value + (row - foot.row) * nx + c - foot.column;
            double *m = model + (row - patch->row_min) * width + c - patch->column_min;
            double sum[ROWS];

            DEVICE_UNROLL
            for (int k = 0; k < ROWS; k++)
                sum[k] = row + k < foot.row_max ? m[k * width] + amplitude * a[k * nx] : 0;
            DEVICE_UNROLL
            for (int k = 0; k < ROWS; k++) {
                if (row + k < foot.row_max) m[k * width] = sum[k];
            }
        }
    }
}

/* Adds the light of spectra to image[row][column], the rows and columns of a patch, in the order that
 * model_add() promises. */
TEAM_BODY void footprint_add_all(struct member member, const struct patch *rows, const struct spots *spots,
                                 const struct light *light, double *image)
{
    for (size_t s = 0; s < light->spectra.count; s++) {
        for (size_t w = 0; w < light->wavelengths.count; w++) {
            size_t spot = (light->spectra.first + s) * spots->nwave + light->wavelengths.first + w;
            double amplitude = light->flux[s * light->stride + w] * light->bin_width;
            int row = spots->row[spot];

            if (amplitude == 0 || row >= rows->row_max || row + (int)spots->ny <= rows->row_min) continue;
            footprint_add(member, rows, spots, spot, amplitude, image);
            team_sync(member);
        }
    }
}

#endif
