/* Whether an output of an earlier run is complete, and the one that this run would write. */
#ifndef UNSPOT_IO_VERIFY_H
#define UNSPOT_IO_VERIFY_H

#include <stdbool.h>
#include <stddef.h>

#include "io/keyword.h"

/* True when path is a FITS file whose HDUs all have right checksums, last_hdu among them, and whose first
 * header has all these keywords (strings only) with these values. Otherwise why says what is wrong, without
 * the name of the file. */
bool verify_output(const char *path, const char *last_hdu, const struct keywords *keywords, char *why,
                   size_t size);

/* Whether path is older than input, which may be found as path_of_input() finds it. */
bool verify_is_older(const char *path, const char *input);

/* Removes what a killed run left of path's temporary files. */
void verify_remove_leftovers(const char *path);

#endif
