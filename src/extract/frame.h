/* The extraction of a frame from arrays to arrays. It knows no files. */
#ifndef UNSPOT_EXTRACT_FRAME_H
#define UNSPOT_EXTRACT_FRAME_H

#include "base/frame.h"
#include "base/status.h"
#include "extract/extraction.h"
#include "run/timing.h"

/* Extracts. *frame is filled; the caller releases it with frame_free(), whatever the status. *timing gets the
 * stages from plan to finish and the counts of patches. The result is the same, bit by bit, for any number of
 * threads, and for a spectrum whichever others are extracted (but for BAD2DFIT in its mask). */
enum status extract_frame(const struct extraction *in, struct frame *frame, struct timing *timing,
                          struct error *error);

#endif
