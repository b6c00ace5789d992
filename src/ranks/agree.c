#include "ranks/agree.h"

#include <stdlib.h>
#include <string.h>

/* Rank 0's text on every rank; the caller frees it. */
static char *text_of_root(const struct ranks *ranks, const char *text)
{
    const size_t size = (size_t)ranks_announce(ranks, text ? (long)strlen(text) : 0) + 1;
    char *copy = calloc(size, 1);

    if (!copy) abort(); /* The other ranks wait for this one, and mpiexec is to end them. */
    if (ranks_rank(ranks) == 0 && text) memcpy(copy, text, size);
    ranks_broadcast(ranks, 0, copy, size);
    return copy;
}

static size_t line_length(const char *line)
{
    return strcspn(line, "\n");
}

/* Sets the error to the first line in which two texts differ. */
static enum status tell_difference(const char *own, const char *root, struct error *error)
{
    while (line_length(own) == line_length(root) && own[0] && strncmp(own, root, line_length(own) + 1) == 0) {
        own += line_length(own) + (own[line_length(own)] != '\0');
        root += line_length(root) + (root[line_length(root)] != '\0');
    }
    return error_set(error, STATUS_USAGE, "%.*s, where rank 0 has %.*s: start all ranks alike",
                     (int)line_length(own), own, (int)line_length(root), root);
}

/* The first rank for which `failed` holds, on all ranks; -1 when there is none. */
static int first_failed(const struct ranks *ranks, bool failed)
{
    const int count = ranks_size(ranks);
    double *flags = calloc((size_t)count, sizeof *flags);
    int first = 0;

    if (!flags) abort();
    flags[ranks_rank(ranks)] = failed;
    ranks_sum(ranks, flags, (size_t)count);
    while (first < count && flags[first] == 0) first++;
    free(flags);
    return (int)ranks_announce(ranks, first < count ? first : -1);
}

enum status ranks_agree(const struct ranks *ranks, enum status status, const char *text, struct error *error)
{
    const int own = ranks_rank(ranks);
    char *root = text_of_root(ranks, status == STATUS_OK ? text : NULL);
    int first;

    if (status == STATUS_OK && root[0] && strcmp(text, root) != 0)
        status = tell_difference(text, root, error);
    free(root);
    first = first_failed(ranks, status != STATUS_OK);
    if (first < 0) return STATUS_OK;
    if (first > 0 && own == first) ranks_send(ranks, 0, error, sizeof *error);
    if (first > 0 && own == 0) {
        struct error theirs;

        ranks_receive(ranks, first, &theirs, sizeof theirs);
        return error_set(error, theirs.status, "rank %d: %s", first, theirs.text);
    }
    return status == STATUS_OK ? error_set(error, STATUS_USAGE, "rank %d was started otherwise", first)
                               : status;
}
