#include "io/psf_file.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "io/internal/cards.h"
#include "io/internal/output_stream.h"
#include "io/internal/psf_table.h"

static const char psf_type[] = "GAUSS-HERMITE";

/* Checks a series against the first one, as the table has one domain and one degree for all rows. */
static enum status check_series(const char *path, const struct psf *psf, const char *name,
                                const struct legendre *series, struct error *error)
{
    const struct legendre *first = &psf->sigmax;

    if (series->ncoef != first->ncoef || series->wave_min != first->wave_min ||
        series->wave_max != first->wave_max) {
        return error_set(error, STATUS_FORMAT,
                         "%s: not written: PSFVER 3 needs one wavelength range and one degree for all "
                         "parameters, and %s differs from GHSIGX",
                         path, name);
    }
    for (size_t i = 0; i < psf->nspec * series->ncoef; i++) {
        if (!isfinite(series->coef[i])) {
            return error_set(error, STATUS_NUMERIC, "%s: not written: a coefficient of %s is not finite",
                             path, name);
        }
    }
    return STATUS_OK;
}

static enum status check_all(const char *path, const struct psf *psf, struct error *error)
{
    size_t count = (psf->degx + 1) * (psf->degy + 1);
    enum status status = check_series(path, psf, "GHSIGX", &psf->sigmax, error);

    if (status == STATUS_OK) status = check_series(path, psf, "GHSIGY", &psf->sigmay, error);
    for (size_t k = 0; k < count && status == STATUS_OK; k++) {
        char name[48];

        snprintf(name, sizeof name, "GH-%zu-%zu", k / (psf->degy + 1), k % (psf->degy + 1));
        status = check_series(path, psf, name, &psf->gh[k], error);
    }
    for (int k = 0; k < TAIL_COUNT && psf->has_tail && status == STATUS_OK; k++) {
        status = check_series(path, psf, psf_tail_names[k], &psf->tail[k], error);
    }
    return status;
}

static void write_fibers(const struct psf *psf, struct keywords *keywords)
{
    const long long first = (long long)(psf->petal * FIBERS_PER_PETAL + psf->fibermin);

    keyword_integer(keywords, "FIBERMIN", first, "first fiber (starting at 0)");
    keyword_integer(keywords, "FIBERMAX", first + (long long)psf->nspec - 1, "last fiber (included)");
}

static void write_trace(struct output_stream *stream, const struct psf *psf, const char *name,
                        const struct legendre *trace)
{
    const struct array array = {name, NULL, DOUBLE_IMG, TDOUBLE, 2, {psf->nspec, trace->ncoef}, trace->coef};
    struct keywords keywords = {.count = 0};

    write_fibers(psf, &keywords);
    keyword_real(&keywords, "WAVEMIN", trace->wave_min, "minimum wavelength (A) of the series");
    keyword_real(&keywords, "WAVEMAX", trace->wave_max, "maximum wavelength (A) of the series");
    if (strcmp(name, "XTRACE") == 0) {
        keyword_string(&keywords, "PSFTYPE", psf_type, "");
        keyword_integer(&keywords, "PSFVER", 3, "");
    }
    output_stream_image(stream, &array, NULL, &keywords);
}

static void fill_keywords(const struct psf *psf, struct keywords *keywords)
{
    long long nparams = 2 + (long long)((psf->degx + 1) * (psf->degy + 1)) + TAIL_COUNT;

    keyword_string(keywords, "PSFTYPE", psf_type, "");
    keyword_string(keywords, "PSFVER", "3",
                   ""); /* a string here and a number in HDU 0, as specter wants it */
    keyword_integer(keywords, "MJD", 0, "MJD of arc lamp exposure");
    keyword_integer(keywords, "PLATEID", 0, "plate ID of arc lamp exposure");
    keyword_string(keywords, "CAMERA", psf->camera, "camera ID");
    keyword_integer(keywords, "ARCEXP", 0, "ID of arc lamp exposure used to fit PSF");
    keyword_integer(keywords, "NPIX_X", (long long)psf->nx, "number of columns in input CCD image");
    keyword_integer(keywords, "NPIX_Y", (long long)psf->ny, "number of rows in input CCD image");
    keyword_integer(keywords, "HSIZEX", (long long)psf->hsizex, "Half size of PSF in fit, NX=2*HSIZEX+1");
    keyword_integer(keywords, "HSIZEY", (long long)psf->hsizey, "Half size of PSF in fit, NY=2*HSIZEY+1");
    write_fibers(psf, keywords);
    keyword_integer(keywords, "NPARAMS", nparams, "number of PSF parameters");
    keyword_integer(keywords, "LEGDEG", (long long)psf->sigmax.ncoef - 1, "degree of Legendre pol.(wave)");
    keyword_integer(keywords, "GHDEGX", (long long)psf->degx,
                    "degree of Hermite polynomial along CCD columns");
    keyword_integer(keywords, "GHDEGY", (long long)psf->degy, "degree of Hermite polynomial along CCD rows");
    keyword_real(keywords, "WAVEMIN", psf->sigmax.wave_min, "minimum wavelength (A) of the series");
    keyword_real(keywords, "WAVEMAX", psf->sigmax.wave_max, "maximum wavelength (A) of the series");
    keyword_real(keywords, "PSFERR", psf->psferr, "assumed PSF fractional error in chi2");
    if (psf->original[0]) keyword_string(keywords, "IN_PSF", psf->original, "");
}

