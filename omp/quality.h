/* How well the model of a patch fits its pixels. */
#ifndef UNSPOT_OMP_QUALITY_H
#define UNSPOT_OMP_QUALITY_H

#include <stddef.h>

#include "omp/patch.h"
#include "omp/spots.h"

/* Scratch bytes for patches of at most npix pixels. */
size_t quality_bytes(size_t npix);

/* chi2pix[core spec][core wave]: the mean of χ² over the usable pixels of each core bin's spot, weighted by
 * the spot: Aᵀ(χ²) / Aᵀ[usable],  χ² = (p - A x)² / (1/w + (psferr · A x)²); 0 where no pixel is usable. */
void quality_chi2pix(const struct patch *patch, const struct spots *spots, const struct pixels *pixels,
                     const double *deconvolved, double psferr, double *chi2pix, double *scratch);

#endif
