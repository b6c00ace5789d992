#include "io/internal/quantisation.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "io/internal/input_hdu.h"

static size_t length_of_tile(struct input *input, const char *keyword, size_t otherwise)
{
    long long length = 0;
    struct error ignored;

    if (input_integer(input, "", keyword, &length, &ignored) != STATUS_OK || length <= 0) return otherwise;
    return (size_t)length;
}

/* The steps, from the column ZSCALE, which has one a tile, or from the keyword. */
static enum status read_steps(struct input *input, const char *name, struct quantisation *quantisation,
                              struct error *error)
{
    char column[] = "ZSCALE";
    LONGLONG rows = 0;
    double common = 0;
    int number = 0, missing = 0, fits = 0;

    fits_get_num_rowsll(input->file, &rows, &fits);
    if (fits) return input_fail(input, name, fits, error);
    quantisation->count = (size_t)rows;
    quantisation->step = memory_zeroed(quantisation->count, sizeof *quantisation->step);
    if (!quantisation->step) return memory_error(error, name);
    fits_get_colnum(input->file, CASEINSEN, column, &number, &missing);
    if (!missing && rows > 0) {
        fits_read_col(input->file, TDOUBLE, number, 1, 1, rows, NULL, quantisation->step, NULL, &fits);
    } else if (fits_read_key(input->file, TDOUBLE, column, &common, NULL, &missing), common > 0) {
        for (size_t i = 0; i < quantisation->count; i++) quantisation->step[i] = common;
    }
    fits_clear_errmsg();
    return fits ? input_fail(input, name, fits, error) : STATUS_OK;
}

enum status quantisation_read(struct input *input, const char *name, size_t nx,
                              struct quantisation *quantisation, struct error *error)
{
    char method[FLEN_VALUE];
    long long bitpix = 0;
    struct error ignored;
    int fits = 0;

    *quantisation = (struct quantisation){0};
    if (!fits_is_compressed_image(input->file, &fits)) return STATUS_OK;
    input_text(input, "ZQUANTIZ", method, sizeof method);
    if (input_integer(input, name, "ZBITPIX", &bitpix, &ignored) != STATUS_OK || bitpix > 0 ||
        strcmp(method, "SUBTRACTIVE_DITHER_2") == 0)
        return STATUS_OK;
    quantisation->tile_nx = length_of_tile(input, "ZTILE1", nx);
    quantisation->tile_ny = length_of_tile(input, "ZTILE2", 1);
    quantisation->tiles_x = (nx + quantisation->tile_nx - 1) / quantisation->tile_nx;
    return read_steps(input, name, quantisation, error);
}

void quantisation_free(struct quantisation *quantisation)
{
    free(quantisation->step);
    *quantisation = (struct quantisation){0};
}

double quantisation_of_zero(const struct quantisation *quantisation, size_t row, size_t column)
{
    const double rounding = 1e-6; /* of the number itself, a float */
    size_t tile;

    if (!quantisation->step) return 0;
    tile = row / quantisation->tile_ny * quantisation->tiles_x + column / quantisation->tile_nx;
    return tile < quantisation->count ? quantisation->step[tile] * (0.5 + rounding) : 0;
}
