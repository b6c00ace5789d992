/* One spot: the body that every backend runs. Static inline, no allocation, no library but <math.h>. */
#ifndef UNSPOT_OMP_SPOT_KERNEL_H
#define UNSPOT_OMP_SPOT_KERNEL_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/psf.h"

static const double LEGENDRE_REACH = 1.1;

enum {
    SPOT_ORDERS = 21,   /* Hermite orders 0 ... 20 */
    SPOT_WIDTH = 129,   /* pixels along one axis: half size up to 64 */
    LEGENDRE_TERMS = 64 /* coefficients of a series */
};

/* P_0(u) ... P_(n-1)(u) */
static inline void legendre_basis(double u, size_t n, double *restrict p)
{
    p[0] = 1;
    if (n > 1) p[1] = u;
    for (size_t k = 2; k < n; k++) {
        p[k] = ((2 * (double)k - 1) * u * p[k - 1] - ((double)k - 1) * p[k - 2]) / (double)k;
    }
}

/* u of P_k(u), held within 5% of the domain beyond its ends: padding may reach so far; farther out a
 * polynomial tells nothing. */
static inline double legendre_argument(const struct legendre *series, double wavelength)
{
    double u = 2 * (wavelength - series->wave_min) / (series->wave_max - series->wave_min) - 1;

    return u < -LEGENDRE_REACH ? -LEGENDRE_REACH : u > LEGENDRE_REACH ? LEGENDRE_REACH : u;
}

/* A series of one PSF often shares its domain with the one evaluated before: then its basis serves again. */
struct legendre_cache {
    double wave_min, wave_max; /* of the basis; equal (0, 0) at first: no domain is empty */
    size_t ncoef;
    double basis[LEGENDRE_TERMS];
};

static inline double legendre_cached(struct legendre_cache *cache, const struct legendre *series, size_t spec,
                                     double wavelength)
{
    const double *coef = series->coef + spec * series->ncoef;
    double sum = 0;

    if (cache->wave_min != series->wave_min || cache->wave_max != series->wave_max ||
        cache->ncoef < series->ncoef) {
        cache->wave_min = series->wave_min;
        cache->wave_max = series->wave_max;
        cache->ncoef = series->ncoef;
        legendre_basis(legendre_argument(series, wavelength), series->ncoef, cache->basis);
    }
    for (size_t k = 0; k < series->ncoef; k++) sum += coef[k] * cache->basis[k];
    return sum;
}

/* Pixel integrals of He_m(u) exp(-u²/2)/√(2π) for orders m = 0 ... degree over n pixels, the first of which
 * has its left edge at `edge` pixels from the spot's centre:
 *   ∫ He_m φ = -He_(m-1) φ + const for m > 0, erf for m = 0; orders are not divided by σ (desi-conventions
 * §4). */
static inline void hermite_pixels(double edge, double sigma, size_t n, size_t degree,
                                  double integral[SPOT_ORDERS][SPOT_WIDTH])
{
    static const double sqrt_half = 0.70710678118654752440, one_over_sqrt_2pi = 0.39894228040143267794;
    double u[SPOT_WIDTH + 1], value[SPOT_WIDTH + 1], before[SPOT_WIDTH + 1];

    for (size_t i = 0; i <= n; i++) {
        u[i] = (edge + (double)i) / sigma;
        value[i] = erf(u[i] * sqrt_half);
        before[i] = 0;
    }
    for (size_t i = 0; i < n; i++) integral[0][i] = 0.5 * (value[i + 1] - value[i]);
    if (degree == 0) return;
    for (size_t i = 0; i <= n; i++) value[i] = exp(-0.5 * u[i] * u[i]) * one_over_sqrt_2pi;
    for (size_t m = 1; m <= degree; m++) { /* here value = He_(m-1) φ, before = He_(m-2) φ */
        for (size_t i = 0; i < n; i++) integral[m][i] = value[i] - value[i + 1];
        for (size_t i = 0; i <= n; i++) {
            double next = u[i] * value[i] - ((double)m - 1) * before[i];

            before[i] = value[i];
            value[i] = next;
        }
    }
}

