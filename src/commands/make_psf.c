/* unspot make-psf: writes a synthetic PSF. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/psf.h"
#include "commands/command.h"
#include "io/output.h"
#include "io/psf_file.h"
#include "run/options.h"
#include "simulate/synthetic_psf.h"

enum status make_psf_command(int argc, const char **argv, struct error *error)
{
    enum status status;
    char *output = NULL, *camera = NULL;
    int nspec = SYNTHETIC_FIBERS, tails = 0;
    struct psf psf = {.nspec = 0};
    const struct poptOption table[] = {
        {"output", 'o', POPT_ARG_STRING, &output, 0, "PSF file to write (PSFVER 3)", "FILE"},
        {"camera", 0, POPT_ARG_STRING, &camera, 0,
         "b (3600-5800 A), r (5760-7620 A, the default) or z (7520-9824 A)", "b|r|z"},
        {"nspec", 0, POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT, &nspec, 0,
         "number of fibers, from the left edge of the CCD", "N"},
        {"tails", 0, POPT_ARG_NONE, &tails, 0, "with tails that hold about 1e-3 of the light", NULL},
        POPT_AUTOHELP POPT_TABLEEND};

    const struct command_line line = {
        .command = "make-psf", .usage = "-o FILE [OPTIONS]", .argc = argc, .argv = argv, .options = table};

    status = options_parse(&line, error);
    if (status == STATUS_OK && !output) status = options_missing("make-psf", "--output", error);
    if (status == STATUS_OK && camera && strlen(camera) != 1)
        status = error_set(error, STATUS_USAGE, "--camera %s: expected b, r or z", camera);
    if (status == STATUS_OK) status = options_range("--nspec", nspec, 1, SYNTHETIC_FIBERS, error);
    if (status == STATUS_OK)
        status = synthetic_psf(camera ? camera[0] : 'r', (size_t)nspec, tails != 0, &psf, error);
    if (status == STATUS_OK) status = output_check(output, error);
    if (status == STATUS_OK) status = psf_file_write(output, &psf, error);
    psf_free(&psf);
    free(output);
    free(camera);
    return status;
}
