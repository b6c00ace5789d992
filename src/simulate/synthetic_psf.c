#include "simulate/synthetic_psf.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"

enum {
    DEGREE_TRACE = 6, /* of the Legendre series in wavelength */
    DEGREE_SHAPE = 3,
    DEGREE_TRACE_SLIT = 4, /* of the Legendre series along the slit */
    DEGREE_SHAPE_SLIT = 2,
    DEGREE_HERMITE = 6,
};

/* The cameras share the shape of their traces on the CCD and differ in the wavelengths that fall there. The
 * domain of r is that of a real PSF; b and z are placed such that their production grids reach as far on
 * the CCD as the real ones. */
struct camera {
    char name;
    size_t nx, ny;             /* columns, rows */
    double wave_min, wave_max; /* Angstrom, domain of all series */
};

static const struct camera cameras[] = {
    {'b', 4096, 4096, 3406, 5994},
    {'r', 4114, 4128, 5543, 7827},
    {'z', 4114, 4128, 7407, 9911},
};

/* Every table below is a fit of Legendre series along the slit, in s = -1 ... 1 for fiber 0 ... 499, to the
 * coefficients of the Legendre series in wavelength of a real PSF (DESI r0, 2020-02-19, mean over the noise
 * of single fibers): [degree in wavelength][degree along the slit], pixels. */

/* Degree 0 is the fibers' spacing, below. */
static const double trace_x[DEGREE_TRACE + 1][DEGREE_TRACE_SLIT + 1] = {
    [1] = {-0.502, 5.550, 0.013, 0.505, -0.001},   [2] = {0.132, 7.288, 0.305, -4.910, -0.056},
    [3] = {0.006, 0.414, -0.001, -0.533, -0.014},  [4] = {0.025, -2.443, -0.065, 0.635, -0.009},
    [5] = {-0.003, -0.265, -0.019, 0.142, -0.008}, [6] = {0.003, 0.248, -0.008, 0.012, 0.007},
};

/* Relative to the middle of the CCD's rows. */
static const double trace_y[DEGREE_TRACE + 1][DEGREE_TRACE_SLIT + 1] = {
    {-51.5, 0.459, 79.564, -0.839, -0.312}, {2145.075, -0.108, 13.310, 0.090, -1.749},
    {60.031, 0.056, 2.064, 0.071, -0.508},  {8.136, 0.213, -5.159, -0.112, 0.523},
    {1.010, 0.041, -0.769, 0.071, 0.120},   {-1.926, -0.049, 0.642, -0.033, -0.007},
    {-0.212, 0.012, 0.213, 0.044, -0.046},
};

/* Series of the shape, in units of 1e-4: three degrees along the slit for each degree in wavelength. */
typedef short shape_series[(DEGREE_SHAPE + 1) * (DEGREE_SHAPE_SLIT + 1)];

static const shape_series width_x = {10399, 57, -56, 133, 47, 451, -446, -130, 715, 233, 16, 243};
static const shape_series width_y = {11178, 49, -41, 935, 153, -33, 64, -156, 300, -173, 47, 99};