/* Adds the power-law tail, sampled at pixel centres; dx, dy: centre of the first pixel minus the spot's. */
static inline void spot_add_tail(const struct psf *psf, size_t spec, double wavelength, double dx, double dy,
                                 struct legendre_cache *cache, double *restrict value)
{
    size_t nx = 2 * psf->hsizex + 1, ny = 2 * psf->hsizey + 1;
    double tail[TAIL_COUNT];

    for (int k = 0; k < TAIL_COUNT; k++) tail[k] = legendre_cached(cache, &psf->tail[k], spec, wavelength);
    for (size_t row = 0; row < ny; row++) {
        for (size_t column = 0; column < nx; column++) {
            double x = (dx + (double)column) * tail[TAIL_XSCALE], y = (dy + (double)row) * tail[TAIL_YSCALE];
            double r2 = x * x + y * y;

            value[row * nx + column] += tail[TAIL_AMPLITUDE] * r2 /
                                        pow(tail[TAIL_CORE] * tail[TAIL_CORE] + r2, 1 + tail[TAIL_INDEX] / 2);
        }
    }
}

/* Negative pixels become 0 and the sum 1; a spot that is not a number, or empty, becomes all 0. */
static inline void spot_normalise(size_t n, double *restrict value)
{
    double sum = 0, scale;

    for (size_t i = 0; i < n; i++) {
        value[i] = value[i] < 0 ? 0 : value[i];
        sum += value[i];
    }
    scale = sum > 0 && isfinite(sum) ? 1 / sum : 0;
    for (size_t i = 0; i < n; i++) value[i] = scale > 0 ? value[i] * scale : 0;
}

/* Whether the traces are known at this wavelength: beyond, spots would all fall on one place. */
static inline bool spot_is_defined(const struct psf *psf, double wavelength)
{
    return fabs(legendre_argument(&psf->x, wavelength)) < LEGENDRE_REACH &&
           fabs(legendre_argument(&psf->y, wavelength)) < LEGENDRE_REACH;
}

/* value[ny][nx] of spectrum spec at wavelength (Angstrom); column, row: the spot's first pixel. */
static inline void spot_evaluate(const struct psf *psf, size_t spec, double wavelength, int column, int row,
                                 double *restrict value)
{
    size_t nx = 2 * psf->hsizex + 1, ny = 2 * psf->hsizey + 1;
    double xpixels[SPOT_ORDERS][SPOT_WIDTH], ypixels[SPOT_ORDERS][SPOT_WIDTH], along_x[SPOT_WIDTH];
    struct legendre_cache cache = {.ncoef = 0};
    double dx = column - legendre_cached(&cache, &psf->x, spec, wavelength);
    double dy = row - legendre_cached(&cache, &psf->y, spec, wavelength);
    double sigmax = legendre_cached(&cache, &psf->sigmax, spec, wavelength);
    double sigmay = legendre_cached(&cache, &psf->sigmay, spec, wavelength);

    for (size_t i = 0; i < nx * ny; i++) value[i] = 0;
    if (!(sigmax > 0) || !(sigmay > 0) || !spot_is_defined(psf, wavelength)) return;
    hermite_pixels(dx - 0.5, sigmax, nx, psf->degx, xpixels);
    hermite_pixels(dy - 0.5, sigmay, ny, psf->degy, ypixels);
    for (size_t j = 0; j <= psf->degy; j++) {
        for (size_t k = 0; k < nx; k++) along_x[k] = 0;
        for (size_t i = 0; i <= psf->degx; i++) {
            double gh = legendre_cached(&cache, &psf->gh[i * (psf->degy + 1) + j], spec, wavelength);

            for (size_t k = 0; k < nx; k++) along_x[k] += gh * xpixels[i][k];
        }
        for (size_t l = 0; l < ny; l++) {
            for (size_t k = 0; k < nx; k++) value[l * nx + k] += ypixels[j][l] * along_x[k];
        }
    }
    if (psf->has_tail) spot_add_tail(psf, spec, wavelength, dx, dy, &cache, value);
    spot_normalise(nx * ny, value);
}

#endif
