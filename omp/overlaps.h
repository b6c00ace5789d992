/* The overlaps of a bundle's spots: Σ w A_1 A_2 over the pixels of the CCD that two spots share. They are the
 * entries that the normal equations of all patches have in common; patches differ only in the spots that
 * extend beyond the rows of pixels that they use. */
#ifndef UNSPOT_OMP_OVERLAPS_H
#define UNSPOT_OMP_OVERLAPS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "omp/patch.h"
#include "omp/spots.h"

/* A bin is unusable when no more than this fraction of its spot lies on usable pixels. */
static const double unusable_tolerance = 1e-6;

struct overlaps {
    size_t nspec, nwave;   /* of the spots */
    size_t wave_halfwidth; /* spots more than wave_halfwidth wavelengths or spec_halfwidth spectra apart share
                              no pixel; the caller may lower it from bundle to bundle */
    size_t spec_halfwidth;
    double *sum;    /* [spec][wave][r = 0 ... 2 spec_halfwidth][distance = 0 ... wave_halfwidth]: the
                       overlap with the spot of spectrum spec + r - spec_halfwidth at wavelength wave +
                       distance; 0 where there is none */
    double *y;      /* [spec][wave] Σ w A p */
    double *weight; /* [spec][wave] φ = Σ w A */
    double *pixmask_fraction; /* [spec][wave] fraction of the spot on unusable pixels or off the CCD */
    bool *off_ccd;            /* [spec][wave] no more than unusable_tolerance of the spot is on the CCD */
    double *scratch;          /* [thread][block of wavelengths][overlaps_scratch_size()] */
};

/* The numbers in `sum` for one spot. */
static inline size_t overlaps_pairs(size_t wave_halfwidth, size_t spec_halfwidth)
{
    return (2 * spec_halfwidth + 1) * (wave_halfwidth + 1);
}

/* The most spots that a bundle has, and how far apart those may be that share pixels. */
struct bundle_sizes {
    size_t nspec, nwave;
    size_t wave_halfwidth, spec_halfwidth;
};

/* Allocates memory for the overlaps of bundles of up to these sizes; only the shape of the spots counts.
 * STATUS_MEMORY when there is none. The caller releases it with overlaps_free(). */
enum status overlaps_alloc(struct overlaps *overlaps, const struct spots *spots,
                           const struct bundle_sizes *sizes, struct error *error);
void overlaps_free(struct overlaps *overlaps);

/* A bundle as the kernels see it. */
struct bundle_view {
    const struct spots *spots;
    const struct overlaps *overlaps; /* of these spots; the kernels that sum them fill its arrays */
    const struct pixels *pixels;     /* of the whole CCD */
};

/* Fills *overlaps for a bundle's spots, on all threads. */
void overlaps_sum(struct overlaps *overlaps, const struct spots *spots, const struct pixels *pixels);

/* The sums of one spot alone, as in struct overlaps. */
struct spot_sums {
    double y, weight, pixmask_fraction;
};

/* The overlaps of a spot with those of spectrum spec + r - spec_halfwidth: [distance]. */
static inline const double *overlaps_with(const struct overlaps *overlaps, size_t spec, size_t wave, size_t r)
{
    size_t width = 2 * overlaps->spec_halfwidth + 1;

    return overlaps->sum + ((spec * overlaps->nwave + wave) * width + r) * (overlaps->wave_halfwidth + 1);
}

/* The diagonal element of M of a bin: Σ w A². */
static inline double overlaps_diagonal(const struct overlaps *overlaps, size_t spec, size_t wave)
{
    return overlaps_with(overlaps, spec, wave, overlaps->spec_halfwidth)[0];
}

#endif
