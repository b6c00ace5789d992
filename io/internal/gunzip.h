/* Uncompresses gzip files into memory. */
#ifndef UNSPOT_IO_INTERNAL_GUNZIP_H
#define UNSPOT_IO_INTERNAL_GUNZIP_H

#include <stddef.h>

#include "base/status.h"

/* Uncompresses the gzip file path, which has `bytes` bytes, into *memory, which then has *size bytes. The
 * caller frees *memory, whatever the status. STATUS_IO when the file cannot be read, is truncated or is
 * damaged. */
enum status gunzip(const char *path, size_t bytes, void **memory, size_t *size, struct error *error);

#endif
