#include "io/internal/table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "io/internal/cards.h"
#include "io/internal/input_hdu.h"
#include "io/internal/output_stream.h"

static enum status check_columns(struct input *input, const char *name, struct error *error)
{
    char keyword[FLEN_KEYWORD], column[FLEN_VALUE];
    int columns = 0, fits = 0;

    fits_get_num_cols(input->file, &columns, &fits);
    for (int i = 1; i <= columns && !fits; i++) {
        int type = 0;

        fits_get_coltype(input->file, i, &type, NULL, NULL, &fits);
        if (fits || type >= 0) continue;
        snprintf(keyword, sizeof keyword, "TTYPE%d", i);
        input_text(input, keyword, column, sizeof column);
        return error_set(error, STATUS_FORMAT,
                         "%s: column %s of HDU %s has entries of variable length, which cannot be passed on: "
                         "write it with a fixed length",
                         input->path, column, name);
    }
    if (fits) return input_fail(input, name, fits, error);
    return STATUS_OK;
}

enum status table_read(struct input *input, const char *name, struct table *table, struct error *error)
{
    enum status status = input_table(input, name, error);
    LONGLONG nrows = 0;
    long long row_bytes = 0;
    int fits = 0;

    if (status == STATUS_OK) status = check_columns(input, name, error);
    if (status == STATUS_OK) status = input_integer(input, name, "NAXIS1", &row_bytes, error);
    if (status == STATUS_OK) status = cards_read(input, name, &table->header, error);
    if (status != STATUS_OK) return status;
    fits_get_num_rowsll(input->file, &nrows, &fits);
    table->row_bytes = (size_t)row_bytes;
    table->nrows = (size_t)nrows;
    table->rows = memory_zeroed(table->nrows, table->row_bytes ? table->row_bytes : 1);
    if (!table->rows) return memory_error(error, "table");
    for (size_t row = 0; row < table->nrows && row_bytes > 0 && !fits; row++) {
        fits_read_tblbytes(input->file, (LONGLONG)row + 1, 1, row_bytes, table->rows + row * table->row_bytes,
                           &fits);
    }
    if (fits) return input_fail(input, name, fits, error);
    return STATUS_OK;
}

/* Finds a column that holds one number a row. Returns its number, or 0. */
static int find_number_column(struct input *input, const char *column)
{
    char pattern[FLEN_VALUE];
    int number = 0, type = 0, fits = 0;
    LONGLONG repeat = 0;

    snprintf(pattern, sizeof pattern, "%s", column);
    fits_get_colnum(input->file, CASESEN, pattern, &number, &fits);
    if (fits) {
        fits = 0;
        fits_get_colnum(input->file, CASEINSEN, pattern, &number, &fits);
    }
    if (fits == COL_NOT_UNIQUE) fits = 0; /* the first one counts */
    fits_get_coltypell(input->file, number, &type, &repeat, NULL, &fits);
    fits_clear_errmsg();
    return !fits && repeat == 1 && type > TBIT && type != TSTRING && type != TLOGICAL && type < TCOMPLEX
               ? number
               : 0;
}

enum status table_integers(struct input *input, const char *name, const char *column, size_t nrows,
                           int64_t **values, struct error *error)
{
    const int number = find_number_column(input, column);
    double *real, null = NAN;
    bool are_integers = true;
    int any_null, fits = 0;

    *values = NULL;
    if (number == 0) return STATUS_OK;
    real = memory_zeroed(nrows, sizeof *real);
    *values = memory_zeroed(nrows, sizeof **values);
    if (!real || !*values) {
        free(real);
        return memory_error(error, column);
    }
    if (nrows > 0)
        fits_read_col(input->file, TDOUBLE, number, 1, 1, (LONGLONG)nrows, &null, real, &any_null, &fits);
    for (size_t row = 0; row < nrows && !fits; row++) {
        const bool is_known = !isnan(real[row]), fits_integer = fabs(real[row]) < 1e15;

        (*values)[row] = is_known && fits_integer ? (int64_t)real[row] : TABLE_NULL;
        are_integers &= !is_known || real[row] == floor(real[row]);
    }
    free(real);
    if (fits) return input_fail(input, name, fits, error);
    if (!are_integers) {
        free(*values);
        *values = NULL;
    }
    return STATUS_OK;
}

static bool is_table_structure(const char *card)
{
    static const char *const names[] = {"XTENSION", "BITPIX",   "NAXIS",   "NAXIS1",  "NAXIS2", "PCOUNT",
                                        "GCOUNT",   "CHECKSUM", "DATASUM", "EXTNAME", "THEAP",  "END"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (card_is(card, names[i], false)) return true;
    }
    return false;
}

static void write_structure(fitsfile *file, const struct table *table, int *fits)
{
    const struct {
        const char *name;
        size_t value;
    } keys[] = {{"BITPIX", 8}, {"NAXIS", 2}, {"NAXIS1", table->row_bytes}, {"NAXIS2", table->nrows},
                {"PCOUNT", 0}, {"GCOUNT", 1}};

    fits_write_record(file, "XTENSION= 'BINTABLE'           / binary table extension", fits);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        fits_write_key_lng(file, keys[i].name, (LONGLONG)keys[i].value, NULL, fits);
    }
}

/* The header is written card by card, as CFITSIO's functions for tables would lose comments and types. The
 * standard wants TFIELDS behind GCOUNT. */
void table_write_header(fitsfile *file, const char *name, const struct table *table, int *fits)
{
    fits_create_hdu(file, fits);
    write_structure(file, table, fits);
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < table->header.count; i++) {
            const char *card = table->header.text + i * CARD_SIZE;

            if (card_is(card, "TFIELDS", false) == (pass == 0) && !is_table_structure(card)) {
                card_write(file, card, fits);
            }
        }
    }
    fits_write_key_str(file, "EXTNAME", name, NULL, fits);
    fits_set_hdustruc(file, fits);
}

void table_write(struct output_stream *stream, const char *name, const struct table *table)
{
    int fits = 0;

    if (table->header.count == 0) return;
    if (stream->status != STATUS_OK) return;
    output_stream_begin_hdu(stream, name);
    table_write_header(stream->file, name, table, &fits);
    for (size_t row = 0; row < table->nrows && table->row_bytes > 0 && !fits; row++) {
        /* CFITSIO takes const bytes as not const, and does not change them */
        fits_write_tblbytes(stream->file, (LONGLONG)row + 1, 1, (LONGLONG)table->row_bytes,
                            table->rows + row * table->row_bytes, &fits);
    }
    output_stream_note(stream, fits);
    output_stream_end_hdu(stream);
}
