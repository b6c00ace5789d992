/* Binary tables, kept byte for byte, on their way in and out. */
#ifndef UNSPOT_IO_INTERNAL_TABLE_H
#define UNSPOT_IO_INTERNAL_TABLE_H

#include "base/frame.h"
#include "io/internal/input.h"
#include "io/internal/output_stream.h"

/* Reads the current HDU, called name. Columns of variable length are STATUS_FORMAT: their data lie outside of
 * the rows. The caller releases *table with table_free(), whatever the status. */
enum status table_read(struct input *input, const char *name, struct table *table, struct error *error);

/* Writes a table as an HDU called name: rows and header word for word, but for the cards that describe the
 * structure. Writes nothing when table->header.count is 0. */
void table_write(struct output_stream *stream, const char *name, const struct table *table);

#endif
