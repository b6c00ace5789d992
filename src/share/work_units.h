/* What of a frame one rank extracts at a time: a bundle, or a part of one. */
#ifndef UNSPOT_SHARE_WORK_UNITS_H
#define UNSPOT_SHARE_WORK_UNITS_H

#include "base/span.h"
#include "extract/options.h"

/* Divides the frame's spectra into units for so many ranks, the same list on each: bundles, or subbundles
 * where these keep more ranks busy, although they cost more, as each has its neighbours' spots to evaluate. A
 * spectrum comes out the same from either. Bundles that are solved as one system stay whole, and so do those
 * whose model image is asked for, which is summed bundle by bundle. (*unit)[*count] are ranges of spectra of
 * the PSF; the caller frees *unit. */
enum status work_units_make(const struct extract_options *options, const struct psf *psf, size_t nranks,
                            struct span **unit, size_t *count, struct error *error);

#endif
