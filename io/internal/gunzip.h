/* Uncompresses gzip files in memory. */
#ifndef UNSPOT_IO_INTERNAL_GUNZIP_H
#define UNSPOT_IO_INTERNAL_GUNZIP_H

#include <stddef.h>

#include "base/status.h"

/* Uncompresses a whole gzip file of `bytes` bytes into *memory, which the caller frees. */
enum status gunzip(const char *path, size_t bytes, void **memory, size_t *size, struct error *error);

#endif
