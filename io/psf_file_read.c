#include "io/psf_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/frame.h"
#include "base/memory.h"
#include "io/internal/input_hdu.h"
#include "io/internal/psf_table.h"
#include "io/internal/read_array.h"

enum { HSIZE_MAX = 64, DEGREE_MAX = 20, CCD_MAX = 100000 };

static const double default_psferr = 0.01; /* specter and gpu_specter take the same number */

/* The first HDU says which kind of PSF it is; PSFVER is a number in some files and a string in others. */
static enum status read_version(struct input *input, int *version, struct error *error)
{
    char type[FLEN_VALUE], text[FLEN_VALUE];
    int fits = 0;

    fits_movabs_hdu(input->file, 1, NULL, &fits);
    if (fits) return input_fail(input, "0", fits, error);
    input_text(input, "PSFTYPE", type, sizeof type);
    input_text(input, "PSFVER", text, sizeof text);
    if (!type[0]) {
        return error_set(error, STATUS_FORMAT, "%s: not a PSF file: no keyword PSFTYPE in the first header",
                         input->path);
    }
    if (strcmp(type, "GAUSS-HERMITE") != 0) {
        return error_set(error, STATUS_FORMAT,
                         "%s: PSFTYPE %s is not supported; GAUSS-HERMITE (PSFVER 1, 2, 3) is", input->path,
                         type);
    }
    *version = atoi(text);
    if (*version < 1 || *version > 3) {
        return error_set(error, STATUS_FORMAT, "%s: PSFVER \"%s\" is not supported; 1, 2 and 3 are",
                         input->path, text);
    }
    return STATUS_OK;
}

/* A keyword that is a count, the range in which it makes sense, and where its value goes. */
struct counted {
    const char *keyword;
    long long min, max;
    size_t *value;
};

static enum status read_count(struct input *input, const char *name, const struct counted *counted,
                              struct error *error)
{
    long long number = 0;
    enum status status = input_integer(input, name, counted->keyword, &number, error);

    if (status != STATUS_OK) return status;
    if (number < counted->min || number > counted->max) {
        return error_set(error, STATUS_FORMAT, "%s: HDU %s: %s is %lld, not in %lld to %lld", input->path,
                         name, counted->keyword, number, counted->min, counted->max);
    }
    *counted->value = (size_t)number;
    return STATUS_OK;
}

static enum status read_keys(struct input *input, const char *name, struct psf *psf, struct error *error)
{
    const struct counted counts[] = {
        {"NPIX_X", 1, CCD_MAX, &psf->nx},       {"NPIX_Y", 1, CCD_MAX, &psf->ny},
        {"HSIZEX", 1, HSIZE_MAX, &psf->hsizex}, {"HSIZEY", 1, HSIZE_MAX, &psf->hsizey},
        {"GHDEGX", 0, DEGREE_MAX, &psf->degx},  {"GHDEGY", 0, DEGREE_MAX, &psf->degy}};
    enum status status = STATUS_OK;
    char text[FLEN_VALUE];
    char *original = NULL;
    int fits = 0;

    for (size_t i = 0; i < sizeof counts / sizeof counts[0] && status == STATUS_OK; i++) {
        status = read_count(input, name, &counts[i], error);
    }
    if (status != STATUS_OK) return status;
    psf->psferr = default_psferr;
    input_text(input, "PSFERR", text, sizeof text);
    if (text[0]) status = input_real(input, name, "PSFERR", &psf->psferr, error);
    input_text(input, "CAMERA", text, sizeof text);
    snprintf(psf->camera, sizeof psf->camera, "%.15s", text);
    fits_read_key_longstr(input->file, "IN_PSF", &original, NULL, &fits);
    if (!fits) snprintf(psf->original, sizeof psf->original, "%s", original);
    if (original) fits_free_memory(original, &(int){0});
    fits_clear_errmsg();
    return status;
}

static enum status read_trace(struct input *input, const char *name, size_t nspec, struct legendre *trace,
                              struct error *error)
{
    struct wanted wanted = {.name = name, .type = TDOUBLE, .naxis = 2};
    void *data = NULL;
    enum status status = read_array(input, &wanted, false, &data, error);

