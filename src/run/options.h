/* Command lines, which popt reads. Every mistake of the user becomes one line of text and STATUS_USAGE. */
#ifndef UNSPOT_RUN_OPTIONS_H
#define UNSPOT_RUN_OPTIONS_H

#include <popt.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/log.h"
#include "base/status.h"

/* Error texts of all commands have one form. A line names the option or the file that is meant and says what
 * is wrong with it and what to do; the name of the command does not stand before it:
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

/* Reads a command line. The caller frees the arguments and every string that an option has set, whatever the
 * status. STATUS_USAGE, with a text that names the option or argument, when one is wrong or there are too few
 * or too many. */
enum status options_parse(const struct command_line *line, struct error *error);

/* Sets the text "--psf is missing (see unspot simulate --help)" and returns STATUS_USAGE. */
enum status options_missing(const char *command, const char *option, struct error *error);

enum { THREADS_MAX = 4096 }; /* the most that --threads takes */

/* STATUS_USAGE, with a text that names the option, unless value is a number from min
 * to max, both included. */
enum status options_range(const char *option, double value, double min, double max, struct error *error);

enum { OPTIONS_NUMBER = 32 }; /* characters of a number */

/* Writes a number so that it reads back as the same one, with as few digits as that takes, but no fewer than
 * six. Returns text. */
const char *options_number(double value, char text[OPTIONS_NUMBER]);

/* Reads a grid such as "6000,6100,0.8": the first and the last wavelength, which is included, and the step,
 * all in Angstrom. STATUS_USAGE when the text is something else, the range is reversed, the step is not
 * positive or the grid has more than a million bins. */
enum status options_wavelengths(const char *text, double *first, double *last, double *step,
                                struct error *error);

/* Sets the level of the log. STATUS_USAGE, with a text that names the option, when text is no level. */
enum status options_loglevel(const char *text, struct log *log, struct error *error);

/* A file of a command line. */
struct named_file {
    const char *option; /* "--output" */
    const char *path;   /* NULL when it was not given */
    bool is_output;
};

/* Checks that every output can be written and is another file than all the others, as an input would be lost.
 * STATUS_USAGE when two are the same, STATUS_IO when one cannot be written (output_check()). */
enum status options_outputs(const struct named_file *files, size_t count, struct error *error);

#endif
