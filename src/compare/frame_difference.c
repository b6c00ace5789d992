#include "compare/frame_difference.h"

#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static const double wave_tolerance = 1e-6; /* Angstrom */
static const double worthless_ivar =
    1e-4; /* as a fraction of the spectrum's median ivar; a bin below it has no usable pixels */

/* Two frames and the rows of theirs that belong together. */
struct pair {
    const struct frame *a, *b;
    size_t *row; /* [row of a]: the row of b with the same spectrum */
};

struct tolerances tolerances_default(void)
{
    return (struct tolerances){.flux = 1e-5,
                               .flux_relative = 2e-7,
                               .ivar = 1e-5 + 2e-7,
                               .resolution = 1e-5,
                               .chi2pix = 1e-4,
                               .pixmask = 1e-6};
}

const char *quantity_name(enum quantity quantity)
{
    static const char *const names[QUANTITY_COUNT] = {[QUANTITY_FLUX] = "flux",
                                                      [QUANTITY_IVAR] = "ivar",
                                                      [QUANTITY_RESOLUTION] = "resolution",
                                                      [QUANTITY_CHI2PIX] = "chi2pix",
                                                      [QUANTITY_PIXMASK] = "pixmask",
                                                      [QUANTITY_LOST] = "lost bins",
                                                      [QUANTITY_EMPTY] = "ivar 0 in one",
                                                      [QUANTITY_MASK] = "mask"};

    return names[quantity];
}

/* Takes a value and its limit into account; remembers where the worst was. */
static void note(struct difference *difference, double value, double limit, size_t spectrum, size_t wave)
{
    double excess;

    if (isnan(value)) value = INFINITY; /* a NaN must never pass as agreement */
    if (value > difference->largest) difference->largest = value;
    excess = value == 0 ? 0 : isfinite(value) && isfinite(limit) ? value / limit : INFINITY;
    if (difference->limited && excess > difference->excess) {
        difference->excess = excess;
        difference->spectrum = spectrum;
        difference->wave = wave;
    }
}

static bool both_known(const struct pair *pair, size_t s, size_t w)
{
    size_t nwave = pair->a->nwave;

    return pair->a->ivar[s * nwave + w] > 0 && pair->b->ivar[pair->row[s] * nwave + w] > 0;
}

/* Returns the difference in one bin, i of a and j of b, and sets its limit. */
static double bin_difference(const struct pair *pair, enum quantity quantity, size_t i, size_t j,
                             const struct tolerances *tolerances, double *limit)
{
    const struct frame *a = pair->a, *b = pair->b;
    double larger, root;

    switch (quantity) {
    case QUANTITY_FLUX:
        root = sqrt(b->ivar[j]);
        *limit = tolerances->flux + tolerances->flux_relative * fabs(b->flux[j]) * root;
        return fabs(a->flux[i] - b->flux[j]) * root;
    case QUANTITY_IVAR:
        *limit = tolerances->ivar;
        return fabs(a->ivar[i] - b->ivar[j]) / b->ivar[j];
    case QUANTITY_CHI2PIX:
        *limit = tolerances->chi2pix;
        larger = fmax(fabs(a->chi2pix[i]), fabs(b->chi2pix[j]));
        return larger == 0 ? 0 : fabs(a->chi2pix[i] - b->chi2pix[j]) / larger;
    default:
        *limit = tolerances->pixmask;
        return fabs(a->pixmask_fraction[i] - b->pixmask_fraction[j]);
    }
}

/* Compares flux, ivar, chi2pix or pixmask. values has room for one number for each bin. */
static void compare_bins(const struct pair *pair, enum quantity quantity, const struct tolerances *tolerances,
                         double *values, struct difference *difference)
{
    size_t nwave = pair->a->nwave;

    difference->available = difference->limited = true;
    for (size_t s = 0; s < pair->a->nspec; s++) {
        for (size_t w = 0; w < nwave; w++) {
            double value, limit;

            if (quantity != QUANTITY_PIXMASK && !both_known(pair, s, w)) continue;
            value =
                bin_difference(pair, quantity, s * nwave + w, pair->row[s] * nwave + w, tolerances, &limit);
            note(difference, value, limit, frame_spectrum(pair->a, s), w);
            values[difference->count++] = isnan(value) ? INFINITY : value;
        }
    }
    if (difference->count > 0) difference->median = gsl_stats_median(values, 1, difference->count);
}

/* Diagonal by diagonal, so that the values of one diagonal, one a bin, give the median; the largest median is
 * reported. */
static void compare_resolution(const struct pair *pair, const struct tolerances *tolerances, double *values,
                               struct difference *difference)
{
    const struct frame *a = pair->a, *b = pair->b;
    size_t nwave = a->nwave, half = a->ndiag / 2;

    difference->available = difference->limited = true;
    for (size_t k = 0; k < a->ndiag; k++) {
        size_t count = 0;

        for (size_t s = 0; s < a->nspec; s++) {
            for (size_t j = 0; j < nwave; j++) {
                size_t row = j + k - half; /* below 0 this wraps around, and is then beyond nwave */
                double value;

                if (row >= nwave || !both_known(pair, s, row)) continue;
                value = fabs((double)a->resolution[(s * a->ndiag + k) * nwave + j] -
                             (double)b->resolution[(pair->row[s] * b->ndiag + k) * nwave + j]);
                note(difference, value, tolerances->resolution, frame_spectrum(a, s), row);
                values[count++] = isnan(value) ? INFINITY : value;
            }
        }
        difference->count += count;
        if (count > 0) difference->median = fmax(difference->median, gsl_stats_median(values, 1, count));
    }
}

/* Returns the ivar below which a bin of this spectrum has no usable pixels. values has room for nwave
 * numbers. */
