/* Where the spots of one bundle lie on the CCD, and which of them share pixels. Private to extract/plan.c. */
#ifndef UNSPOT_EXTRACT_PLAN_TRACES_H
#define UNSPOT_EXTRACT_PLAN_TRACES_H

#include <stddef.h>

#include "base/grid.h"
#include "base/psf.h"
#include "base/status.h"
#include "omp/spots.h"

/* Pixels min ... max - 1 along one axis of the CCD, which may lie off it; 0, 0 when there are none. */
struct range {
    int min, max;
};

/* The least and the largest first pixel of the selected spectra's spots at each wavelength; INT_MAX and
 * INT_MIN where the PSF is not defined. */
struct edges {
    int *least, *largest; /* [wave] */
};

struct traces {
    struct trace_basis basis; /* the Legendre polynomials of the traces at all wavelengths */
    size_t nspec;             /* of the bundle */
    int nx, ny;               /* columns and rows of a spot */
    int *column, *row;        /* [spec][basis.stride] first pixel of a spot */
    size_t spec, count;       /* the selected spectra: spec ... spec + count - 1 of the bundle */
    struct edges columns, rows;
    struct edges beyond;  /* least and largest of all rows from a wavelength on */
    int *far;             /* [wave] spots of wavelengths farther behind it share no row with those of it */
    size_t nblock;        /* blocks of TRACE_LANES wavelengths */
    struct range *spread; /* [spec][block] columns of the spots' first pixels, the last one included */
    struct range *extent; /* [spec] scratch of traces_spec_halfwidth() */
};

/* For bundles of up to nspec spectra on this grid. The caller releases *traces with traces_free(), whatever
 * the status. */
enum status traces_alloc(struct traces *traces, const struct psf *psf, size_t nspec, struct wave_grid grid,
                         struct error *error);
void traces_free(struct traces *traces);

/* Evaluates the traces of spectra specmin ... specmin + nspec - 1 of the PSF: from now on the bundle. */
void traces_evaluate(struct traces *traces, const struct psf *psf, size_t specmin, size_t nspec);

/* Selects spectra spec ... spec + count - 1 of the bundle. The questions below are about these, and about
 * ranges of up to `longest` wavelengths. */
void traces_select(struct traces *traces, size_t spec, size_t count, size_t longest);

/* The columns and rows that the selected spectra's spots cover at wavelengths wave ... wave + n - 1. */
struct range traces_columns(const struct traces *traces, size_t wave, size_t n);
struct range traces_rows(const struct traces *traces, size_t wave, size_t n);

/* The largest distance in wavelengths at which two spots of the selected spectra share a pixel, among
 * wavelengths wave ... wave + n - 1. */
size_t traces_wave_halfwidth(const struct traces *traces, size_t wave, size_t n);

/* How many spectra of the bundle apart spots that are up to `wave_halfwidth` wavelengths apart may share a
 * pixel. */
size_t traces_spec_halfwidth(const struct traces *traces, size_t wave_halfwidth);

#endif