/* The Hermite terms with any coefficient above 0.003; the one of order (0, 0) is 1. */
static const struct hermite_term {
    size_t i, j; /* orders along x and y */
    shape_series series;
} hermite_terms[] = {
    {1, 0, {-4, 97, -1, 10, 112, 2, -77, 321, 17, -10, -35, 10}},
    {2, 0, {-16, -57, 117, 67, -18, 44, -9, 45, -218, 10, -16, 86}},
    {3, 0, {1, 87, 2, -14, 70, -25, -36, 156, -59, -9, 1, 2}},
    {4, 0, {-19, 7, -29, 40, 3, 50, -137, -40, 123, 33, 12, 16}},
    {6, 0, {53, 1, -4, -1, -1, -6, -8, -4, 1, -3, 2, -5}},
    {0, 1, {-11, 1, 168, 135, -75, 107, 131, 38, -43, 164, -75, -169}},
    {1, 1, {-38, 890, 158, -101, 928, 11, 111, -869, 30, -79, 366, 44}},
    {2, 1, {-68, 42, 152, 116, 57, 98, 216, -19, -70, 58, -16, -258}},
    {3, 1, {-1, -101, 6, -2, 59, 53, 25, -38, 3, -5, 5, 2}},
    {4, 1, {7, 1, 30, 4, 1, -4, 32, -17, -13, -6, -2, -38}},
    {0, 2, {288, -45, 48, 254, -8, 168, -201, 29, -20, 183, -24, 200}},
    {1, 2, {2, 128, -28, -14, 137, 43, -29, 374, 22, -31, 73, 42}},
    {2, 2, {-82, -15, 16, 162, -14, 129, -230, -2, 98, 8, -6, 108}},
    {3, 2, {4, 13, 8, -1, 43, 21, -2, 75, -1, -4, 13, 7}},
    {4, 2, {128, -6, 6, 15, 0, -4, -10, 7, -33, -20, -1, -9}},
    {0, 3, {-61, 0, 112, 166, -31, 63, 59, 13, 19, 88, -14, -117}},
    {1, 3, {-9, -7, 4, -20, 200, -1, 7, -59, -19, -6, 89, -5}},
    {2, 3, {6, 3, 42, 28, 1, 21, 67, -14, 28, 33, 2, -61}},
    {3, 3, {1, 46, 0, -12, 39, -16, 2, -22, 1, -6, 12, -2}},
    {0, 4, {86, 2, -22, 97, -4, 41, -72, -7, 16, 10, 10, 41}},
    {1, 4, {2, 11, -2, -6, 55, 0, -3, 43, 3, -3, 31, 6}},
    {2, 4, {134, -5, 20, 28, -13, 22, -38, 3, -25, -8, -2, 11}},
    {0, 6, {64, 2, -3, 7, -3, 4, -2, 3, -9, 1, 2, -2}},
};

/* Returns Σ_k coef[k] P_k(t). */
static double legendre_sum(const double *coef, size_t n, double t)
{
    double before = 0, p = 1, sum = 0;

    for (size_t k = 0; k < n; k++) {
        double next = ((2.0 * (double)k + 1) * t * p - (double)k * before) / ((double)k + 1);

        sum += coef[k] * p;
        before = p;
        p = next;
    }
    return sum;
}

static double slit_position(size_t fiber)
{
    return 2 * (double)fiber / (SYNTHETIC_FIBERS - 1) - 1;
}

/* Returns the column of a fiber in the middle of the wavelengths. From fiber to fiber it is 7.27 pixels,
 * between bundles 17.5, and the middle of the slit lies 25 pixels left of that of the CCD: so fibers 0 and
 * 499 are at about 120 and 3944, as on a real CCD. */
static double fiber_column(const struct camera *camera, size_t fiber)
{
    static const double pitch = 7.27, gap = 17.5, shift = -25;
    double last_bundle = (double)((SYNTHETIC_FIBERS - 1) / SYNTHETIC_BUNDLE_FIBERS);
    double width = (SYNTHETIC_FIBERS - 1) * pitch + last_bundle * (gap - pitch);

    return 0.5 * ((double)(camera->nx - 1) - width) + shift + (double)fiber * pitch +
           (double)(fiber / SYNTHETIC_BUNDLE_FIBERS) * (gap - pitch);
}

static bool series_alloc(struct legendre *series, const struct camera *camera, size_t nspec, size_t degree)
{
    series->ncoef = degree + 1;
    series->wave_min = camera->wave_min;
    series->wave_max = camera->wave_max;
    series->coef = memory_zeroed(nspec * series->ncoef, sizeof(double));
    return series->coef != NULL;
}

static bool series_alloc_all(struct psf *psf, const struct camera *camera)
{
    bool ok = series_alloc(&psf->x, camera, psf->nspec, DEGREE_TRACE) &&
              series_alloc(&psf->y, camera, psf->nspec, DEGREE_TRACE) &&
              series_alloc(&psf->sigmax, camera, psf->nspec, DEGREE_SHAPE) &&
              series_alloc(&psf->sigmay, camera, psf->nspec, DEGREE_SHAPE);
    size_t terms = (psf->degx + 1) * (psf->degy + 1);

    psf->gh = ok ? memory_zeroed(terms, sizeof *psf->gh) : NULL;
    ok = psf->gh != NULL;
    for (size_t k = 0; ok && k < terms; k++) {
        ok = series_alloc(&psf->gh[k], camera, psf->nspec, DEGREE_SHAPE);
    }
    for (size_t k = 0; ok && k < TAIL_COUNT; k++) {
        ok = series_alloc(&psf->tail[k], camera, psf->nspec, DEGREE_SHAPE);
    }
    return ok;
}

