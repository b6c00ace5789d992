#include "io/internal/psf_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "io/internal/input_hdu.h"

enum { FIBER_MAX = 999999 };

const char *const psf_tail_names[TAIL_COUNT] = {"TAILAMP", "TAILCORE", "TAILXSCA", "TAILYSCA", "TAILINDE"};

static enum status column(const struct psf_table *table, const char *name, int *number, long *repeat,
                          int *type, struct error *error)
{
    char copy[16] = "";
    LONGLONG count = 0;
    int fits = 0;

    strncpy(copy, name, sizeof copy - 1);
    fits_get_colnum(table->input->file, CASEINSEN, copy, number, &fits);
    fits_get_coltypell(table->input->file, *number, type, &count, NULL, &fits);
    *repeat = (long)count;
    if (!fits) return STATUS_OK;
    fits_clear_errmsg();
    return error_set(error, STATUS_FORMAT, "%s: HDU %s has no column %s", table->input->path, table->name,
                     name);
}

/* Sets nspec and ncoef from the shape of COEFF, which must agree with LEGDEG, FIBERMIN and FIBERMAX. */
static enum status read_shape(struct psf_table *table, long repeat, struct error *error)
{
    struct input *input = table->input;
    long long legdeg = -1, first = 0, last = 0;
    enum status status = input_integer(input, table->name, "LEGDEG", &legdeg, error);
    long axes[2] = {0};
    int naxis = 0, fits = 0;

    if (status == STATUS_OK) status = input_integer(input, table->name, "FIBERMIN", &first, error);
    if (status == STATUS_OK) status = input_integer(input, table->name, "FIBERMAX", &last, error);
    if (status != STATUS_OK) return status;
    fits_read_tdim(input->file, table->coef_column, 2, &naxis, axes, &fits);
    if (fits) return input_fail(input, table->name, fits, error);
    if (first < 0 || first > FIBER_MAX) {
        return error_set(error, STATUS_FORMAT, "%s: HDU %s: FIBERMIN is %lld, not in 0 to %d", input->path,
                         table->name, first, FIBER_MAX);
    }
    if (legdeg < 0 || legdeg > 1000 || last < first || last - first > 100000 ||
        (legdeg + 1) * (last - first + 1) != repeat || (naxis == 2 && axes[0] != legdeg + 1)) {
        return error_set(error, STATUS_FORMAT,
                         "%s: HDU %s: the size of COEFF, %ld (%ld x %ld), does not fit LEGDEG %lld, FIBERMIN "
                         "%lld, FIBERMAX %lld",
                         input->path, table->name, repeat, axes[0], naxis == 2 ? axes[1] : 1, legdeg, first,
                         last);
    }
    table->ncoef = (size_t)legdeg + 1;
    table->nspec = (size_t)(last - first) + 1;
    table->fibermin = (size_t)first;
    return STATUS_OK;
}

/* Reads the names of all rows, without the blanks that pad them. */
static enum status read_params(struct psf_table *table, int number, struct error *error)
{
    int fits = 0;

    table->param = memory_zeroed(table->nrows, sizeof *table->param);
    if (!table->param) return memory_error(error, "PSF");
    for (size_t row = 0; row < table->nrows && !fits; row++) {
        char *name = table->param[row];

        fits_read_col_str(table->input->file, number, (LONGLONG)row + 1, 1, 1, NULL, &name, NULL, &fits);
        for (size_t end = strlen(name); end > 0 && name[end - 1] == ' '; end--) name[end - 1] = '\0';
    }
    if (fits) return input_fail(table->input, table->name, fits, error);
    return STATUS_OK;
}

static enum status read_domain(struct psf_table *table, bool own_domains, struct error *error)
{
    long repeat;
    int type;
    enum status status;

    if (own_domains) {
        status = column(table, "WAVEMIN", &table->min_column, &repeat, &type, error);
        if (status == STATUS_OK) status = column(table, "WAVEMAX", &table->max_column, &repeat, &type, error);
    } else {
        status = input_real(table->input, table->name, "WAVEMIN", &table->wave_min, error);
        if (status == STATUS_OK) {
            status = input_real(table->input, table->name, "WAVEMAX", &table->wave_max, error);
        }
    }
    return status;
}

