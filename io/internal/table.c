#include "io/internal/table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "io/internal/cards.h"
#include "io/internal/input_hdu.h"
#include "io/internal/output_stream.h"

/* The value of a column's keyword, such as TTYPE3, as it stands in the card; empty when there is none. */
static void column_value(struct input *input, const char *keyword, char value[FLEN_VALUE])
{
    int fits = 0;

    value[0] = '\0';
    if (fits_read_keyword(input->file, keyword, value, NULL, &fits)) value[0] = '\0';
    fits_clear_errmsg();
}

/* Checks what says how the numbers of a column are to be understood. */
static enum status check_scaling(struct input *input, const char *name, int column, struct error *error)
{
    static const char *const keys[] = {"TNULL", "TZERO", "TSCAL"};
    enum status status = STATUS_OK;

    for (int k = 0; k < 3 && status == STATUS_OK; k++) {
        char keyword[FLEN_KEYWORD], value[FLEN_VALUE];
        long long integer;
        double real = 1;

        snprintf(keyword, sizeof keyword, "%s%d", keys[k], column);
        column_value(input, keyword, value);
        if (!value[0]) continue;
        status = k == 0 ? input_integer(input, name, keyword, &integer, error)
                        : input_real(input, name, keyword, &real, error);
        if (status == STATUS_OK && (!isfinite(real) || (k == 2 && real == 0)))
            status = error_set(error, STATUS_FORMAT, "%s: keyword %s of HDU %s is %g", input->path, keyword,
                               name, real);
    }
    return status;
}

static enum status check_column(struct input *input, const char *name, int column, const struct cards *cards,
                                struct error *error)
{
    char keyword[FLEN_KEYWORD], value[FLEN_VALUE], text[FLEN_VALUE];
    int type = 0, fits = 0;

    snprintf(keyword, sizeof keyword, "TTYPE%d", column);
    column_value(input, keyword, value);
    input_text(input, keyword, text, sizeof text);
    fits_get_coltype(input->file, column, &type, NULL, NULL, &fits);
    if (fits) return input_fail(input, name, fits, error);
    if (type < 0)
        return error_set(error, STATUS_FORMAT,
                         "%s: column %s of HDU %s has entries of variable length, which cannot be passed on: "
                         "write it with a fixed length",
                         input->path, text, name);
    cards_value(cards, keyword, text, sizeof text);
    if (value[0] != '\'' || !text[0])
        return error_set(error, STATUS_FORMAT, "%s: column %d of HDU %s has no name: repair %s", input->path,
                         column, name, keyword);
    return check_scaling(input, name, column, error);
}

/* Checks the columns. What is wrong with keywords that say nothing about the numbers becomes a comment. */
static enum status check_columns(struct input *input, const char *name, struct cards *cards,
                                 struct error *error)
{
    enum { DIMENSIONS = 9 };
    enum status status = STATUS_OK;
    int columns = 0, fits = 0;

    fits_get_num_cols(input->file, &columns, &fits);
    if (fits) return input_fail(input, name, fits, error);
    for (int i = 1; i <= columns && status == STATUS_OK; i++) {
        char unit[FLEN_KEYWORD], display[FLEN_KEYWORD], shape[FLEN_KEYWORD], value[FLEN_VALUE];
        long lengths[DIMENSIONS];
        int naxis, wrong = 0;

        status = check_column(input, name, i, cards, error);
        snprintf(unit, sizeof unit, "TUNIT%d", i);
        snprintf(display, sizeof display, "TDISP%d", i);
        snprintf(shape, sizeof shape, "TDIM%d", i);
        column_value(input, unit, value);
        if (value[0] && value[0] != '\'') cards_demote(cards, unit);
        column_value(input, display, value);
        if (value[0] && value[0] != '\'') cards_demote(cards, display);
        if (fits_read_tdim(input->file, i, DIMENSIONS, &naxis, lengths, &wrong)) cards_demote(cards, shape);
        fits_clear_errmsg();
    }
    return status;
}

/* Tries whether the table can be written, so that damage is the input's fault, and found before any work. */
static enum status try_header(const struct input *input, const char *name, const struct table *table,
                              struct error *error)
{
    char text[FLEN_STATUS];
    int fits = 0, closed = 0;
    fitsfile *file = table_in_memory(name, table, &fits);

    if (file) fits_close_file(file, &closed);
    fits_clear_errmsg();
    if (!fits) return STATUS_OK;
    if (fits == MEMORY_ALLOCATION) return memory_error(error, name);
    fits_get_errstatus(fits, text);
    return error_set(
        error, STATUS_FORMAT,
        "%s: the header of HDU %s is damaged (CFITSIO %d: %s): repair it, or make the file again",
        input->path, name, fits, text);
}

enum status table_read(struct input *input, const char *name, struct table *table, struct error *error)
{
    enum status status = input_table(input, name, error);
    LONGLONG nrows = 0;
    long long row_bytes = 0;
    int fits = 0;

    if (status == STATUS_OK) status = cards_read(input, name, &table->header, error);
    if (status == STATUS_OK) status = check_columns(input, name, &table->header, error);
    if (status == STATUS_OK) status = input_integer(input, name, "NAXIS1", &row_bytes, error);
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
    return try_header(input, name, table, error);
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
static void write_header(fitsfile *file, const char *name, const struct table *table, int *fits)
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

fitsfile *table_in_memory(const char *name, const struct table *table, int *fits)
{
    fitsfile *file = NULL;

    fits_create_file(&file, "mem://", fits);
    fits_create_img(file, BYTE_IMG, 0, NULL, fits); /* a table cannot be the first HDU */
    write_header(file, name, table, fits);
    return file;
}

void table_write(struct output_stream *stream, const char *name, const struct table *table)
{
    int fits = 0;

    if (table->header.count == 0) return;
    if (stream->status != STATUS_OK) return;
    output_stream_begin_hdu(stream, name);
    write_header(stream->file, name, table, &fits);
    for (size_t row = 0; row < table->nrows && table->row_bytes > 0 && !fits; row++) {
        /* CFITSIO takes const bytes as not const, and does not change them */
        fits_write_tblbytes(stream->file, (LONGLONG)row + 1, 1, (LONGLONG)table->row_bytes,
                            table->rows + row * table->row_bytes, &fits);
    }
    output_stream_note(stream, fits);
    output_stream_end_hdu(stream);
}
