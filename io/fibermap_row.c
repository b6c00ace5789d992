#include "io/fibermap_row.h"

#include <fitsio.h>
#include <stdbool.h>
#include <string.h>

#include "base/memory.h"
#include "io/internal/table.h"

/* Bits of desispec's fibermask: no target, and no place on the sky is known. */
enum { FIBERMASK_UNASSIGNED = 1 << 0, FIBERMASK_MISSINGPOSITION = 1 << 8 };

static void write_integer(fitsfile *file, char *column, LONGLONG value, int *fits)
{
    int number = 0;

    fits_get_colnum(file, CASEINSEN, column, &number, fits);
    if (*fits == COL_NOT_UNIQUE) *fits = 0;
    fits_write_col(file, TLONGLONG, number, 1, 1, 1, &value, fits);
}

/* Writes the number 0 where bytes of 0 stand for another one: in columns with an offset. */
static void write_zeros(fitsfile *file, int *fits)
{
    int columns = 0;

    fits_get_num_cols(file, &columns, fits);
    for (int i = 1; i <= columns && !*fits; i++) {
        int type = 0, equivalent = 0, ignored = 0;
        LONGLONG repeat = 0, zero = 0;

        fits_get_coltypell(file, i, &type, &repeat, NULL, fits);
        fits_get_eqcoltypell(file, i, &equivalent, NULL, NULL, fits);
        if (type == equivalent || type == TSTRING || type == TLOGICAL || type == TBIT || type >= TCOMPLEX)
            continue;
        for (LONGLONG k = 1; k <= repeat && !*fits && !ignored; k++)
            fits_write_col(file, TLONGLONG, i, 1, k, 1, &zero, &ignored); /* not every scaling has a 0 */
    }
}

enum status fibermap_row_blank(const struct table *fibermap, int64_t fiber, unsigned char *row,
                               struct error *error)
{
    struct table one = *fibermap;
    char fiber_name[] = "FIBER", status_name[] = "FIBERSTATUS";
    int fits = 0, no_status = 0, closed = 0;
    fitsfile *file;

    one.nrows = 1;
    memset(row, 0, one.row_bytes);
    file = table_in_memory("FIBERMAP", &one, &fits);
    fits_write_tblbytes(file, 1, 1, (LONGLONG)one.row_bytes, row, &fits);
    write_zeros(file, &fits);
    write_integer(file, fiber_name, fiber, &fits);
    if (!fits) write_integer(file, status_name, FIBERMASK_UNASSIGNED | FIBERMASK_MISSINGPOSITION, &no_status);
    fits_read_tblbytes(file, 1, 1, (LONGLONG)one.row_bytes, row, &fits);
    if (file) fits_close_file(file, &closed);
    fits_clear_errmsg();
    if (fits == MEMORY_ALLOCATION) return memory_error(error, "fibermap");
    if (!fits) return STATUS_OK;
    return error_set(error, STATUS_FORMAT, "no row for fiber %lld can be added to FIBERMAP (CFITSIO %d)",
                     (long long)fiber, fits);
}
