/* The image that extracted spectra would make: A · flux. */
#ifndef UNSPOT_OMP_MODEL_H
#define UNSPOT_OMP_MODEL_H

#include <stddef.h>

#include "omp/spots.h"

/* image[ny][column_max - column_min], these columns of the CCD, += Σ flux[s][w] · width · spot(s, w), on all
 * threads, each pixel summed in the order of s, w whatever their number. flux[nspec][flux_stride], photons
 * per Angstrom in bins of that width, is of spots spec ... spec + nspec - 1 and wave ... wave + nwave - 1;
 * what falls off the columns is lost. */
void model_add(const struct spots *spots, size_t spec, size_t nspec, size_t wave, size_t nwave,
               const double *flux, size_t flux_stride, double width, size_t column_min, size_t column_max,
               size_t ny, double *image);

#endif
