/* Reads and writes DESI frame files in the layout that desispec's readers expect: the HDUs FLUX, IVAR
 * (float32), MASK (uint32), WAVELENGTH (float64), RESOLUTION (float32), FIBERMAP, CHI2PIX (float32) and
 * SCORES. io/README.md describes the format. */
#ifndef UNSPOT_IO_FRAME_FILE_H
#define UNSPOT_IO_FRAME_FILE_H

#include <stdint.h>

#include "base/frame.h"
#include "base/status.h"
#include "io/keyword.h"

enum { FRAME_SCORES = 3 }; /* the columns of SCORES */

/* The SCORES of a frame, over the wavelengths in [window_min, window_max) Angstrom. */
struct frame_scores {
    char band; /* of the camera, 'B', 'R' or 'Z': the columns' names end in it */
    double window_min, window_max;
    const double *value; /* [spec][FRAME_SCORES]: SUM_RAW_COUNT, MEDIAN_RAW_COUNT (counts/Angstrom),
                            MEDIAN_RAW_SNR */
};

/* What stands in a frame file beside the spectra. */
struct frame_companions {
    const struct cards *image_header; /* the cards of the image, which come first in the header of FLUX */
    const struct keywords *keywords;  /* these come after them */
    const struct table *fibermap;     /* a row for each spectrum; NULL or header.count = 0: no HDU FIBERMAP */
    const struct frame_scores *scores; /* NULL: no HDU SCORES */
};

/* Writes a frame and its companions with checksums on every HDU, gzipped when path ends in .gz. Of
 * image_header the cards that describe the file's structure, EXTNAME, BUNIT and the checksums are made anew.
 * STATUS_MISMATCH when the frame is empty or the fibermap has another number of rows, STATUS_NUMERIC when a
 * number is not finite in the type of the file, STATUS_IO when the file cannot be written. Then path is left
 * as it was. */
enum status frame_file_write(const char *path, const struct frame *frame,
                             const struct frame_companions *companions, struct error *error);

/* Reads any frame file, whose numbers may be float32 or float64. FLUX, IVAR and WAVELENGTH must be there;
 * where MASK, RESOLUTION, CHI2PIX or PIXMASKFRAC is absent, its array stays NULL. Which spectra the rows are
 * follows from FIBERMIN modulo 500, or else from an HDU SPECTRA that lists them, or else they begin at 0.
 * STATUS_IO when the file cannot be read, STATUS_FORMAT when an HDU is missing or has another shape. The
 * caller releases *frame with frame_free(), whatever the status. */
enum status frame_file_read(const char *path, struct frame *frame, struct error *error);

#endif
