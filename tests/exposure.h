/* A simulated exposure of one bundle, with everything that makes an extraction hard: what tests extract. */
#ifndef UNSPOT_TESTS_EXPOSURE_H
#define UNSPOT_TESTS_EXPOSURE_H

#include "extract/frame.h"

enum { EXPOSURE_NSPEC = 25, EXPOSURE_NWAVE = 151 };

struct exposure {
    struct psf psf;
    struct preproc image;
    double wave_min; /* Angstrom, of EXPOSURE_NWAVE wavelengths in steps of 0.8 */
};

/* Light with noise and, in fiber 3, a very bright star, on a CCD with its dead pixels. */
void exposure_simulate(struct exposure *exposure, char camera, double wave_min);
void exposure_drop(struct exposure *exposure);

/* Pixels around a fiber at a wavelength, or along all rows when rows is 0, become unusable. */
void exposure_mask(struct exposure *exposure, size_t spec, double wave, size_t columns, size_t rows);

/* gpu_specter's patches, on the host. */
struct extract_options options_of_gpu_specter(double wave_min, double wave_max, size_t nspec);

/* Extracts, and says nothing. */
enum status try_to_extract(const struct preproc *image, const struct psf *psf,
                           const struct extract_options *options, struct frame *frame, struct timing *timing,
                           struct error *error);

/* The same; a failure ends the test. */
struct frame extract_or_fail(const struct preproc *image, const struct psf *psf,
                             const struct extract_options *options, struct timing *timing);

/* The same for an exposure. */
struct extract_options exposure_options(const struct exposure *exposure);
struct frame exposure_extract(const struct exposure *exposure, const struct extract_options *options,
                              struct timing *timing);

#endif
