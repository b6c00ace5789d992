/* What is done to a frame once all its patches are in: mask bits, rows of R without data, a last check. */
#ifndef UNSPOT_EXTRACT_MASK_H
#define UNSPOT_EXTRACT_MASK_H

#include "base/frame.h"
#include "base/status.h"
#include "omp/overlaps.h"

/* Sets desispec's mask bits from pixmask_fraction and chi2pix (desi-conventions §3), gives bins with ivar 0 a
 * mask and the identity's row of R, and makes sure that every number is finite: STATUS_NUMERIC otherwise. */
enum status finish_frame(struct frame *frame, struct error *error);

/* Sum, median per Angstrom and median S/N of each spectrum in the camera's window, desispec's "scores", by
 * desispec's formulas, which divide by the step although the flux already is per Angstrom.
 * value[nspec][3]. The camera is told from the mean wavelength; *band is 'B', 'R' or 'Z'. *count: the
 * wavelengths in the window; with 0 of them the scores mean nothing. */
enum status frame_scores_compute(const struct frame *frame, char *band, double *window_min,
                                 double *window_max, double *value, size_t *count, struct error *error);

#endif
