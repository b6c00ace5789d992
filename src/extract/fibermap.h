/* The rows of a fibermap that belong to extracted spectra. */
#ifndef UNSPOT_EXTRACT_FIBERMAP_H
#define UNSPOT_EXTRACT_FIBERMAP_H

#include <stdint.h>

#include "base/frame.h"
#include "base/log.h"
#include "base/psf.h"
#include "base/span.h"
#include "base/status.h"

/* The rows of a fibermap that belong to extracted spectra. */
struct fibers {
    struct table rows; /* one a spectrum, in their order, with all columns of the input; empty: no fibermap */
    int64_t fibermin;  /* the first spectrum's FIBER = 500 petal + fiber */
};

/* What the rows are selected from, and for which spectra. */
struct fibers_wanted {
    const struct preproc
        *preproc; /* its fibermap and the CAMERA of its header, "r0", whose digit is the petal */
    const struct psf *psf;
    struct span spectra; /* of the PSF */
};

/* Copies the rows of these spectra, found by FIBER. A fiber without a row gets one that says nothing but its
 * number; of identical rows for a fiber the first is taken; both with a warning. Where the table has no
 * column FIBER of integers, row i is taken for fiber i of the petal, with a warning. Where CAMERA does not
 * say the petal it is that of the PSF, or else that of all rows. The caller releases fibers->rows with
 * table_free(), whatever the status. STATUS_MISMATCH where the table does not fit: more than half of the
 * fibers have no row, rows of one fiber differ, or the petal is not known. */
enum status fibermap_select(const struct fibers_wanted *wanted, const struct log *log, struct fibers *fibers,
                            struct error *error);

#endif
