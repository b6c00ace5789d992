/* Which file the name of an input means. */
#ifndef UNSPOT_IO_PATH_H
#define UNSPOT_IO_PATH_H

#include <stddef.h>

/* Writes to path[size] which file is meant. As desispec does, this is X.fits.gz where X.fits is asked for and
 * absent and X.fits.gz exists, and the other way round; else it is what was asked for. */
void path_of_input(const char *asked, char *path, size_t size);

#endif
