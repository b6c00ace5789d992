/* The command line of unspot extract: spex's options, names and defaults (desi-conventions §1), and ours. */
#ifndef UNSPOT_EXTRACT_ARGUMENTS_H
#define UNSPOT_EXTRACT_ARGUMENTS_H

#include "base/status.h"

static const double psferr_of_psf = -1e300;

struct arguments {
    char *input, *psf, *output, *model; /* file names; model may be NULL */
    char *wavelength;                   /* "WMIN,WMAX,DW" or NULL */
    char *timing;                       /* file name or NULL */
    char *patch, *solver, *device, *backend, *progress, *loglevel;
    int specmin, nspec, bundlesize, nsubbundles, nwavestep, wavepad, threads, maskbits;
    double regularize, wavepad_frac, pixpad_frac;
    double psferr; /* psferr_of_psf: not given */
};

/* Parses, and checks everything that needs no other module. The caller releases *arguments with
 * arguments_free(), whatever the status. */
enum status arguments_parse(int argc, const char **argv, struct arguments *arguments, struct error *error);
void arguments_free(struct arguments *arguments);

#endif
