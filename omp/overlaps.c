#include "omp/overlaps.h"

#include <math.h>
#include <omp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "omp/footprint.h"
#include "omp/spot_kernel.h"

enum { BLOCK = 32 }; /* wavelengths weighted at a time: 93 KB for DESI's spots */

/* A row of the weighted spot stands between SPOT_LANES zeros on either side, so that a sum runs over whole
 * lanes: what it reads of the other spot beyond the shared columns meets a zero. */
static size_t scratch_row(const struct spots *spots)
{
    return SPOT_LANES + spots->nx + SPOT_LANES;
}

size_t overlaps_scratch_size(const struct spots *spots)
{
    return memory_round_up(scratch_row(spots) * spots->ny * sizeof(double)) / sizeof(double);
}

enum status overlaps_alloc(struct overlaps *overlaps, const struct spots *spots, size_t nspec, size_t nwave,
                           size_t band, size_t reach, struct error *error)
{
    *overlaps = (struct overlaps){.band = band, .reach = reach};
    overlaps->sum = memory_raw(nspec * nwave, (band + 1) * (2 * reach + 1) * sizeof(double));
    overlaps->y = memory_zeroed(nspec * nwave, sizeof(double));
    overlaps->weight = memory_zeroed(nspec * nwave, sizeof(double));
    overlaps->masked = memory_zeroed(nspec * nwave, sizeof(double));
    overlaps->scratch =
        memory_zeroed((size_t)omp_get_max_threads() * BLOCK * overlaps_scratch_size(spots), sizeof(double));
    if (overlaps->sum && overlaps->y && overlaps->weight && overlaps->masked && overlaps->scratch)
        return STATUS_OK;
    overlaps_free(overlaps);
    return memory_error(error, "overlaps of a bundle's spots");
}

void overlaps_free(struct overlaps *overlaps)
{
    free(overlaps->sum);
    free(overlaps->y);
    free(overlaps->weight);
    free(overlaps->masked);
    free(overlaps->scratch);
    memset(overlaps, 0, sizeof *overlaps);
}

/* Puts a spot times the weights of its pixels into the scratch, those of the rows asked for. */
static struct spot_sums weigh(const struct spots *spots, const struct pixels *pixels, size_t spot,
                              int row_min, int row_max, double *scratch)
{
    int column = spots->column[spot], row0 = spots->row[spot];
    int first = max_int(0, -column), last = min_int((int)spots->nx, (int)pixels->nx - column);
    int row_first = max_int(row0, max_int(row_min, 0));
    int row_last = min_int(row0 + (int)spots->ny, min_int(row_max, (int)pixels->ny));
    size_t stride = scratch_row(spots);
    const double *value = spots->value + spot * spots->nx * spots->ny;
    double sum_y = 0, sum_weight = 0, usable = 0;
    size_t count = 0;

    memset(scratch, 0, spots->ny * stride * sizeof(double));
    for (int row = row_first; row < row_last; row++) {
        const double *a = value + (size_t)(row - row0) * spots->nx;
        double *wa = scratch + (size_t)(row - row0) * stride + SPOT_LANES;
        const float *image = pixels->image + (ptrdiff_t)row * (ptrdiff_t)pixels->nx + column;
        const float *ivar = pixels->ivar + (ptrdiff_t)row * (ptrdiff_t)pixels->nx + column;

#pragma omp simd reduction(+ : sum_y, sum_weight, usable, count)
        for (int c = first; c < last; c++) {
            double w = ivar[c];

            wa[c] = w * a[c];
            sum_y += wa[c] * (double)image[c];
            sum_weight += wa[c];
            usable += w > 0 ? a[c] : 0;
            count += w > 0;
        }
    }
    return (struct spot_sums){.y = sum_y,
                              .weight = sum_weight,
                              .masked =
                                  count == spots->nx * spots->ny && usable > 0 ? 0 : fmax(0, 1 - usable)};
}

/* SPOT_LANES numbers, from any address: clang 19 does not make one register of a loop over so few. */
typedef double lanes
    __attribute__((vector_size(SPOT_LANES * sizeof(double)), aligned(sizeof(double)), may_alias));

enum { GROUPS = 3 }; /* lanes of columns at a time: DESI's 17 columns */

/* Σ over ny rows of `groups` <= GROUPS lanes of products: always inlined, once for each constant. */
__attribute__((always_inline)) static inline double
sum_products(int groups, size_t ny, const double *a, size_t stride_a, const double *b, size_t stride_b)
{
    lanes sum[GROUPS] = {{0}};
    double total = 0;

    for (size_t row = 0; row < ny; row++, a += stride_a, b += stride_b) {
        for (int g = 0; g < groups; g++) {
            sum[g] += *(const lanes *)(a + g * SPOT_LANES) * *(const lanes *)(b + g * SPOT_LANES);
        }
    }
    for (int g = 1; g < groups; g++) sum[0] += sum[g];
    for (int lane = 0; lane < SPOT_LANES; lane++) total += sum[0][lane];
    return total;
}

/* Σ over the pixels that the weighted spot shares with another. Lanes beyond the shared columns must meet the
 * zeros beside the weighted rows: on their right where the other spot is shifted to the right, else on their
 * left. */
