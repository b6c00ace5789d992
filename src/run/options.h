/* Command lines, read by popt; every mistake becomes one line and STATUS_USAGE. */
#ifndef UNSPOT_RUN_OPTIONS_H
#define UNSPOT_RUN_OPTIONS_H

#include <popt.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/log.h"
#include "base/status.h"

/* Parses argv by a popt table whose entries store into variables (val = 0), ending in POPT_AUTOHELP (--help
 * prints to stdout and ends the program with 0) and POPT_TABLEEND. command is what stands in texts,
 * "extract"; usage describes the arguments, "[OPTIONS] A B". Up to max arguments that are not options are
 * copied into arguments (strings that the caller frees, like every POPT_ARG_STRING); more of them are an
 * error, and so are fewer than min. */
enum status options_parse(const char *command, const char *usage, int argc, const char **argv,
                          const struct poptOption *table, size_t min, size_t max, char **arguments,
                          struct error *error);

/* "6000,6100,0.8": first and last wavelength (included) and step, Angstrom. STATUS_USAGE when the text is
 * something else, the range is reversed, the step is not positive or the grid has more than a million bins.
 */
enum status options_wavelengths(const char *text, double *first, double *last, double *step,
                                struct error *error);

/* Number of bins of such a grid, the last one included: np.arange(first, last + step/2, step). */
size_t wavelength_count(double first, double last, double step);

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
