/* The rows of a fibermap that belong to extracted spectra. */
#ifndef UNSPOT_EXTRACT_FIBERMAP_H
#define UNSPOT_EXTRACT_FIBERMAP_H

#include "base/frame.h"
#include "base/span.h"
#include "base/status.h"

/* The rows of a fibermap that belong to extracted spectra. */
struct fibers {
    struct table rows; /* one a spectrum, in their order, with all columns of the input; empty: no fibermap */
    long fibermin;     /* the smallest FIBER of these rows */
};

/* Copies the rows of these spectra of the PSF; the caller releases fibers->rows with table_free(), whatever
 * the status. psf_nspec is the number of fibers of one camera; a table with more rows than that, and than a
 * petal's 500, is taken for that of a whole exposure, and the camera's rows (FIBER = 500 petal + spectrum)
 * are looked up. Without a column FIBER, fibermin is 500 petal + the first spectrum. camera: "r0"; its digit
 * is the petal. STATUS_MISMATCH where there is no row for a spectrum. */
enum status fibermap_select(const struct table *fibermap, const char *camera, size_t psf_nspec,
                            struct span spectra, struct fibers *fibers, struct error *error);

#endif
