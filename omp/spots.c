#include "omp/spots.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "omp/spot_kernel.h"

enum status spots_alloc(struct spots *spots, const struct psf *psf, size_t nspec, size_t nwave,
                        struct error *error)
{
    *spots = (struct spots){.nx = 2 * psf->hsizex + 1, .ny = 2 * psf->hsizey + 1};
    spots->column = memory_zeroed(nspec * nwave, sizeof(int));
    spots->row = memory_zeroed(nspec * nwave, sizeof(int));
    spots->value = memory_zeroed(nspec * nwave, spots->nx * spots->ny * sizeof(double));
    if (spots->column && spots->row && spots->value) return STATUS_OK;
    spots_free(spots);
    return memory_error(error, "spots of a bundle");
}

void spots_free(struct spots *spots)
{
    free(spots->column);
    free(spots->row);
    free(spots->value);
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
    struct legendre_cache cache = {.ncoef = 0};

    return legendre_cached(&cache, series, spec, wavelength);
}

void spots_corners(const struct psf *psf, size_t specmin, size_t nspec, double wave_min, double wave_step,
                   size_t nwave, int *column, int *row)
{
#pragma omp parallel for collapse(2) schedule(static)
    for (size_t s = 0; s < nspec; s++) {
        for (size_t w = 0; w < nwave; w++) {
            double wavelength = wave_min + (double)w * wave_step;

            column[s * nwave + w] =
                spot_corner(legendre_value(&psf->x, specmin + s, wavelength), psf->hsizex);
            row[s * nwave + w] = spot_corner(legendre_value(&psf->y, specmin + s, wavelength), psf->hsizey);
        }
    }
}

void spots_evaluate(struct spots *spots, const struct psf *psf, size_t specmin, size_t nspec, double wave_min,
                    double wave_step, size_t nwave)
{
    size_t npix = spots->nx * spots->ny;

    spots->nspec = nspec;
    spots->nwave = nwave;
    spots_corners(psf, specmin, nspec, wave_min, wave_step, nwave, spots->column, spots->row);
#pragma omp parallel for collapse(2) schedule(static)
    for (size_t s = 0; s < nspec; s++) {
        for (size_t w = 0; w < nwave; w++) {
            size_t i = s * nwave + w;

            spot_evaluate(psf, specmin + s, wave_min + (double)w * wave_step, spots->column[i], spots->row[i],
                          spots->value + i * npix);
        }
    }
}
