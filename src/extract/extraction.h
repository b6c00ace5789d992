/* What a frame is extracted from, and the memory for the result. */
#ifndef UNSPOT_EXTRACT_EXTRACTION_H
#define UNSPOT_EXTRACT_EXTRACTION_H

#include <stddef.h>

#include "base/frame.h"
#include "base/log.h"
#include "base/psf.h"
#include "base/span.h"
#include "base/status.h"
#include "extract/options.h"
#include "run/progress.h"

/* What a frame is extracted from, and how. */
struct extraction {
    const struct preproc *preproc; /* the image */
    const struct psf *psf;
    const struct extract_options *options; /* settled: extract_options_settle() */
    const struct log *log;
    struct progress *progress; /* counts patches */
};

/* Allocates a frame for the spectra and wavelengths of the options, and a model, where it is asked for, of
 * these columns and ny rows. Nothing of it is set yet but its sizes, its wavelengths and the model, which is
 * 0. STATUS_MEMORY. The caller releases it with frame_free(), whatever the status. */
enum status extraction_frame_alloc(struct frame *frame, const struct extract_options *options,
                                   const struct psf *psf, struct span columns, size_t ny,
                                   struct error *error);

#endif
