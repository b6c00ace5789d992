/* The extraction of a frame from arrays to arrays. It knows no files. */
#ifndef UNSPOT_EXTRACT_FRAME_H
#define UNSPOT_EXTRACT_FRAME_H

#include "base/frame.h"
#include "base/log.h"
#include "base/psf.h"
#include "base/span.h"
#include "base/status.h"
#include "extract/options.h"
#include "run/progress.h"
#include "run/timing.h"

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
 * 0. The caller releases it with frame_free(), whatever the status. */
enum status extract_frame_alloc(struct frame *frame, const struct extract_options *options,
                                const struct psf *psf, struct span columns, size_t ny, struct error *error);

/* Extracts. *frame is filled; the caller releases it with frame_free(), whatever the status. *timing gets the
 * stages from plan to finish and the counts of patches. The result is the same, bit by bit, for any number of
 * threads, and for a spectrum whichever others are extracted (but for BAD2DFIT in its mask). */
enum status extract_frame(const struct extraction *in, struct frame *frame, struct timing *timing,
                          struct error *error);

#endif
