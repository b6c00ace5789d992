#include "run/provenance.h"

#include <stdio.h>
#include <string.h>

#include "run/version.h"

static int next_number(const struct cards *input)
{
    int next = 0;

    for (size_t i = 0; i < input->count; i++) {
        char card[11] = "";
        int number;

        memcpy(card, input->text + CARD_SIZE * i, 10);
        if (sscanf(card, "DEPNAM%2d", &number) == 1 && number >= next) next = number + 1;
    }
    return next;
}

static void add(struct keywords *keywords, int number, const char *name, const char *version)
{
    char keyword[24];

    if (number > 99) return; /* two digits are the convention's limit */
    snprintf(keyword, sizeof keyword, "DEPNAM%02d", number);
    keyword_string(keywords, keyword, name, "");
    snprintf(keyword, sizeof keyword, "DEPVER%02d", number);
    keyword_string(keywords, keyword, version, "");
}

void provenance_dependencies(struct keywords *keywords, const struct cards *input, const char *linalg)
{
    int number = next_number(input);

    add(keywords, number, "unspot", UNSPOT_VERSION);
    add(keywords, number + 1, "unspot-git", UNSPOT_GIT_HASH);
    add(keywords, number + 2, "compiler", UNSPOT_COMPILER);
    add(keywords, number + 3, "linalg", linalg);
}
