/* desispec's "scores": for each spectrum, numbers by which its quality is judged at a glance. */
#ifndef UNSPOT_EXTRACT_SCORES_H
#define UNSPOT_EXTRACT_SCORES_H

#include "base/frame.h"
#include "base/status.h"
#include "io/frame_file.h"

/* value[spec][FRAME_SCORES]: sum, median per Angstrom and median S/N of each spectrum in the window of
 * wavelengths of its camera, by desispec's formulas, which divide by the step although the flux already is
 * per Angstrom. The camera is told from the mean wavelength. *scores describes them and points to value;
 * *nwave is the number of wavelengths in the window: with 0 of them nothing is computed. */
enum status scores_compute(const struct frame *frame, double *value, struct frame_scores *scores,
                           size_t *nwave, struct error *error);

#endif
