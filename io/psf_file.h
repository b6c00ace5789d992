/* Reads and writes Gauss-Hermite PSF files: PSFVER 1, 2 (one table) and 3 (XTRACE, YTRACE, PSF HDUs). */
#ifndef UNSPOT_IO_PSF_FILE_H
#define UNSPOT_IO_PSF_FILE_H

#include "base/psf.h"
#include "base/status.h"

/* Reads path into *psf, which the caller releases with psf_free(), whatever the status. In versions 1 and 2
 * every row keeps its own wavelength domain. A row GH-i-j that is absent counts as zero, except GH-0-0, and
 * without the row TAILAMP there is no tail. STATUS_IO when the file cannot be read, STATUS_FORMAT when it is
 * no such PSF or lacks any other row, which the text names. A spectrum with a coefficient that is not finite
 * is noted in psf->broken and gets a width of 0; STATUS_FORMAT when all are. */
enum status psf_file_read(const char *path, struct psf *psf, struct error *error);

/* Writes *psf as PSFVER 3. STATUS_FORMAT when its parameters do not all have one wavelength range and one
 * degree, which that version needs (the traces X and Y may have their own), STATUS_NUMERIC when a coefficient
 * is not finite, STATUS_IO when the file cannot be written; path is then left as it was. */
enum status psf_file_write(const char *path, const struct psf *psf, struct error *error);

#endif
