/* The HDUs of an input and their keywords. Errors are STATUS_IO where CFITSIO fails and STATUS_FORMAT where
 * the file is not what was expected; the texts name the file and the HDU. */
#ifndef UNSPOT_IO_INTERNAL_INPUT_HDU_H
#define UNSPOT_IO_INTERNAL_INPUT_HDU_H

#include "io/internal/input.h"

/* Moves to the HDU called name. Where there is none, *found is false, and that is no error. */
enum status input_find(struct input *input, const char *name, bool *found, struct error *error);

/* Moves to the HDU called name. STATUS_FORMAT, with a list of the HDUs that the file has, when it is not
 * there. */
enum status input_require(struct input *input, const char *name, struct error *error);

/* Checks that the current HDU, called name, is an image of naxis (1 to 3) dimensions, none of them empty,
 * whose data fit its DATASUM where it has one, and writes its shape to shape[naxis], slowest dimension first.
 */
enum status input_image(struct input *input, const char *name, int naxis, size_t *shape, struct error *error);

/* Checks that the pixels of the current HDU, called name, are integers. */
enum status input_integers(struct input *input, const char *name, struct error *error);

/* Checks that the current HDU, called name, is a binary table whose data fit its DATASUM where it has one,
 * and uncompresses it where it is compressed: until input_return() the input then is that table alone. */
enum status input_table(struct input *input, const char *name, struct error *error);

/* Sets and returns the error of a CFITSIO call that failed with status fits while HDU name was read. */
enum status input_fail(const struct input *input, const char *name, int fits, struct error *error);

/* Writes the value of a keyword of the current HDU to text[size], without quotes and blanks around it, as
 * some of DESI's are quoted twice. The text is empty when there is no such keyword. */
void input_text(struct input *input, const char *keyword, char *text, size_t size);

/* Read a number from a keyword of the current HDU, called name. STATUS_FORMAT when it
 * is absent or no number. */
enum status input_integer(struct input *input, const char *name, const char *keyword, long long *value,
                          struct error *error);
enum status input_real(struct input *input, const char *name, const char *keyword, double *value,
                       struct error *error);

#endif
