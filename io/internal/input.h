/* Opens FITS files for reading through CFITSIO, with checks and messages that CFITSIO does not give. A name
 * is only ever the name of a file, never one of CFITSIO's expressions. */
#ifndef UNSPOT_IO_INTERNAL_INPUT_H
#define UNSPOT_IO_INTERNAL_INPUT_H

#include <fitsio.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

/* An open file. The structure must not move, as CFITSIO keeps the addresses of memory and size. */
struct input {
    fitsfile *file;
    fitsfile *packed; /* the file itself while `file` is a table of it that was uncompressed, else NULL */
    char path[4096]; /* the file that was opened, for messages: path.gz where path was asked for but absent */
    char names[512]; /* "IMAGE, IVAR, MASK": the HDUs it has, for messages */
    void *memory;    /* the uncompressed file when it is gzipped, else NULL */
    size_t size;     /* bytes, uncompressed */
};

/* Opens path, or path without or with .gz where only that exists, and verifies that the file holds all that
 * its headers promise. STATUS_IO when it cannot be read, STATUS_FORMAT when it is no FITS file or is
 * truncated. The caller calls input_close(), whatever the status. */
enum status input_open(const char *path, struct input *input, struct error *error);
void input_close(struct input *input);

/* Where the current HDU, called name, is a compressed table, makes `file` that table, uncompressed in memory,
 * until input_return(). STATUS_IO when it cannot be uncompressed. */
enum status input_unpack_table(struct input *input, const char *name, struct error *error);
void input_return(struct input *input);

#endif
