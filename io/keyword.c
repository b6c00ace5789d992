#include "io/keyword.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Copies as much of text as fits. FITS headers hold printable ASCII only; an umlaut in a path must not cost a
 * frame. */
static void copy_clean(char *to, size_t size, const char *text)
{
    size_t i = 0;

    for (; text[i] && i + 1 < size; i++) to[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
    to[i] = '\0';
}

/* Returns the keyword called name without a value. It is the one that there is already, as a header holds a
 * name only once, or a new one; NULL when there is no room. */
static struct keyword *keyword_slot(struct keywords *keywords, const char *name, const char *comment)
{
    struct keyword new = {.name = ""};
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

void keyword_string(struct keywords *keywords, const char *name, const char *value, const char *comment)
{
    struct keyword *keyword = keyword_slot(keywords, name, comment);

    if (!keyword) return;
    keyword->type = KEYWORD_STRING;
    copy_clean(keyword->string, sizeof keyword->string, value);
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
