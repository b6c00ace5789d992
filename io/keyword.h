/* Header keywords that a program adds to the HDUs it writes. */
#ifndef UNSPOT_IO_KEYWORD_H
#define UNSPOT_IO_KEYWORD_H

#include <stddef.h>

enum keyword_type { KEYWORD_STRING, KEYWORD_INTEGER, KEYWORD_REAL };

struct keyword {
    char name[9];
    enum keyword_type type;
    const char *string; /* within the keywords' text; written with CONTINUE cards beyond 68 characters */
    long long integer;
    double real;
    char comment[48];
};

enum { KEYWORDS_MAX = 64, KEYWORDS_TEXT = 40000 };

/* It begins as zeros, and cannot be copied, as its strings lie within it. */
struct keywords {
    size_t count;
    struct keyword list[KEYWORDS_MAX];
    size_t used;              /* of text */
    char text[KEYWORDS_TEXT]; /* enough for the names of three files of 4095 bytes, all of them escaped */
};

/* Each adds one keyword, or replaces the value of one with that name. Beyond KEYWORDS_MAX nothing is added.
 *
 * Strings are escaped as in URLs, so that two that differ have cards that differ, and can be compared by
 * them: %XX stands for a byte that a header cannot hold (all but printable ASCII), for %, and at the end of a
 * string for a blank, which FITS does not keep, and for &, which means that a string goes on. Comments are
 * cut to fit, with ? for what a header cannot hold. A real number that is not finite is written as a string,
 * as FITS has no number for it. */
void keyword_string(struct keywords *keywords, const char *name, const char *value, const char *comment);
void keyword_integer(struct keywords *keywords, const char *name, long long value, const char *comment);
void keyword_real(struct keywords *keywords, const char *name, double value, const char *comment);

#endif
