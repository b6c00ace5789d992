/* unspot compare: says how two frames, or a frame and the truth, differ. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands/command.h"
#include "compare/frame_difference.h"
#include "compare/truth_pulls.h"
#include "io/frame_file.h"
#include "io/truth_file.h"
#include "run/options.h"

struct compare_options {
    char *files[2], *truth;
    struct tolerances tolerances;
    double pull_mean, pull_sigma;
    int strict_mask;
};

static enum status parse_compare(int argc, const char **argv, struct compare_options *options,
                                 struct error *error)
{
    const int number = POPT_ARG_DOUBLE | POPT_ARGFLAG_SHOW_DEFAULT;
    struct tolerances *limit = &options->tolerances;
    const struct poptOption table[] = {
        {"truth", 0, POPT_ARG_STRING, &options->truth, 0,
         "compare A with true spectra (of unspot simulate), smoothed by A's resolution matrix, instead of B",
         "FILE"},
        {"flux-tolerance", 0, number, &limit->flux, 0, "limit of |A - B| sqrt(ivar), sigma", "X"},
        {"flux-relative", 0, number, &limit->flux_relative, 0,
         "adds X |flux| sqrt(ivar) to that limit: the rounding of float32", "X"},
        {"ivar-tolerance", 0, number, &limit->ivar, 0, "limit of |A - B| / B of ivar", "X"},
        {"resolution-tolerance", 0, number, &limit->resolution, 0,
         "limit of |A - B| of the resolution matrix", "X"},
        {"chi2pix-tolerance", 0, number, &limit->chi2pix, 0, "limit of |A - B| / max(A, B) of chi2pix", "X"},
        {"pixmask-tolerance", 0, number, &limit->pixmask, 0, "limit of |A - B| of PIXMASKFRAC", "X"},
        {"strict-mask", 0, POPT_ARG_NONE, &options->strict_mask, 0,
         "different masks, and any bin with ivar 0 in one frame only, are differences too; otherwise only "
         "bins "
         "that have ivar 0 in one and more than 1e-4 of the spectrum's median ivar in the other",
         NULL},
        {"pull-mean", 0, number, &options->pull_mean, 0, "with --truth: limit of |mean| of the pulls", "X"},
        {"pull-sigma", 0, number, &options->pull_sigma, 0, "with --truth: limit of |sigma - 1| of the pulls",
         "X"},
        POPT_AUTOHELP POPT_TABLEEND};
    const struct command_line line = {.command = "compare",
                                      .usage = "A B | A --truth FILE",
                                      .argc = argc,
                                      .argv = argv,
                                      .options = table,
                                      .min = 1,
                                      .max = 2,
                                      .arguments = options->files};
    enum status status = options_parse(&line, error);

    limit->strict_mask = options->strict_mask != 0;
    if (status != STATUS_OK) return status;
    if (options->files[1] && options->truth) {
        return error_set(error, STATUS_USAGE, "--truth %s: not together with a second frame, %s",
                         options->truth, options->files[1]);
    }
    if (!options->files[1] && !options->truth) {
        return options_missing("compare", "a second frame or --truth", error);
    }
    return STATUS_OK;
}

static void format_limit(enum quantity quantity, const struct tolerances *tolerances, char *text, size_t size)
{
    switch (quantity) {
    case QUANTITY_FLUX:
        snprintf(text, size, "%.3g + %.3g S/N", tolerances->flux, tolerances->flux_relative);
        break;
    case QUANTITY_IVAR:
        snprintf(text, size, "%.3g", tolerances->ivar);
        break;
    case QUANTITY_RESOLUTION:
        snprintf(text, size, "%.3g", tolerances->resolution);
        break;
    case QUANTITY_CHI2PIX:
        snprintf(text, size, "%.3g", tolerances->chi2pix);
        break;
    case QUANTITY_PIXMASK:
        snprintf(text, size, "%.3g", tolerances->pixmask);
        break;
    default:
        snprintf(text, size, "0");
    }
}

static void print_difference(const struct difference *difference, enum quantity quantity,
                             const struct tolerances *tolerances, const double *wave)
{
    static const char *const labels[QUANTITY_COUNT] = {
        [QUANTITY_FLUX] = "flux, sigma",      [QUANTITY_IVAR] = "ivar, relative",
        [QUANTITY_RESOLUTION] = "resolution", [QUANTITY_CHI2PIX] = "chi2pix, relative",
        [QUANTITY_PIXMASK] = "pixmask",       [QUANTITY_LOST] = "lost bins",
        [QUANTITY_EMPTY] = "ivar 0 in one",   [QUANTITY_MASK] = "different masks"};
    bool counts = quantity >= QUANTITY_LOST;
    char limit[64] = "-";

    printf("%-18s ", labels[quantity]);
    if (!difference->available) {
        printf("%11s %11s %10s %-18s absent\n", "-", "-", "-", "-");
        return;
    }
    if (difference->limited) format_limit(quantity, tolerances, limit, sizeof limit);
    if (counts) {
        printf("%11s %11s %10zu %-18s ", "-", "-", difference->count, limit);
    } else {
        printf("%11.3g %11.3g %10zu %-18s ", difference->largest, difference->median, difference->count,
               limit);
    }
    if (difference->excess > 1) {
        printf("DIFFERS, spectrum %zu at %.2f A\n", difference->spectrum, wave[difference->wave]);
    } else {
        printf("%s\n", difference->limited ? "ok" : "not checked");
    }
}

/* Puts the names of the files that do not fit together before what is wrong. */
static void name_files(const char *first, const char *second, struct error *error)
{
    const struct error cause = *error;

    error_set(error, cause.status, "%s, %s: %s", first, second, cause.text);
}

