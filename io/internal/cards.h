/* Header cards and keywords, from and to CFITSIO. Private to io/. */
#ifndef UNSPOT_IO_INTERNAL_CARDS_H
#define UNSPOT_IO_INTERNAL_CARDS_H

#include <fitsio.h>

#include "base/frame.h"
#include "io/internal/input.h"
#include "io/keyword.h"

/* Reads all cards of the current HDU, called name, but CHECKSUM and DATASUM; those of the uncompressed image
 * when it is tile-compressed. */
enum status cards_read(struct input *input, const char *name, struct cards *cards, struct error *error);

/* Copies cards to the current HDU but for those that describe the file's structure, EXTNAME, checksums, those
 * that keywords give anew, and BUNIT when unit is not NULL; then EXTNAME = name, the keywords, and BUNIT =
 * unit. CAMERA becomes lower case, as desispec writes it. cards and keywords may be NULL. */
void cards_write(fitsfile *file, const char *name, const struct cards *cards, const struct keywords *keywords,
                 const char *unit, int *fits);

/* Writes one card of 80 characters; characters that FITS does not allow become '?', and a card whose keyword
 * CFITSIO refuses is left out: it is not worth the file. */
void card_write(fitsfile *file, const char *card, int *fits);

/* Whether a card's keyword is name; with numbered, name followed by digits. */
bool card_is(const char *card, const char *name, bool numbered);

/* Writes a real number with as few of 15 to 17 digits as bring it back exactly. */
void key_write_real(fitsfile *file, const char *name, double value, const char *comment, int *fits);

#endif
