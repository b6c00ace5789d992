/* Header keywords that a program adds to the HDUs it writes. */
#ifndef UNSPOT_IO_KEYWORD_H
#define UNSPOT_IO_KEYWORD_H

#include <stddef.h>

enum keyword_type { KEYWORD_STRING, KEYWORD_INTEGER, KEYWORD_REAL };

struct keyword {
    char name[9];
    enum keyword_type type;
    char string[512]; /* longer than 68 characters: written with CONTINUE cards */
    long long integer;
    double real;
    char comment[48];
};

enum { KEYWORDS_MAX = 64 };

struct keywords {
    size_t count;
    struct keyword list[KEYWORDS_MAX];
};

/* Append one keyword; beyond KEYWORDS_MAX they are dropped. Strings are cut to fit; characters that FITS does
 * not allow in a header become '?'. */
void keyword_string(struct keywords *keywords, const char *name, const char *value, const char *comment);
void keyword_integer(struct keywords *keywords, const char *name, long long value, const char *comment);
void keyword_real(struct keywords *keywords, const char *name, double value, const char *comment);

#endif
