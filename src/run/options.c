#include "run/options.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/output.h"
#include "io/path.h"

/* The option before a bad value, "-n " before "x": popt names only the value when it stands apart. */
static const char *option_before(int argc, const char **argv, const char *value)
{
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], value) == 0 && value[0] != '-') return argv[i - 1];
    }
    return "";
}

enum status options_parse(const char *command, const char *usage, int argc, const char **argv,
                          const struct poptOption *table, size_t min, size_t max, char **arguments,
                          struct error *error)
{
    enum status status = STATUS_OK;
    char name[64];
    size_t count = 0;
    const char *argument;
    poptContext context;
    int result;

    snprintf(name, sizeof name, "unspot %s", command);
    argv[0] = name; /* popt prints it in the help text */
    context = poptGetContext(name, argc, argv, table, 0);
    poptSetOtherOptionHelp(context, usage);
    result = poptGetNextOpt(context);
    if (result < -1) {
        const char *bad = poptBadOption(context, 0), *option = option_before(argc, argv, bad);

        status = error_set(error, STATUS_USAGE, "%s: %s%s%s: %s (see %s --help)", name, option,
                           option[0] ? " " : "", bad, poptStrerror(result), name);
    }
    while (status == STATUS_OK && (argument = poptGetArg(context))) {
        if (count == max) {
            status = error_set(error, STATUS_USAGE, "%s: unexpected argument \"%s\" (see %s --help)", name,
                               argument, name);
        } else if (!(arguments[count++] = strdup(argument))) {
            status = error_set(error, STATUS_MEMORY, "out of memory for the command line");
        }
    }
    if (status == STATUS_OK && count < min) {
        status = error_set(error, STATUS_USAGE, "%s: too few arguments, usage: %s %s (see %s --help)", name,
                           name, usage, name);
    }
    poptFreeContext(context);
    return status;
}

size_t wavelength_count(double first, double last, double step)
{
    return (size_t)ceil((last + 0.5 * step - first) / step);
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
        return error_set(error, STATUS_USAGE, "--wavelength %s: more than a million bins", text);
    }
    return STATUS_OK;
}

enum status options_loglevel(const char *text, struct log *log, struct error *error)
{
    if (log_level_parse(text, &log->level)) return STATUS_OK;
    return error_set(error, STATUS_USAGE, "--loglevel %s: expected debug, info, warn or error", text);
}

enum status options_outputs(const struct named_file *files, size_t count, struct error *error)
{
    enum status status = STATUS_OK;

    for (size_t i = 0; i < count; i++) {
        if (!files[i].path || !files[i].is_output) continue;
        for (size_t k = 0; k < count; k++) {
            char other[4096];

            if (k == i || !files[k].path) continue;
            if (files[k].is_output)
                snprintf(other, sizeof other, "%s", files[k].path);
            else
                path_of_input(files[k].path, other, sizeof other);
            if (!output_same_file(files[i].path, other)) continue;
            return error_set(error, STATUS_USAGE, "%s and %s are the same file, %s", files[k].option,
                             files[i].option, files[i].path);
        }
    }
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        if (files[i].path && files[i].is_output) status = output_check(files[i].path, error);
    }
    return status;
}