    trace->coef = data;
    if (status != STATUS_OK) return status;
    trace->ncoef = wanted.shape[1];
    if (wanted.shape[0] != nspec) {
        return error_set(error, STATUS_FORMAT, "%s: HDU %s has %zu spectra, HDU PSF has %zu", input->path,
                         name, wanted.shape[0], nspec);
    }
    status = input_real(input, name, "WAVEMIN", &trace->wave_min, error);
    if (status == STATUS_OK) status = input_real(input, name, "WAVEMAX", &trace->wave_max, error);
    return status;
}

/* Reads and checks the row of a parameter. Where there is none, *found is false. */
static enum status read_row(const struct psf_table *table, const char *param, struct legendre *series,
                            bool *found, struct psf *psf, struct error *error)
{
    enum status status = psf_table_find(table, param, series, found, error);

    if (status != STATUS_OK || !*found) return status;
    return psf_series_check(table->input, param, series, table->nspec, psf, error);
}

/* Reads and checks the row of a parameter that must be there. */
static enum status require_row(const struct psf_table *table, const char *param, struct legendre *series,
                               struct psf *psf, struct error *error)
{
    enum status status = psf_table_require(table, param, series, error);

    if (status != STATUS_OK) return status;
    return psf_series_check(table->input, param, series, table->nspec, psf, error);
}

static enum status read_core(const struct psf_table *table, struct psf *psf, struct error *error)
{
    const size_t ny = psf->degy + 1, count = (psf->degx + 1) * ny;
    enum status status = require_row(table, "GHSIGX", &psf->sigmax, psf, error);

    if (status == STATUS_OK) status = require_row(table, "GHSIGY", &psf->sigmay, psf, error);
    psf->gh = memory_zeroed(count, sizeof *psf->gh);
    if (!psf->gh) return memory_error(error, "PSF");
    for (size_t k = 0; k < count && status == STATUS_OK; k++) {
        char param[48];
        bool found = true;

        snprintf(param, sizeof param, "GH-%zu-%zu", k / ny, k % ny);
        if (k == 0)
            status = require_row(table, param, &psf->gh[k], psf, error);
        else
            status = read_row(table, param, &psf->gh[k], &found, psf, error);
        if (status != STATUS_OK || found) continue;
        psf->gh[k] = psf->gh[0]; /* an absent term counts as zero */
        psf->gh[k].coef = memory_zeroed(psf->nspec * table->ncoef, sizeof(double));
        if (!psf->gh[k].coef) status = memory_error(error, "PSF");
    }
    return status;
}

static bool all_zero(const struct legendre *series, size_t nspec)
{
    for (size_t i = 0; i < nspec * series->ncoef; i++) {
        if (series->coef[i] != 0) return false;
    }
    return true;
}

/* Reads the tail, for which all five rows are needed. Where the amplitude is absent, or 0 everywhere, there
 * is no tail. */
static enum status read_tail(const struct psf_table *table, struct psf *psf, struct error *error)
{
    struct legendre *amplitude = &psf->tail[TAIL_AMPLITUDE];
    bool found;
    enum status status = read_row(table, psf_tail_names[TAIL_AMPLITUDE], amplitude, &found, psf, error);

    if (status != STATUS_OK || !found) return status;
    if (all_zero(amplitude, psf->nspec)) {
        free(amplitude->coef);
        *amplitude = (struct legendre){0};
        return STATUS_OK;
    }
    for (int k = TAIL_CORE; k < TAIL_COUNT && status == STATUS_OK; k++) {
        status = require_row(table, psf_tail_names[k], &psf->tail[k], psf, error);
    }
    psf->has_tail = true;
    return status;
}

static enum status read_xy(const struct psf_table *table, int version, struct psf *psf, struct error *error)
{
    struct input *input = table->input;
    enum status status;

    if (version < 3) {
        status = require_row(table, "X", &psf->x, psf, error);
        if (status == STATUS_OK) status = require_row(table, "Y", &psf->y, psf, error);
        return status;
    }
    status = read_trace(input, "XTRACE", psf->nspec, &psf->x, error);
    if (status == STATUS_OK) status = read_trace(input, "YTRACE", psf->nspec, &psf->y, error);
    if (status == STATUS_OK) status = psf_series_check(input, "XTRACE", &psf->x, psf->nspec, psf, error);
    if (status == STATUS_OK) status = psf_series_check(input, "YTRACE", &psf->y, psf->nspec, psf, error);
    return status;
}

