/* The overlaps of a bundle's spots, Σ w A_1 A_2 over the pixels of the CCD that two spots share: the entries
 * that the normal equations of all patches have in common. Patches differ only where the rows of pixels that
 * they use end. */
#ifndef UNSPOT_OMP_OVERLAPS_H
#define UNSPOT_OMP_OVERLAPS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "omp/patch.h"
#include "omp/spots.h"

/* A bin is unusable when all but this fraction of its spot lies on unusable pixels. */
static const double unusable_tolerance = 1e-6;

struct overlaps {
    size_t nspec, nwave;   /* of the spots */
    size_t wave_halfwidth; /* spots more than wave_halfwidth wavelengths or spec_halfwidth spectra apart share
                    no pixel; the caller may lower it from bundle to bundle */
    size_t spec_halfwidth;
    double *sum; /* [spec][wave][r = 0 ... 2 spec_halfwidth][distance 0 ... wave_halfwidth]: with the spot of
                    spectrum spec + r - spec_halfwidth, wavelength wave + distance; 0 where there is none */
    double *y;   /* [spec][wave] Σ w A p */
    double *weight;           /* [spec][wave] φ = Σ w A */
    double *pixmask_fraction; /* [spec][wave] fraction of the spot on unusable pixels or off the CCD */
    bool *off_ccd;            /* [spec][wave] all of the spot is off the CCD, but for that tolerance */
    double *scratch;          /* [thread][block of wavelengths][overlaps_scratch_size()] */
};

/* Numbers in `sum` for one spot. */
static inline size_t overlaps_pairs(size_t wave_halfwidth, size_t spec_halfwidth)
{
    return (2 * spec_halfwidth + 1) * (wave_halfwidth + 1);
}

/* How many spots a bundle has, and how far apart those are that share pixels: of all bundles the largest. */
struct bundle_sizes {
    size_t nspec, nwave;
    size_t wave_halfwidth, spec_halfwidth;
};

/* Memory for the overlaps of bundles of up to these sizes. The caller releases it with overlaps_free(). */
enum status overlaps_alloc(struct overlaps *overlaps, const struct spots *spots,
                           const struct bundle_sizes *sizes, struct error *error);
void overlaps_free(struct overlaps *overlaps);

/* What the kernels see of a bundle. */
struct bundle_view {
    const struct spots *spots;
    const struct overlaps *overlaps; /* of these spots; where they are not yet summed, those to fill */
    const struct pixels *pixels;     /* of the whole CCD */
};

/* Fills *overlaps for a bundle's spots, on all threads. */
void overlaps_sum(struct overlaps *overlaps, const struct spots *spots, const struct pixels *pixels);

struct spot_sums {
    double y, weight, pixmask_fraction; /* as above */
};

/* The sums of a spot with those of spectrum spec + r - spec_halfwidth: [distance]. */
static inline const double *overlaps_with(const struct overlaps *overlaps, size_t spec, size_t wave, size_t r)
{
    size_t width = 2 * overlaps->spec_halfwidth + 1;

    return overlaps->sum + ((spec * overlaps->nwave + wave) * width + r) * (overlaps->wave_halfwidth + 1);
}

/* Diagonal element of M: Σ w A². */
static inline double overlaps_diagonal(const struct overlaps *overlaps, size_t spec, size_t wave)
{
    return overlaps_with(overlaps, spec, wave, overlaps->spec_halfwidth)[0];
}

#endif
