/* What the lossy compression of floating-point images has made of zeros. */
#ifndef UNSPOT_IO_INTERNAL_QUANTISATION_H
#define UNSPOT_IO_INTERNAL_QUANTISATION_H

#include <stddef.h>

#include "io/internal/input.h"

/* The steps to which the tiles of a compressed image are rounded (FITS Standard 4.0, section 10.2). */
struct quantisation {
    double *step; /* [tile] ZSCALE; NULL: no number may have lost that it is 0 */
    size_t count, tile_nx, tile_ny, tiles_x;
};

/* Reads the steps of the current HDU, called name, an image of nx columns. They are none unless it is
 * compressed, of floating-point numbers, and by a method that does not keep zeros: with SUBTRACTIVE_DITHER_1
 * a zero comes back as a number of up to half a step. The caller calls quantisation_free(), whatever the
 * status. */
enum status quantisation_read(struct input *input, const char *name, size_t nx,
                              struct quantisation *quantisation, struct error *error);
void quantisation_free(struct quantisation *quantisation);

/* The largest number of a pixel that may have been a zero; 0 where zeros are kept. */
double quantisation_of_zero(const struct quantisation *quantisation, size_t row, size_t column);

#endif
