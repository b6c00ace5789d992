/* Binary tables, kept byte for byte, on their way in and out. */
#ifndef UNSPOT_IO_INTERNAL_TABLE_H
#define UNSPOT_IO_INTERNAL_TABLE_H

#include <stdint.h>

#include "base/frame.h"
#include "io/internal/input.h"
#include "io/internal/output_stream.h"

/* Reads the current HDU, called name. Columns of variable length are STATUS_FORMAT: their data lie outside of
 * the rows. The caller releases *table with table_free(), whatever the status. */
enum status table_read(struct input *input, const char *name, struct table *table, struct error *error);

/* Reads the integers of a column of the current HDU, called name, through CFITSIO, so that the type and
 * scaling of the column do not matter. Where there is no such column (in upper or lower case), or where it
 * does not hold one integer a row, *values becomes NULL, and that is no error. values[nrows], which the
 * caller frees, is TABLE_NULL in rows without a value. */
enum status table_integers(struct input *input, const char *name, const char *column, size_t nrows,
                           int64_t **values, struct error *error);

/* Makes a file in memory with the header of a table as its second HDU, called name, and no rows yet. The
 * caller closes it, where it is not NULL, whatever *fits says. */
fitsfile *table_in_memory(const char *name, const struct table *table, int *fits);

/* Writes a table as an HDU called name: rows and header word for word, but for the cards that describe the
 * structure. Writes nothing when table->header.count is 0. */
void table_write(struct output_stream *stream, const char *name, const struct table *table);

#endif
