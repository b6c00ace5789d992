/* The noise and the defects of a simulated CCD. */
#include <gsl/gsl_math.h>
#include <gsl/gsl_randist.h>

#include "base/memory.h"
#include "omp/spots.h"
#include "simulate/simulation.h"
#include "simulate/synthetic_psf.h"

static const double right_readnoise = 1.05; /* relative to that of the left amplifiers */
static const double bad_fraction = 5e-5;    /* of the pixels, scattered over the CCD */
static const double pixels_per_cosmic = 3e5;
static const float full_well = 65535; /* electrons */

struct detector {
    size_t nx, ny;
    float *image, *ivar;
    int32_t *mask;
};

/* Mixes the bits of x: the finaliser of SplitMix64 (Steele, Lea & Flood 2014). */
static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

void simulation_random(gsl_rng *random, unsigned long seed, enum random_use use, size_t index)
{
    /* The Mersenne twister takes 32 bits: the index is added last, so that no two rows have the same seed. */
    gsl_rng_set(random, (mix(mix(seed) + (uint64_t)use) + index) & 0xffffffffu);
}

long simulation_dead_fiber(const struct simulation *simulation)
{
    if (simulation->nspec < 5) return SIMULATION_NO_FIBER;
    return (long)(simulation->specmin +
                  simulation->nspec * 23 / 50); /* 230 of 500, as in the reference data */
}

bool simulation_is_sky(size_t fiber)
{
    size_t place = fiber % SYNTHETIC_BUNDLE_FIBERS;

    return place == 2 || place == 8 || place == 14 || place == 20;
}

/* Exposes one row of pixels. ivar is that of the expected electrons, not of the measured ones: so the pulls
 * of the image, and of everything that is extracted from it, follow N(0, 1). An ivar that knows the noise
 * would bias the fluxes low. */
static void expose_row(const struct simulation *simulation, const double *expected, size_t row,
                       const struct detector *detector, gsl_rng *random)
{
    simulation_random(random, simulation->seed, RANDOM_ROW, row);
    for (size_t x = 0; x < detector->nx; x++) {
        size_t pixel = row * detector->nx + x;
        double readnoise = simulation->readnoise * (x < detector->nx / 2 ? 1 : right_readnoise);
        double electrons = expected[pixel];

        detector->ivar[pixel] = (float)(1 / (electrons + readnoise * readnoise));
        if (simulation->noise) {
            electrons = gsl_ran_poisson(random, electrons) + gsl_ran_gaussian_ziggurat(random, readnoise);
        }
        detector->image[pixel] = (float)electrons;
    }
}

static enum status expose(const struct simulation *simulation, const double *expected,
                          const struct detector *detector, struct error *error)
{
    bool failed = false;

#pragma omp parallel
    {
        gsl_rng *random = gsl_rng_alloc(gsl_rng_mt19937);

        if (!random) {
#pragma omp atomic write
            failed = true;
        }
#pragma omp for schedule(dynamic, 16)
        for (size_t row = 0; row < detector->ny; row++) {
            if (random) expose_row(simulation, expected, row, detector, random);
        }
        if (random) gsl_rng_free(random);
    }
    return failed ? memory_error(error, "random numbers") : STATUS_OK;
}

/* Marks a pixel and adds electrons to it; pixels off the CCD are ignored. */
static void mark(const struct detector *detector, long column, long row, enum ccdmask bit, double electrons)
{
    size_t pixel;

    if (column < 0 || row < 0 || column >= (long)detector->nx || row >= (long)detector->ny) return;
    pixel = (size_t)row * detector->nx + (size_t)column;
    detector->mask[pixel] |= bit;
    detector->image[pixel] += (float)electrons;
}

static void scatter_bad_pixels(const struct detector *detector, gsl_rng *random)
{
    size_t npix = detector->nx * detector->ny;
    size_t count = 3 + (size_t)(bad_fraction * (double)npix);

    for (size_t k = 0; k < count; k++) {
        size_t pixel = gsl_rng_uniform_int(random, npix);
        double electrons = 1000 * gsl_rng_uniform(random);
        static const enum ccdmask kinds[] = {CCDMASK_BAD, CCDMASK_HOT, CCDMASK_DEAD};
        enum ccdmask bit = kinds[k % 3];

        if (bit == CCDMASK_DEAD) detector->image[pixel] = 0;
        mark(detector, (long)(pixel % detector->nx), (long)(pixel / detector->nx), bit,
             bit == CCDMASK_DEAD ? 0 : electrons);
    }
}

