/* The extraction of a frame from arrays to arrays: plan, spots, patches, assembly. Knows no files. */
#ifndef UNSPOT_EXTRACT_FRAME_H
#define UNSPOT_EXTRACT_FRAME_H

#include <stdbool.h>

#include "base/frame.h"
#include "base/log.h"
#include "base/psf.h"
#include "base/status.h"
#include "device/device.h"
#include "extract/plan.h"
#include "linalg/linalg.h"
#include "run/timing.h"

struct progress;

enum solver {
    SOLVER_BANDED, /* omp/banded.h; patches that it cannot solve precisely go to the dense one */
    SOLVER_DENSE,  /* omp/dense.h */
};

struct extract_options {
    struct plan_options plan;
    double regularize; /* added, squared, to the diagonal of the normal equations */
    double psferr;     /* fractional error of the PSF, in chi2pix only */
    bool model;        /* also make the model image */
    bool part; /* of a frame that is put together elsewhere: finish_frame() is left to do there, and the
                  model has only the columns that these spectra's bundles touch */
    enum solver solver;
    const struct linalg *linalg;        /* on the host */
    struct device device;               /* where the patches are solved */
    const struct linalg *device_linalg; /* there; NULL: the device is the host */
};

/* A frame for the spectra and wavelengths of the options, and for a model, where it is asked for, of
 * these columns and ny rows. All of it is still to be written but the wavelengths and the model, which is 0.
 * The caller releases it with frame_free(), whatever the status. */
enum status extract_frame_alloc(struct frame *frame, const struct extract_options *options,
                                const struct psf *psf, size_t column_min, size_t column_max, size_t ny,
                                struct error *error);

/* Extracts. *frame is filled and released by the caller with frame_free(), whatever the status. *timing gets
 * the stages from plan to finish, and the counts of regularised and unsolved patches. The result is the same,
 * bit by bit, for any number of threads, and for a spectrum whichever others are extracted (but for
 * BAD2DFIT in its mask). */
enum status extract_frame(const struct preproc *preproc, const struct psf *psf,
                          const struct extract_options *options, const struct log *log,
                          struct progress *progress, struct frame *frame, struct timing *timing,
                          struct error *error);

#endif
