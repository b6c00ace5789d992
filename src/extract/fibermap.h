/* The rows of a fibermap that belong to extracted spectra. */
#ifndef UNSPOT_EXTRACT_FIBERMAP_H
#define UNSPOT_EXTRACT_FIBERMAP_H

#include "base/frame.h"
#include "base/status.h"

/* Copies the rows of spectra specmin ... specmin + nspec - 1, with all columns, into *selected, which the
 * caller releases with table_free(). psf_nspec is the number of fibers of one camera; a table with more rows
 * than that, and than a petal's 500, is taken for that of a whole exposure, and the camera's rows (FIBER =
 * 500 * petal + spectrum) are looked up. An empty table gives an empty one. *fibermin is the smallest FIBER
 * of the rows, or 500 * petal + specmin where there is no such column. camera: "r0"; its digit is the petal.
 */
enum status fibermap_select(const struct table *fibermap, const char *camera, size_t psf_nspec,
                            size_t specmin, size_t nspec, struct table *selected, long *fibermin,
                            struct error *error);

/* Value of a keyword in header cards, without quotes and trailing blanks; empty when absent. */
void cards_value(const struct cards *cards, const char *name, char *value, size_t size);

#endif
