#include "batch/task_table.h"

#include <errno.h>
#include <popt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "extract/session.h"
#include "io/output.h"
#include "io/path.h"

enum { IMAGE, PSF, OUTPUT, WAVELENGTH, MODEL, COLUMNS };

enum status tasks_read(const char *path, char **text, size_t *size, struct error *error)
{
    struct stat info;
    FILE *file = fopen(path, "rb");
    enum status status = STATUS_OK;

    *text = NULL;
    *size = 0;
    if (!file) return error_set(error, STATUS_IO, "%s: cannot open: %s", path, strerror(errno));
    if (fstat(fileno(file), &info) != 0 || !S_ISREG(info.st_mode)) {
        status = error_set(error, STATUS_IO, "%s: not a regular file", path);
    } else if (!(*text = malloc((size_t)info.st_size + 1))) {
        status = memory_error(error, "table of tasks");
    } else {
        *size = fread(*text, 1, (size_t)info.st_size, file);
        (*text)[*size] = '\0';
        if (ferror(file))
            status = error_set(error, STATUS_IO, "%s: cannot read: %s", path, strerror(errno));
        else if (strlen(*text) != *size)
            status = error_set(error, STATUS_FORMAT, "%s: not a text file", path);
    }
    fclose(file);
    return status;
}

enum status tasks_split(struct tasks *tasks, const char *name, char *text, struct error *error)
{
    size_t lines = 1, number = 0;

    *tasks = (struct tasks){.name = name, .text = text};
    for (const char *c = text; *c; c++) lines += *c == '\n';
    tasks->list = memory_zeroed(lines, sizeof *tasks->list);
    if (!tasks->list) return memory_error(error, "table of tasks");
    for (char *line = text, *end; line; line = end) {
        end = strchr(line, '\n');
        if (end) *end++ = '\0';
        number++;
        line += strspn(line, " \t\r");
        if (line[0] && line[0] != '#') tasks->list[tasks->count++] = (struct task){number, line};
    }
    return STATUS_OK;
}

void tasks_free(struct tasks *tasks)
{
    free(tasks->text);
    free(tasks->list);
    memset(tasks, 0, sizeof *tasks);
}

/* Whether a word is an option of unspot extract that a task cannot have: its value stands in a column of the
 * table, or it is one of the batch as a whole. */
static bool is_refused(const char *word)
{
    static const char *const names[] = {"--input",  "--psf",      "--output",  "--wavelength",
                                        "--model",  "--help",     "--usage",   "--threads",
                                        "--timing", "--progress", "--loglevel"};
    size_t length = strcspn(word, "=");

    if (word[0] == '-' && word[1] && strchr("ipowm?", word[1])) return true;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strlen(names[i]) == length && strncmp(names[i], word, length) == 0) return true;
    }
    return false;
}

static enum status check_words(int count, const char **word, size_t ncommon, const char **common,
                               struct error *error)
{
    if (count < WAVELENGTH) {
        return error_set(error, STATUS_USAGE,
                         "expected IMAGE PSF OUTPUT [WAVELENGTH [MODEL [OPTIONS...]]], found %d word%s",
                         count, count == 1 ? "" : "s");
    }
    for (int i = 0; i < count && i < COLUMNS; i++) {
        if (word[i][0] == '-' && (i < WAVELENGTH || word[i][1])) {
            return error_set(error, STATUS_USAGE, "\"%s\" in column %d: options come after the model, or -",
                             word[i], i + 1);
        }
    }
    for (int i = COLUMNS; i < count; i++) {
        if (is_refused(word[i])) return error_set(error, STATUS_USAGE, "%s: not for a task", word[i]);
    }
    for (size_t i = 0; i < ncommon; i++) {
        if (is_refused(common[i])) return error_set(error, STATUS_USAGE, "%s: not for tasks", common[i]);
    }
    return STATUS_OK;
}

/* Adds an option and its value to a command line, unless the value is "-". */
static void add(const char **argv, int *argc, const char *option, const char *value)
{
    if (strcmp(value, "-") == 0) return;
    argv[(*argc)++] = option;
    argv[(*argc)++] = value;
}

static enum status parse_words(const struct tasks *tasks, int count, const char **word,
                               struct arguments *arguments, struct error *error)
{
    const char **argv = memory_zeroed((size_t)count + tasks->ncommon + 16, sizeof *argv);
    int argc = 0;
    enum status status;

    if (!argv) return memory_error(error, "table of tasks");
    argv[argc++] = "extract";
    add(argv, &argc, "-i", word[IMAGE]);
    add(argv, &argc, "-p", word[PSF]);
    add(argv, &argc, "-o", word[OUTPUT]);
    if (count > WAVELENGTH) add(argv, &argc, "-w", word[WAVELENGTH]);
    if (count > MODEL) add(argv, &argc, "-m", word[MODEL]);
    for (size_t i = 0; i < tasks->ncommon; i++) argv[argc++] = tasks->common[i];
    for (int i = COLUMNS; i < count; i++) argv[argc++] = word[i];
    status = arguments_parse(argc, argv, arguments, error);
    free(argv);
    return status;
}

/* Whether every quotation in the line ends. popt takes the end of the text for the end of a quotation. */
static bool ends_quotations(const char *text)
{
    char quote = '\0';

    for (; *text; text++) {
        if (*text == '\\' && text[1])
            text++;
        else if (quote)
            quote = *text == quote ? '\0' : quote;
        else if (*text == '"' || *text == '\'')
            quote = *text;
    }
    return quote == '\0';
}

