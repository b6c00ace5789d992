/* A patch: the spectra and wavelengths that are solved together, and the CCD pixels that they are solved
 * from. The core is kept. The padding around it, neighbouring spectra and wavelengths on either side, is
 * solved too, so that its light is not mistaken for the core's, and is then thrown away. Spectra and
 * wavelengths are counted within the bundle's spots. */
#ifndef UNSPOT_OMP_PATCH_H
#define UNSPOT_OMP_PATCH_H

#include <stddef.h>

struct patch {
    size_t spec, nspec;           /* first spectrum and number of spectra, padding included */
    size_t wave, nwave;           /* first wavelength and number of wavelengths, padding included */
    size_t core_spec, core_nspec; /* the core, counted from spec */
    size_t core_wave, core_nwave; /* the core, counted from wave */
    size_t wave_halfwidth;        /* spots more than wave_halfwidth wavelengths apart share no pixel */
    int row_min, row_max;         /* the pixels used are in rows row_min ... row_max - 1 */
    int column_min, column_max;   /* and columns likewise; both lie within the CCD and may be empty */
};

/* The CCD image as the kernels see it. */
struct pixels {
    size_t nx, ny;      /* columns and rows */
    const float *image; /* [row][column] electrons */
    const float *ivar;  /* [row][column] 1/electrons²; 0 where the pixel is unusable */
};

/* The result of solving a patch. All values are per bin, not per Angstrom. */
struct patch_result {
    double *deconvolved; /* [spec][wave] x = M⁻¹ y, photons, padding included; NULL where it is on a device */
    double *flux;        /* [core spec][core wave] R x, photons */
    double *ivar;        /* [core spec][core wave] squared row sums of Q, 1/photons² */
    double *chi2pix;     /* [core spec][core wave] see omp/quality.h */
    float *resolution; /* [core spec][ndiag][core wave]: [s][k][j] = R_s[j - h + k, j] with h = ndiag/2; 0 for
                          rows beyond the patch; float32, as files hold it */
};

#endif
