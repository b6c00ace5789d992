/* Whether a header card is what the FITS Standard 4.0, section 4, allows. */
#ifndef UNSPOT_IO_INTERNAL_CARD_CHECK_H
#define UNSPOT_IO_INTERNAL_CARD_CHECK_H

#include <stdbool.h>

/* Says whether readers that are strict accept card[CARD_SIZE], whose characters are printable; the E of a
 * number becomes a capital. *continues says whether this card may be CONTINUE, and becomes that for the next
 * one. */
bool card_is_valid(char *card, bool *continues);

#endif
