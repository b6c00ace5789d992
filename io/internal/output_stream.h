/* Writes FITS files through CFITSIO into the temporary file of an output (io/output.h).
 *
 * The calls between output_stream_open() and output_stream_close() need no checks: after a failure they do
 * nothing, and output_stream_close() reports it. */
#ifndef UNSPOT_IO_INTERNAL_OUTPUT_STREAM_H
#define UNSPOT_IO_INTERNAL_OUTPUT_STREAM_H

#include <fitsio.h>
#include <stddef.h>

#include "base/frame.h"
#include "base/status.h"
#include "io/keyword.h"
#include "io/output.h"

struct output_stream {
    fitsfile *file;
    int fits;      /* CFITSIO's status */
    int reason;    /* errno of that failure, or 0 */
    char hdu[16];  /* the name of the one that is being written */
    long long end; /* bytes of the HDUs that are complete: the size that the file must have */
    enum status status;
    struct error *error; /* the caller's, until the stream is closed */
    struct output output;
};

/* An array and the HDU to write it to. */
struct array {
    const char *name, *unit; /* EXTNAME; BUNIT or NULL */
    int bitpix;              /* CFITSIO's type in the file: FLOAT_IMG ... */
    int type;                /* in memory: TDOUBLE, TFLOAT, TINT, TUINT */
    int naxis;
    size_t shape[3]; /* slowest dimension first */
    const void *data;
};

/* Begins a file that will be called path. output_stream_close() must follow, whatever happens. */
void output_stream_open(struct output_stream *stream, const char *path, struct error *error);

/* Writes one image HDU with its header, data and checksum. cards and keywords may be NULL. Fails with
 * STATUS_NUMERIC when a number is not finite, or is not so in the type of the file: such a number never
 * reaches a file. */
void output_stream_image(struct output_stream *stream, const struct array *array, const struct cards *cards,
                         const struct keywords *keywords);

/* For HDUs that are written by hand. The first notes the HDU's name for messages. The second notes CFITSIO's
 * status, and errno with it, which says more to the user but lasts only until the next system call. The third
 * ends the HDU with its checksums. */
void output_stream_begin_hdu(struct output_stream *stream, const char *name);
void output_stream_note(struct output_stream *stream, int fits);
void output_stream_end_hdu(struct output_stream *stream);

/* Writes the rows of an array to the current HDU, an image of that shape. */
void output_stream_data(struct output_stream *stream, const struct array *array);

/* Fails with STATUS_NUMERIC unless all count values are finite. */
void output_stream_require_finite(struct output_stream *stream, const double *values, size_t count);

/* Closes the file and gives it its name, or removes it when anything has failed, and then returns that error:
 * STATUS_IO, STATUS_NUMERIC or STATUS_MEMORY. */
enum status output_stream_close(struct output_stream *stream);

#endif
