/* What is done to a frame once all its patches are in: mask bits, rows of R without data, a last check. */
#ifndef UNSPOT_EXTRACT_MASK_H
#define UNSPOT_EXTRACT_MASK_H

#include "base/frame.h"
#include "base/status.h"
#include "extract/options.h"

/* Sets desispec's mask bits from pixmask_fraction and chi2pix (io/README.md), gives each bin with ivar 0 a
 * mask and the identity's row of R, and makes sure that every number is finite: STATUS_NUMERIC otherwise.
 * options: those that the frame was extracted with; of them psferr and the rule of BAD2DFIT count. */
enum status mask_frame(struct frame *frame, const struct extract_options *options, struct error *error);

#endif