static double overlap(const struct spots *spots, size_t spot, const double *scratch, size_t other)
{
    int nx = (int)spots->nx, ny = (int)spots->ny;
    int shift = spots->column[other] - spots->column[spot], rows = spots->row[other] - spots->row[spot];
    int shared = nx - abs(shift), groups = (shared + SPOT_LANES - 1) / SPOT_LANES;
    int first = shift >= 0 ? 0 : nx - groups * SPOT_LANES; /* column of the other spot */
    size_t stride = scratch_row(spots), shared_rows;
    const double *wa, *a;
    double total = 0;

    if (shared <= 0 || abs(rows) >= ny) return 0;
    shared_rows = (size_t)(ny - abs(rows));
    wa = scratch + (size_t)max_int(rows, 0) * stride + (size_t)(SPOT_LANES + first + shift);
    a = spots->value + (ptrdiff_t)((other * spots->ny + (size_t)max_int(-rows, 0)) * spots->nx) + first;
    for (; groups > GROUPS; groups -= GROUPS, wa += GROUPS * SPOT_LANES, a += GROUPS * SPOT_LANES) {
        total += sum_products(GROUPS, shared_rows, wa, stride, a, spots->nx);
    }
    if (groups == 1) return total + sum_products(1, shared_rows, wa, stride, a, spots->nx);
    if (groups == 2) return total + sum_products(2, shared_rows, wa, stride, a, spots->nx);
    return total + sum_products(3, shared_rows, wa, stride, a, spots->nx);
}

/* The sums of one weighted spot with those of one other spectrum: sum[band + 1][2 reach + 1], at place r. */
static void sum_with_spectrum(const struct overlaps *overlaps, const struct spots *spots, size_t spec,
                              size_t wave, size_t r, const double *scratch, double *sum)
{
    size_t other = spec + r - overlaps->reach;
    size_t first = r < overlaps->reach ? 1 : 0; /* at distance 0 the lower triangle only */

    if (spec + r < overlaps->reach || other >= spots->nspec) return;
    for (size_t d = first; d <= overlaps->band && wave + d < spots->nwave; d++) {
        sum[r * (overlaps->band + 1) + d] =
            overlap(spots, spec * spots->nwave + wave, scratch, other * spots->nwave + wave + d);
    }
}

struct spot_sums overlaps_of_spot(const struct overlaps *overlaps, const struct spots *spots,
                                  const struct pixels *pixels, size_t spec, size_t wave, int row_min,
                                  int row_max, double *scratch, double *sum)
{
    size_t width = 2 * overlaps->reach + 1;
    struct spot_sums sums = weigh(spots, pixels, spec * spots->nwave + wave, row_min, row_max, scratch);

    memset(sum, 0, (overlaps->band + 1) * width * sizeof(double));
    for (size_t r = 0; r < width && sums.weight > 0; r++) {
        sum_with_spectrum(overlaps, spots, spec, wave, r, scratch, sum);
    }
    return sums;
}

/* Wavelengths wave ... last - 1 of one spectrum. First all are weighted, then summed with one spectrum after
 * another: so the other spectrum's spots, which many wavelengths share, stay in the nearest cache. */
static void sum_block(struct overlaps *overlaps, const struct spots *spots, const struct pixels *pixels,
                      size_t spec, size_t wave, size_t last, double *scratch)
{
    size_t width = 2 * overlaps->reach + 1, size = (overlaps->band + 1) * width;
    size_t spot = spec * spots->nwave, scratch_size = overlaps_scratch_size(spots);

    memset(overlaps->sum + (spot + wave) * size, 0, (last - wave) * size * sizeof(double));
    for (size_t w = wave; w < last; w++) {
        struct spot_sums sums =
            weigh(spots, pixels, spot + w, 0, (int)pixels->ny, scratch + (w - wave) * scratch_size);

        overlaps->y[spot + w] = sums.y;
        overlaps->weight[spot + w] = sums.weight;
        overlaps->masked[spot + w] = sums.masked;
    }
    for (size_t r = 0; r < width; r++) {
        for (size_t w = wave; w < last; w++) {
            if (!(overlaps->weight[spot + w] > 0)) continue;
            sum_with_spectrum(overlaps, spots, spec, w, r, scratch + (w - wave) * scratch_size,
                              overlaps->sum + (spot + w) * size);
        }
    }
}

void overlaps_sum(struct overlaps *overlaps, const struct spots *spots, const struct pixels *pixels)
{
    size_t size = BLOCK * overlaps_scratch_size(spots);

    overlaps->nspec = spots->nspec;
    overlaps->nwave = spots->nwave;
#pragma omp parallel for collapse(2) schedule(static)
    for (size_t wave = 0; wave < spots->nwave;
         wave += BLOCK) { /* outside: neighbouring spectra share spots */
        for (size_t spec = 0; spec < spots->nspec; spec++) {
            size_t last = wave + BLOCK < spots->nwave ? wave + BLOCK : spots->nwave;

            sum_block(overlaps, spots, pixels, spec, wave, last,
                      overlaps->scratch + (size_t)omp_get_thread_num() * size);
        }
    }
}
