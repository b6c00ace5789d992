/* One run of unspot extract: what passes between its steps. Private to extract*.c. */
#ifndef UNSPOT_EXTRACT_SESSION_H
#define UNSPOT_EXTRACT_SESSION_H

#include <sys/stat.h>

#include "base/log.h"
#include "extract/arguments.h"
#include "extract/frame.h"
#include "io/keyword.h"
#include "run/progress.h"

/* Everything between reading and writing. */
struct session {
    const struct arguments *arguments;
    struct log log;
    struct progress progress;
    struct psf psf;
    struct preproc preproc;
    struct table fibermap; /* the rows that are extracted */
    long fibermin;
    struct frame frame;
    struct extract_options options;
    struct timing timing;
};

/* Size of a file, for the timing; 0 when there is none. */
static inline double file_bytes(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 ? (double)info.st_size : 0;
}

/* The steps of a run, in their order. */

/* Everything that can be said without opening a file. */
enum status session_check(struct session *session, struct error *error);

/* The device and its linear algebra; local_rank: of this process on its node. */
enum status session_choose_device(struct session *session, int local_rank, struct error *error);

/* Takes a device, chosen before, with its linear algebra; NULL: the host's. */
void session_use_device(struct session *session, const struct device *device, const struct linalg *linalg);

/* That the outputs can be written, and are no inputs. */
enum status session_check_outputs(const struct session *session, struct error *error);

/* Lets the files name CUDA's libraries where dense systems were solved by them after all. */
void session_name_linalg(struct session *session);

enum status session_read_psf(struct session *session, struct error *error);

/* What only the PSF can tell: spectra, wavelengths; then all options are known. */
enum status session_fit(struct session *session, struct error *error);

/* The image, and that the PSF is for its size. */
enum status session_read_image(struct session *session, struct error *error);

/* Selects the fibermap's rows: before the work, as they may be missing. */
enum status extract_select_fibers(struct session *session, struct error *error);

/* Writes the frame, and the model image when it is asked for, with their provenance. */
enum status extract_write(struct session *session, struct error *error);

/* The keywords by which two runs agree in program, inputs and options: then their outputs agree, too. */
void extract_identity(const struct session *session, struct keywords *keywords);

void session_free(struct session *session);

#endif
