/* Header keywords that a program adds to the HDUs it writes. */
#ifndef UNSPOT_IO_KEYWORD_H
#define UNSPOT_IO_KEYWORD_H

#include <stddef.h>

enum keyword_type { KEYWORD_STRING, KEYWORD_INTEGER, KEYWORD_REAL };

struct keyword {
    char name[9];
    enum keyword_type type;
    char string[512]; /* written with CONTINUE cards when it has more than 68 characters */
    long long integer;
    double real;
    char comment[48];
};

enum { KEYWORDS_MAX = 64 };

struct keywords {
    size_t count;
    struct keyword list[KEYWORDS_MAX];
};

/* Each adds one keyword, or replaces the value of one with that name. Beyond KEYWORDS_MAX nothing is added.
 * Strings are cut to fit, and characters that FITS does not allow in a header become '?'. A real number that
 * is not finite is written as a string, as FITS has no number for it. */
void keyword_string(struct keywords *keywords, const char *name, const char *value, const char *comment);
void keyword_integer(struct keywords *keywords, const char *name, long long value, const char *comment);
void keyword_real(struct keywords *keywords, const char *name, double value, const char *comment);

#endif
