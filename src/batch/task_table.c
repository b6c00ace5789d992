#include "batch/task_table.h"

#include <errno.h>
#include <popt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "extract/session.h"

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

/* A file that a task writes. */
struct written {
    char *path;
    size_t line;
};

static int compare_paths(const void *a, const void *b)
{
    const struct written *one = a, *other = b;
    int order = strcmp(one->path, other->path);

    if (order) return order;
    return one->line < other->line ? -1 : one->line > other->line;
}

static enum status check_written(const struct tasks *tasks, struct written *written, size_t count,
                                 struct error *error)
{
    qsort(written, count, sizeof *written, compare_paths);
    for (size_t i = 1; i < count; i++) {
        if (strcmp(written[i].path, written[i - 1].path) != 0) continue;
        return error_set(error, STATUS_USAGE, "%s:%zu: %s is also written by line %zu", tasks->name,
                         written[i].line, written[i].path, written[i - 1].line);
    }
    return STATUS_OK;
}

/* Checks one line of the table, and adds the names of the files that it writes to the list. */
static enum status check_line(const struct tasks *tasks, size_t task, struct written *written, size_t *count,
                              struct error *error)
{
    struct arguments arguments;
    struct session session = {0};
    struct error cause;
    enum status status = tasks_arguments(tasks, task, &arguments, error);
    size_t line = tasks->list[task].line;

    if (status == STATUS_OK && (status = session_begin(&session, &arguments, &cause)) != STATUS_OK)
        error_set(error, status, "%s:%zu: %s", tasks->name, line, cause.text);
    if (status == STATUS_OK) {
        written[(*count)++] = (struct written){arguments.output, line};
        arguments.output = NULL;
        if (arguments.model) written[(*count)++] = (struct written){arguments.model, line};
        arguments.model = NULL;
    }
    arguments_free(&arguments);
    return status;
}

enum status tasks_check(const struct tasks *tasks, struct error *error)
{
    struct written *written = memory_zeroed(2 * tasks->count, sizeof *written);
    size_t count = 0;
    enum status status = STATUS_OK;

    if (!written) return memory_error(error, "table of tasks");
    if (tasks->count == 0) status = error_set(error, STATUS_USAGE, "%s: no tasks in it", tasks->name);
    for (size_t i = 0; i < tasks->count && status == STATUS_OK; i++)
        status = check_line(tasks, i, written, &count, error);
    if (status == STATUS_OK) status = check_written(tasks, written, count, error);
    for (size_t i = 0; i < count; i++) free(written[i].path);
    free(written);
    return status;
}
