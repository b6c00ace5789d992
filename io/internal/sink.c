#include "io/internal/sink.h"

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

void sink_note(struct sink *sink, int fits)
{
    if (sink->status != STATUS_OK || fits == 0) return;
    sink->reason = errno;
    sink->fits = fits;
    sink->status = STATUS_IO;
}

static void report_failure(struct sink *sink)
{
    char text[FLEN_STATUS];

    if (!sink->fits) return; /* reported already */
    fits_get_errstatus(sink->fits, text);
    if (sink->fits == MEMORY_ALLOCATION) {
        sink->status = memory_error(sink->error, "output file");
    } else if (sink->reason) {
        error_set(sink->error, STATUS_IO, "%s: cannot write HDU %s: %s", sink->output.path, sink->hdu,
                  strerror(sink->reason));
    } else {
        error_set(sink->error, STATUS_IO, "%s: cannot write HDU %s: CFITSIO %d: %s", sink->output.path,
                  sink->hdu, sink->fits, text);
    }
    fits_clear_errmsg();
}

void sink_open(struct sink *sink, const char *path, struct error *error)
{
    int fits = 0;

    memset(sink, 0, sizeof *sink);
    sink->error = error;
    sink->status = output_begin(&sink->output, path, error);
    if (sink->status != STATUS_OK) return;
    if (strlen(sink->output.temporary) >= FLEN_FILENAME) {
        sink->status =
            error_set(error, STATUS_IO, "%s: the name is longer than CFITSIO takes (about %d characters)",
                      path, FLEN_FILENAME - 128);
        return;
    }
    fits_create_diskfile(&sink->file, sink->output.temporary, &fits);
    snprintf(sink->hdu, sizeof sink->hdu, "0");
    sink_note(sink, fits);
    if (fits) sink->file = NULL;
    errno = 0; /* from here on it is of a failing write */
}

void sink_begin_hdu(struct sink *sink, const char *name)
{
    if (sink->status == STATUS_OK) snprintf(sink->hdu, sizeof sink->hdu, "%s", name);
}

void sink_end_hdu(struct sink *sink)
{
    LONGLONG end = 0;
    int fits = sink->fits;

    if (sink->status != STATUS_OK) return;
    fits_write_chksum(sink->file, &fits);
    fits_get_hduaddrll(sink->file, NULL, NULL, &end, &fits);
    sink->end = end;
    sink_note(sink, fits);
}

static void not_finite(struct sink *sink)
{
    sink->status = error_set(sink->error, STATUS_NUMERIC,
                             "%s: not written: HDU %s would hold a number that is not finite",
                             sink->output.path, sink->hdu);
}

void sink_require_finite(struct sink *sink, const double *values, size_t count)
{
    for (size_t i = 0; i < count && sink->status == STATUS_OK; i++) {
        if (!isfinite(values[i])) not_finite(sink);
    }
}

/* True when n numbers of the array, from index first on, are finite in the type of the file. */
static bool finite_in_file(const struct array *array, size_t first, size_t n)
{
    if (array->type == TDOUBLE) {
        const double *value = (const double *)array->data + first;
        const double limit = array->bitpix == FLOAT_IMG ? (double)FLT_MAX : DBL_MAX;

        for (size_t i = 0; i < n; i++) {
            if (!(fabs(value[i]) <= limit)) return false; /* so written, NaN is caught */
        }
    } else if (array->type == TFLOAT) {
        const float *value = (const float *)array->data + first;

        for (size_t i = 0; i < n; i++) {
            if (!isfinite(value[i])) return false;
        }
    }
    return true;
}

/* Row by row, so that CFITSIO's conversion needs no memory. */
void sink_data(struct sink *sink, const struct array *array)
{
    size_t size = array->type == TDOUBLE ? sizeof(double) : sizeof(float);
    size_t n = array->shape[array->naxis - 1], rows = 1;
    int fits = 0;

    for (int i = 0; i < array->naxis - 1; i++) rows *= array->shape[i];
    for (size_t row = 0; row < rows && sink->status == STATUS_OK; row++) {
        const char *data = (const char *)array->data + row * n * size;

        if (!finite_in_file(array, row * n, n)) {
            not_finite(sink);
            return;
        }
        /* CFITSIO takes const data as void *, and does not change it */
        fits_write_img(sink->file, array->type, (LONGLONG)(row * n + 1), (LONGLONG)n, (void *)(uintptr_t)data,
                       &fits);
        sink_note(sink, fits);
    }
}

void sink_image(struct sink *sink, const struct array *array, const struct cards *cards,
                const struct keywords *keywords)
{
    LONGLONG axes[3];
    int fits = 0, ignored = 0;

    if (sink->status != STATUS_OK) return;
    sink_begin_hdu(sink, array->name);
    for (int i = 0; i < array->naxis; i++) axes[i] = (LONGLONG)array->shape[array->naxis - 1 - i];
    fits_create_imgll(sink->file, array->bitpix, array->naxis, axes, &fits);
    while (!fits && !ignored) fits_delete_key(sink->file, "COMMENT", &ignored); /* two lines about FITS */
    fits_clear_errmsg();
    cards_write(sink->file, array->name, cards, keywords, array->unit, &fits);
    fits_set_hdrsize(sink->file, SPARE_CARDS, &fits);
    sink_note(sink, fits);
    sink_data(sink, array);
    sink_end_hdu(sink);
}

/* CFITSIO ignores the result of its last fflush(): trust the size of the file only. */
static void check_size(struct sink *sink, int reason)
{
    struct stat info = {0};

    if (sink->status != STATUS_OK) return;
    if (stat(sink->output.temporary, &info) == 0 && info.st_size == (off_t)sink->end) return;
    sink->status =
        error_set(sink->error, STATUS_IO, "%s: cannot write: %s (%lld of %lld bytes written)",
                  sink->output.path, strerror(reason ? reason : EIO), (long long)info.st_size, sink->end);
}

enum status sink_close(struct sink *sink)
{
    int fits = 0;

    if (sink->file) {
        if (sink->status == STATUS_OK) errno = 0;
        fits_close_file(sink->file, &fits);
        sink_note(sink, fits);
        check_size(sink, errno);
    }
    if (sink->status == STATUS_OK) return output_commit(&sink->output, sink->error);
    report_failure(sink);
    fits_clear_errmsg();
    output_abandon(&sink->output);
    return sink->status;
}
