/* The command line of unspot extract: the options of gpu_specter's spex, with their names and defaults, and
 * some of its own. */
#ifndef UNSPOT_EXTRACT_ARGUMENTS_H
#define UNSPOT_EXTRACT_ARGUMENTS_H

#include "base/status.h"

struct arguments {
    char *input, *psf, *output, *model; /* file names; model may be NULL */
    char *wavelength;                   /* "WMIN,WMAX,DW" or NULL */
    char *timing;                       /* file name or NULL */
    char *bad2dfit, *patch, *solver, *device, *backend, *progress, *loglevel;
    int specmin; /* specmin_of_psf (extract/options.h): not given */
    int nspec, bundlesize, nsubbundles, nwavestep, wavepad, threads, maskbits;
    double regularize, wavepad_frac, pixpad_frac;
    double psferr; /* psferr_of_psf (extract/options.h): not given */
};

/* Parses, and checks that no file name is missing; what the values say is checked by session_begin().
 * STATUS_USAGE names the option. The caller releases *arguments with arguments_free(),
 * whatever the status. */
enum status arguments_parse(int argc, const char **argv, struct arguments *arguments, struct error *error);
void arguments_free(struct arguments *arguments);

/* Writes, in lines "--option value", all that the frame, its files and the messages between ranks depend on;
 * NULL without memory. The caller frees it. */
char *arguments_text(const struct arguments *arguments);

#endif
