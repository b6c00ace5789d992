/* Where a spot lies on the pixels of a patch, and its light there. */
#ifndef UNSPOT_OMP_FOOTPRINT_H
#define UNSPOT_OMP_FOOTPRINT_H

#include "base/minmax.h"
#include "base/team.h"
#include "omp/patch.h"
#include "omp/spots.h"

struct footprint {
    int column, row;            /* of the spot's first pixel */
    int row_min, row_max;       /* rows and columns shared with the patch, the last ones excluded */
    int column_min, column_max; /* both may be empty */
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

/* model[row][column] of the patch's pixels += amplitude · spot */
static inline void footprint_add(const struct patch *patch, const struct spots *spots, size_t spot,
                                 double amplitude, double *restrict model)
{
    struct footprint foot = footprint_of(patch, spots, spot);
    int width = patch->column_max - patch->column_min;
    const double *value = spots->value + spot * spots->nx * spots->ny;

    for (int row = foot.row_min; row < foot.row_max; row++) {
        const double *a = value + (row - foot.row) * (int)spots->nx - foot.column;
        double *m = model + (row - patch->row_min) * width - patch->column_min;

        for (int c = foot.column_min; c < foot.column_max; c++) m[c] += amplitude * a[c];
    }
}

#endif
