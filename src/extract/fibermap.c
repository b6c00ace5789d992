#include "extract/fibermap.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/minmax.h"

/* The bytes of a table's cell by its TFORM, for example "500D" or "3A"; 0 for an unknown type. */
static size_t cell_bytes(const char *form)
{
    static const struct {
        char type;
        size_t bytes;
    } sizes[] = {{'L', 1}, {'B', 1}, {'A', 1}, {'I', 2},  {'J', 4}, {'K', 8},
                 {'E', 4}, {'D', 8}, {'C', 8}, {'M', 16}, {'P', 8}, {'Q', 16}};
    char *type;
    size_t repeat = strtoul(form, &type, 10);

    if (type == form) repeat = 1;
    if (*type == 'X') return (repeat + 7) / 8;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        if (*type == sizes[i].type) return repeat * sizes[i].bytes;
    }
    return 0;
}

/* Offset of the 32-bit integer column FIBER within a row, or -1. */
static long fiber_offset(const struct table *table)
{
    size_t offset = 0;

    for (int field = 1; field <= 999; field++) {
        char keyword[16], form[CARD_SIZE], name[CARD_SIZE];

        snprintf(keyword, sizeof keyword, "TFORM%d", field);
        cards_value(&table->header, keyword, form, sizeof form);
        snprintf(keyword, sizeof keyword, "TTYPE%d", field);
        cards_value(&table->header, keyword, name, sizeof name);
        if (form[0] == '\0') return -1;
        if (strcmp(name, "FIBER") == 0 && (strcmp(form, "J") == 0 || strcmp(form, "1J") == 0)) break;
        offset += cell_bytes(form);
    }
    return offset + 4 <= table->row_bytes ? (long)offset : -1;
}

static long fiber_of(const struct table *table, long offset, size_t row)
{
    const unsigned char *bytes = table->rows + row * table->row_bytes + offset;

    return (int32_t)((uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
                     bytes[3]);
}

/* Row of the table that holds a spectrum, or nrows when there is none. */
static size_t find_row(const struct table *table, long offset, long petal, size_t psf_nspec, size_t spectrum)
{
    long fiber = petal * FIBERS_PER_PETAL + (long)spectrum;

    if (table->nrows <= max_size(psf_nspec, FIBERS_PER_PETAL) || offset < 0 || petal < 0) return spectrum;
    for (size_t row = 0; row < table->nrows; row++) {
        if (fiber_of(table, offset, row) == fiber) return row;
    }
    return table->nrows;
}

enum status fibermap_select(const struct table *fibermap, const char *camera, size_t psf_nspec,
                            struct span spectra, struct fibers *fibers, struct error *error)
{
    const long petal = camera[0] && isdigit((unsigned char)camera[1]) ? camera[1] - '0' : -1;
    struct table *rows = &fibers->rows;
    long offset;

    *fibers = (struct fibers){.fibermin = (petal > 0 ? petal * FIBERS_PER_PETAL : 0) + (long)spectra.first};
    if (fibermap->header.count == 0) return STATUS_OK;
    offset = fiber_offset(fibermap);
    rows->header.text = memory_zeroed(fibermap->header.count, CARD_SIZE);
    rows->rows = memory_zeroed(spectra.count, fibermap->row_bytes);
    if (!rows->header.text || !rows->rows) return memory_error(error, "fibermap");
    memcpy(rows->header.text, fibermap->header.text, fibermap->header.count * CARD_SIZE);
    rows->header.count = fibermap->header.count;
    rows->row_bytes = fibermap->row_bytes;
    rows->nrows = spectra.count;
    for (size_t i = 0; i < spectra.count; i++) {
        const size_t row = find_row(fibermap, offset, petal, psf_nspec, spectra.first + i);

        if (row >= fibermap->nrows) {
            return error_set(error, STATUS_MISMATCH,
                             "FIBERMAP has no row for spectrum %zu (it has %zu rows): extract fewer spectra "
                             "with --nspec, or repair the table",
                             spectra.first + i, fibermap->nrows);
        }
        memcpy(rows->rows + i * rows->row_bytes, fibermap->rows + row * fibermap->row_bytes,
               fibermap->row_bytes);
        if (offset >= 0) {
            const long fiber = fiber_of(fibermap, offset, row);

            if (i == 0 || fiber < fibers->fibermin) fibers->fibermin = fiber;
        }
    }
    return STATUS_OK;
}
