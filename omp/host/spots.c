#include "omp/spots.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "omp/kernels/spot.h"

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

/* Copies the polynomials p[ncoef] at wavelength number `wave` to their places in a basis. */
static void put_lane(const double *p, size_t ncoef, size_t wave, double *basis)
{
    size_t block = wave / TRACE_LANES, lane = wave % TRACE_LANES;

    for (size_t k = 0; k < ncoef; k++) basis[(block * ncoef + k) * TRACE_LANES + lane] = p[k];
}

enum status trace_basis_make(struct trace_basis *basis, const struct psf *psf, double wave_min,
                             double wave_step, size_t nwave, struct error *error)
{
    const struct legendre *x = &psf->x, *y = &psf->y;
    size_t slot[] = {[PARAMETER_X] = 0, [PARAMETER_Y] = 1};
    const struct spot_table traces = {.ndomain = 2, /* as if the PSF had no other parameters */
                                      .domain = {{x->wave_min, x->wave_max, x->ncoef, 0, 1, NULL},
                                                 {y->wave_min, y->wave_max, y->ncoef, 1, 1, NULL}},
                                      .slot = slot};
    size_t nblock = (nwave + TRACE_LANES - 1) / TRACE_LANES;

    *basis = (struct trace_basis){.nwave = nwave, .stride = nblock * TRACE_LANES};
    if (x->ncoef > LEGENDRE_TERMS || y->ncoef > LEGENDRE_TERMS)
        return error_set(error, STATUS_FORMAT, "the PSF's traces have more than %d terms", LEGENDRE_TERMS);
    basis->x = memory_zeroed(nblock * x->ncoef, TRACE_LANES * sizeof(double));
    basis->y = memory_zeroed(nblock * y->ncoef, TRACE_LANES * sizeof(double));
    if (!basis->x || !basis->y) return memory_error(error, "traces");
    for (size_t w = 0; w < nwave; w++) {
        struct legendre_values values;

        legendre_values_at(&traces, wave_min + (double)w * wave_step, &values);
        put_lane(values.p[0], x->ncoef, w, basis->x);
        put_lane(values.p[1], y->ncoef, w, basis->y);
        if (!values.is_defined) continue;
        if (basis->last == 0) basis->first = w; /* those defined are one range */
        basis->last = w + 1;
    }
    return STATUS_OK;
}

void trace_basis_free(struct trace_basis *basis)
{
    free(basis->x);
    free(basis->y);
    memset(basis, 0, sizeof *basis);
}

/* The first pixels of the spots along one trace and one axis: corner[stride]. The sums are taken in the order
 * of spot_parameters(), so that the corners are the same. */
static void trace_corners(size_t stride, size_t ncoef, const double *restrict basis,
                          const double *restrict coef, size_t half_size, int *restrict corner)
{
    for (size_t w = 0; w < stride; w += TRACE_LANES, basis += ncoef * TRACE_LANES) {
        double position[TRACE_LANES] = {0};

        for (size_t k = 0; k < ncoef; k++) {
#pragma omp simd
            for (size_t i = 0; i < TRACE_LANES; i++) position[i] += basis[k * TRACE_LANES + i] * coef[k];
        }
#pragma omp simd
        for (size_t i = 0; i < TRACE_LANES; i++) corner[w + i] = spot_corner(position[i], half_size);
    }
}

void spots_corners(const struct trace_basis *basis, const struct psf *psf, size_t specmin, size_t nspec,
                   int *column, int *row)
{
    const struct legendre *x = &psf->x, *y = &psf->y;

    for (size_t s = 0; s < nspec; s++) {
        trace_corners(basis->stride, x->ncoef, basis->x, x->coef + (specmin + s) * x->ncoef, psf->hsizex,
                      column + s * basis->stride);
        trace_corners(basis->stride, y->ncoef, basis->y, y->coef + (specmin + s) * y->ncoef, psf->hsizey,
                      row + s * basis->stride);
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
