/* PSFs made from formulas, for those who have no DESI file at hand. */
#ifndef UNSPOT_SIMULATE_SYNTHETIC_PSF_H
#define UNSPOT_SIMULATE_SYNTHETIC_PSF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/psf.h"
#include "base/status.h"

enum {
    SYNTHETIC_FIBERS = 500,       /* of a DESI spectrograph */
    SYNTHETIC_BUNDLE_FIBERS = 25, /* neighbouring fibers of a bundle, after which there is a gap */
};

/* Makes a PSF like that of a DESI camera: 'b' (3600-5800 Angstrom, 4096 x 4096 pixels), 'r' (5760-7620, 4114
 * columns x 4128 rows) or 'z' (7520-9824, 4114 x 4128; the last wavelengths of some fibers lie above the CCD,
 * as in reality). nspec (1 ... 500) fibers from the left edge of the CCD. With tails, TAILAMP is such that
 * about 1e-3 of the light is in the tail. The caller releases *psf with psf_free(), whatever the status.
 * STATUS_USAGE when there is no such camera or nspec is out of range. */
enum status synthetic_psf(char camera, size_t nspec, bool tails, struct psf *psf, struct error *error);

#endif