/* Splits a line into count words; the caller frees *word. */
static enum status split_line(const char *text, int *count, const char ***word, struct error *error)
{
    int result;

    if (!ends_quotations(text)) return error_set(error, STATUS_USAGE, "a quotation does not end");
    result = poptParseArgvString(text, count, word);
    if (result == 0) return STATUS_OK;
    if (result == POPT_ERROR_MALLOC) return memory_error(error, "table of tasks");
    return error_set(error, STATUS_USAGE, "cannot be divided into words: %s", poptStrerror(result));
}

enum status tasks_arguments(const struct tasks *tasks, size_t task, struct arguments *arguments,
                            struct error *error)
{
    const char **word = NULL;
    struct error cause;
    int count = 0;
    enum status status;

    memset(arguments, 0, sizeof *arguments);
    status = split_line(tasks->list[task].text, &count, &word, &cause);
    if (status == STATUS_OK) status = check_words(count, word, tasks->ncommon, tasks->common, &cause);
    if (status == STATUS_OK) status = parse_words(tasks, count, word, arguments, &cause);
    free(word);
    if (status == STATUS_OK) return STATUS_OK;
    return error_set(error, status, "%s:%zu: %s", tasks->name, tasks->list[task].line, cause.text);
}

/* A file of the batch. */
struct used_file {
    char *path;
    size_t line; /* of the table; 0: of the batch as a whole */
    bool is_output;
    struct file_identity identity;
};

/* All files of the batch. */
struct used_files {
    size_t count;
    struct used_file *list;
};

enum { FILES_OF_TASK = 6, FILES_OF_BATCH = 2 };

/* Adds a file, unless there is no such name. Names of files that cannot exist are no concern here. */
static bool add_file(struct used_files *files, const char *path, size_t line, bool is_output)
{
    struct used_file *file = &files->list[files->count];

    if (!path) return true;
    *file = (struct used_file){.line = line, .is_output = is_output};
    if (!output_identify(path, &file->identity)) return true;
    file->path = strdup(path);
    files->count += file->path != NULL;
    return file->path != NULL;
}

/* Adds an input by the name that is asked for and by the one under which it is found: neither may be written.
 */
static bool add_input(struct used_files *files, const char *path, size_t line)
{
    char found[4096];

    path_of_input(path, found, sizeof found);
    return add_file(files, path, line, false) &&
           (strcmp(found, path) == 0 || add_file(files, found, line, false));
}

/* The outputs of a file come before its inputs, and earlier lines before later ones. */
static int compare_files(const void *a, const void *b)
{
    const struct used_file *one = a, *other = b;
    const int order = output_compare_identities(&one->identity, &other->identity);

    if (order) return order;
    if (one->is_output != other->is_output) return one->is_output ? -1 : 1;
    return one->line < other->line ? -1 : one->line > other->line;
}

/* Refuses a file that is written, and used by another line or twice by one. */
static enum status check_files(const struct tasks *tasks, struct used_files *files, struct error *error)
{
    qsort(files->list, files->count, sizeof *files->list, compare_files);
    for (size_t i = 1; i < files->count; i++) {
        const struct used_file *one = &files->list[i - 1], *other = &files->list[i];
        char by[64] = "by --timing";

        if (!one->is_output || output_compare_identities(&one->identity, &other->identity) != 0) continue;
        if (one->line > 0) snprintf(by, sizeof by, "by line %zu", one->line);
        if (other->line > 0)
            return error_set(error, STATUS_USAGE, "%s:%zu: %s is also written %s, as %s: choose another name",
                             tasks->name, other->line, other->path, by, one->path);
        return error_set(error, STATUS_USAGE, "%s: the table is also written %s, as %s: choose another name",
                         other->path, by, one->path);
    }
    return STATUS_OK;
}

/* Checks one line of the table, and adds its files to the list. */
static enum status check_line(const struct tasks *tasks, size_t task, struct used_files *files,
                              struct error *error)
{
    struct arguments arguments;
    struct session session = {0};
    struct error cause;
    enum status status = tasks_arguments(tasks, task, &arguments, error);
    size_t line = tasks->list[task].line;

    if (status == STATUS_OK && (status = session_begin(&session, &arguments, &cause)) != STATUS_OK)
        error_set(error, status, "%s:%zu: %s", tasks->name, line, cause.text);
    if (status == STATUS_OK &&
        !(add_input(files, arguments.input, line) && add_input(files, arguments.psf, line) &&
          add_file(files, arguments.output, line, true) && add_file(files, arguments.model, line, true)))
        status = memory_error(error, "table of tasks");
    arguments_free(&arguments);
    return status;
}

enum status tasks_check(const struct tasks *tasks, const char *timing, struct error *error)
{
    struct used_files files = {
        .list = memory_zeroed(FILES_OF_TASK * tasks->count + FILES_OF_BATCH, sizeof *files.list)};
    enum status status = STATUS_OK;

    if (!files.list) return memory_error(error, "table of tasks");
    if (tasks->count == 0) status = error_set(error, STATUS_USAGE, "%s: no tasks in it", tasks->name);
    for (size_t i = 0; i < tasks->count && status == STATUS_OK; i++)
        status = check_line(tasks, i, &files, error);
    if (status == STATUS_OK &&
        !(add_file(&files, tasks->name, 0, false) && add_file(&files, timing, 0, true)))
        status = memory_error(error, "table of tasks");
    if (status == STATUS_OK) status = check_files(tasks, &files, error);
    for (size_t i = 0; i < files.count; i++) free(files.list[i].path);
    free(files.list);
    return status;
}
