/* Which file a name of an input means. */
#ifndef UNSPOT_IO_PATH_H
#define UNSPOT_IO_PATH_H

#include <stddef.h>

/* As desispec does: X.fits.gz where X.fits is asked for and absent, and the other way round; else what was
 * asked. */
void path_of_input(const char *asked, char *path, size_t size);

#endif
