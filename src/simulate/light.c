/* The grid of a simulation and the light of its spectra on the CCD. */
#include <math.h>
#include <omp.h>

#include "base/grid.h"
#include "omp/spots.h"
#include "simulate/simulation.h"
#include "simulate/synthetic_psf.h"

enum {
    CHUNK_FIBERS = SYNTHETIC_BUNDLE_FIBERS,
    CHUNK_WAVES = 512, /* 25 x 512 spots of 17 x 11 pixels are 19 MB */
    BAND_ROWS = 16,    /* neighbouring rows of the CCD that belong to one thread */
};

static const double grid_padding = 40; /* Angstrom */

/* Whether the centres of all fibers are on the CCD at this wavelength. */
static bool all_on_ccd(const struct psf *psf, double wave)
{
    for (size_t s = 0; s < psf->nspec; s++) {
        double y = legendre_value(&psf->y, s, wave);

        if (!(y >= -0.5 && y <= (double)psf->ny - 0.5)) return false;
    }
    return true;
}

enum status simulation_default_grid(const struct psf *psf, double *first, double *last, double *step,
                                    struct error *error)
{
    double middle = round(0.5 * (psf->y.wave_min + psf->y.wave_max));

    for (size_t i = 0; i < PRODUCTION_GRIDS; i++) {
        const struct production_grid *grid = &production_grids[i];

        *first = grid->first;
        *last = grid->last;
        *step = grid->step;
        if (grid->camera == psf->camera[0] && grid->first - grid_padding >= psf->y.wave_min &&
            grid->last + grid_padding <= psf->y.wave_max) {
            return STATUS_OK;
        }
    }
    *first = *last = middle;
    *step = 0.8;
    while (*first - 1 >= psf->y.wave_min && all_on_ccd(psf, *first - 1)) *first -= 1;
    while (*last + 1 <= psf->y.wave_max && all_on_ccd(psf, *last + 1)) *last += 1;
    if (*last > *first) return STATUS_OK;
    return error_set(error, STATUS_MISMATCH,
                     "its fibers share no wavelengths on the CCD around %.0f Angstrom: give a grid by "
                     "--wavelength",
                     middle);
}

static size_t padding_bins(double step, double room)
{
    double padding = fmin(grid_padding, room);

    return padding > 0 ? (size_t)floor(padding / step + 1e-9) : 0;
}

void simulation_set_grid(struct simulation *simulation, const struct psf *psf, double first, double last,
                         double step)
{
    size_t nwave = wavelength_count(first, last, step);
    size_t before = padding_bins(step, first - fmax(psf->x.wave_min, psf->y.wave_min));
    size_t after = padding_bins(step, fmin(psf->x.wave_max, psf->y.wave_max) - last);

    simulation->wave_min = first - (double)before * step;
    simulation->wave_step = step;
    simulation->nwave = before + nwave + after;
}

/* A thread's share of the CCD: BAND_ROWS rows at a time, in turn with the other threads. So no pixel has two
 * writers, and each pixel's sum has the same order, hence the same rounding, on any number of threads. */
struct row_share {
    size_t thread, threads;
};

/* Adds the rows of a spot that are in the share. */
static void add_spot(const struct psf *psf, const struct spots *spots, size_t index, double photons,
                     struct row_share share, double *expected)
{
    const double *value = spots->value + index * spots->ny * spots->nx;
    long nx = (long)psf->nx, column = spots->column[index];
    long first = column < 0 ? -column : 0; /* columns of the spot that are on the CCD */
    long end = column + (long)spots->nx > nx ? nx - column : (long)spots->nx;

    for (size_t y = 0; y < spots->ny; y++) {
        long row = (long)spots->row[index] + (long)y;

        if (row < 0 || row >= (long)psf->ny || (size_t)row / BAND_ROWS % share.threads != share.thread)
            continue;
        for (long x = first; x < end; x++) {
            expected[row * nx + column + x] += photons * value[(long)(y * spots->nx) + x];
        }
    }
}

/* Adds all spots. flux[s * stride + w] (photons/Angstrom) is that of the spot of spectrum s and wavelength w,
 * and step (Angstrom) is the width of a bin. */
static void add_chunk(const struct psf *psf, const struct spots *spots, const double *flux, size_t stride,
                      double step, double *expected)
{
#pragma omp parallel
    {
        const struct row_share share = {(size_t)omp_get_thread_num(), (size_t)omp_get_num_threads()};

        for (size_t s = 0; s < spots->nspec; s++) {
            for (size_t w = 0; w < spots->nwave; w++) {
                double photons = flux[s * stride + w] * step;

                if (photons == 0) continue;
                add_spot(psf, spots, s * spots->nwave + w, photons, share, expected);
            }
        }
    }
}

enum status simulate_light(const struct psf *psf, const struct truth *truth, double *expected,
                           struct error *error)
{
    struct spots spots;
    double step = truth->nwave > 1
                      ? (truth->wave[truth->nwave - 1] - truth->wave[0]) / ((double)truth->nwave - 1)
                      : 1; /* a single bin has no width of its own */
    enum status status = spots_alloc(&spots, psf, CHUNK_FIBERS, CHUNK_WAVES, error);

    if (status != STATUS_OK) return status;
    for (size_t s = 0; s < truth->nspec; s += CHUNK_FIBERS) {
        size_t nspec = truth->nspec - s < CHUNK_FIBERS ? truth->nspec - s : CHUNK_FIBERS;

        for (size_t w = 0; w < truth->nwave; w += CHUNK_WAVES) {
            size_t nwave = truth->nwave - w < CHUNK_WAVES ? truth->nwave - w : CHUNK_WAVES;

            spots_evaluate(&spots, (size_t)truth->spectrum[s], nspec, truth->wave[w], step, nwave);
            add_chunk(psf, &spots, truth->flux + s * truth->nwave + w, truth->nwave, step, expected);
        }
    }
    spots_free(&spots);
    return STATUS_OK;
}
