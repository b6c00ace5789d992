#include "io/internal/read_array.h"

#include <stdlib.h>

#include "base/memory.h"
#include "io/internal/input_hdu.h"

static enum status check_shape(struct input *input, struct wanted *wanted, size_t *count, struct error *error)
{
    size_t shape[3] = {1, 1, 1};
    enum status status = input_image(input, wanted->name, wanted->naxis, shape, error);

    *count = shape[0] * shape[1] * shape[2];
    for (int i = 0; i < wanted->naxis && status == STATUS_OK; i++) {
        if (wanted->shape[i] == 0) wanted->shape[i] = shape[i];
        if (wanted->shape[i] != shape[i]) {
            status = error_set(error, STATUS_FORMAT,
                               "%s: HDU %s does not fit the first HDU: length %zu, not %zu, in dimension %d",
                               input->path, wanted->name, shape[i], wanted->shape[i], wanted->naxis - i);
        }
    }
    return status;
}

/* Whether the current HDU has unsigned 64-bit pixels, which fits_get_img_equivtype() does not tell. */
static bool is_unsigned_64(struct input *input)
{
    double zero = 0;
    int bitpix = 0, fits = 0;

    fits_get_img_type(input->file, &bitpix, &fits);
    if (!fits && bitpix == LONGLONG_IMG) fits_read_key(input->file, TDOUBLE, "BZERO", &zero, NULL, &fits);
    fits_clear_errmsg();
    return zero == 0x1p63;
}

/* The pixels are read as 64-bit integers: as unsigned ones where they are that, and else as signed ones,
 * because CFITSIO refuses to read negative numbers as unsigned ones. Where the image is compressed they are
 * read as doubles, because CFITSIO does not uncompress to 64 bits; this is exact, as compressed integers have
 * 32 bits at most. */
int read_bits(struct input *input, size_t first, size_t count, void *scratch, uint32_t *bits)
{
    const LONGLONG *integer = scratch;
    const double *real = scratch;
    int fits = 0;
    const bool compressed = fits_is_compressed_image(input->file, &fits) != 0;

    fits_read_img(input->file,
                  compressed              ? TDOUBLE
                  : is_unsigned_64(input) ? TULONGLONG
                                          : TLONGLONG,
                  (LONGLONG)first + 1, (LONGLONG)count, NULL, scratch, NULL, &fits);
    if (fits) return fits;
    for (size_t i = 0; i < count; i++) {
        LONGLONG value =
            compressed ? (LONGLONG)real[i] : integer[i]; /* bit 63 of an unsigned one: negative */
        bool beyond = value > UINT32_MAX ||
                      value < INT32_MIN; /* a bit above 31 counts as bit 31, so that none is lost */

        bits[i] = (uint32_t)value | (beyond ? (uint32_t)1 << 31 : 0);
    }
    return 0;
}

static int read_all_bits(struct input *input, size_t row_length, size_t count, uint32_t *bits)
{
    void *scratch = memory_zeroed(row_length, sizeof(LONGLONG));
    int fits = scratch ? 0 : MEMORY_ALLOCATION;

    for (size_t first = 0; first < count && !fits; first += row_length) {
        fits = read_bits(input, first, row_length, scratch, bits + first);
    }
    free(scratch);
    return fits;
}

enum status read_array(struct input *input, struct wanted *wanted, bool optional, void **data,
                       struct error *error)
{
    const bool integer = wanted->type == TUINT || wanted->type == TINT;
    bool found = true;
    size_t count = 0;
    int fits = 0;
    enum status status =
        optional ? input_find(input, wanted->name, &found, error) : input_require(input, wanted->name, error);

    *data = NULL;
    if (status != STATUS_OK || !found) return status;
    status = check_shape(input, wanted, &count, error);
    if (status == STATUS_OK && integer) status = input_integers(input, wanted->name, error);
    if (status != STATUS_OK) return status;
    *data = memory_zeroed(count, wanted->type == TDOUBLE ? sizeof(double) : sizeof(float));
    if (!*data) return memory_error(error, wanted->name);
    if (wanted->type == TUINT) {
        fits = read_all_bits(input, wanted->shape[wanted->naxis - 1], count, *data);
    } else {
        fits_read_img(input->file, wanted->type, 1, (LONGLONG)count, NULL, *data, NULL, &fits);
    }
    if (fits) return input_fail(input, wanted->name, fits, error);
    return STATUS_OK;
}
