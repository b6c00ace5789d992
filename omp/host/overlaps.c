#include "omp/overlaps.h"

#include <omp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/span.h"
#include "omp/kernels/overlap.h"

enum { BLOCK = 32 }; /* wavelengths whose spots are weighted at a time: 93 KB for DESI's spots */

enum status overlaps_alloc(struct overlaps *overlaps, const struct spots *spots,
                           const struct bundle_sizes *sizes, struct error *error)
{
    const size_t nspot = sizes->nspec * sizes->nwave;

    *overlaps =
        (struct overlaps){.wave_halfwidth = sizes->wave_halfwidth, .spec_halfwidth = sizes->spec_halfwidth};
    overlaps->sum =
        memory_raw(nspot, overlaps_pairs(sizes->wave_halfwidth, sizes->spec_halfwidth) * sizeof(double));
    overlaps->y = memory_zeroed(nspot, sizeof(double));
    overlaps->weight = memory_zeroed(nspot, sizeof(double));
    overlaps->pixmask_fraction = memory_zeroed(nspot, sizeof(double));
    overlaps->off_ccd = memory_zeroed(nspot, sizeof(bool));
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

/* Sums the overlaps of one weighted spot with the spots of spectrum spec + r - spec_halfwidth:
 * sum[r][distance]. */
static void sum_with_spectrum(const struct bundle_view *bundle, const struct spot_place *at, size_t r,
                              const double *weighed, double *sum)
{
    const size_t count = bundle->overlaps->wave_halfwidth + 1;

    for (size_t d = 0; d < count; d++)
        sum[r * count + d] = overlap_sum(overlap_pair(bundle, at, r, d, weighed));
}

/* Sums the overlaps of a block of wavelengths of one spectrum. First all its spots are weighted, then they
 * are summed with one other spectrum after another, so that the other spectrum's spots, which many
 * wavelengths need, stay in the nearest cache. */
static void sum_block(const struct bundle_view *bundle, size_t spec, struct span waves, double *scratch)
{
    const struct overlaps *overlaps = bundle->overlaps;
    const size_t size = overlaps_pairs(overlaps->wave_halfwidth, overlaps->spec_halfwidth);
    const size_t scratch_size = overlaps_scratch_size(bundle->spots),
                 first = spec * bundle->spots->nwave + waves.first;
    struct spot_place at = {.spec = spec, .row_max = (int)bundle->pixels->ny};

    memset(overlaps->sum + first * size, 0, waves.count * size * sizeof(double));
    for (size_t i = 0; i < waves.count; i++) {
        at.wave = waves.first + i;
        overlaps_store(bundle, first + i, overlap_weigh(bundle, &at, scratch + i * scratch_size));
    }
    for (size_t r = 0; r < 2 * overlaps->spec_halfwidth + 1; r++) {
        for (size_t i = 0; i < waves.count; i++) {
            if (!(overlaps->weight[first + i] > 0)) continue;
            at.wave = waves.first + i;
            sum_with_spectrum(bundle, &at, r, scratch + i * scratch_size, overlaps->sum + (first + i) * size);
        }
    }
}

void overlaps_sum(struct overlaps *overlaps, const struct spots *spots, const struct pixels *pixels)
{
    const struct bundle_view bundle = {spots, overlaps, pixels};
    const size_t size = BLOCK * overlaps_scratch_size(spots);

    overlaps->nspec = spots->nspec;
    overlaps->nwave = spots->nwave;
#pragma omp parallel for collapse(2) schedule(static)
    for (size_t wave = 0; wave < spots->nwave;
         wave += BLOCK) { /* outermost: neighbouring spectra share spots */
        for (size_t spec = 0; spec < spots->nspec; spec++) {
            sum_block(&bundle, spec, (struct span){wave, min_size(BLOCK, spots->nwave - wave)},
                      overlaps->scratch + (size_t)omp_get_thread_num() * size);
        }
    }
}
