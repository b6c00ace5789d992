/* From the square root Q of a spectrum's S to its flux, ivar and resolution: what both banded solvers end
 * with. r = Q 1;  ivar = r²;  flux = Q x / r;  R = Q / r, row by row   (Bolton & Schlegel 2010, eq. 11 to 13)
 */
#ifndef UNSPOT_OMP_RESOLVE_H
#define UNSPOT_OMP_RESOLVE_H

#include <stdbool.h>
#include <stddef.h>

/* What linalg_band_root() gives for one spectrum. */
struct spectrum_root {
    size_t nwave, half;
    const double *row_sum; /* [nwave] Q 1 */
    const double *product; /* [nwave] Q x */
    const double *root;    /* [half + 1][nwave] Q's diagonals */
    const double *edge;    /* [nwave] relative size of S at the edge of its band */
    double spread;         /* of S's eigenvalues */
};

/* Fills flux[n], ivar[n] and resolution[2 half + 1][n] for wavelengths first ... first + n - 1. False when a
 * row sum is 0 or a value is not a number. */
bool resolve_spectrum(const struct spectrum_root *root, size_t first, size_t n, double *flux, double *ivar,
                      double *resolution);

/* Whether cutting S at the edge of its band leaves the fluxes of wavelengths first ... first + n - 1 within
 * `limit` sigma; margin: wavelengths on each side whose cuts count as well. */
bool resolve_is_precise(const struct spectrum_root *root, size_t first, size_t n, size_t margin,
                        double limit);

#endif
