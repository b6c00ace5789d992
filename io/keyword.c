#include "io/keyword.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool is_printable(char c)
{
    return c >= ' ' && c <= '~';
}

/* Copies as much of text as fits, with ? for what is not printable ASCII. */
static void copy_clean(char *to, size_t size, const char *text)
{
    size_t i = 0;

    for (; text[i] && i + 1 < size; i++) to[i] = is_printable(text[i]) ? text[i] : '?';
    to[i] = '\0';
}

/* Returns the keyword called name without a value. It is the one that there is already, as a header holds a
 * name only once, or a new one; NULL when there is no room. */
static struct keyword *keyword_slot(struct keywords *keywords, const char *name, const char *comment)
{
    struct keyword new = {.string = ""};
    struct keyword *keyword = NULL;

    copy_clean(new.name, sizeof new.name, name);
    for (char *c = new.name; *c; c++) {
        *c = (char)toupper((unsigned char)*c);
        if (!isupper((unsigned char)*c) && !isdigit((unsigned char)*c) && *c != '-') *c = '_';
    }
    copy_clean(new.comment, sizeof new.comment, comment ? comment : "");
    for (size_t i = 0; i < keywords->count && !keyword; i++) {
        if (strcmp(keywords->list[i].name, new.name) == 0) keyword = &keywords->list[i];
    }
    if (!keyword && keywords->count < KEYWORDS_MAX) keyword = &keywords->list[keywords->count++];
    if (keyword) *keyword = new;
    return keyword;
}

/* Writes value, escaped, and a final 0 to text[size], as far as it fits. Returns the bytes written. */
static size_t escape(const char *value, char *text, size_t size)
{
    enum { LONGEST = 3 }; /* bytes that one becomes */
    size_t used = 0;

    if (size == 0) return 0;
    for (; *value && used + LONGEST < size; value++) {
        const bool is_last = value[1] == '\0', is_lost = is_last && (*value == ' ' || *value == '&');

        if (is_printable(*value) && *value != '%' && !is_lost)
            text[used++] = *value;
        else
            used += (size_t)snprintf(text + used, size - used, "%%%02X", (unsigned)(unsigned char)*value);
    }
    text[used++] = '\0';
    return used;
}

void keyword_string(struct keywords *keywords, const char *name, const char *value, const char *comment)
{
    struct keyword *keyword = keyword_slot(keywords, name, comment);

    if (!keyword) return;
    keyword->type = KEYWORD_STRING;
    keyword->string = keywords->text + keywords->used;
    keywords->used += escape(value, keywords->text + keywords->used, KEYWORDS_TEXT - keywords->used);
}

void keyword_integer(struct keywords *keywords, const char *name, long long value, const char *comment)
{
    struct keyword *keyword = keyword_slot(keywords, name, comment);

    if (!keyword) return;
    keyword->type = KEYWORD_INTEGER;
    keyword->integer = value;
}

void keyword_real(struct keywords *keywords, const char *name, double value, const char *comment)
{
    struct keyword *keyword;

    if (!isfinite(value)) { /* a FITS header has no number for it */
        keyword_string(keywords, name, isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity", comment);
        return;
    }
    keyword = keyword_slot(keywords, name, comment);
    if (!keyword) return;
    keyword->type = KEYWORD_REAL;
    keyword->real = value;
}
