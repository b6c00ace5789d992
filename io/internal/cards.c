#include "io/internal/cards.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "io/internal/card_check.h"
#include "io/internal/input_hdu.h"

enum { KEY = 8, KEEP_COMMENTS = 0 };

bool card_is(const char *card, const char *name, bool numbered)
{
    size_t length = strlen(name);

    if (strncmp(card, name, length) != 0) return false;
    if (numbered && length < KEY && !isdigit((unsigned char)card[length])) return false;
    while (numbered && length < KEY && isdigit((unsigned char)card[length])) length++;
    while (length < KEY && card[length] == ' ') length++;
    return length == KEY;
}

/* Puts a card in FITS's characters. False when it was not. */
static bool make_printable(char *card)
{
    bool was = true;

    for (int i = 0; i < CARD_SIZE; i++) {
        if (card[i] >= ' ' && card[i] <= '~') continue;
        card[i] = '?';
        was = false;
    }
    return was;
}

/* Adds a comment of up to as many characters as a card holds beside its keyword. Returns how many it took. */
static size_t add_comment(struct cards *cards, const char *text, size_t length)
{
    const size_t taken = length < CARD_SIZE - KEY ? length : CARD_SIZE - KEY;
    char *card = cards->text + cards->count++ * CARD_SIZE;

    memset(card, ' ', CARD_SIZE);
    memcpy(card, "COMMENT", 7);
    memcpy(card + KEY, text, taken);
    return taken;
}

/* Adds a card as it is, or, as others must be able to read what is written, a card that is not FITS as
 * comments. */
static void add_card(struct cards *cards, const char *text, bool *continues)
{
    char card[CARD_SIZE];
    size_t length = CARD_SIZE, taken = 0;
    bool is_printable, is_valid;

    memcpy(card, text, CARD_SIZE);
    is_printable = make_printable(card);
    is_valid = card_is_valid(card, continues);
    cards->nbroken += !is_printable || !is_valid;
    if (is_valid) {
        memcpy(cards->text + cards->count++ * CARD_SIZE, card, CARD_SIZE);
        return;
    }
    while (length > 0 && card[length - 1] == ' ') length--;
    while (taken < length) taken += add_comment(cards, card + taken, length - taken);
}

enum status cards_read(struct input *input, const char *name, struct cards *cards, struct error *error)
{
    enum { CARDS_OF_BROKEN = 2 };
    char *text = NULL;
    int count = 0, fits = 0;
    bool continues = false;

    if (fits_convert_hdr2str(input->file, KEEP_COMMENTS, NULL, 0, &text, &count, &fits)) {
        free(text);
        return input_fail(input, name, fits, error);
    }
    *cards = (struct cards){.text = memory_zeroed((size_t)count * CARDS_OF_BROKEN, CARD_SIZE)};
    for (int i = 0; i < count - 1 && cards->text; i++) { /* the last one is END */
        const char *card = text + (size_t)i * CARD_SIZE;

        if (card_is(card, "CHECKSUM", false) || card_is(card, "DATASUM", false)) continue;
        add_card(cards, card, &continues);
    }
    free(text);
    return cards->text ? STATUS_OK : memory_error(error, name);
}

void cards_demote(struct cards *cards, const char *name)
{
    for (size_t i = 0; i < cards->count; i++) {
        char *card = cards->text + i * CARD_SIZE;

        if (!card_is(card, name, false)) continue;
        memmove(card + KEY, card, CARD_SIZE - KEY);
        memcpy(card, "COMMENT ", KEY);
        cards->nbroken++;
    }
}

/* Cards that describe how the file, not the exposure, is made. "ZD" and the like belong to the exposure: only
 * the keywords of tile compression are left out. */
