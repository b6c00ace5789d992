/* Command lines, read by popt; every mistake becomes one line and STATUS_USAGE. */
#ifndef UNSPOT_RUN_OPTIONS_H
#define UNSPOT_RUN_OPTIONS_H

#include <popt.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/log.h"
#include "base/status.h"

/* Error texts of all commands have one form, a line that says what is meant, what is wrong, and what to do:
 *
 *     --psf is missing (see unspot simulate --help)         an option that must be given
 *     --nspec 0: expected a number from 1 to 1e+06          an option with a bad value
 *     frame.fits: no HDU FLUX (it has: IVAR, MASK)          a file
 *     night.txt:7: a quotation does not end                 a line of a file
 */

/* A command line, and what it may hold. */
struct command_line {
    const char *command; /* as it stands in texts: "extract" */
    const char *usage;   /* what may follow: "[OPTIONS] A B" */
    int argc;
    const char **argv;
    const struct poptOption
        *options;     /* entries that store into variables (val = 0), then POPT_AUTOHELP (--help prints
                         to stdout and ends the program with 0) and POPT_TABLEEND */
    size_t min, max;  /* how many arguments that are no options there may be */
    char **arguments; /* [max] these, copied; NULL when max is 0 */
};

/* Parses. The caller frees the arguments, and every string that an option has set. STATUS_USAGE names the
 * option or argument that is wrong. */
enum status options_parse(const struct command_line *line, struct error *error);

/* STATUS_USAGE, "--psf is missing (see unspot simulate --help)". */
enum status options_missing(const char *command, const char *option, struct error *error);

enum { THREADS_MAX = 4096 };

/* STATUS_USAGE unless the number is from min to max; the error names the option. */
enum status options_range(const char *option, double value, double min, double max, struct error *error);

/* "6000,6100,0.8": first and last wavelength (included) and step, Angstrom. STATUS_USAGE when the text is
 * something else, the range is reversed, the step is not positive or the grid has more than a million bins.
 */
enum status options_wavelengths(const char *text, double *first, double *last, double *step,
                                struct error *error);

/* STATUS_USAGE, naming the option, unless text is a log level. */
enum status options_loglevel(const char *text, struct log *log, struct error *error);

/* The files of a command line. path may be NULL: not given. */
struct named_file {
    const char *option; /* "--output" */
    const char *path;
    bool is_output;
};

/* Each output can be written (io/output.h), and is not the same file as any other: an input would be lost. */
enum status options_outputs(const struct named_file *files, size_t count, struct error *error);

#endif