static void fill_traces(struct psf *psf, const struct camera *camera)
{
    for (size_t fiber = 0; fiber < psf->nspec; fiber++) {
        double s = slit_position(fiber);
        double *x = psf->x.coef + fiber * psf->x.ncoef, *y = psf->y.coef + fiber * psf->y.ncoef;

        for (size_t k = 0; k <= DEGREE_TRACE; k++) {
            x[k] = legendre_sum(trace_x[k], DEGREE_TRACE_SLIT + 1, s);
            y[k] = legendre_sum(trace_y[k], DEGREE_TRACE_SLIT + 1, s);
        }
        x[0] = fiber_column(camera, fiber);
        y[0] += 0.5 * (double)(camera->ny - 1);
    }
}

static void fill_shape(struct legendre *series, size_t nspec, const shape_series table)
{
    enum { N = DEGREE_SHAPE_SLIT + 1 };

    for (size_t fiber = 0; fiber < nspec; fiber++) {
        for (size_t k = 0; k <= DEGREE_SHAPE; k++) {
            double slit[N];

            for (size_t m = 0; m < N; m++) slit[m] = 1e-4 * table[k * N + m];
            series->coef[fiber * series->ncoef + k] = legendre_sum(slit, N, slit_position(fiber));
        }
    }
}

static void fill_constant(struct legendre *series, size_t nspec, double value)
{
    for (size_t fiber = 0; fiber < nspec; fiber++) series->coef[fiber * series->ncoef] = value;
}

static void fill_shapes(struct psf *psf, bool tails)
{
    /* A tail like r^-2 with a core of one pixel has a sum of about 10 on a spot of 17 x 11 pixels. */
    const double tail[TAIL_COUNT] = {[TAIL_AMPLITUDE] = tails ? 1e-4 : 0,
                                     [TAIL_CORE] = 1,
                                     [TAIL_XSCALE] = 1,
                                     [TAIL_YSCALE] = 1,
                                     [TAIL_INDEX] = 2};

    fill_shape(&psf->sigmax, psf->nspec, width_x);
    fill_shape(&psf->sigmay, psf->nspec, width_y);
    fill_constant(&psf->gh[0], psf->nspec, 1);
    for (size_t k = 0; k < sizeof hermite_terms / sizeof hermite_terms[0]; k++) {
        const struct hermite_term *term = &hermite_terms[k];

        fill_shape(&psf->gh[term->i * (psf->degy + 1) + term->j], psf->nspec, term->series);
    }
    for (size_t k = 0; k < TAIL_COUNT; k++) fill_constant(&psf->tail[k], psf->nspec, tail[k]);
    psf->has_tail = tails;
}

enum status synthetic_psf(char camera, size_t nspec, bool tails, struct psf *psf, struct error *error)
{
    const struct camera *found = NULL;

    memset(psf, 0, sizeof *psf);
    for (size_t i = 0; i < sizeof cameras / sizeof cameras[0]; i++) {
        if (cameras[i].name == camera) found = &cameras[i];
    }
    if (!found) return error_set(error, STATUS_USAGE, "--camera %c: expected b, r or z", camera);
    if (nspec < 1 || nspec > SYNTHETIC_FIBERS) {
        return error_set(error, STATUS_USAGE, "--nspec %zu: expected 1 to %d fibers", nspec,
                         (int)SYNTHETIC_FIBERS);
    }
    *psf = (struct psf){.nspec = nspec,
                        .nx = found->nx,
                        .ny = found->ny,
                        .hsizex = 8,
                        .hsizey = 5,
                        .degx = DEGREE_HERMITE,
                        .degy = DEGREE_HERMITE,
                        .psferr = 0.01, /* what extraction takes when a file does not say */
                        .wave_min = found->wave_min,
                        .wave_max = found->wave_max};
    snprintf(psf->camera, sizeof psf->camera, "%c0", camera);
    if (!series_alloc_all(psf, found)) return memory_error(error, "PSF");
    fill_traces(psf, found);
    fill_shapes(psf, tails);
    return STATUS_OK;
}
