/* A simulated science exposure: true spectra, the light they leave on the CCD, and the CCD's noise and
 * defects. Everything follows from the options: the same seed gives the same image on
 * any number of threads. */
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

/* The bits of desispec's ccdmask that the simulated defects set. */
enum ccdmask {
    CCDMASK_BAD = 1 << 0,
    CCDMASK_HOT = 1 << 1,
    CCDMASK_DEAD = 1 << 2,
    CCDMASK_SATURATED = 1 << 3,
    CCDMASK_COSMIC = 1 << 4,
};

/* What is simulated. */
struct simulation {
    size_t specmin, nspec;      /* the fibers that get light */
    double wave_min, wave_step; /* Angstrom: the grid of the true spectra */
    size_t nwave;
    unsigned long seed;
    double readnoise; /* electrons, above 0, of the left amplifiers; the right ones have 5% more */
    bool noise;       /* when false, the image is the expected one, with the same ivar and defects */
};

enum { SIMULATION_NO_FIBER = -1 };

/* Finds the grid on which a PSF's camera is extracted, in Angstrom, the last wavelength included. It is the
 * production grid of DESI's b, r or z where the PSF covers it with 40 Angstrom on either side, otherwise what
 * all its fibers have on the CCD, in steps of 0.8. STATUS_MISMATCH when they have no wavelengths in common
 * there. */
enum status simulation_default_grid(const struct psf *psf, double *first, double *last, double *step,
                                    struct error *error);

/* Sets the grid of the truth. It is that of the extraction (Angstrom) and, on either side, as many whole bins
 * as fit in 40 Angstrom and in the PSF's domain, so that the padding of the outermost patches sees light. */
void simulation_set_grid(struct simulation *simulation, const struct psf *psf, double first, double last,
                         double step);

/* The fiber (of the PSF) that is broken and has no light, or SIMULATION_NO_FIBER when fewer than five fibers
 * are simulated. */
long simulation_dead_fiber(const struct simulation *simulation);

/* Whether a fiber looks at the sky, as four of each bundle of 25 do. */
bool simulation_is_sky(size_t fiber);

/* Sets a generator to the numbers of one use, such as a row or a fiber, of which index is the number. So the
 * random numbers do not depend on the order of the work. */
enum random_use { RANDOM_ROW, RANDOM_FIBER, RANDOM_DEFECTS, RANDOM_SKY };
void simulation_random(gsl_rng *random, unsigned long seed, enum random_use use, size_t index);

/* Makes the true spectra, in photons per Angstrom. The caller releases *truth with truth_free(), whatever the
 * status. */
enum status simulate_spectra(const struct simulation *simulation, struct truth *truth, struct error *error);

/* Adds the spots of all true spectra to the expected image, expected[psf->ny][psf->nx] electrons, which the
 * caller has zeroed. The part of a spot that lies off the CCD is lost. */
enum status simulate_light(const struct psf *psf, const struct truth *truth, double *expected,
                           struct error *error);

/* Makes image and ivar of *preproc from the expected image by adding noise and defects, and marks the defects
 * (enum ccdmask) in mask[psf->ny][psf->nx], which the caller has zeroed. The caller releases *preproc with
 * preproc_free(), whatever the status. */
enum status simulate_detector(const struct psf *psf, const struct simulation *simulation,
                              const double *expected, struct preproc *preproc, int32_t *mask,
                              struct error *error);

/* The bit of FIBERSTATUS that the fiber without light gets, from desispec's fibermask. */
enum { FIBERSTATUS_BADFIBER = 1 << 16 };

/* Makes a table with one row for each fiber of the PSF, whether it gets light or not. The caller releases
 * *fibermap with table_free(), whatever the status. */
enum status simulate_fibermap(const struct psf *psf, const struct simulation *simulation,
                              struct table *fibermap, struct error *error);

#endif
