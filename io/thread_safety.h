/* Whether several threads may read and write files at the same time, each its own ones. */
#ifndef UNSPOT_IO_THREAD_SAFETY_H
#define UNSPOT_IO_THREAD_SAFETY_H

#include <stdbool.h>

/* True when CFITSIO was built for it (--enable-reentrant), as Debian's library is. */
bool io_is_thread_safe(void);

#endif
