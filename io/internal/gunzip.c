/* CFITSIO would uncompress .gz files too, but a truncated or damaged one reads as anything from a wrong size
 * to four gigabytes of memory there; here it is an error. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/memory.h"
#include "io/internal/gunzip.h"

enum { CHUNK = 1 << 24, BUFFER = 1 << 18, DEFLATE_LIMIT = 1032 }; /* zlib's largest ratio is 1032 : 1 */

/* Returns the size that the end of a gzip file claims, plus one byte so that the end is seen without growing
 * the memory. It is only a guess, as a truncated file ends in anything. */
static size_t guess_size(const char *path, size_t bytes)
{
    unsigned char tail[4];
    size_t size = 4 * bytes;
    FILE *file = fopen(path, "rb");

    if (!file) return size;
    if (fseek(file, -4, SEEK_END) == 0 && fread(tail, 1, 4, file) == 4) {
        size_t claim = tail[0] | (size_t)tail[1] << 8 | (size_t)tail[2] << 16 | (size_t)tail[3] << 24;

        if (claim / DEFLATE_LIMIT <= bytes) size = claim;
    }
    fclose(file);
    return size + 1;
}

static enum status gzip_error(const char *path, int code, const char *text, struct error *error)
{
    if (code == Z_MEM_ERROR) return memory_error(error, "uncompressed file");
    if (code == Z_ERRNO) return error_set(error, STATUS_IO, "%s: cannot read: %s", path, strerror(errno));
    if (code == Z_BUF_ERROR) {
        return error_set(error, STATUS_IO, "%s: truncated gzip file: copy or make it again", path);
    }
    return error_set(error, STATUS_IO, "%s: damaged gzip file (%s): copy or make it again", path, text);
}

/* Reads all that is left in file, growing *memory as needed; returns a zlib code. */
static int read_all(gzFile file, size_t capacity, void **memory, size_t *size)
{
    int count, code = Z_OK;

    do {
        size_t room;

        if (*size == capacity || !*memory) {
            void *larger;

            if (*memory) capacity += capacity / 2 + BUFFER;
            larger = realloc(*memory, capacity);
            if (!larger) return Z_MEM_ERROR;
            *memory = larger;
        }
        room = capacity - *size < CHUNK ? capacity - *size : CHUNK;
        count = gzread(file, (char *)*memory + *size, (unsigned)room);
        if (count > 0) *size += (size_t)count;
    } while (count > 0);
    if (count < 0) gzerror(file, &code);
    return code;
}

enum status gunzip(const char *path, size_t bytes, void **memory, size_t *size, struct error *error)
{
    char text[128];
    int code, closed;
    gzFile file = gzopen(path, "rb");

    *memory = NULL;
    *size = 0;
    if (!file) return gzip_error(path, errno ? Z_ERRNO : Z_MEM_ERROR, "", error);
    gzbuffer(file, BUFFER);
    code = read_all(file, guess_size(path, bytes), memory, size);
    snprintf(text, sizeof text, "%s", gzerror(file, &(int){0}));
    closed = gzclose_r(file); /* this call reports a truncation between two reads */
    if (code == Z_OK) code = closed;
    if (code != Z_OK) return gzip_error(path, code, text, error);
    return STATUS_OK;
}
