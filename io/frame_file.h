/* Reads and writes DESI frame files, the layout that desispec's readers expect (io/README.md):
 * FLUX f4, IVAR f4, MASK u4, WAVELENGTH f8, RESOLUTION f4, FIBERMAP, CHI2PIX f4, SCORES. */
#ifndef UNSPOT_IO_FRAME_FILE_H
#define UNSPOT_IO_FRAME_FILE_H

#include <stdint.h>

#include "base/frame.h"
#include "base/status.h"
#include "io/keyword.h"

/* Writes a frame with checksums on every HDU, gzipped when path ends in .gz. HDU 0 gets all cards of
 * image_header (structural ones, EXTNAME, BUNIT and checksums redone), then the keywords. fibermap holds
 * exactly the frame's nspec rows, or header.count = 0: no FIBERMAP HDU. scores[nspec][3] are
 * SUM_RAW_COUNT_X, MEDIAN_RAW_COUNT_X, MEDIAN_RAW_SNR_X with X = band ('B', 'R', 'Z') over
 * [window_min, window_max) Angstrom, or NULL: no SCORES HDU. */
struct frame_scores {
    char band;
    double window_min, window_max;
    const double *value; /* [nspec][3] */
};

struct frame_companions {
    const struct cards *image_header;  /* its cards come first in the header of FLUX */
    const struct keywords *keywords;   /* and these after them */
    const struct table *fibermap;      /* a row for each spectrum, or NULL */
    const struct frame_scores *scores; /* or NULL */
};

/* Writes a frame and its companions under a temporary name, which is synced and renamed to path.
 * STATUS_MISMATCH when the frame is empty or the fibermap has another number of rows. */
enum status frame_file_write(const char *path, const struct frame *frame,
                             const struct frame_companions *companions, struct error *error);

/* Reads FLUX, IVAR, WAVELENGTH (required), MASK, RESOLUTION, CHI2PIX, PIXMASKFRAC (NULL where absent) of any
 * frame file, float or double. specmin comes from FIBERMIN mod 500, else a
 * SPECTRA HDU gives the spectrum of each row, else 0. The caller releases *frame with frame_free(), whatever
 * the status. */
enum status frame_file_read(const char *path, struct frame *frame, struct error *error);

#endif
