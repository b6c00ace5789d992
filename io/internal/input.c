#include "io/internal/input_hdu.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "io/internal/gunzip.h"
#include "io/path.h"

/* Finds the cases for which CFITSIO's messages are of no use to users. */
static enum status check_file(struct input *input, bool *gzipped, struct error *error)
{
    static const char simple[] = "SIMPLE  =";
    unsigned char start[sizeof simple - 1] = {0};
    struct stat info = {0};
    size_t count = 0;
    FILE *file;

    if (stat(input->path, &info) != 0 && errno == ENOENT) {
        return error_set(error, STATUS_IO, "%s: no such file", input->path);
    }
    if (S_ISDIR(info.st_mode)) {
        return error_set(error, STATUS_IO, "%s: is a directory, not a file", input->path);
    }
    if (info.st_mode && !S_ISREG(info.st_mode)) {
        return error_set(error, STATUS_IO, "%s: not a regular file", input->path);
    }
    file = fopen(input->path, "rb");
    if (!file) return error_set(error, STATUS_IO, "%s: cannot open: %s", input->path, strerror(errno));
    count = fread(start, 1, sizeof start, file);
    fclose(file);
    if (count == 0)
        return error_set(error, STATUS_FORMAT, "%s: the file is empty: copy or make it again", input->path);
    *gzipped = start[0] == 0x1f && start[1] == 0x8b;
    if (!*gzipped && memcmp(start, simple, sizeof start) != 0) {
        return error_set(error, STATUS_FORMAT, "%s: not a FITS file (it does not begin with SIMPLE)",
                         input->path);
    }
    input->size = (size_t)info.st_size;
    return STATUS_OK;
}

/* Copies up to size bytes of the (uncompressed) file from offset on, and returns how many there are. */
static size_t peek(const struct input *input, size_t offset, char *bytes, size_t size)
{
    size_t count = input->size - offset < size ? input->size - offset : size;
    FILE *file;

    if (input->memory) {
        memcpy(bytes, (const char *)input->memory + offset, count);
        return count;
    }
    file = fopen(input->path, "rb");
    if (!file) return 0;
    count = fseeko(file, (off_t)offset, SEEK_SET) == 0 ? fread(bytes, 1, count, file) : 0;
    fclose(file);
    return count;
}

static void append_name(struct input *input, int number)
{
    char name[FLEN_VALUE];
    size_t length = strlen(input->names);

    input_text(input, "EXTNAME", name, sizeof name);
    if (!name[0]) snprintf(name, sizeof name, "HDU %d without a name", number - 1);
    snprintf(input->names + length, sizeof input->names - length, "%s%s", length ? ", " : "", name);
}

/* CFITSIO reads what lies behind the end of a truncated file as zeros, or as the end of the list of HDUs. So
 * this compares the size of the file with what its headers promise. The standard allows bytes behind the last
 * HDU; they are an error only when a header begins there. */
static enum status check_structure(struct input *input, struct error *error)
{
    LONGLONG head, data, end = 0;
    char start[8];
    size_t count;
    int fits = 0;

    for (int number = 1; (size_t)end < input->size; number++) {
        if (fits_movabs_hdu(input->file, number, NULL, &fits)) break;
        fits_get_hduaddrll(input->file, &head, &data, &end, &fits);
        if (fits || end < 0) break;
        if ((size_t)end > input->size) {
            return error_set(
                error, STATUS_FORMAT,
                "%s: truncated: it has %zu bytes of the %lld that its headers promise: copy or make it again",
                input->path, input->size, end);
        }
        append_name(input, number);
    }
    fits_clear_errmsg();
    if ((size_t)end >= input->size) return STATUS_OK;
    count = peek(input, (size_t)end, start, sizeof start);
    if (count > 0 && memcmp(start, "XTENSION", count) == 0) {
        return error_set(error, STATUS_FORMAT,
                         "%s: truncated or damaged: the header at byte %lld cannot be read (HDUs before it: "
                         "%s): copy or make it again",
                         input->path, end, input->names);
    }
    return STATUS_OK;
}

static enum status open_file(struct input *input, bool gzipped, struct error *error)
{
    enum status status;
    char text[FLEN_STATUS], name[sizeof input->path + 2];
    int fits = 0;

    if (gzipped) {
        status = gunzip(input->path, input->size, &input->memory, &input->size, error);
        if (status != STATUS_OK) return status;
        fits_open_memfile(&input->file, "gunzipped", READONLY, &input->memory, &input->size, 0, NULL, &fits);
    } else {
        /* the name begins with ./ because CFITSIO expands ~ and skips leading blanks */
        snprintf(name, sizeof name, "%s%s", input->path[0] == '/' ? "" : "./", input->path);
        if (strlen(name) >= FLEN_FILENAME) {
            return error_set(error, STATUS_IO,
                             "%s: the name is longer than the %d characters that CFITSIO takes", input->path,
                             FLEN_FILENAME - 1);
        }
        fits_open_diskfile(&input->file, name, READONLY, &fits);
    }
    if (!fits) return STATUS_OK;
    fits_get_errstatus(fits, text);
    fits_clear_errmsg();
    input->file = NULL;
    return error_set(error, STATUS_FORMAT,
                     "%s: not a FITS file, or truncated in its first header (CFITSIO: %s)", input->path,
                     text);
}

enum status input_open(const char *path, struct input *input, struct error *error)
{
    enum status status;
    bool gzipped = false;

    memset(input, 0, sizeof *input);
    if (strlen(path) + sizeof ".gz" > sizeof input->path) {
        return error_set(error, STATUS_IO, "%.200s...: the name is too long", path);
    }
    path_of_input(path, input->path, sizeof input->path);
    status = check_file(input, &gzipped, error);
    if (status == STATUS_OK) status = open_file(input, gzipped, error);
    if (status == STATUS_OK) status = check_structure(input, error);
    return status;
}

enum status input_unpack_table(struct input *input, const char *name, struct error *error)
{
    fitsfile *table = NULL;
    int compressed = 0, fits = 0, ignored = 0;

    fits_read_key(input->file, TLOGICAL, "ZTABLE", &compressed, NULL, &ignored);
    fits_clear_errmsg();
    if (ignored || !compressed) return STATUS_OK;
    fits_create_file(&table, "mem://", &fits);
    fits_uncompress_table(input->file, table, &fits);
    fits_set_hdustruc(table, &fits);
    if (fits) {
        enum status status = input_fail(input, name, fits, error);

        if (table) fits_delete_file(table, &ignored);
        fits_clear_errmsg();
        return status;
    }
    input->packed = input->file;
    input->file = table;
    return STATUS_OK;
}

void input_return(struct input *input)
{
    int fits = 0;

    if (!input->packed) return;
    fits_close_file(input->file, &fits);
    fits_clear_errmsg();
    input->file = input->packed;
    input->packed = NULL;
}

void input_close(struct input *input)
{
    int fits = 0;

    input_return(input);
    if (input->file) fits_close_file(input->file, &fits);
    fits_clear_errmsg();
    free(input->memory);
    memset(input, 0, sizeof *input);
}
