/* Reads and writes the true spectra of a simulated image. */
#ifndef UNSPOT_IO_TRUTH_FILE_H
#define UNSPOT_IO_TRUTH_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "io/keyword.h"

/* The true spectra, before the instrument smooths them. */
struct truth {
    size_t nspec, nwave;
    double *wave;      /* [wave] Angstrom */
    double *flux;      /* [spec][wave] photons/Angstrom */
    int32_t *spectrum; /* [spec] the spectrum of the PSF in each row */
};

/* Writes the HDUs TRUEFLUX (float64 [spec][wave]), WAVELENGTH (float64 [wave]) and SPECTRA (int32 [spec])
 * with checksums, gzipped when path ends in .gz; the keywords go into HDU 0. STATUS_NUMERIC when a number is
 * not finite, STATUS_IO when the file cannot be written; path is then left as it was. */
enum status truth_file_write(const char *path, const struct truth *truth, const struct keywords *keywords,
                             struct error *error);

/* Reads such a file. Where it has no HDU SPECTRA, the spectra are 0, 1, 2, ... STATUS_IO when it cannot be
 * read, STATUS_FORMAT when an HDU is missing or has another shape. The caller releases *truth with
 * truth_free(), whatever the status. */
enum status truth_file_read(const char *path, struct truth *truth, struct error *error);

/* Frees the arrays and zeroes *truth, which may be all zeros before. */
void truth_free(struct truth *truth);

#endif
