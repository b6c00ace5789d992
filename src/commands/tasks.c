/* unspot tasks: the frames of a night or an exposure, from DESI's folders, as a table for unspot batch. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/grid.h"
#include "base/memory.h"
#include "commands/command.h"
#include "io/output.h"
#include "io/path.h"
#include "run/options.h"

enum { PETALS = 10, NAME = 1024, PATH = 4096 };

struct tasks_options {
    char *desi, *night, *expid, *cameras, *to, *output, *loglevel;
    int model;
    struct log log;
};

/* What desi_proc passes to desi_extract_spectra for the cameras of one kind, beside their grid. */
static const char *const camera_psferr[PRODUCTION_GRIDS] = {"0.04", "0.01", "0.01"}; /* as production_grids */

enum { KINDS = PRODUCTION_GRIDS, DESI_MASKBITS = 767 };

static void free_tasks_options(struct tasks_options *options)
{
    free(options->desi);
    free(options->night);
    free(options->expid);
    free(options->cameras);
    free(options->to);
    free(options->output);
    free(options->loglevel);
}

static bool is_digits(const char *text, size_t min, size_t max)
{
    size_t length = strspn(text, "0123456789");

    return length >= min && length <= max && text[length] == '\0';
}

/* Sets wanted[kind][petal] from a list such as "b0,r3,z", in which a letter alone
 * stands for its ten cameras. */
static enum status parse_cameras(const char *text, bool wanted[KINDS][PETALS], struct error *error)
{
    memset(wanted, 0, sizeof(bool[KINDS][PETALS]));
    for (const char *c = text;; c++) {
        const struct production_grid *kind = NULL;
        bool all;

        for (int i = 0; i < KINDS; i++) {
            if (*c && tolower((unsigned char)*c) == production_grids[i].camera) kind = &production_grids[i];
        }
        all = kind && !isdigit((unsigned char)c[1]);
        if (kind) {
            for (int petal = 0; petal < PETALS; petal++)
                wanted[kind - production_grids][petal] |= all || petal == c[1] - '0';
            c += all ? 1 : 2;
        }
        if (!kind || (*c && *c != ',')) {
            return error_set(error, STATUS_USAGE,
                             "--cameras %s: expected a list such as b0,r0,z (z: z0 to z9)", text);
        }
        if (!*c) return STATUS_OK;
    }
}

static enum status parse_tasks(int argc, const char **argv, struct tasks_options *options,
                               bool wanted[KINDS][PETALS], struct error *error)
{
    const struct poptOption table[] = {
        {"desi", 0, POPT_ARG_STRING, &options->desi, 0,
         "a production: the folder that holds preproc/ and exposures/ or calibnight/", "DIR"},
        {"night", 0, POPT_ARG_STRING, &options->night, 0, "night to list", "YYYYMMDD"},
        {"expid", 0, POPT_ARG_STRING, &options->expid, 0, "this exposure only", "N"},
        {"cameras", 0, POPT_ARG_STRING, &options->cameras, 0,
         "these cameras only, such as b0,r0,z (z: z0 to z9)", "LIST"},
        {"to", 0, POPT_ARG_STRING, &options->to, 0,
         "where exposures/NIGHT/EXPID/frame-* will be written, an existing folder; these folders are made "
         "there; without it: DIR of --desi",
         "DIR"},
        {"model", 0, POPT_ARG_NONE, &options->model, 0, "also model images, exposures/NIGHT/EXPID/model-*",
         NULL},
        {"output", 'o', POPT_ARG_STRING, &options->output, 0, "table to write; without it: standard output",
         "FILE"},
        {"loglevel", 0, POPT_ARG_STRING, &options->loglevel, 0, "debug, info (the default), warn or error",
         "LEVEL"},
        POPT_AUTOHELP POPT_TABLEEND};
    const struct command_line line = {.command = "tasks",
                                      .usage = "--desi DIR --night YYYYMMDD [OPTIONS]",
                                      .argc = argc,
                                      .argv = argv,
                                      .options = table};
    enum status status = options_parse(&line, error);

    if (status != STATUS_OK) return status;
    if (!options->desi) return options_missing("tasks", "--desi", error);
    if (!options->night) return options_missing("tasks", "--night", error);
    if (!is_digits(options->night, 8, 8))
        return error_set(error, STATUS_USAGE, "--night %s: expected YYYYMMDD", options->night);
    if (options->expid && !is_digits(options->expid, 1, 8))
        return error_set(error, STATUS_USAGE, "--expid %s: expected a number of up to 8 digits",
                         options->expid);
    status = options_loglevel(options->loglevel ? options->loglevel : "info", &options->log, error);
    return status == STATUS_OK ? parse_cameras(options->cameras ? options->cameras : "b,r,z", wanted, error)
                               : status;
}

