/* The table of frames that unspot batch extracts.
 *
 * Each line stands for a frame: IMAGE PSF OUTPUT [WAVELENGTH [MODEL [OPTIONS...]]]. Words are separated by
 * blanks, and quoted as in a shell where they hold blanks. "-" stands for a wavelength grid or a model that
 * is not asked for. OPTIONS are those of unspot extract. Empty lines and lines that
 * begin with # are skipped. */
#ifndef UNSPOT_BATCH_TASK_TABLE_H
#define UNSPOT_BATCH_TASK_TABLE_H

#include <stddef.h>

#include "base/status.h"
#include "extract/arguments.h"

struct tasks {
    const char *name; /* of the file, for messages */
    char *text;       /* the file; a 0 ends each of its lines */
    size_t count;
    struct task {
        size_t line; /* of the file, from 1 */
        char *text;  /* within text */
    } *list;
    const char **common; /* options of every task, before its own */
    size_t ncommon;
};

/* Reads the file into *text, which ends with a 0 that *size does not count. The caller frees it. */
enum status tasks_read(const char *path, char **text, size_t *size, struct error *error);

/* Finds the lines that are tasks in text, which *tasks takes over. What they say is not looked at yet. The
 * caller releases *tasks with tasks_free(), whatever the status. */
enum status tasks_split(struct tasks *tasks, const char *name, char *text, struct error *error);
void tasks_free(struct tasks *tasks);

/* The command line of unspot extract that a task stands for. STATUS_USAGE says file and line. The caller
 * releases *arguments with arguments_free(), whatever the status. */
enum status tasks_arguments(const struct tasks *tasks, size_t task, struct arguments *arguments,
                            struct error *error);

/* Checks all lines, and that no file that is written is used otherwise, whatever its spelling: by another
 * line, as an input, as the table, or as the file timing, which may be NULL. STATUS_USAGE says file and line.
 */
enum status tasks_check(const struct tasks *tasks, const char *timing, struct error *error);

#endif
