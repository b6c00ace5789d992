/* What of a frame one rank extracts at a time: a bundle, or a part of one. */
#ifndef UNSPOT_SHARE_WORK_UNITS_H
#define UNSPOT_SHARE_WORK_UNITS_H

#include "extract/frame.h"

struct unit {
    size_t specmin, nspec; /* spectra of the PSF */
};

/* Divides the frame's spectra into units for so many ranks, the same list on each: bundles; or subbundles
 * where that keeps more ranks busy, although subbundles cost more, as each has its neighbours' spots to
 * evaluate. A spectrum comes out the same from either. Bundles that are solved as one system, and those whose
 * model image is asked for, which is summed bundle by bundle, stay whole. *unit[*count] is the caller's to
 * free. */
enum status units_make(const struct extract_options *options, const struct psf *psf, size_t nranks,
                       struct unit **unit, size_t *count, struct error *error);

#endif
