#include "io/internal/card_check.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

#include "base/frame.h"

enum { KEY = 8, VALUE = 10 };

/* What is left of a card. */
struct rest {
    char *text, *end;
};

static bool is_next(const struct rest *rest, char c)
{
    return rest->text < rest->end && *rest->text == c;
}

static bool take(struct rest *rest, char c)
{
    const bool is = is_next(rest, c);

    rest->text += is;
    return is;
}

static void skip_blanks(struct rest *rest)
{
    while (take(rest, ' ')) {
    }
}

static size_t skip_digits(struct rest *rest)
{
    const char *start = rest->text;

    while (rest->text < rest->end && isdigit((unsigned char)*rest->text)) rest->text++;
    return (size_t)(rest->text - start);
}

/* A string in quotes; *is_open says whether it goes on in the next card. */
static bool take_string(struct rest *rest, bool *is_open)
{
    char last = '\0';

    if (!take(rest, '\'')) return false;
    for (; rest->text < rest->end; rest->text++) {
        if (*rest->text == '\'') {
            rest->text++;
            if (!is_next(rest, '\'')) {
                *is_open = last == '&';
                return true;
            }
        }
        if (*rest->text != ' ') last = *rest->text;
    }
    return false;
}

static bool take_number(struct rest *rest)
{
    size_t digits;

    if (!take(rest, '+')) take(rest, '-');
    digits = skip_digits(rest);
    if (take(rest, '.')) digits += skip_digits(rest);
    if (digits == 0) return false;
    if (is_next(rest, 'e') || is_next(rest, 'd')) *rest->text = (char)toupper((unsigned char)*rest->text);
    if (!take(rest, 'E') && !take(rest, 'D')) return true;
    if (!take(rest, '+')) take(rest, '-');
    return skip_digits(rest) > 0;
}

static bool take_complex(struct rest *rest)
{
    if (!take(rest, '(')) return false;
    skip_blanks(rest);
    if (!take_number(rest)) return false;
    skip_blanks(rest);
    if (!take(rest, ',')) return false;
    skip_blanks(rest);
    if (!take_number(rest)) return false;
    skip_blanks(rest);
    return take(rest, ')');
}

/* A value, which may be absent, and a comment, which may be absent as well. */
static bool is_value(char *text, char *end, bool *is_open)
{
    struct rest rest = {text, end};

    skip_blanks(&rest);
    if (rest.text == end || *rest.text == '/') return true;
    if (*rest.text == '\'') {
        if (!take_string(&rest, is_open)) return false;
    } else if (*rest.text == '(') {
        if (!take_complex(&rest)) return false;
    } else if (!take(&rest, 'T') && !take(&rest, 'F') && !take_number(&rest)) {
        return false;
    }
    if (rest.text < end && *rest.text != ' ' && *rest.text != '/') return false;
    skip_blanks(&rest);
    return rest.text == end || *rest.text == '/';
}

static bool is_keyword(const char *card)
{
    int length = 0;

    while (length < KEY &&
           (isalnum((unsigned char)card[length]) || card[length] == '-' || card[length] == '_'))
        length++;
    return strspn(card + length, " ") >= (size_t)(KEY - length) || length == KEY;
}

bool card_is_valid(char *card, bool *continues)
{
    char *end = card + CARD_SIZE, *equals;
    const bool may_continue = *continues;

    *continues = false;
    if (strncmp(card, "CONTINUE", KEY) == 0)
        return may_continue && card[KEY] == ' ' && is_value(card + VALUE, end, continues);
    if (strncmp(card, "COMMENT ", KEY) == 0 || strncmp(card, "HISTORY ", KEY) == 0 ||
        strncmp(card, "        ", KEY) == 0)
        return true;
    if (strncmp(card, "HIERARCH", KEY) == 0) {
        equals = memchr(card, '=', CARD_SIZE);
        return equals && is_value(equals + 1, end, continues);
    }
    return is_keyword(card) && strncmp(card + KEY, "= ", 2) == 0 && is_value(card + VALUE, end, continues);
}
