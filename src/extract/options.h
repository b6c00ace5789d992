/* What an extraction is asked to do, its defaults, and the checks that every caller's options pass. */
#ifndef UNSPOT_EXTRACT_OPTIONS_H
#define UNSPOT_EXTRACT_OPTIONS_H

#include <limits.h>
#include <stdbool.h>

#include "base/log.h"
#include "base/psf.h"
#include "base/status.h"
#include "device/device.h"
#include "extract/bad_fits.h"
#include "extract/plan.h"
#include "linalg/linalg.h"

enum solver {
    SOLVER_BANDED, /* omp/banded.h; patches that it cannot solve precisely go to the dense solver */
    SOLVER_DENSE,  /* omp/dense.h */
};

struct extract_options {
    struct plan_options plan;
    bool from_first;   /* the spectra begin with the first of the PSF, whatever plan.spectra.first says */
    double regularize; /* added, squared, to the diagonal of the normal equations */
    double psferr;     /* fractional error of the PSF, used for chi2pix only; psferr_of_psf: the PSF's own */
    bool model;        /* the model image is made, too */
    bool part; /* of a frame that is put together elsewhere: its mask is left to do there, and the model
                  has only the columns that these spectra's bundles touch */
    enum bad_fit_rule bad_fit_rule;
    enum solver solver;
    const struct linalg *linalg;        /* on the host */
    struct device device;               /* where the patches are solved */
    const struct linalg *device_linalg; /* there; NULL: the device is the host */
};

/* A value of extract_options.psferr that no one gives, and one of --specmin. */
static const double psferr_of_psf = -1e300;
static const int specmin_of_psf = INT_MIN;

/* gpu_specter's padding: so many wavelengths on each side of a patch, and this
 * fraction of them in addition. */
enum { WAVEPAD_DEFAULT = 10 };
static const double wavepad_frac_default = 0.2;

/* The options of gpu_specter's spex: all spectra and the wavelengths of the PSF (wave_step is 0 until
 * extract_options_settle()), patches of 50 wavelengths across a fifth of a bundle of 25, the banded solver,
 * and the host with its fastest linear algebra. */
struct extract_options extract_options_default(void);

/* The wavelengths of padding on each side of a patch, as gpu_specter rounds them. */
size_t extract_wavepad(int wavepad, double wavepad_frac);

/* STATUS_USAGE unless every number is in the range where it makes sense and the choices go together. Nothing
 * of the PSF has to be known yet. The error names the option of the command line. */
enum status extract_options_check(const struct extract_options *options, struct error *error);

/* Fits checked options to a PSF, whose file's name is for messages: the spectra that there are (after a
 * warning where more were asked for), counted from now on from the first of the PSF and not of the petal; the
 * wavelengths where none were given; patches no longer than the grid; and psferr. Warns of a step that is
 * wider than the PSF. STATUS_USAGE when the PSF has no such spectra or wavelengths. */
enum status extract_options_settle(struct extract_options *options, const struct psf *psf,
                                   const char *psf_name, const struct log *log, struct error *error);

#endif