/* Whether an entry of a folder is that of an exposure, whose name has 8 digits. */
static int is_exposure(const struct dirent *entry)
{
    return is_digits(entry->d_name, 8, 8);
}

static bool exists(const char *name, char *found, size_t size)
{
    struct stat info;

    path_of_input(name, found, size);
    return stat(found, &info) == 0;
}

/* Finds the PSF that was fitted or shifted for this exposure, or else that of the night. */
static bool find_psf(const struct tasks_options *options, const char *expid, const char *camera, char *found)
{
    char name[PATH];

    snprintf(name, sizeof name, "%s/exposures/%s/%s/psf-%s-%s.fits", options->desi, options->night, expid,
             camera, expid);
    if (exists(name, found, PATH)) return true;
    snprintf(name, sizeof name, "%s/calibnight/%s/psfnight-%s-%s.fits", options->desi, options->night, camera,
             options->night);
    return exists(name, found, PATH);
}

/* Prints a name, in quotation marks where it needs them, so that unspot batch reads it back. */
static void print_name(FILE *file, const char *name)
{
    bool plain = name[strcspn(name, " \t\r'\"\\#")] == '\0';

    if (!plain) putc('"', file);
    for (const char *c = name; *c; c++) {
        if (*c == '"' || *c == '\\') putc('\\', file);
        putc(*c, file);
    }
    if (!plain) putc('"', file);
    putc(' ', file);
}

/* Prints the line of a camera. Returns 1, or 0 when it has no image or no PSF. */
static size_t print_camera(FILE *file, const struct tasks_options *options, const char *expid, int kind,
                           int petal)
{
    const struct production_grid *grid = &production_grids[kind];
    char camera[3] = {grid->camera, (char)('0' + petal), '\0'};
    char image[PATH], psf[PATH], name[PATH], folder[PATH / 2];

    snprintf(name, sizeof name, "%s/preproc/%s/%s/preproc-%s-%s.fits.gz", options->desi, options->night,
             expid, camera, expid);
    if (!exists(name, image, sizeof image)) return 0;
    if (!find_psf(options, expid, camera, psf)) {
        log_warning(&options->log, "exposure %s, camera %s: an image, but no PSF: left out", expid, camera);
        return 0;
    }
    print_name(file, image);
    print_name(file, psf);
    snprintf(folder, sizeof folder, "%s/exposures/%s/%s", options->to ? options->to : options->desi,
             options->night, expid);
    snprintf(name, sizeof name, "%s/frame-%s-%s.fits.gz", folder, camera, expid);
    print_name(file, name);
    fprintf(file, "%g,%g,%g ", grid->first, grid->last, grid->step);
    snprintf(name, sizeof name, "%s/model-%s-%s.fits.gz", folder, camera, expid);
    print_name(file, options->model ? name : "-");
    fprintf(file, "--psferr %s --maskbits %d\n", camera_psferr[kind], DESI_MASKBITS);
    return 1;
}

/* Makes the folders exposures/NIGHT/EXPID beneath an existing one. */
static enum status make_folders(const struct tasks_options *options, const char *expid, struct error *error)
{
    const char *parts[3] = {"exposures", options->night, expid};
    char folder[PATH];
    size_t length = (size_t)snprintf(folder, NAME, "%s", options->to ? options->to : options->desi);

