/* One run of the extraction from files to files, in steps. Who runs one calls them in this order:
 *
 *     session_begin           what can be said of the command line without opening a file
 *     session_choose_device   or session_use_device
 *     session_check_outputs   that the outputs can be written and are no inputs
 *     session_read_psf
 *     session_fit             the options become those for this PSF
 *     session_read_image
 *     session_select_fibers
 *     share_extract           (share/share.h) fills frame and timing, on one rank or on many
 *     session_write           (extract/write.h)
 *     session_free
 *
 * A step that fails fills *error and says which file or option is meant; session_free() is called whatever
 * happened. */
#ifndef UNSPOT_EXTRACT_SESSION_H
#define UNSPOT_EXTRACT_SESSION_H

#include "base/frame.h"
#include "base/log.h"
#include "base/psf.h"
#include "base/status.h"
#include "extract/arguments.h"
#include "extract/fibermap.h"
#include "extract/options.h"
#include "run/progress.h"
#include "run/timing.h"

struct session {
    const struct arguments *arguments; /* the command line; the caller's */
    struct log log;
    struct progress progress;
    struct extract_options options; /* complete after session_fit() */
    struct psf psf;                 /* from session_read_psf() on */
    struct preproc preproc;         /* from session_read_image() on: the image, its header and FIBERMAP */
    struct fibers fibers;           /* from session_select_fibers() on */
    struct frame frame;             /* from share_extract() on */
    struct timing timing;
};

/* Sets log, progress and options by the command line. STATUS_USAGE where it is wrong. */
enum status session_begin(struct session *session, const struct arguments *arguments, struct error *error);

/* Chooses the device and its linear algebra by --device; local_rank: number of this process on its node, by
 * which the processes of a node share its GPUs. STATUS_DEVICE when the one asked for does not work. */
enum status session_choose_device(struct session *session, int local_rank, struct error *error);

/* Takes a device that was chosen before, with its linear algebra; NULL: the host's. */
void session_use_device(struct session *session, const struct device *device, const struct linalg *linalg);

/* STATUS_USAGE when an output is the same file as an input or another output, STATUS_IO when it cannot be
 * written. */
enum status session_check_outputs(const struct session *session, struct error *error);

/* The errors are those of psf_file_read(). */
enum status session_read_psf(struct session *session, struct error *error);

/* STATUS_USAGE when the PSF has no such spectra or wavelengths. */
enum status session_fit(struct session *session, struct error *error);

/* STATUS_MISMATCH when the image has another size than the CCD of the PSF; else as preproc_read(). */
enum status session_read_image(struct session *session, struct error *error);

/* Selects the rows of the fibermap. It is called before the work, so that STATUS_MISMATCH, where a row is
 * missing, comes early. */
enum status session_select_fibers(struct session *session, struct error *error);

/* Lets the files name CUDA's libraries where dense systems were solved by them after all. */
void session_name_linalg(struct session *session);

void session_free(struct session *session);

#endif