static bool is_structural(const char *card)
{
    static const char *const plain[] = {
        "SIMPLE",   "XTENSION", "BITPIX",   "NAXIS",    "EXTEND",   "PCOUNT",   "GCOUNT",   "GROUPS",
        "BSCALE",   "BZERO",    "BLANK",    "CHECKSUM", "DATASUM",  "EXTNAME",  "END",      "ZIMAGE",
        "ZSIMPLE",  "ZTENSION", "ZEXTEND",  "ZBITPIX",  "ZNAXIS",   "ZPCOUNT",  "ZGCOUNT",  "ZCMPTYPE",
        "ZQUANTIZ", "ZDITHER0", "ZMASKCMP", "ZBLANK",   "ZHECKSUM", "ZDATASUM", "ZBLOCKED",
    };
    static const char *const numbered[] = {"NAXIS", "ZNAXIS", "ZTILE", "ZNAME", "ZVAL"};
    /* what CFITSIO puts at the beginning of its files */
    static const char *const comments[] = {
        "COMMENT   FITS (Flexible Image Transport System) format is",
        "COMMENT   and Astrophysics', volume 376, page 359; bibcode",
    };

    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        if (card_is(card, plain[i], false)) return true;
    }
    for (size_t i = 0; i < sizeof numbered / sizeof numbered[0]; i++) {
        if (card_is(card, numbered[i], true)) return true;
    }
    for (size_t i = 0; i < sizeof comments / sizeof comments[0]; i++) {
        if (strncmp(card, comments[i], strlen(comments[i])) == 0) return true;
    }
    return false;
}

static bool is_given_anew(const char *card, const struct keywords *keywords)
{
    for (size_t i = 0; keywords && i < keywords->count; i++) {
        if (card_is(card, keywords->list[i].name, false)) return true;
    }
    return false;
}

static void lower(char *text)
{
    for (; *text; text++) *text = (char)tolower((unsigned char)*text);
}

void card_write(fitsfile *file, const char *card, int *fits)
{
    char line[CARD_SIZE + 1];
    int result = 0;

    if (*fits) return;
    memcpy(line, card, CARD_SIZE);
    line[CARD_SIZE] = '\0';
    if (card_is(line, "CAMERA", false)) {
        char *comment = strrchr(line, '\'');

        for (char *c = line + KEY; comment && c < comment; c++) *c = (char)tolower((unsigned char)*c);
    }
    fits_write_record(file, line, &result);
    if (result == BAD_KEYCHAR) {
        fits_clear_errmsg();
    } else {
        *fits = result;
    }
}

void key_write_real(fitsfile *file, const char *name, double value, const char *comment, int *fits)
{
    int digits = 15;

    for (; digits < 17; digits++) {
        char text[32];

        snprintf(text, sizeof text, "%.*G", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    fits_write_key_dbl(file, name, value, -digits, comment,
                       fits); /* a negative number of digits counts all of them, as %G does */
}

static void keyword_write(fitsfile *file, const struct keyword *keyword, int *fits)
{
    const char *comment = keyword->comment[0] ? keyword->comment : NULL;
    char camera[CARD_SIZE];

    switch (keyword->type) {
    case KEYWORD_STRING:
        snprintf(camera, sizeof camera, "%s", keyword->string);
        lower(camera);
        fits_write_key_longstr(file, keyword->name,
                               strcmp(keyword->name, "CAMERA") == 0 ? camera : keyword->string, comment,
                               fits);
        break;
    case KEYWORD_INTEGER:
        fits_write_key_lng(file, keyword->name, keyword->integer, comment, fits);
        break;
    case KEYWORD_REAL:
        key_write_real(file, keyword->name, keyword->real, comment, fits);
        break;
    }
}

void cards_write(fitsfile *file, const char *name, const struct cards *cards, const struct keywords *keywords,
                 const char *unit, int *fits)
{
    bool dropped = false;

    for (size_t i = 0; cards && i < cards->count; i++) {
        const char *card = cards->text + i * CARD_SIZE;

        /* CONTINUE cards share the fate of the card they continue */
        if (!card_is(card, "CONTINUE", false)) {
            dropped = is_structural(card) || is_given_anew(card, keywords) ||
                      (unit && card_is(card, "BUNIT", false));
        }
        if (!dropped) card_write(file, card, fits);
    }
    fits_write_key_str(file, "EXTNAME", name, NULL, fits);
    for (size_t i = 0; keywords && i < keywords->count; i++) keyword_write(file, &keywords->list[i], fits);
    if (unit) fits_write_key_str(file, "BUNIT", unit, NULL, fits);
}