    if (length >= NAME) return error_set(error, STATUS_USAGE, "%.200s...: the name is too long", folder);
    for (int i = 0; i < 3; i++) {
        length += (size_t)snprintf(folder + length, sizeof folder - length, "/%s", parts[i]);
        if (mkdir(folder, 0777) == 0 || errno == EEXIST) continue;
        return error_set(error, STATUS_IO, "%s: cannot make this folder: %s", folder, strerror(errno));
    }
    return STATUS_OK;
}

static enum status print_exposure(FILE *file, const struct tasks_options *options, const char *expid,
                                  bool wanted[KINDS][PETALS], size_t *count, struct error *error)
{
    size_t before = *count;

    if (options->expid && atol(options->expid) != atol(expid)) return STATUS_OK;
    for (int kind = KINDS - 1; kind >= 0;
         kind--) { /* z comes first, so that the longest frames are begun early */
        for (int petal = 0; petal < PETALS; petal++) {
            if (wanted[kind][petal]) *count += print_camera(file, options, expid, kind, petal);
        }
    }
    return *count > before ? make_folders(options, expid, error) : STATUS_OK;
}

static enum status print_night(FILE *file, const struct tasks_options *options, bool wanted[KINDS][PETALS],
                               struct error *error)
{
    char folder[PATH];
    struct dirent **exposure = NULL;
    size_t frames = 0;
    enum status status = STATUS_OK;
    int count;

    snprintf(folder, sizeof folder, "%s/preproc/%s", options->desi, options->night);
    count = scandir(folder, &exposure, is_exposure, alphasort);
    if (count < 0) return error_set(error, STATUS_IO, "%s: cannot be listed: %s", folder, strerror(errno));
    fprintf(file, "# night %s of %s: image psf output wavelength model options\n", options->night,
            options->desi);
    for (int i = 0; i < count; i++) {
        if (status == STATUS_OK)
            status = print_exposure(file, options, exposure[i]->d_name, wanted, &frames, error);
        free(exposure[i]);
    }
    free(exposure);
    if (status != STATUS_OK) return status;
    if (frames == 0)
        return error_set(error, STATUS_IO, "%s: no such frames with a PSF in it%s%s", folder,
                         options->expid ? ", of exposure " : "", options->expid ? options->expid : "");
    log_info(&options->log, "%zu frames", frames);
    return STATUS_OK;
}

static enum status write_file(const char *path, const char *text, struct error *error)
{
    struct output output;
    enum status status = output_begin(&output, path, error);
    FILE *file;
    bool good;

    if (status != STATUS_OK) return status;
    file = fopen(output.temporary, "w");
    good = file && fputs(text, file) >= 0;
    if (file) good = fclose(file) == 0 && good;
    if (good) return output_commit(&output, error);
    status = error_set(error, STATUS_IO, "%s: cannot write: %s", path, strerror(errno));
    output_abandon(&output);
    return status;
}

/* Makes the whole table in memory first, so that a failure leaves no half of it. */
static enum status list_night(const struct tasks_options *options, bool wanted[KINDS][PETALS],
                              struct error *error)
{
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    enum status status;

    if (!memory) return memory_error(error, "table of tasks");
    status = print_night(memory, options, wanted, error);
    if (fclose(memory) != 0 && status == STATUS_OK) status = memory_error(error, "table of tasks");
    if (status == STATUS_OK && options->output) {
        status = write_file(options->output, text, error);
    } else if (status == STATUS_OK && (fputs(text, stdout) < 0 || fflush(stdout) != 0)) {
        status = error_set(error, STATUS_IO, "standard output: cannot write: %s", strerror(errno));
    }
    free(text);
    return status;
}

enum status tasks_command(int argc, const char **argv, struct error *error)
{
    struct tasks_options options = {0};
    bool wanted[KINDS][PETALS];
    enum status status = parse_tasks(argc, argv, &options, wanted, error);

    if (status == STATUS_OK) status = list_night(&options, wanted, error);
    free_tasks_options(&options);
    return status;
}