static enum status compare_frames(const struct compare_options *options, const struct frame *a,
                                  struct error *error)
{
    struct frame b = {.nspec = 0};
    struct frame_difference difference;
    enum quantity worst;
    enum status status = frame_file_read(options->files[1], &b, error);

    if (status == STATUS_OK) {
        status = frame_difference(a, &b, &options->tolerances, &difference, error);
        if (status == STATUS_MISMATCH) name_files(options->files[0], options->files[1], error);
    }
    if (status != STATUS_OK) goto cleanup;
    printf("%zu spectra from %zu, %zu wavelengths from %.4f Angstrom\n", a->nspec, a->specmin, a->nwave,
           a->wave[0]);
    printf("%-18s %11s %11s %10s %-18s\n", "quantity", "largest", "median", "bins", "limit");
    for (int k = 0; k < QUANTITY_COUNT; k++) {
        print_difference(&difference.quantity[k], (enum quantity)k, &options->tolerances, a->wave);
    }
    worst = frame_difference_worst(&difference);
    if (worst != QUANTITY_COUNT) {
        const struct difference *at = &difference.quantity[worst];

        status = error_set(error, STATUS_DIFFERENT,
                           "%s and %s differ: worst is %s, %.3g, %.3g times its limit, spectrum %zu at %.2f "
                           "Angstrom",
                           options->files[0], options->files[1], quantity_name(worst), at->largest,
                           at->excess, at->spectrum, a->wave[at->wave]);
    }
cleanup:
    frame_free(&b);
    return status;
}

static bool print_pull(const char *name, double value, double error, double target, double limit)
{
    bool ok = fabs(value - target) <= limit; /* false for NaN */

    printf("%-18s %10.5f +- %-9.5f %g +- %-9g %s\n", name, value, error, target, limit,
           ok ? "ok" : "DIFFERS");
    return ok;
}

static enum status compare_truth(const struct compare_options *options, const struct frame *frame,
                                 struct error *error)
{
    struct truth truth = {.nspec = 0};
    struct pulls pulls;
    bool mean_ok, sigma_ok;
    enum status status = truth_file_read(options->truth, &truth, error);

    if (status == STATUS_OK) {
        status = frame_pulls(frame, &truth, &pulls, error);
        if (status == STATUS_MISMATCH) name_files(options->files[0], options->truth, error);
    }
    if (status != STATUS_OK) goto cleanup;
    printf("pulls (flux - R truth) sqrt(ivar) of %zu unmasked bins of %zu spectra\n", pulls.count,
           frame->nspec);
    printf("%-18s %10s    %-9s %s\n", "quantity", "value", "error", "limit");
    mean_ok = print_pull("mean", pulls.mean, pulls.mean_error, 0, options->pull_mean);
    sigma_ok = print_pull("sigma", pulls.sigma, pulls.sigma_error, 1, options->pull_sigma);
    printf("%-18s %10.5f\n%-18s %10.5f\n%-18s %10.3g\n", "median", pulls.median, "robust sigma",
           pulls.robust_sigma, "beyond 5 sigma", pulls.beyond_5);
    printf("%-18s %10.5f\n%-18s %10.5f\n", "least row sum of R", pulls.row_sum_min, "largest row sum",
           pulls.row_sum_max);
    if (!mean_ok || !sigma_ok) {
        status = error_set(error, STATUS_DIFFERENT,
                           "%s does not fit the truth in %s: worst is the %s of the pulls, %.4g",
                           options->files[0], options->truth, mean_ok ? "sigma" : "mean",
                           mean_ok ? pulls.sigma : pulls.mean);
    }
cleanup:
    truth_free(&truth);
    return status;
}

enum status compare_command(int argc, const char **argv, struct error *error)
{
    struct compare_options options = {
        .tolerances = tolerances_default(), .pull_mean = 0.02, .pull_sigma = 0.02};
    struct frame frame = {.nspec = 0};
    enum status status = parse_compare(argc, argv, &options, error);

    if (status == STATUS_OK) status = frame_file_read(options.files[0], &frame, error);
    if (status == STATUS_OK) {
        status =
            options.truth ? compare_truth(&options, &frame, error) : compare_frames(&options, &frame, error);
    }
    frame_free(&frame);
    free(options.files[0]);
    free(options.files[1]);
    free(options.truth);
    return status;
}
