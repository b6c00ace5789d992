/* chi2pix, the measure of how well the model of a patch fits its pixels. */
#ifndef UNSPOT_OMP_QUALITY_H
#define UNSPOT_OMP_QUALITY_H

#include <stddef.h>

#include "omp/patch.h"
#include "omp/spots.h"

/* What the chi2pix of a patch is computed from, and where it goes. */
struct quality {
    const struct patch *patch;
    const struct spots *spots;   /* of the bundle */
    const struct pixels *pixels; /* of the CCD */
    double psferr;               /* fractional error of the PSF */
    const double *deconvolved;   /* [spec][wave] the solution x, photons per bin */
    double *scratch;             /* of quality_bytes() */
    double *exchange;            /* [TEAM_SIZE][TEAM_SUMS] for the members of a team; NULL on a CPU */
    double *chi2pix;             /* [core spec][core wave] */
};

/* Bytes of scratch for patches of at most npix pixels. */
static inline size_t quality_bytes(size_t npix)
{
    return 2 * npix * sizeof(double);
}

/* Computes the mean of χ² over the usable pixels of each core bin's spot, weighted by the spot:
 *
 *     chi2pix = Aᵀ(χ²) / Aᵀ[usable],   χ² = (p - A x)² / (1/w + (psferr · A x)²)
 *
 * with p the pixels and w their inverse variances. It is 0 where no pixel of the spot is usable. The calling
 * thread does all of it. */
void quality_chi2pix(const struct quality *quality);

#endif
