/* Reads and writes the true spectra of a simulated image. */
#ifndef UNSPOT_IO_TRUTH_FILE_H
#define UNSPOT_IO_TRUTH_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "io/keyword.h"

/* The true spectra of a simulated image: TRUEFLUX f8 [nspec][nwave], photons per Angstrom, and WAVELENGTH,
 * Angstrom; SPECTRA int32 [nspec]: the spectrum of the PSF in each row (when absent: 0, 1, 2, ...). */
struct truth {
    size_t nspec, nwave;
    double *wave;      /* [wave] */
    double *flux;      /* [spec][wave] */
    int32_t *spectrum; /* [spec] */
};

enum status truth_file_write(const char *path, const struct truth *truth, const struct keywords *keywords,
                             struct error *error);
enum status truth_file_read(const char *path, struct truth *truth, struct error *error);
void truth_free(struct truth *truth);

#endif
