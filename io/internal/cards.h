/* Header cards and keywords, from and to CFITSIO. Arguments called fits are CFITSIO's status: after a failure
 * they are not 0, and calls do nothing. */
#ifndef UNSPOT_IO_INTERNAL_CARDS_H
#define UNSPOT_IO_INTERNAL_CARDS_H

#include <fitsio.h>

#include "base/frame.h"
#include "io/internal/input.h"
#include "io/keyword.h"

/* Reads all cards of the current HDU, called name, but CHECKSUM and DATASUM. Of a tile-compressed image they
 * are the cards of the uncompressed one. Characters that FITS does not allow become '?', and cards that are
 * not valid COMMENT cards, so that readers of what is written take it. The caller frees cards->text, whatever
 * the status. */
enum status cards_read(struct input *input, const char *name, struct cards *cards, struct error *error);

/* Copies cards to the current HDU, and writes EXTNAME = name, the keywords and, unless unit is NULL, BUNIT =
 * unit after them. Left out are the cards that describe the file's structure, the checksums, and those that
 * are written anew. The value of CAMERA becomes lower case, as desispec writes it. cards and keywords may be
 * NULL. */
void cards_write(fitsfile *file, const char *name, const struct cards *cards, const struct keywords *keywords,
                 const char *unit, int *fits);

/* Writes one card of CARD_SIZE characters. A card whose keyword CFITSIO refuses is left out, as it is not
 * worth the file. */
void card_write(fitsfile *file, const char *card, int *fits);

/* Makes the card of a keyword a comment, where there is one, and counts it as broken. */
void cards_demote(struct cards *cards, const char *name);

/* Whether a card's keyword is name or, with numbered, name followed by digits. */
bool card_is(const char *card, const char *name, bool numbered);

/* Writes a real number with the fewest digits, of 15 to 17, that bring it back
 * exactly. comment may be NULL. */
void key_write_real(fitsfile *file, const char *name, double value, const char *comment, int *fits);

#endif
