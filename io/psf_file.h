/* Reads and writes Gauss-Hermite PSF files: PSFVER 1, 2 (one table) and 3 (XTRACE, YTRACE, PSF HDUs). */
#ifndef UNSPOT_IO_PSF_FILE_H
#define UNSPOT_IO_PSF_FILE_H

#include "base/psf.h"
#include "base/status.h"

/* Reads path into *psf, which the caller releases with psf_free() whatever the status. In versions 1 and 2
 * every row keeps its own wavelength domain. GH-i-j rows that are absent count as zero, except GH-0-0; absent
 * tail rows mean no tail; any other absent row is STATUS_FORMAT, naming the row. */
enum status psf_file_read(const char *path, struct psf *psf, struct error *error);

/* Writes *psf as PSFVER 3, under a temporary name that is synced and renamed to path. */
enum status psf_file_write(const char *path, const struct psf *psf, struct error *error);

#endif
