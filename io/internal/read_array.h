/* Reads whole image HDUs. */
#ifndef UNSPOT_IO_INTERNAL_READ_ARRAY_H
#define UNSPOT_IO_INTERNAL_READ_ARRAY_H

#include <stdint.h>

#include "io/internal/input.h"

/* What an HDU must look like. */
struct wanted {
    const char *name;
    int type;        /* TDOUBLE, TFLOAT, TUINT (bits of any integer type) or TINT */
    int naxis;       /* 1 to 3 */
    size_t shape[3]; /* slowest dimension first; a 0 stands for any length, and is replaced by it */
};

/* Reads the HDU called wanted->name into *data, an array of wanted->type that the caller frees, whatever the
 * status. STATUS_FORMAT when it has another shape or is absent; when it is absent and optional, *data is NULL
 * and the status STATUS_OK. */
enum status read_array(struct input *input, struct wanted *wanted, bool optional, void **data,
                       struct error *error);

/* Reads count pixels of the current HDU, an image of integers, as bits; scratch has room for as many numbers
 * of 8 bytes. Returns CFITSIO's status. */
int read_bits(struct input *input, size_t first, size_t count, void *scratch, uint32_t *bits);

#endif
