#include "omp/overlaps.h"

#include <omp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "omp/kernels/overlap.h"

enum { BLOCK = 32 }; /* wavelengths weighted at a time: 93 KB for DESI's spots */

enum status overlaps_alloc(struct overlaps *overlaps, const struct spots *spots, size_t nspec, size_t nwave,
                           size_t wave_halfwidth, size_t spec_halfwidth, struct error *error)
{
    *overlaps = (struct overlaps){.wave_halfwidth = wave_halfwidth, .spec_halfwidth = spec_halfwidth};
    overlaps->sum =
        memory_raw(nspec * nwave, overlaps_pairs(wave_halfwidth, spec_halfwidth) * sizeof(double));
    overlaps->y = memory_zeroed(nspec * nwave, sizeof(double));
    overlaps->weight = memory_zeroed(nspec * nwave, sizeof(double));
    overlaps->pixmask_fraction = memory_zeroed(nspec * nwave, sizeof(double));
    overlaps->off_ccd = memory_zeroed(nspec * nwave, sizeof(bool));
    overlaps->scratch =
        memory_zeroed((size_t)omp_get_max_threads() * BLOCK * overlaps_scratch_size(spots), sizeof(double));
    if (overlaps->sum && overlaps->y && overlaps->weight && overlaps->pixmask_fraction && overlaps->off_ccd &&
        overlaps->scratch)
        return STATUS_OK;
    overlaps_free(overlaps);
    return memory_error(error, "overlaps of a bundle's spots");
}

void overlaps_free(struct overlaps *overlaps)
{
    free(overlaps->sum);
    free(overlaps->y);
    free(overlaps->weight);
    free(overlaps->pixmask_fraction);
    free(overlaps->off_ccd);
    free(overlaps->scratch);
    memset(overlaps, 0, sizeof *overlaps);
}

/* The sums of one weighted spot with those of one other spectrum. */
static void sum_with_spectrum(const struct overlaps *overlaps, const struct spots *spots, size_t spec,
                              size_t wave, size_t r, const double *scratch, double *sum)
{
    for (size_t d = 0; d <= overlaps->wave_halfwidth; d++) {
        sum[r * (overlaps->wave_halfwidth + 1) + d] =
            overlap_sum(spots, overlap_pair(overlaps, spots, spec, wave, r, d, scratch));
    }
}

/* Wavelengths wave ... last - 1 of one spectrum. First all are weighted, then summed with one spectrum after
 * another: so the other spectrum's spots, which many wavelengths share, stay in the nearest cache. */
static void sum_block(struct overlaps *overlaps, const struct spots *spots, const struct pixels *pixels,
                      size_t spec, size_t wave, size_t last, double *scratch)
{
    size_t width = 2 * overlaps->spec_halfwidth + 1,
           size = overlaps_pairs(overlaps->wave_halfwidth, overlaps->spec_halfwidth);
    size_t spot = spec * spots->nwave, scratch_size = overlaps_scratch_size(spots);

    memset(overlaps->sum + (spot + wave) * size, 0, (last - wave) * size * sizeof(double));
    for (size_t w = wave; w < last; w++) {
        struct spot_sums sums =
            overlap_weigh(spots, pixels, spot + w, 0, (int)pixels->ny, scratch + (w - wave) * scratch_size);

        overlaps_store(overlaps, spots, pixels, spot + w, sums);
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
