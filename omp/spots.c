#include "omp/spots.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "omp/spot_kernel.h"

enum status spots_alloc(struct spots *spots, const struct psf *psf, size_t nspec, size_t nwave,
                        struct error *error)
{
    enum status status;

    *spots = (struct spots){.nx = 2 * psf->hsizex + 1, .ny = 2 * psf->hsizey + 1};
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

void spots_free(struct spots *spots)
{
    spot_table_free(&spots->table);
    free(spots->column);
    free(spots->row);
    free(spots->memory);
    memset(spots, 0, sizeof *spots);
}

int spot_corner(double position, size_t half_size)
{
    static const double limit = 1 << 28;
    double corner = floor(position - (double)half_size + 0.5);

    if (!(corner > -limit)) return -(1 << 28); /* also NaN */
    return corner < limit ? (int)corner : 1 << 28;
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

/* Adds the tail's pixels; dx, dy: centre of the first pixel minus the spot's. */
static void add_tail(const struct spots *spots, const double *tail, double dx, double dy,
                     double core[][SPOT_WIDTH])
{
    for (size_t row = 0; row < spots->ny; row++) {
        double y = (dy + (double)row) * tail[TAIL_YSCALE];

        for (size_t column = 0; column < spots->nx; column++) {
            double x = (dx + (double)column) * tail[TAIL_XSCALE];

            core[row][column] +=
                spot_tail(tail[TAIL_AMPLITUDE], tail[TAIL_CORE], tail[TAIL_INDEX], x * x + y * y);
        }
    }
}

/* Corner and pixels of one spot; all 0 where the PSF is not defined. */
static void evaluate(struct spots *spots, const struct psf *psf, size_t spec,
                     const struct legendre_values *values, size_t spot)
{
    const struct spot_table *table = &spots->table;
    size_t nx = spots->nx, ny = spots->ny, ngh = (psf->degx + 1) * (psf->degy + 1);
    double slots[SLOTS_MAX], parameter[SLOTS_MAX];
    double x[SPOT_ORDERS][SPOT_WIDTH], y[SPOT_ORDERS][SPOT_WIDTH], core[SPOT_WIDTH][SPOT_WIDTH], dx, dy;
    double *pixels = spots->value + spot * nx * ny;

    spot_parameters(table, spec, values, slots);
    for (size_t k = 0; k < table->nparameter; k++) parameter[k] = slots[table->slot[k]];
    spots->column[spot] = spot_corner(parameter[PARAMETER_X], psf->hsizex);
    spots->row[spot] = spot_corner(parameter[PARAMETER_Y], psf->hsizey);
    if (!values->is_defined || !(parameter[PARAMETER_SIGMAX] > 0) || !(parameter[PARAMETER_SIGMAY] > 0)) {
        memset(pixels, 0, nx * ny * sizeof(double));
        return;
    }
    dx = spots->column[spot] - parameter[PARAMETER_X];
    dy = spots->row[spot] - parameter[PARAMETER_Y];
    hermite_pixels(dx - 0.5, parameter[PARAMETER_SIGMAX], nx, psf->degx, x);
    hermite_pixels(dy - 0.5, parameter[PARAMETER_SIGMAY], ny, psf->degy, y);
    spot_core(nx, ny, psf->degx, psf->degy, parameter + PARAMETER_GH, x, y, core);
    if (psf->has_tail) add_tail(spots, parameter + PARAMETER_GH + ngh, dx, dy, core);
    spot_normalise(nx, ny, core, pixels);
}

void spots_evaluate(struct spots *spots, const struct psf *psf, size_t specmin, size_t nspec, double wave_min,
                    double wave_step, size_t nwave)
{
    spots->nspec = nspec;
    spots->nwave = nwave;
    memset(spots->memory, 0, SPOT_LANES * sizeof(double)); /* what may be read beside the spots */
    memset(spots->value + nspec * nwave * spots->nx * spots->ny, 0, SPOT_LANES * sizeof(double));
#pragma omp parallel for schedule(static)
    for (size_t w = 0; w < nwave; w++) {
        struct legendre_values values;

        legendre_values_at(&spots->table, wave_min + (double)w * wave_step, &values);
        for (size_t s = 0; s < nspec; s++) evaluate(spots, psf, specmin + s, &values, s * nwave + w);
    }
}
