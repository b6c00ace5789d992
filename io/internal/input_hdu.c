#include "io/internal/input_hdu.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum status input_fail(const struct input *input, const char *name, int fits, struct error *error)
{
    char text[FLEN_STATUS], detail[FLEN_ERRMSG] = "";
    enum status status = fits == MEMORY_ALLOCATION ? STATUS_MEMORY : STATUS_IO;

    fits_get_errstatus(fits, text);
    fits_read_errmsg(detail);
    fits_clear_errmsg();
    return error_set(error, status, "%s: cannot read HDU %s: CFITSIO %d: %s%s%s", input->path, name, fits,
                     text, detail[0] ? "; " : "", detail);
}

enum status input_find(struct input *input, const char *name, bool *found, struct error *error)
{
    char copy[FLEN_VALUE];
    int fits = 0;

    snprintf(copy, sizeof copy, "%s", name);
    fits_movnam_hdu(input->file, ANY_HDU, copy, 0, &fits);
    *found = fits == 0;
    if (fits == 0 || fits == BAD_HDU_NUM) {
        fits_clear_errmsg();
        return STATUS_OK;
    }
    return input_fail(input, name, fits, error);
}

enum status input_require(struct input *input, const char *name, struct error *error)
{
    bool found;
    enum status status = input_find(input, name, &found, error);

    if (status != STATUS_OK || found) return status;
    return error_set(error, STATUS_FORMAT, "%s: no HDU %s (it has: %s)", input->path, name, input->names);
}

/* Whether the data of the current HDU are those that were written. CHECKSUM covers the header as well, and is
 * not looked at: tools that edit a card often leave it as it was, and the data are whole then. */
static enum status check_data(struct input *input, const char *name, struct error *error)
{
    int data = 0, hdu = 0, fits = 0;

    fits_verify_chksum(input->file, &data, &hdu, &fits);
    if (fits) return input_fail(input, name, fits, error);
    if (data >= 0) return STATUS_OK; /* right, or without a DATASUM */
    return error_set(
        error, STATUS_FORMAT,
        "%s: HDU %s is damaged: its data do not fit its DATASUM: copy or make the file again (or, "
        "where the data were changed on purpose, renew the keyword, as FTOOLS' fchecksum does)",
        input->path, name);
}

enum status input_image(struct input *input, const char *name, int naxis, size_t *shape, struct error *error)
{
    int type = 0, bitpix = 0, dimensions = 0, fits = 0;
    LONGLONG axes[3] = {0};

    fits_get_hdu_type(input->file, &type, &fits);
    if (!fits && type != IMAGE_HDU) {
        return error_set(error, STATUS_FORMAT, "%s: HDU %s is a table, not an image", input->path, name);
    }
    fits_get_img_paramll(input->file, 3, &bitpix, &dimensions, axes, &fits);
    if (fits) return input_fail(input, name, fits, error);
    if (dimensions != naxis) {
        return error_set(error, STATUS_FORMAT, "%s: HDU %s has %d dimensions, not %d", input->path, name,
                         dimensions, naxis);
    }
    for (int i = 0; i < naxis; i++) {
        if (axes[i] <= 0) return error_set(error, STATUS_FORMAT, "%s: HDU %s is empty", input->path, name);
        shape[naxis - 1 - i] = (size_t)axes[i];
    }
    return check_data(input, name, error);
}

enum status input_integers(struct input *input, const char *name, struct error *error)
{
    int type = 0, fits = 0;

    fits_get_img_equivtype(input->file, &type, &fits);
    if (fits) return input_fail(input, name, fits, error);
    if (type < 0) {
        return error_set(error, STATUS_FORMAT, "%s: HDU %s holds floating-point numbers, not integers",
                         input->path, name);
    }
    return STATUS_OK;
}

enum status input_table(struct input *input, const char *name, struct error *error)
{
    enum status status;
    int type = 0, fits = 0;

    fits_get_hdu_type(input->file, &type, &fits);
    if (fits) return input_fail(input, name, fits, error);
    if (type != BINARY_TBL) {
        return error_set(error, STATUS_FORMAT, "%s: HDU %s is %s, not a binary table", input->path, name,
                         type == IMAGE_HDU ? "an image" : "an ASCII table");
    }
    status = check_data(input, name, error);
    return status == STATUS_OK ? input_unpack_table(input, name, error) : status;
}

void input_text(struct input *input, const char *keyword, char *text, size_t size)
{
    char value[FLEN_VALUE] = "";
    size_t start = 0, end;
    int fits = 0;

    if (fits_read_keyword(input->file, keyword, value, NULL, &fits)) {
        fits_clear_errmsg();
        value[0] = '\0';
    }
    end = strlen(value);
    while (start < end && strchr(" '", value[start])) start++;
    while (end > start && strchr(" '", value[end - 1])) end--;
    value[end] = '\0';
    snprintf(text, size, "%s", value + start);
}

static enum status key_fail(const struct input *input, const char *name, const char *keyword, int fits,
                            struct error *error)
{
    fits_clear_errmsg();
    return error_set(error, STATUS_FORMAT, "%s: keyword %s of HDU %s is %s", input->path, keyword, name,
                     fits == KEY_NO_EXIST ? "missing" : "not a number");
}

enum status input_integer(struct input *input, const char *name, const char *keyword, long long *value,
                          struct error *error)
{
    char text[FLEN_VALUE], *end;

    input_text(input, keyword, text, sizeof text); /* CFITSIO's own conversion overflows with long texts */
    errno = 0;
    *value = strtoll(text, &end, 10);
    if (!text[0]) return key_fail(input, name, keyword, KEY_NO_EXIST, error);
    return end == text || *end || errno ? key_fail(input, name, keyword, BAD_C2I, error) : STATUS_OK;
}

enum status input_real(struct input *input, const char *name, const char *keyword, double *value,
                       struct error *error)
{
    int fits = 0;

    fits_read_key(input->file, TDOUBLE, keyword, value, NULL, &fits);
    if (fits) return key_fail(input, name, keyword, fits, error);
    return STATUS_OK;
}