static void clear_spectrum(struct legendre *series, size_t s)
{
    if (series->coef) memset(series->coef + s * series->ncoef, 0, series->ncoef * sizeof *series->coef);
}

/* Takes the trace of another spectrum where its own is not finite. */
static void repair_trace(struct legendre *trace, size_t s, size_t other)
{
    double *coef = trace->coef + s * trace->ncoef;
    bool is_whole = true;

    for (size_t k = 0; k < trace->ncoef; k++) is_whole &= isfinite(coef[k]) != 0;
    if (!is_whole) memcpy(coef, trace->coef + other * trace->ncoef, trace->ncoef * sizeof *coef);
}

/* One fiber's defect costs that fiber: it becomes dark, by widths of 0, and lies on its own trace or on that
 * of a fiber beside it, so that it disturbs neither the others nor the plan of patches. */
static enum status darken_broken(const struct input *input, struct psf *psf, struct error *error)
{
    size_t whole = 0;

    while (whole < psf->nspec && psf->broken[whole]) whole++;
    if (whole == psf->nspec)
        return error_set(error, STATUS_FORMAT, "%s: every spectrum has a coefficient that is not finite",
                         input->path);
    for (size_t s = 0; s < psf->nspec; s++) {
        if (!psf->broken[s]) {
            whole = s;
            continue;
        }
        repair_trace(&psf->x, s, whole);
        repair_trace(&psf->y, s, whole);
        clear_spectrum(&psf->sigmax, s);
        clear_spectrum(&psf->sigmay, s);
        for (size_t k = 0; k < (psf->degx + 1) * (psf->degy + 1); k++) clear_spectrum(&psf->gh[k], s);
        for (int k = 0; k < TAIL_COUNT; k++) clear_spectrum(&psf->tail[k], s);
    }
    return STATUS_OK;
}

/* Files of one camera count its fibers from 0, or as DESI does, from 500 times the petal. */
static void place_fibers(struct psf *psf, const struct psf_table *table)
{
    psf->nspec = table->nspec;
    psf->petal = table->fibermin / FIBERS_PER_PETAL;
    psf->fibermin = table->fibermin % FIBERS_PER_PETAL;
}

static enum status read_psf_hdus(struct input *input, int version, struct psf_table *table, struct psf *psf,
                                 struct error *error)
{
    const char *name = version < 3 ? "1" : "PSF";
    int fits = 0;
    enum status status = STATUS_OK;

    if (version < 3) {
        fits_movabs_hdu(input->file, 2, NULL, &fits);
        if (fits) return input_fail(input, name, fits, error);
    } else {
        status = input_require(input, name, error);
    }
    if (status == STATUS_OK) status = psf_table_open(input, name, version < 3, table, error);
    if (status != STATUS_OK) return status;
    place_fibers(psf, table);
    psf->broken = memory_zeroed(psf->nspec, sizeof *psf->broken);
    if (!psf->broken) return memory_error(error, "PSF");
    status = read_keys(input, name, psf, error);
    if (status == STATUS_OK) status = read_core(table, psf, error);
    if (status == STATUS_OK) status = read_tail(table, psf, error);
    if (version == 3) input_return(input); /* from the table to the other HDUs */
    if (status == STATUS_OK) status = read_xy(table, version, psf, error);
    return status == STATUS_OK ? darken_broken(input, psf, error) : status;
}

enum status psf_file_read(const char *path, struct psf *psf, struct error *error)
{
    struct psf_table table = {0};
    struct input input;
    int version = 0;
    enum status status = input_open(path, &input, error);

    *psf = (struct psf){0};
    if (status == STATUS_OK) status = read_version(&input, &version, error);
    if (status == STATUS_OK) status = read_psf_hdus(&input, version, &table, psf, error);
    psf_table_free(&table);
    input_close(&input);
    return status;
}
