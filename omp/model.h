/* The image that extracted spectra would make: A · flux. */
#ifndef UNSPOT_OMP_MODEL_H
#define UNSPOT_OMP_MODEL_H

#include <stddef.h>

#include "base/span.h"
#include "omp/spots.h"

/* Spectra whose light is projected: of these spots of a bundle. */
struct light {
    struct span spectra, wavelengths; /* of the bundle's spots */
    const double *flux;               /* [spectra.count][stride], photons per Angstrom */
    size_t stride;
    double bin_width; /* Angstrom */
};

/* image[ny][columns.count], which begins at column columns.first of the CCD, += Σ flux · bin_width · spot, on
 * all threads. Each pixel is summed in the order of spectra and wavelengths, whatever the number of threads.
 * Light that falls off the columns is lost. */
void model_add(const struct spots *spots, const struct light *light, struct span columns, size_t ny,
               double *image);

#endif
