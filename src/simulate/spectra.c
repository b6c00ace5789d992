/* True spectra: a night sky common to all fibers, and objects. The numbers are those of a 900 s exposure of a
 * DESI r camera: a sky of 25 photons per Angstrom, lines of up to some 10^4 photons, objects mostly fainter
 * than the sky. */
#include <gsl/gsl_math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "simulate/simulation.h"

static const double sky_continuum = 25;     /* photons per Angstrom */
static const double sky_line_sigma = 0.4;   /* Angstrom: narrow, the width on the CCD is the PSF's */
static const double forest_wave_min = 3500; /* Angstrom */
static const double forest_wave_max = 10000;
static const double forest_spacing = 35; /* Angstrom, mean, at 5000; closer in the red, like OH bands */

/* The brightest lines of the night sky: Angstrom (air), photons. */
static const struct sky_line {
    double wave, photons;
} sky_lines[] = {{4046.56, 300},   {4358.34, 600},   {5460.74, 900},   {5577.34, 30000}, {5889.95, 2500},
                 {5895.92, 1500},  {6300.30, 9000},  {6363.78, 3000},  {6863.96, 4000},  {7276.41, 8000},
                 {7316.28, 9000},  {7340.89, 9500},  {7750.64, 9000},  {7821.51, 8000},  {7913.71, 9000},
                 {8344.60, 12000}, {8399.17, 15000}, {8430.17, 15000}, {8827.10, 16000}, {8885.85, 18000},
                 {8919.64, 14000}, {9375.98, 15000}, {9476.71, 12000}, {9719.84, 15000}};

/* Adds a Gaussian line, integrated over each bin, to a spectrum in photons per Angstrom. */
static void add_line(double *flux, const struct simulation *simulation, double wave, double sigma,
                     double photons)
{
    double step = simulation->wave_step;
    double edge = simulation->wave_min - 0.5 * step; /* left edge of bin 0 */
    double lo = floor((wave - 6 * sigma - edge) / step), hi = ceil((wave + 6 * sigma - edge) / step);
    size_t first = lo > 0 ? (size_t)lo : 0;
    size_t end = hi > 0 ? (size_t)hi : 0;

    if (end > simulation->nwave) end = simulation->nwave;
    for (size_t i = first; i < end; i++) {
        double u = (edge + (double)i * step - wave) / (sigma * M_SQRT2);

        flux[i] += photons / step * 0.5 * (erf(u + step / (sigma * M_SQRT2)) - erf(u));
    }
}

/* Makes the sky, which is the same for every seed and camera: known bright lines and a
 * forest of faint ones. */
static void fill_sky(double *sky, const struct simulation *simulation, gsl_rng *random)
{
    double wave = forest_wave_min;

    for (size_t i = 0; i < simulation->nwave; i++) sky[i] = sky_continuum;
    for (size_t k = 0; k < sizeof sky_lines / sizeof sky_lines[0]; k++) {
        add_line(sky, simulation, sky_lines[k].wave, sky_line_sigma, sky_lines[k].photons);
    }
    simulation_random(random, 0, RANDOM_SKY, 0);
    while (wave < forest_wave_max) {
        double red = pow(wave / 5000, 2);

        wave += forest_spacing / red * (0.2 + 1.6 * gsl_rng_uniform(random));
        add_line(sky, simulation, wave, sky_line_sigma, 30 * red * exp(4 * gsl_rng_uniform(random)));
    }
}

/* Draws the brightness of an object in photons per Angstrom: four of five objects are faint, and a few are
 * bright stars. */
static double object_brightness(gsl_rng *random)
{
    double kind = gsl_rng_uniform(random), u = gsl_rng_uniform(random);

    if (kind < 0.80) return 2 * pow(30, u);
    if (kind < 0.96) return 60 * pow(8, u);
    return 1000 * pow(4, u);
}

static void add_object(double *flux, const struct simulation *simulation, gsl_rng *random)
{
    double range = (double)simulation->nwave * simulation->wave_step;
    double brightness = object_brightness(random);
    double slope = 2 * gsl_rng_uniform(random) - 1;
    double phase = 2 * M_PI * gsl_rng_uniform(random);
    double period = 100 + 300 * gsl_rng_uniform(random); /* Angstrom: broad features */
    size_t nlines = gsl_rng_uniform(random) < 0.4 ? 1 + gsl_rng_uniform_int(random, 5) : 0;

    for (size_t i = 0; i < simulation->nwave; i++) {
        double offset = (double)i * simulation->wave_step;

        flux[i] += brightness * (1 + 0.5 * slope * (2 * offset / range - 1)) *
                   (1 + 0.1 * sin(2 * M_PI * offset / period + phase));
    }
    for (size_t k = 0; k < nlines; k++) {
        double wave = simulation->wave_min + range * gsl_rng_uniform(random);
        double sigma = 0.8 + 2 * gsl_rng_uniform(random);

        add_line(flux, simulation, wave, sigma, 100 * pow(30, gsl_rng_uniform(random)));
    }
}

static void fill_fiber(double *flux, const struct simulation *simulation, size_t fiber, const double *sky,
                       gsl_rng *random)
{
    double throughput;

    simulation_random(random, simulation->seed, RANDOM_FIBER, fiber);
    throughput = 0.9 + 0.2 * gsl_rng_uniform(random);
    if ((long)fiber == simulation_dead_fiber(simulation)) return;
    if (!simulation_is_sky(fiber)) add_object(flux, simulation, random);
    for (size_t i = 0; i < simulation->nwave; i++) flux[i] = throughput * (flux[i] + sky[i]);
}

enum status simulate_spectra(const struct simulation *simulation, struct truth *truth, struct error *error)
{
    enum status status = STATUS_OK;
    double *sky = memory_zeroed(simulation->nwave, sizeof(double));
    gsl_rng *random = gsl_rng_alloc(gsl_rng_mt19937);

    *truth = (struct truth){.nspec = simulation->nspec, .nwave = simulation->nwave};
    truth->wave = memory_zeroed(truth->nwave, sizeof(double));
    truth->flux = memory_zeroed(truth->nspec * truth->nwave, sizeof(double));
    truth->spectrum = memory_zeroed(truth->nspec, sizeof(int32_t));
    if (!sky || !random || !truth->wave || !truth->flux || !truth->spectrum) {
        status = memory_error(error, "true spectra");
        goto cleanup;
    }
    for (size_t i = 0; i < truth->nwave; i++) {
        truth->wave[i] = simulation->wave_min + (double)i * simulation->wave_step;
    }
    fill_sky(sky, simulation, random);
    for (size_t s = 0; s < truth->nspec; s++) {
        truth->spectrum[s] = (int32_t)(simulation->specmin + s);
        fill_fiber(truth->flux + s * truth->nwave, simulation, simulation->specmin + s, sky, random);
    }
cleanup:
    if (random) gsl_rng_free(random);
    free(sky);
    return status;
}
