/* Rows of a fibermap. */
#ifndef UNSPOT_IO_FIBERMAP_ROW_H
#define UNSPOT_IO_FIBERMAP_ROW_H

#include <stdint.h>

#include "base/frame.h"
#include "base/status.h"

/* Makes row[fibermap->row_bytes] for a fiber of which the table knows nothing: FIBER is the number,
 * FIBERSTATUS, where there is such a column, says UNASSIGNED and MISSINGPOSITION, and all else is 0 or blank,
 * each in the column's own type and scaling. STATUS_FORMAT when FIBER cannot hold the number. */
enum status fibermap_row_blank(const struct table *fibermap, int64_t fiber, unsigned char *row,
                               struct error *error);

#endif
