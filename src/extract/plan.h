/* How a frame is divided: bundles of spectra, whose spots are evaluated together, and patches of a bundle.
 *
 * Bundles are counted from fiber 0 of the petal and patches from the first wavelength, whatever part of the
 * frame is asked for: a spectrum's result does not depend on which others are extracted in the same run. */
#ifndef UNSPOT_EXTRACT_PLAN_H
#define UNSPOT_EXTRACT_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/psf.h"
#include "base/span.h"
#include "base/status.h"
#include "omp/overlaps.h"
#include "omp/patch.h"

struct plan_options {
    double wave_min, wave_max, wave_step; /* Angstrom, wave_max included */
    struct span spectra;                  /* to extract: of the petal, and once they are settled of the PSF */
    size_t bundlesize;                    /* spectra on one fiber block of the slit */
    size_t nsubbundles;                   /* patches across a bundle */
    size_t nwavestep;                     /* wavelengths of a patch's core */
    size_t wavepad;                       /* wavelengths of padding on each side */
    bool whole_bundles; /* solve each bundle, all its spectra, as one system instead of patch by patch; banded
                           only */
    double pixpad_frac; /* how many of the extra rows that the padding touches are used, as a fraction */
};

/* One patch and where its results go. The core of the last patch of a row may reach beyond the grid, and that
 * of a bundle's patch beyond the spectra asked for: only part of it is kept. */
struct planned_patch {
    struct patch patch;
    struct span kept_spectra; /* spectra of the core that are kept, counted from the first of the core */
    size_t row;               /* row of the frame to which the first of these goes */
    struct span wavelengths;  /* of the frame, that are kept; the first is the first of the core */
};

struct planned_bundle {
    struct span spectra;   /* of the PSF, whose spots are needed */
    struct span kept;      /* of the PSF, that are asked for */
    size_t wave_halfwidth; /* the largest of its patches */
    struct span patches;   /* of the plan */
};

struct plan {
    size_t nwave;           /* bins of the output grid */
    double spot_wave_min;   /* Angstrom: first wavelength of the spots, padding included */
    size_t spot_nwave;      /* number of wavelengths of the spots */
    size_t spot_wave_first; /* index among these of the first output bin */
    size_t nbundle, npatch;
    struct planned_bundle *bundle;
    struct planned_patch *patch;
    /* the largest of each over all bundles or patches: sizes of workspaces */
    size_t bundle_nspec, patch_nspec, patch_nwave, core_nspec, core_nwave, wave_halfwidth, npix;
    size_t spec_halfwidth; /* spots of spectra more than spec_halfwidth apart share no pixel */
};

/* Divides the frame; the caller releases *plan with plan_free(), whatever the status. */
enum status plan_make(struct plan *plan, const struct plan_options *options, const struct psf *psf,
                      struct error *error);
void plan_free(struct plan *plan);

/* The numbers of the bundles that hold the spectra to extract. Bundles are counted from the petal's first
 * fiber, also where the PSF begins at another one. */
struct span plan_bundles(const struct plan_options *options, const struct psf *psf);

/* All spectra that the PSF has of a bundle. */
struct span plan_bundle(const struct plan_options *options, const struct psf *psf, size_t bundle);

/* The columns of the CCD that the spots of these bundles of the plan touch; none when all are off the CCD. */
struct span plan_columns(const struct plan *plan, struct span bundles);

/* A patch of the largest sizes in the plan. */
struct patch plan_largest_patch(const struct plan *plan);

/* The largest sizes of a bundle of the plan. */
struct bundle_sizes plan_largest_bundle(const struct plan *plan);

/* The most columns that one bundle has. */
size_t plan_widest_bundle(const struct plan *plan);

#endif
