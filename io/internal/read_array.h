/* Reads whole image HDUs. Private to io/. */
#ifndef UNSPOT_IO_INTERNAL_READ_ARRAY_H
#define UNSPOT_IO_INTERNAL_READ_ARRAY_H

#include <stdint.h>

#include "io/internal/input.h"

struct wanted {
    const char *name;
    int type;        /* TDOUBLE, TFLOAT, TUINT (bits of any integer type) or TINT */
    int naxis;       /* 1 to 3 */
    size_t shape[3]; /* slowest first; 0: any, and filled in */
};

/* Reads the HDU called wanted->name, which must have the shape wanted, into *data, which the caller frees.
 * When optional and absent, *data is NULL. */
enum status read_array(struct input *input, struct wanted *wanted, bool optional, void **data,
                       struct error *error);

/* Reads count pixels of the current HDU, an image of integers, as bits; scratch has room for as many numbers
 * of 8 bytes. Returns CFITSIO's status. */
int read_bits(struct input *input, size_t first, size_t count, void *scratch, uint32_t *bits);

#endif
