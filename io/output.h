/* Output files that appear whole or not at all: written under a temporary name in the same folder, synced,
 * then renamed. */
#ifndef UNSPOT_IO_OUTPUT_H
#define UNSPOT_IO_OUTPUT_H

#include <stdbool.h>

#include "base/status.h"

struct output {
    char path[4096];      /* what the user asked for */
    char temporary[4160]; /* where CFITSIO writes: path's folder, a hidden unique name, never ending in .gz */
    int slot;             /* of the registry, or -1 */
};

/* Fails when the folder is missing or not writable, or path is a folder: called before long work begins, so
 * that hours of it are not lost. Leaves nothing behind. */
enum status output_check(const char *path, struct error *error);

/* Whether two paths name one file: the same file where both exist, else the same name in the same folder. */
bool output_same_file(const char *a, const char *b);

/* Chooses the temporary name and registers it. */
enum status output_begin(struct output *output, const char *path, struct error *error);

/* The temporary file is complete and closed: gzips it when path ends in .gz, syncs it, renames it to path,
 * syncs the folder. On failure the temporary file is removed. */
enum status output_commit(struct output *output, struct error *error);

/* Removes the temporary file. */
void output_abandon(struct output *output);

/* Removes every registered temporary file. Async-signal-safe: for handlers of SIGINT and SIGTERM. */
void output_abandon_all(void);

#endif
