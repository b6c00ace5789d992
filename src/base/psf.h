/* The Gauss-Hermite point spread function of one camera, as plain data.
 *
 * Every quantity is a Legendre series in wavelength, one for each spectrum. The spot of spectrum s at
 * wavelength λ is
 *     core(x, y) = Σ_ij GH_ij(λ) h_i((x - X)/σx) h_j((y - Y)/σy)       integrated over each pixel
 *     tail(x, y) = TAILAMP r² / (TAILCORE² + r²)^(1 + TAILINDE/2),  r² = (dx TAILXSCA)² + (dy TAILYSCA)²
 * with dx = x - X, dy = y - Y and h_i = He_i(u) exp(-u²/2)/√(2π) (probabilists' Hermite polynomials). It is
 * sampled on (2 hsizex + 1) x (2 hsizey + 1) pixels, negative pixels set to 0, the sum normalised to 1. Pixel
 * centres are integers. Source: the comments in specex's PSF files, and specter's gausshermite.py. */
#ifndef UNSPOT_BASE_PSF_H
#define UNSPOT_BASE_PSF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/log.h"

/* A Legendre series for each spectrum: f_s(λ) = Σ_k coef[s][k] P_k(u), where u goes from -1 to 1 between the
 * ends of the range, u = 2 (λ - wave_min)/(wave_max - wave_min) - 1. */
struct legendre {
    size_t ncoef;
    double wave_min, wave_max; /* Angstrom: the range in which the series was fitted */
    double *coef;              /* [spec][ncoef] */
};

enum psf_tail { TAIL_AMPLITUDE, TAIL_CORE, TAIL_XSCALE, TAIL_YSCALE, TAIL_INDEX, TAIL_COUNT };

struct psf {
    size_t nspec;                   /* spectra (fibers), 500 for DESI */
    size_t fibermin;                /* the fiber of spectrum 0, counted from the first one of its petal */
    size_t petal;                   /* of FIBERMIN in the file; 0: it is for any petal */
    size_t nx, ny;                  /* columns and rows of the CCD it belongs to */
    size_t hsizex, hsizey;          /* half sizes of a spot, pixels */
    size_t degx, degy;              /* largest Hermite orders */
    double psferr;                  /* fractional error of the model, for chi2pix only */
    double wave_min, wave_max;      /* Angstrom: the range covered by any of the series */
    struct legendre x, y;           /* centre of the spot, pixels */
    struct legendre sigmax, sigmay; /* pixels */
    struct legendre *gh;            /* [degx + 1][degy + 1]: GH_ij is gh[i * (degy + 1) + j] */
    bool has_tail;                  /* false when TAILAMP is zero everywhere or absent */
    struct legendre tail[TAIL_COUNT];
    bool *broken;    /* [spec] a coefficient was not finite: the spectrum has a width of 0, and so no light */
    char camera[16]; /* "r0"; empty when the file does not say */
    char original[256]; /* IN_PSF of the file's PSF HDU, empty when absent: becomes ORIG_PSF */
};

/* Warns of spectra that are broken, with their numbers in the petal; path is the PSF's file. */
void psf_warn_of_broken(const struct psf *psf, const char *path, const struct log *log);

/* Frees the arrays and zeroes *psf, which may be all zeros before. */
void psf_free(struct psf *psf);

#endif
