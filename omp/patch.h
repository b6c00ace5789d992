/* A patch: the spectra and wavelengths that are solved together, and the CCD pixels that they are solved
 * from. The core is kept; the padding around it (neighbouring spectra, wavelengths on either side) is solved
 * so that its light is not mistaken for the core's, and thrown away. Indices count within the bundle's spots.
 */
#ifndef UNSPOT_OMP_PATCH_H
#define UNSPOT_OMP_PATCH_H

#include <stddef.h>

struct patch {
    size_t spec, nspec;           /* first spectrum and number of spectra, padding included */
    size_t wave, nwave;           /* first wavelength and number of wavelengths, padding included */
    size_t core_spec, core_nspec; /* the core, counted from spec */
    size_t core_wave, core_nwave; /* the core, counted from wave */
    size_t wave_halfwidth;        /* spots more than wave_halfwidth wavelengths apart share no pixel */
    int row_min, row_max;         /* pixels used: rows row_min ... row_max - 1 */
    int column_min, column_max;   /* and columns; both lie within the CCD, and may be empty */
};

/* The CCD image as the kernels see it. */
struct pixels {
    size_t nx, ny;
    const float *image; /* [row][column] electrons */
    const float *ivar;  /* [row][column]; 0: unusable */
};

/* What comes of solving a patch. All values are per bin, not per Angstrom. */
struct patch_result {
    double *deconvolved; /* [spec][wave] x = M⁻¹ y, padding included; NULL where it stays on a device */
    double *flux;        /* [core spec][core wave] R x */
    double *ivar;        /* [core spec][core wave] squared row sums of Q */
    double *chi2pix;     /* [core spec][core wave] see omp/quality.h */
    float *resolution; /* [core spec][ndiag][core wave]: [s][k][j] = R_s[j - h + k, j], h = ndiag/2; 0 beyond
                          the patch; float32, as files hold it */
};

#endif
