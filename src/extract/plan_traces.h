/* Where the spots of one bundle lie on the CCD, and which of them share pixels: what plan.c asks. Private to
 * it. */
#ifndef UNSPOT_EXTRACT_PLAN_TRACES_H
#define UNSPOT_EXTRACT_PLAN_TRACES_H

#include <stddef.h>

#include "base/psf.h"
#include "base/status.h"
#include "omp/spots.h"

/* Pixels along one axis, the last one excluded; none: 0, 0. */
struct range {
    int min, max;
};

/* Of one wavelength: the least and the largest first pixel of the selected spectra's spots; INT_MAX, INT_MIN
 * where the PSF says nothing. */
struct edges {
    int *least, *largest; /* [wave] */
};

struct traces {
    struct trace_basis basis; /* and the wavelengths */
    size_t nspec;             /* of the bundle */
    int nx, ny;               /* columns and rows of a spot */
    int *column, *row;        /* [spec][basis.stride] first pixel of a spot */
    size_t spec, count;       /* the selected spectra: spec ... spec + count - 1 of the bundle */
    struct edges columns, rows;
    struct edges beyond;  /* least and largest of all rows from a wavelength on */
    int *far;             /* [wave] spots of wavelengths farther behind it share no row with those of it */
    size_t nblock;        /* of TRACE_LANES wavelengths */
    struct range *spread; /* [spec][block] columns of the spots' first pixels, the last one included */
    struct range *extent; /* [spec] scratch */
};

/* For bundles of up to nspec spectra on nwave wavelengths wave_min + i wave_step (Angstrom). The caller
 * releases *traces with traces_free(), whatever the status. */
enum status traces_alloc(struct traces *traces, const struct psf *psf, size_t nspec, double wave_min,
                         double wave_step, size_t nwave, struct error *error);
void traces_free(struct traces *traces);

/* Evaluates the traces of a bundle. */
void traces_evaluate(struct traces *traces, const struct psf *psf, size_t specmin, size_t nspec);

/* Selects `count` of its spectra, for questions about ranges of up to `longest` wavelengths. */
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
