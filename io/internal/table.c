#include "io/internal/table.h"

#include <stdio.h>
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
