/* The model image: the image that extracted spectra would make on the CCD, A · flux. */
#ifndef UNSPOT_OMP_MODEL_H
#define UNSPOT_OMP_MODEL_H

#include <stddef.h>

#include "base/span.h"
#include "omp/spots.h"

/* The spectra that are projected onto the image. */
struct light {
    struct span spectra, wavelengths; /* which of the bundle's spots */
    const double *flux;               /* [spectra.count][stride] photons per Angstrom */
    size_t stride;                    /* from one spectrum to the next, at least wavelengths.count */
    double bin_width;                 /* Angstrom */
};

/* Adds Σ flux · bin_width · spot to image[ny][columns.count], photons per pixel, on all threads. The image
 * begins at column columns.first of the CCD; light that falls beside its columns is lost. Each pixel is
 * summed in the order of spectra and wavelengths, whatever the number of threads. */
void model_add(const struct spots *spots, const struct light *light, struct span columns, size_t ny,
               double *image);

#endif