enum status psf_table_open(struct input *input, const char *name, bool own_domains, struct psf_table *table,
                           struct error *error)
{
    LONGLONG nrows = 0;
    long width = 0, repeat = 0;
    int param_column = 0, param_type = 0, type = 0, fits = 0;
    enum status status;

    *table = (struct psf_table){.input = input, .name = name};
    status = input_table(input, name, error);
    if (status == STATUS_OK) status = column(table, "PARAM", &param_column, &width, &param_type, error);
    if (status == STATUS_OK) status = column(table, "COEFF", &table->coef_column, &repeat, &type, error);
    if (status != STATUS_OK) return status;
    if (param_type != TSTRING || width >= PARAM_SIZE || type < 0 || type == TSTRING) {
        return error_set(error, STATUS_FORMAT,
                         "%s: HDU %s: PARAM must hold short names, COEFF a fixed number of numbers",
                         input->path, name);
    }
    fits_get_num_rowsll(input->file, &nrows, &fits);
    if (fits) return input_fail(input, name, fits, error);
    table->nrows = (size_t)nrows;
    status = read_shape(table, repeat, error);
    if (status == STATUS_OK) status = read_domain(table, own_domains, error);
    if (status == STATUS_OK) status = read_params(table, param_column, error);
    return status;
}

void psf_table_free(struct psf_table *table)
{
    free(table->param);
    table->param = NULL;
}

enum status psf_table_find(const struct psf_table *table, const char *param, struct legendre *series,
                           bool *found, struct error *error)
{
    fitsfile *file = table->input->file;
    LONGLONG row = 0, count = (LONGLONG)(table->nspec * table->ncoef);
    int fits = 0;

    for (size_t i = 0; i < table->nrows; i++) { /* of two rows the last one counts, as it does for specter */
        if (strcmp(table->param[i], param) == 0) row = (LONGLONG)i + 1;
    }
    *found = row > 0;
    if (row == 0) return STATUS_OK;
    *series =
        (struct legendre){.ncoef = table->ncoef, .wave_min = table->wave_min, .wave_max = table->wave_max};
    series->coef = memory_zeroed((size_t)count, sizeof *series->coef);
    if (!series->coef) return memory_error(error, "PSF");
    fits_read_col(file, TDOUBLE, table->coef_column, row, 1, count, NULL, series->coef, NULL, &fits);
    if (table->min_column) {
        fits_read_col(file, TDOUBLE, table->min_column, row, 1, 1, NULL, &series->wave_min, NULL, &fits);
        fits_read_col(file, TDOUBLE, table->max_column, row, 1, 1, NULL, &series->wave_max, NULL, &fits);
    }
    if (fits) return input_fail(table->input, table->name, fits, error);
    return STATUS_OK;
}

enum status psf_table_require(const struct psf_table *table, const char *param, struct legendre *series,
                              struct error *error)
{
    bool found;
    enum status status = psf_table_find(table, param, series, &found, error);

    if (status != STATUS_OK || found) return status;
    return error_set(error, STATUS_FORMAT, "%s: HDU %s has no row %s in the column PARAM", table->input->path,
                     table->name, param);
}

enum status psf_series_check(const struct input *input, const char *what, const struct legendre *series,
                             size_t nspec, struct psf *psf, struct error *error)
{
    if (!isfinite(series->wave_min) || !isfinite(series->wave_max) || series->wave_min >= series->wave_max) {
        return error_set(error, STATUS_FORMAT, "%s: %s: the range from WAVEMIN %g to WAVEMAX %g is empty",
                         input->path, what, series->wave_min, series->wave_max);
    }
    for (size_t i = 0; i < nspec * series->ncoef; i++)
        psf->broken[i / series->ncoef] |= !isfinite(series->coef[i]);
    if (psf->wave_min == 0 || series->wave_min < psf->wave_min) psf->wave_min = series->wave_min;
    if (psf->wave_max == 0 || series->wave_max > psf->wave_max) psf->wave_max = series->wave_max;
    return STATUS_OK;
}
