/* HDUs of an input and their keywords, with messages that say what was expected. */
#ifndef UNSPOT_IO_INTERNAL_INPUT_HDU_H
#define UNSPOT_IO_INTERNAL_INPUT_HDU_H

#include "io/internal/input.h"

/* Moves to the HDU called name; *found is false where there is none. */
enum status input_find(struct input *input, const char *name, bool *found, struct error *error);

/* Moves to the HDU called name; a file without it is STATUS_FORMAT, listing the HDUs it has. */
enum status input_require(struct input *input, const char *name, struct error *error);

/* Checks that the current HDU, called name, is an image of naxis (1 to 3) dimensions, none of them empty, and
 * gives its shape, slowest dimension first. */
enum status input_image(struct input *input, const char *name, int naxis, size_t *shape, struct error *error);

/* Checks that the pixels of the current HDU, called name, are integers. */
enum status input_integers(struct input *input, const char *name, struct error *error);

/* Checks that the current HDU, called name, is a binary table. */
enum status input_table(struct input *input, const char *name, struct error *error);

/* The error of a CFITSIO call that failed while reading HDU name. */
enum status input_fail(const struct input *input, const char *name, int fits, struct error *error);

/* The value of a keyword of the current HDU as text, without quotes and blanks around it (some of DESI's are
 * quoted twice); an empty text when there is no such keyword. */
void input_text(struct input *input, const char *keyword, char *text, size_t size);

/* Numbers from keywords of the current HDU, called name; absent or not a number is STATUS_FORMAT. */
enum status input_integer(struct input *input, const char *name, const char *keyword, long long *value,
                          struct error *error);
enum status input_real(struct input *input, const char *name, const char *keyword, double *value,
                       struct error *error);

#endif
