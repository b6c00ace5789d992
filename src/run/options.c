#include "run/options.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "io/output.h"
#include "io/path.h"

/* Finds the option before a bad value, such as "-n" before "x": popt names only the value when the two stand
 * apart. */
static const char *option_before(int argc, const char **argv, const char *value)
{
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], value) == 0 && value[0] != '-') return argv[i - 1];
    }
    return "";
}

enum status options_parse(const struct command_line *line, struct error *error)
{
    enum status status = STATUS_OK;
    char name[64];
    size_t count = 0;
    const char *argument;
    poptContext context;
    int result;

    snprintf(name, sizeof name, "unspot %s", line->command);
    line->argv[0] = name; /* popt prints it in the help text */
    context = poptGetContext(name, line->argc, line->argv, line->options, 0);
    poptSetOtherOptionHelp(context, line->usage);
    result = poptGetNextOpt(context);
    if (result < -1) {
        const char *bad = poptBadOption(context, 0), *option = option_before(line->argc, line->argv, bad);

        status = error_set(error, STATUS_USAGE, "%s%s%s: %s (see %s --help)", option, option[0] ? " " : "",
                           bad, poptStrerror(result), name);
    }
    while (status == STATUS_OK && (argument = poptGetArg(context))) {
        if (count == line->max) {
            status =
                error_set(error, STATUS_USAGE, "\"%s\": unexpected argument (see %s --help)", argument, name);
        } else if (!(line->arguments[count++] = strdup(argument))) {
            status = memory_error(error, "command line");
        }
    }
    if (status == STATUS_OK && count < line->min) {
        status = error_set(error, STATUS_USAGE, "too few arguments: expected %s %s (see %s --help)", name,
                           line->usage, name);
    }
    poptFreeContext(context);
    return status;
}

enum status options_missing(const char *command, const char *option, struct error *error)
{
    return error_set(error, STATUS_USAGE, "%s is missing (see unspot %s --help)", option, command);
}

enum status options_range(const char *option, double value, double min, double max, struct error *error)
{
    if (value >= min && value <= max) return STATUS_OK; /* false for NaN */
    return error_set(error, STATUS_USAGE, "%s %g: expected a number from %g to %g", option, value, min, max);
}

const char *options_number(double value, char text[OPTIONS_NUMBER])
{
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, OPTIONS_NUMBER, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    return text;
}

enum status options_wavelengths(const char *text, double *first, double *last, double *step,
                                struct error *error)
{
    int end = 0;

    if (sscanf(text, "%lf,%lf,%lf%n", first, last, step, &end) != 3 || text[end] != '\0' ||
        !isfinite(*first) || !isfinite(*last) || !isfinite(*step)) {
        return error_set(error, STATUS_USAGE, "--wavelength %s: expected WMIN,WMAX,DW, three numbers", text);
    }
    if (*step <= 0) {
        return error_set(error, STATUS_USAGE, "--wavelength %s: the step must be positive", text);
    }
    if (*last < *first) {
        return error_set(error, STATUS_USAGE, "--wavelength %s: the range is reversed, WMIN > WMAX", text);
    }
    if ((*last - *first) / *step > 1e6) {
        return error_set(error, STATUS_USAGE, "--wavelength %s: expected at most a million bins", text);
    }
    return STATUS_OK;
}

enum status options_loglevel(const char *text, struct log *log, struct error *error)
{
    if (log_level_parse(text, &log->level)) return STATUS_OK;
    return error_set(error, STATUS_USAGE, "--loglevel %s: expected debug, info, warn or error", text);
}

/* Whether an output is this file. An input X.fits that is found as X.fits.gz must not be written as X.fits
 * either: the next run would find that. */
static bool is_same(const char *output, const struct named_file *file)
{
    char found[4096];

    if (output_same_file(output, file->path)) return true;
    if (file->is_output) return false;
    path_of_input(file->path, found, sizeof found);
    return output_same_file(output, found);
}

enum status options_outputs(const struct named_file *files, size_t count, struct error *error)
{
    enum status status = STATUS_OK;

    for (size_t i = 0; i < count; i++) {
        if (!files[i].path || !files[i].is_output) continue;
        for (size_t k = 0; k < count; k++) {
            if (k == i || !files[k].path || !is_same(files[i].path, &files[k])) continue;
            return error_set(error, STATUS_USAGE, "%s %s: the same file as %s: choose another name",
                             files[i].option, files[i].path, files[k].option);
        }
    }
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        if (files[i].path && files[i].is_output) status = output_check(files[i].path, error);
    }
    return status;
}