static double ivar_floor(const double *ivar, size_t nwave, double *values)
{
    size_t count = 0;

    for (size_t w = 0; w < nwave; w++) {
        if (ivar[w] > 0) values[count++] = ivar[w];
    }
    return count > 0 ? worthless_ivar * gsl_stats_median(values, 1, count) : 0;
}

static void count_bin(struct difference *difference, size_t spectrum, size_t wave)
{
    difference->count++;
    difference->largest = (double)difference->count;
    if (difference->limited && difference->excess == 0) {
        difference->excess = INFINITY; /* the limit is 0 */
        difference->spectrum = spectrum;
        difference->wave = wave;
    }
}

static void count_empty(const struct pair *pair, bool strict, double *values, struct difference *lost,
                        struct difference *empty)
{
    size_t nwave = pair->a->nwave;

    lost->available = lost->limited = empty->available = true;
    empty->limited = strict;
    for (size_t s = 0; s < pair->a->nspec; s++) {
        const double *a = pair->a->ivar + s * nwave, *b = pair->b->ivar + pair->row[s] * nwave;
        double floor_a = ivar_floor(a, nwave, values), floor_b = ivar_floor(b, nwave, values);

        for (size_t w = 0; w < nwave; w++) {
            bool known_a = a[w] > 0, known_b = b[w] > 0;

            if (isnan(a[w]) || isnan(b[w])) count_bin(lost, frame_spectrum(pair->a, s), w);
            if (known_a == known_b) continue;
            count_bin(empty, frame_spectrum(pair->a, s), w);
            if (known_a ? a[w] > floor_a : b[w] > floor_b) count_bin(lost, frame_spectrum(pair->a, s), w);
        }
    }
}

static void count_masks(const struct pair *pair, bool strict, struct difference *difference)
{
    size_t nwave = pair->a->nwave;

    difference->available = true;
    difference->limited = strict;
    for (size_t s = 0; s < pair->a->nspec; s++) {
        for (size_t w = 0; w < nwave; w++) {
            if (pair->a->mask[s * nwave + w] != pair->b->mask[pair->row[s] * nwave + w]) {
                count_bin(difference, frame_spectrum(pair->a, s), w);
            }
        }
    }
}

static enum status check_pair(struct pair *pair, struct error *error)
{
    const struct frame *a = pair->a, *b = pair->b;

    for (size_t s = 0; s < a->nspec; s++) {
        size_t spectrum = frame_spectrum(a, s), row = 0;

        while (row < b->nspec && frame_spectrum(b, row) != spectrum) row++;
        if (row == b->nspec) {
            return error_set(error, STATUS_MISMATCH, "the first frame has spectrum %zu, the second does not",
                             spectrum);
        }
        pair->row[s] = row;
    }
    if (a->nwave != b->nwave) {
        return error_set(error, STATUS_MISMATCH, "the frames have %zu and %zu wavelengths", a->nwave,
                         b->nwave);
    }
    for (size_t w = 0; w < a->nwave; w++) {
        if (!(fabs(a->wave[w] - b->wave[w]) <= wave_tolerance)) {
            return error_set(error, STATUS_MISMATCH,
                             "the frames' wavelengths differ: number %zu is %.7f and %.7f Angstrom", w,
                             a->wave[w], b->wave[w]);
        }
    }
    if (a->resolution && b->resolution && a->ndiag != b->ndiag) {
        return error_set(error, STATUS_MISMATCH, "the resolution matrices have %zu and %zu diagonals",
                         a->ndiag, b->ndiag);
    }
    return STATUS_OK;
}

enum status frame_difference(const struct frame *a, const struct frame *b,
                             const struct tolerances *tolerances, struct frame_difference *difference,
                             struct error *error)
{
    struct pair pair = {.a = a, .b = b};
    struct difference *quantity = difference->quantity;
    double *values = memory_zeroed(a->nspec * a->nwave, sizeof(double));
    enum status status;

    pair.row = memory_zeroed(a->nspec, sizeof(size_t));
    status = values && pair.row ? check_pair(&pair, error) : memory_error(error, "comparison");
    if (status != STATUS_OK) goto done;
    memset(difference, 0, sizeof *difference);
    difference->nspec = a->nspec;
    difference->nwave = a->nwave;
    compare_bins(&pair, QUANTITY_FLUX, tolerances, values, &quantity[QUANTITY_FLUX]);
    compare_bins(&pair, QUANTITY_IVAR, tolerances, values, &quantity[QUANTITY_IVAR]);
    if (a->resolution && b->resolution) {
        compare_resolution(&pair, tolerances, values, &quantity[QUANTITY_RESOLUTION]);
    }
    if (a->chi2pix && b->chi2pix) {
        compare_bins(&pair, QUANTITY_CHI2PIX, tolerances, values, &quantity[QUANTITY_CHI2PIX]);
    }
    if (a->pixmask_fraction && b->pixmask_fraction) {
        compare_bins(&pair, QUANTITY_PIXMASK, tolerances, values, &quantity[QUANTITY_PIXMASK]);
    }
    count_empty(&pair, tolerances->strict_mask, values, &quantity[QUANTITY_LOST], &quantity[QUANTITY_EMPTY]);
    if (a->mask && b->mask) count_masks(&pair, tolerances->strict_mask, &quantity[QUANTITY_MASK]);
done:
    free(values);
    free(pair.row);
    return status;
}

enum quantity frame_difference_worst(const struct frame_difference *difference)
{
    enum quantity worst = QUANTITY_COUNT;
    double excess = 1;

    for (int k = 0; k < QUANTITY_COUNT; k++) {
        if (difference->quantity[k].excess > excess) {
            excess = difference->quantity[k].excess;
            worst = (enum quantity)k;
        }
    }
    return worst;
}
