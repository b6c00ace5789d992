/* A simulated science exposure: true spectra, the light they leave on the CCD, and the CCD's noise and
 * defects. Everything follows from the options: the same seed gives the same image on any number of threads.
 */
#ifndef UNSPOT_SIMULATE_SIMULATION_H
#define UNSPOT_SIMULATE_SIMULATION_H

#include <gsl/gsl_rng.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/frame.h"
#include "base/psf.h"
#include "base/status.h"
#include "io/frame_file.h"
#include "io/truth_file.h"

/* desispec's ccdmask bits that the simulated defects set */
enum ccdmask {
    CCDMASK_BAD = 1 << 0,
    CCDMASK_HOT = 1 << 1,
    CCDMASK_DEAD = 1 << 2,
    CCDMASK_SATURATED = 1 << 3,
    CCDMASK_COSMIC = 1 << 4,
};

struct simulation {
    size_t specmin, nspec;      /* the fibers that get light */
    double wave_min, wave_step; /* Angstrom: the grid of the true spectra */
    size_t nwave;
    unsigned long seed;
    double readnoise; /* electrons, above 0: of the left amplifiers, the right ones have 5% more */
    bool noise;       /* false: the image is what is expected, but ivar and the defects stay */
};

enum { SIMULATION_NO_FIBER = -1 };

/* The grid on which a PSF's camera is extracted, Angstrom, last included: the production grid of DESI's b, r
 * or z where the PSF covers it, otherwise what all its fibers have on the CCD, in steps of 0.8. */
enum status simulation_default_grid(const struct psf *psf, double *first, double *last, double *step,
                                    struct error *error);

/* Sets the grid of the truth: that of the extraction, and on either side as many whole bins as fit in 40
 * Angstrom and in the PSF's domain, so that the padding of the outermost patches sees light. */
void simulation_set_grid(struct simulation *simulation, const struct psf *psf, double first, double last,
                         double step);

/* The fiber (of the PSF) that is broken and has no light, or SIMULATION_NO_FIBER when fewer than five fibers
 * are simulated. */
long simulation_dead_fiber(const struct simulation *simulation);

/* Four fibers of each bundle of 25 look at the sky. */
bool simulation_is_sky(size_t fiber);

/* A generator for one use of random numbers (a row, a fiber): they do not depend on the order of work. */
enum random_use { RANDOM_ROW, RANDOM_FIBER, RANDOM_DEFECTS, RANDOM_SKY };
void simulation_random(gsl_rng *random, unsigned long seed, enum random_use use, size_t index);

/* The true spectra, photons per Angstrom. The caller releases *truth with truth_free(), whatever the status.
 */
enum status simulate_spectra(const struct simulation *simulation, struct truth *truth, struct error *error);

/* The expected image: expected[row][column] electrons, psf->ny x psf->nx, zeroed by the caller, gets the
 * spots of all true spectra. The part of a spot that lies off the CCD is lost. */
enum status simulate_light(const struct psf *psf, const struct truth *truth, double *expected,
                           struct error *error);

/* Adds noise and defects: image and ivar of *preproc (which the caller releases with preproc_free(), whatever
 * the status) and mask[row][column], zeroed by the caller, enum ccdmask. */
enum status simulate_detector(const struct psf *psf, const struct simulation *simulation,
                              const double *expected, struct preproc *preproc, int32_t *mask,
                              struct error *error);

/* Bits of FIBERSTATUS */
enum { FIBERSTATUS_BADFIBER = 1 << 16 };

/* One row for each fiber of the PSF. The caller releases *fibermap with table_free(), whatever the status. */
enum status simulate_fibermap(const struct psf *psf, const struct simulation *simulation,
                              struct table *fibermap, struct error *error);

#endif
