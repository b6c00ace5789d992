#include "io/internal/output_stream.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "io/internal/cards.h"

enum { SPARE_CARDS = 4 }; /* room for the checksums, so that no data has to be moved for them */

void output_stream_note(struct output_stream *stream, int fits)
{
    if (stream->status != STATUS_OK || fits == 0) return;
    stream->reason = errno;
    stream->fits = fits;
    stream->status = STATUS_IO;
}

static void report_failure(struct output_stream *stream)
{
    char text[FLEN_STATUS];

    if (!stream->fits) return; /* the failure was reported where it happened */
    fits_get_errstatus(stream->fits, text);
    if (stream->fits == MEMORY_ALLOCATION) {
        stream->status = memory_error(stream->error, "output file");
    } else if (stream->reason) {
        error_set(stream->error, STATUS_IO, "%s: cannot write HDU %s: %s", stream->output.path, stream->hdu,
                  strerror(stream->reason));
    } else {
        error_set(stream->error, STATUS_IO, "%s: cannot write HDU %s: CFITSIO %d: %s", stream->output.path,
                  stream->hdu, stream->fits, text);
    }
    fits_clear_errmsg();
}

void output_stream_open(struct output_stream *stream, const char *path, struct error *error)
{
    int fits = 0;

    memset(stream, 0, sizeof *stream);
    stream->error = error;
    stream->status = output_begin(&stream->output, path, error);
    if (stream->status != STATUS_OK) return;
    if (strlen(stream->output.temporary) >= FLEN_FILENAME) {
        stream->status =
            error_set(error, STATUS_IO, "%s: the name is longer than CFITSIO takes (about %d characters)",
                      path, FLEN_FILENAME - 128);
        return;
    }
    fits_create_diskfile(&stream->file, stream->output.temporary, &fits);
    snprintf(stream->hdu, sizeof stream->hdu, "0");
    output_stream_note(stream, fits);
    if (fits) stream->file = NULL;
    errno = 0; /* from here on errno belongs to a write that fails */
}

void output_stream_begin_hdu(struct output_stream *stream, const char *name)
{
    if (stream->status == STATUS_OK) snprintf(stream->hdu, sizeof stream->hdu, "%s", name);
}

void output_stream_end_hdu(struct output_stream *stream)
{
    LONGLONG end = 0;
    int fits = stream->fits;

    if (stream->status != STATUS_OK) return;
    fits_write_chksum(stream->file, &fits);
    fits_get_hduaddrll(stream->file, NULL, NULL, &end, &fits);
    stream->end = end;
    output_stream_note(stream, fits);
}

static void not_finite(struct output_stream *stream)
{
    stream->status = error_set(stream->error, STATUS_NUMERIC,
                               "%s: not written: HDU %s would hold a number that is not finite",
                               stream->output.path, stream->hdu);
}

void output_stream_require_finite(struct output_stream *stream, const double *values, size_t count)
{
    for (size_t i = 0; i < count && stream->status == STATUS_OK; i++) {
        if (!isfinite(values[i])) not_finite(stream);
    }
}

/* True when n numbers of the array, from index first on, are finite in the type of the file. */
static bool finite_in_file(const struct array *array, size_t first, size_t n)
{
    if (array->type == TDOUBLE) {
        const double *value = (const double *)array->data + first;
        const double limit = array->bitpix == FLOAT_IMG ? (double)FLT_MAX : DBL_MAX;

        for (size_t i = 0; i < n; i++) {
            if (!(fabs(value[i]) <= limit)) return false; /* written in this way, the test catches NaN, too */
        }
    } else if (array->type == TFLOAT) {
        const float *value = (const float *)array->data + first;

        for (size_t i = 0; i < n; i++) {
            if (!isfinite(value[i])) return false;
        }
    }
    return true;
}

/* The data are written row by row, so that CFITSIO needs no memory to convert them. */
void output_stream_data(struct output_stream *stream, const struct array *array)
{
    size_t size = array->type == TDOUBLE ? sizeof(double) : sizeof(float);
    size_t n = array->shape[array->naxis - 1], rows = 1;
    int fits = 0;

    for (int i = 0; i < array->naxis - 1; i++) rows *= array->shape[i];
    for (size_t row = 0; row < rows && stream->status == STATUS_OK; row++) {
        const char *data = (const char *)array->data + row * n * size;

        if (!finite_in_file(array, row * n, n)) {
            not_finite(stream);
            return;
        }
        /* CFITSIO takes const data as void *, and does not change it */
        fits_write_img(stream->file, array->type, (LONGLONG)(row * n + 1), (LONGLONG)n,
                       (void *)(uintptr_t)data, &fits);
        output_stream_note(stream, fits);
    }
}

void output_stream_image(struct output_stream *stream, const struct array *array, const struct cards *cards,
                         const struct keywords *keywords)
{
    LONGLONG axes[3];
    int fits = 0, ignored = 0;

    if (stream->status != STATUS_OK) return;
    output_stream_begin_hdu(stream, array->name);
    for (int i = 0; i < array->naxis; i++) axes[i] = (LONGLONG)array->shape[array->naxis - 1 - i];
    fits_create_imgll(stream->file, array->bitpix, array->naxis, axes, &fits);
    while (!fits && !ignored)
        fits_delete_key(stream->file, "COMMENT",
                        &ignored); /* removes CFITSIO's two lines about the FITS format */
    fits_clear_errmsg();
    cards_write(stream->file, array->name, cards, keywords, array->unit, &fits);
    fits_set_hdrsize(stream->file, SPARE_CARDS, &fits);
    output_stream_note(stream, fits);
    output_stream_data(stream, array);
    output_stream_end_hdu(stream);
}

/* CFITSIO ignores the result of its last fflush(), so that only the size of the file tells whether all of it
 * was written. */
static void check_size(struct output_stream *stream, int reason)
{
    struct stat info = {0};

    if (stream->status != STATUS_OK) return;
    if (stat(stream->output.temporary, &info) == 0 && info.st_size == (off_t)stream->end) return;
    stream->status =
        error_set(stream->error, STATUS_IO, "%s: cannot write: %s (%lld of %lld bytes written)",
                  stream->output.path, strerror(reason ? reason : EIO), (long long)info.st_size, stream->end);
}

enum status output_stream_close(struct output_stream *stream)
{
    int fits = 0;

    if (stream->file) {
        if (stream->status == STATUS_OK) errno = 0;
        fits_close_file(stream->file, &fits);
        output_stream_note(stream, fits);
        check_size(stream, errno);
    }
    if (stream->status == STATUS_OK) return output_commit(&stream->output, stream->error);
    report_failure(stream);
    fits_clear_errmsg();
    output_abandon(&stream->output);
    return stream->status;
}
