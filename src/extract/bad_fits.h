/* BAD2DFIT: the bins whose pixels the two-dimensional model does not fit. */
#ifndef UNSPOT_EXTRACT_BAD_FITS_H
#define UNSPOT_EXTRACT_BAD_FITS_H

#include "base/frame.h"
#include "base/status.h"

/* When chi2pix is too large. Both rules compare a bin with 5 times the median of chi2pix over the fibers at
 * its wavelength and with 5 times that over the wavelengths of its fiber: an absolute limit would flag every
 * bright sky line. */
enum bad_fit_rule {
    /* Medians are of bins with data. That of the fiber counts only as far as the other fibers' typical one
     * and the fiber's own light explain it, so that a defect along a whole fiber does not hide itself. Where
     * fewer than 6 fibers have data, 1 and the light take the place of the other fibers. */
    BAD_FIT_ROBUST,
    BAD_FIT_DESISPEC, /* medians of all bins, those without data counting as 0 (desispec, 2026) */
};

/* Sets SPECMASK_BAD2DFIT in frame->mask where the rule says so. psferr: the fraction of the model by which
 * chi2pix took it to be uncertain. STATUS_MEMORY. */
enum status bad_fits_flag(struct frame *frame, enum bad_fit_rule rule, double psferr, struct error *error);

#endif
