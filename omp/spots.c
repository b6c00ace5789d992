#include "omp/spots.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "omp/spot_kernel.h"

enum status spots_alloc(struct spots *spots, const struct psf *psf, size_t nspec, size_t nwave,
                        struct error *error)
{
    enum status status;

    *spots = (struct spots){.nx = 2 * psf->hsizex + 1,
                            .ny = 2 * psf->hsizey + 1,
                            .degx = psf->degx,
                            .degy = psf->degy,
                            .has_tail = psf->has_tail};
    status = spot_table_make(&spots->table, psf, error);
    if (status == STATUS_OK) {
        spots->column = memory_zeroed(nspec * nwave, sizeof(int));
        spots->row = memory_zeroed(nspec * nwave, sizeof(int));
        spots->memory = memory_raw(nspec * nwave * spots->nx * spots->ny + 2 * SPOT_LANES, sizeof(double));
        if (!spots->column || !spots->row || !spots->memory)
            status = memory_error(error, "spots of a bundle");
        else
            spots->value = spots->memory + SPOT_LANES;
    }
    if (status != STATUS_OK) spots_free(spots);
    return status;
}

void spots_place(struct spots *spots, size_t specmin, size_t nspec, double wave_min, double wave_step,
                 size_t nwave)
{
    spots->specmin = specmin;
    spots->nspec = nspec;
    spots->wave_min = wave_min;
    spots->wave_step = wave_step;
    spots->nwave = nwave;
}

void spots_free(struct spots *spots)
{
    spot_table_free(&spots->table);
    free(spots->column);
    free(spots->row);
    free(spots->memory);
    memset(spots, 0, sizeof *spots);
}

double legendre_value(const struct legendre *series, size_t spec, double wavelength)
{
    const double *coef = series->coef + spec * series->ncoef;
    double u = 2 * (wavelength - series->wave_min) / (series->wave_max - series->wave_min) - 1;
    double sum = 0, p = 1, before = 0;

    for (size_t k = 0; k < series->ncoef; k++) {
        double next = ((2 * (double)k + 1) * u * p - (double)k * before) / ((double)k + 1);

        sum += coef[k] * p;
        before = p;
        p = next;
    }
    return sum;
}

void spots_corners(const struct spot_table *table, const struct psf *psf, size_t specmin, size_t nspec,
                   double wave_min, double wave_step, size_t nwave, int *column, int *row, bool *defined)
{
#pragma omp parallel for schedule(static)
    for (size_t w = 0; w < nwave; w++) {
        struct legendre_values values;

        legendre_values_at(table, wave_min + (double)w * wave_step, &values);
        defined[w] = values.is_defined;
        for (size_t s = 0; s < nspec; s++) {
            double x = spot_parameter(table, specmin + s, &values, PARAMETER_X);
            double y = spot_parameter(table, specmin + s, &values, PARAMETER_Y);

            column[s * nwave + w] = spot_corner(x, psf->hsizex);
            row[s * nwave + w] = spot_corner(y, psf->hsizey);
        }
    }
}

void spots_evaluate(struct spots *spots, size_t specmin, size_t nspec, double wave_min, double wave_step,
                    size_t nwave)
{
    spots_place(spots, specmin, nspec, wave_min, wave_step, nwave);
    spots_clear_pads(team_of_one(), spots);
#pragma omp parallel for schedule(static)
    for (size_t w = 0; w < nwave; w++) {
        struct spot_scratch scratch;

        spots_at(team_of_one(), spots, w, &scratch);
    }
}