/* A row of the table: one parameter. */
struct parameter_row {
    const char *name;
    const double *coef; /* [spec][ncoef]; NULL when all spectra and wavelengths have `value` */
    double value;
};

static void write_row(fitsfile *file, LONGLONG row, const struct psf *psf, struct parameter_row param,
                      int *fits)
{
    const double *coef = param.coef;
    char name[16], *names[1] = {name};
    int degx = 0, degw = coef ? (int)psf->sigmax.ncoef - 1 : 0;
    size_t count = psf->nspec * psf->sigmax.ncoef;

    snprintf(name, sizeof name, "%-8s", param.name);
    fits_write_col(file, TSTRING, 1, row, 1, 1, names, fits);
    /* CFITSIO takes const data as void *, and does not change it */
    if (coef) fits_write_col(file, TDOUBLE, 2, row, 1, (LONGLONG)count, (void *)(uintptr_t)coef, fits);
    for (size_t i = 0; i < count && !coef; i++) {
        double term = i % psf->sigmax.ncoef == 0 ? param.value : 0;

        fits_write_col(file, TDOUBLE, 2, row, (LONGLONG)i + 1, 1, &term, fits);
    }
    fits_write_col(file, TINT, 3, row, 1, 1, &degx, fits);
    fits_write_col(file, TINT, 4, row, 1, 1, &degw, fits);
}

/* Writes all rows. Of the two Hermite orders, i (along x) runs fastest. */
static void write_rows(fitsfile *file, const struct psf *psf, int *fits)
{
    /* what DESI writes for no tail: with a core of 0, specter would divide 0 by 0 in the middle of a spot */
    static const double no_tail[TAIL_COUNT] = {0, 1, 1, 1, 2};
    char name[48];
    LONGLONG row = 1;

    write_row(file, row++, psf, (struct parameter_row){"GHSIGX", psf->sigmax.coef, 0}, fits);
    write_row(file, row++, psf, (struct parameter_row){"GHSIGY", psf->sigmay.coef, 0}, fits);
    for (size_t j = 0; j <= psf->degy; j++) {
        for (size_t i = 0; i <= psf->degx; i++) {
            const double *coef = psf->gh[i * (psf->degy + 1) + j].coef;

            snprintf(name, sizeof name, "GH-%zu-%zu", i, j);
            write_row(file, row++, psf, (struct parameter_row){name, coef, 0}, fits);
        }
    }
    for (int k = 0; k < TAIL_COUNT; k++) {
        const double *coef = psf->has_tail ? psf->tail[k].coef : NULL;

        write_row(file, row++, psf, (struct parameter_row){psf_tail_names[k], coef, no_tail[k]}, fits);
    }
}

static void write_table(struct output_stream *stream, const struct psf *psf)
{
    char format[32], param[] = "PARAM", coeff[] = "COEFF", degx[] = "LEGDEGX", degw[] = "LEGDEGW";
    char text[] = "8A", integer[] = "J";
    char *names[] = {param, coeff, degx, degw}, *types[] = {text, format, integer, integer};
    long axes[2] = {(long)psf->sigmax.ncoef, (long)psf->nspec};
    struct keywords keywords = {.count = 0};
    int fits = 0;

    if (stream->status != STATUS_OK) return;
    output_stream_begin_hdu(stream, "PSF");
    snprintf(format, sizeof format, "%ldD", axes[0] * axes[1]);
    fill_keywords(psf, &keywords);
    fits_create_tbl(stream->file, BINARY_TBL, 0, 4, names, types, NULL, NULL, &fits);
    fits_write_tdim(stream->file, 2, 2, axes, &fits);
    cards_write(stream->file, "PSF", NULL, &keywords, NULL, &fits);
    write_rows(stream->file, psf, &fits);
    output_stream_note(stream, fits);
    output_stream_end_hdu(stream);
}

enum status psf_file_write(const char *path, const struct psf *psf, struct error *error)
{
    struct output_stream stream;
    enum status status = check_all(path, psf, error);

    if (status != STATUS_OK) return status;
    output_stream_open(&stream, path, error);
    write_trace(&stream, psf, "XTRACE", &psf->x);
    write_trace(&stream, psf, "YTRACE", &psf->y);
    write_table(&stream, psf);
    return output_stream_close(&stream);
}
