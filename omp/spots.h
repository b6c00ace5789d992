/* The spots (PSF images) of one bundle of spectra on a grid of wavelengths, evaluated once and shared by all
 * patches of the bundle. */
#ifndef UNSPOT_OMP_SPOTS_H
#define UNSPOT_OMP_SPOTS_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/psf.h"
#include "base/status.h"
#include "omp/spot_table.h"

struct spots {
    struct spot_table table;
    double *memory;      /* the allocation that holds `value` between two pads: kernels read whole vectors,
                            and so up to SPOT_LANES numbers before its first and after its last element */
    size_t nspec, nwave; /* of this bundle; at most what spots_alloc() was told */
    size_t specmin;      /* the bundle's first spectrum */
    double wave_min, wave_step; /* Angstrom */
    size_t nx, ny;              /* columns and rows of a spot: 2 hsize + 1 */
    size_t degx, degy;          /* of the Gauss-Hermite series */
    bool has_tail;
    int *column, *row; /* [spec][wave] CCD column and row of the spot's first pixel; may lie off the CCD */
    double *value; /* [spec][wave][ny][nx] light of each pixel; the sum is 1, or 0 where there is no PSF */
};

/* Allocates memory for up to nspec x nwave spots of this PSF. STATUS_FORMAT when its series are too long,
 * STATUS_MEMORY when there is no memory; then there is nothing to release. */
enum status spots_alloc(struct spots *spots, const struct psf *psf, size_t nspec, size_t nwave,
                        struct error *error);
void spots_free(struct spots *spots);

/* Says which spots these are: those of spectra specmin ... specmin + nspec - 1 of the PSF at the wavelengths
 * wave_min + i wave_step (Angstrom), i = 0 ... nwave - 1. Nothing is evaluated. */
void spots_place(struct spots *spots, size_t specmin, size_t nspec, double wave_min, double wave_step,
                 size_t nwave);

/* Places the spots as spots_place() does and evaluates them on all threads. Their values are gpu_specter's,
 * to rounding, with the PSF's power-law tail added where it has one. */
void spots_evaluate(struct spots *spots, size_t specmin, size_t nspec, double wave_min, double wave_step,
                    size_t nwave);

enum { TRACE_LANES = 32 }; /* wavelengths of a trace that are evaluated together */

/* The Legendre polynomials of the traces on a grid of wavelengths; they are the same for all spectra. */
struct trace_basis {
    size_t nwave;
    size_t stride;      /* nwave rounded up to whole TRACE_LANES */
    double *x, *y;      /* [stride/TRACE_LANES][ncoef][TRACE_LANES] of psf->x and psf->y */
    size_t first, last; /* there are spots at wavelengths first ... last - 1, where the PSF is defined */
};

/* Evaluates the polynomials at wavelengths wave_min + i wave_step (Angstrom), i = 0 ... nwave - 1.
 * STATUS_FORMAT when a series is too long, STATUS_MEMORY when there is no memory. The caller releases *basis
 * with trace_basis_free(), whatever the status. */
enum status trace_basis_make(struct trace_basis *basis, const struct psf *psf, double wave_min,
                             double wave_step, size_t nwave, struct error *error);
void trace_basis_free(struct trace_basis *basis);

/* Finds only the first pixels of the spots, for planning: column[nspec][stride] and row[nspec][stride], also
 * at wavelengths where there are no spots. */
void spots_corners(const struct trace_basis *basis, const struct psf *psf, size_t specmin, size_t nspec,
                   int *column, int *row);

/* First pixel, along one axis, of a spot centred at `position` (pixels): floor(position - half_size + 0.5).
 * It is held within +-2^28, so that a series evaluated far outside its domain still gives an int. */
TEAM_BODY int spot_corner(double position, size_t half_size)
{
    const double limit = 1 << 28;
    double corner = floor(position - (double)half_size + 0.5);

    if (!(corner > -limit)) return -(1 << 28); /* also NaN */
    return corner < limit ? (int)corner : 1 << 28;
}

/* Σ_k coef[k] P_k(u) at wavelength (Angstrom) for spectrum spec. */
double legendre_value(const struct legendre *series, size_t spec, double wavelength);

#endif
