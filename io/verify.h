/* Whether an output of an earlier run is complete and is the one that this run would write. */
#ifndef UNSPOT_IO_VERIFY_H
#define UNSPOT_IO_VERIFY_H

#include <stdbool.h>
#include <stddef.h>

#include "io/keyword.h"

/* True when path is a FITS file whose HDUs all have right checksums, last_hdu among them, and whose first
 * header has all these keywords, which must be strings, with these values. Otherwise it returns false, and
 * why[size] says what is wrong, without the name of the file unless the file cannot be opened. */
bool verify_output(const char *path, const char *last_hdu, const struct keywords *keywords, char *why,
                   size_t size);

/* Whether the file path was changed before the file input, which is found as path_of_input() finds it. False
 * when one of them does not exist. */
bool verify_is_older(const char *path, const char *input);

/* Removes the temporary files that killed runs have left beside path. No process may be writing path
 * meanwhile. */
void verify_remove_leftovers(const char *path);

#endif
