/* Whether a header card is what the FITS Standard 4.0, section 4, allows. */
#ifndef UNSPOT_IO_INTERNAL_CARD_CHECK_H
#define UNSPOT_IO_INTERNAL_CARD_CHECK_H

#include <stdbool.h>

/* Says whether readers that are strict accept card[CARD_SIZE], but for its characters: cards may hold ? for
 * what is not printable. *continues says whether a card CONTINUE may follow, and becomes that for the next
 * card. */
bool card_is_valid(char *card, bool *continues);

#endif
