/* Output files that appear whole or not at all: a file is written under a temporary name in the same folder,
 * synced to the disk, and then renamed. */
#ifndef UNSPOT_IO_OUTPUT_H
#define UNSPOT_IO_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

struct output {
    char path[4096];      /* what the user asked for */
    char temporary[4160]; /* where CFITSIO writes: path's folder, a hidden unique name, never ending in .gz */
    int slot;             /* its place in the registry of files that are being written; -1 for none */
};

/* Finds out whether path can be written, before long work begins whose result would be lost. STATUS_IO when
 * its folder is missing or not writable, or when path is a folder or a device. Leaves nothing behind. */
enum status output_check(const char *path, struct error *error);

/* Which file a path means, through links and whatever its spelling. */
struct file_identity {
    uint64_t device, inode; /* of the file, or of its folder where it does not exist */
    char name[256];         /* within the folder; empty where the file exists */
};

/* False when neither the file nor its folder exist: the path then means no file. */
bool output_identify(const char *path, struct file_identity *identity);

/* Orders identities; 0 where they are one file's. */
int output_compare_identities(const struct file_identity *a, const struct file_identity *b);

/* Whether two paths mean one file: where both exist, they are the same file; else they have the same name in
 * the same folder. */
bool output_same_file(const char *a, const char *b);

/* Chooses the temporary name and registers it; the caller then creates the file. STATUS_IO as in
 * output_check(), or when too many files are being written. */
enum status output_begin(struct output *output, const char *path, struct error *error);

/* Gives the temporary file, which is complete and closed, its name: gzips it when path ends in .gz, syncs it,
 * renames it to path, and syncs the folder. STATUS_IO when one of these fails; the temporary file is removed
 * then. */
enum status output_commit(struct output *output, struct error *error);

/* Removes the temporary file. May be called after output_begin() has failed. */
void output_abandon(struct output *output);

/* Removes every registered temporary file. It is async-signal-safe, for handlers of
 * SIGINT and SIGTERM. */
void output_abandon_all(void);

#endif