/* Adds a straight track of 3 to 60 pixels, with thousands of electrons each. */
static void add_cosmic(const struct detector *detector, gsl_rng *random)
{
    double x = gsl_rng_uniform(random) * (double)detector->nx;
    double y = gsl_rng_uniform(random) * (double)detector->ny;
    double angle = 2 * M_PI * gsl_rng_uniform(random);
    int length = (int)(3 * pow(20, gsl_rng_uniform(random)));

    for (int k = 0; k < length; k++) {
        mark(detector, lround(x + k * cos(angle)), lround(y + k * sin(angle)), CCDMASK_COSMIC,
             200 + 3000 * gsl_rng_uniform(random));
    }
}

/* Adds a block of 30 columns and 35 rows without any signal, so that some bins of some fibers have no usable
 * pixel at all. */
static void add_dead_block(const struct detector *detector, long column, long row)
{
    for (long y = row - 17; y < row + 18; y++) {
        for (long x = column - 15; x < column + 15; x++) {
            mark(detector, x, y, CCDMASK_DEAD, 0);
            if (x < 0 || y < 0 || x >= (long)detector->nx || y >= (long)detector->ny) continue;
            detector->image[(size_t)y * detector->nx + (size_t)x] = 0;
            detector->ivar[(size_t)y * detector->nx + (size_t)x] = 0;
        }
    }
}

/* Saturates the brightest pixel and its neighbours along the column, into which charge bleeds. */
static void saturate_brightest(const struct detector *detector, const double *expected)
{
    size_t brightest = 0;

    for (size_t i = 1; i < detector->nx * detector->ny; i++) {
        if (expected[i] > expected[brightest]) brightest = i;
    }
    for (long y = -3; y <= 3; y++) {
        for (long x = -1; x <= 1; x++) {
            mark(detector, (long)(brightest % detector->nx) + x, (long)(brightest / detector->nx) + y,
                 CCDMASK_SATURATED, full_well);
        }
    }
}

static enum status add_defects(const struct psf *psf, const struct simulation *simulation,
                               const double *expected, const struct detector *detector, struct error *error)
{
    gsl_rng *random = gsl_rng_alloc(gsl_rng_mt19937);
    double wave = 0.5 * (psf->x.wave_min + psf->x.wave_max);
    size_t column_fiber = simulation->specmin + simulation->nspec / 3;
    size_t block_fiber = simulation->specmin + simulation->nspec / 2;
    long column = lround(legendre_value(&psf->x, column_fiber, wave));
    long cosmics = 1 + lround((double)(detector->nx * detector->ny) / pixels_per_cosmic);

    if (!random) return memory_error(error, "random numbers");
    simulation_random(random, simulation->seed, RANDOM_DEFECTS, 0);
    scatter_bad_pixels(detector, random);
    for (long k = 0; k < cosmics; k++) add_cosmic(detector, random);
    for (size_t row = detector->ny / 10; row < detector->ny * 6 / 10; row++) {
        mark(detector, column, (long)row, CCDMASK_BAD, 100);
    }
    add_dead_block(detector, lround(legendre_value(&psf->x, block_fiber, wave)),
                   (long)(detector->ny * 9 / 20));
    saturate_brightest(detector, expected);
    gsl_rng_free(random);
    return STATUS_OK;
}

enum status simulate_detector(const struct psf *psf, const struct simulation *simulation,
                              const double *expected, struct preproc *preproc, int32_t *mask,
                              struct error *error)
{
    enum status status;
    struct detector detector;

    *preproc = (struct preproc){.nx = psf->nx, .ny = psf->ny};
    preproc->image = memory_zeroed(psf->nx * psf->ny, sizeof(float));
    preproc->ivar = memory_zeroed(psf->nx * psf->ny, sizeof(float));
    if (!preproc->image || !preproc->ivar) return memory_error(error, "image");
    detector = (struct detector){
        .nx = psf->nx, .ny = psf->ny, .image = preproc->image, .ivar = preproc->ivar, .mask = mask};
    status = expose(simulation, expected, &detector, error);
    if (status == STATUS_OK) status = add_defects(psf, simulation, expected, &detector, error);
    return status;
}
