/* Binary tables, kept byte for byte. Private to io/. */
#ifndef UNSPOT_IO_INTERNAL_TABLE_H
#define UNSPOT_IO_INTERNAL_TABLE_H

#include "base/frame.h"
#include "io/internal/input.h"

/* Reads the current HDU, called name. Columns of variable length are STATUS_FORMAT: their data lie outside of
 * the rows. The caller releases *table with table_free(), whatever the status. */
enum status table_read(struct input *input, const char *name, struct table *table, struct error *error);

#endif
