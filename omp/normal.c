#include "omp/normal.h"

#include <stdbool.h>
#include <string.h>

#include "base/memory.h"
#include "omp/footprint.h"

static size_t block_count(size_t nspec, size_t nwave, size_t band)
{
    return nwave * (band + 1) * nspec * nspec;
}

size_t normal_bytes(size_t nspec, size_t nwave, size_t band)
{
    return memory_round_up(block_count(nspec, nwave, band) * sizeof(double)) +
           3 * memory_round_up(nwave * nspec * sizeof(double));
}

void normal_place(struct normal *normal, size_t nspec, size_t nwave, size_t band, void *memory)
{
    size_t vector_bytes = memory_round_up(nwave * nspec * sizeof(double));
    char *next = memory;

    *normal = (struct normal){.nspec = nspec, .nwave = nwave, .band = band};
    normal->block = (double *)next;
    next += memory_round_up(block_count(nspec, nwave, band) * sizeof(double));
    normal->y = (double *)next;
    normal->weight = (double *)(next + vector_bytes);
    normal->masked = (double *)(next + 2 * vector_bytes);
}

/* Whether all rows of a spot that are on the CCD are rows of the patch. */
static bool is_inside(const struct patch *patch, const struct spots *spots, const struct pixels *pixels,
                      size_t spot)
{
    int row = spots->row[spot];

    return max_int(row, 0) >= patch->row_min &&
           min_int(row + (int)spots->ny, (int)pixels->ny) <= patch->row_max;
}

/* Column (wave, spec1) of M from the overlaps of its spot. */
static void scatter(struct normal *normal, const struct overlaps *overlaps, const double *sum, size_t wave,
                    size_t spec1)
{
    size_t nspec = normal->nspec, reach = overlaps->reach;
    size_t first = spec1 > reach ? spec1 - reach : 0,
           last = spec1 + reach < nspec ? spec1 + reach : nspec - 1;
    double *block = normal->block + wave * (normal->band + 1) * nspec * nspec + spec1;

    for (size_t d = 0; d <= normal->band && wave + d < normal->nwave; d++) {
        const double *from = sum + d;

        for (size_t spec2 = d == 0 ? spec1 : first; spec2 <= last; spec2++) {
            block[(d * nspec + spec2) * nspec] = from[(spec2 + reach - spec1) * (overlaps->band + 1)];
            if (d == 0)
                normal->block[(wave * (normal->band + 1) * nspec + spec1) * nspec + spec2] =
                    from[(spec2 + reach - spec1) * (overlaps->band + 1)];
        }
    }
}

void normal_sum(struct normal *normal, const struct patch *patch, const struct overlaps *overlaps,
                const struct spots *spots, const struct pixels *pixels, double *scratch)
{
    size_t nspec = normal->nspec, size = (overlaps->band + 1) * (2 * overlaps->reach + 1);
    double *own = scratch + overlaps_scratch_size(spots);

    memset(normal->block, 0, block_count(nspec, normal->nwave, normal->band) * sizeof(double));
    for (size_t wave = 0; wave < normal->nwave; wave++) {
        for (size_t spec = 0; spec < nspec; spec++) {
            size_t spot = (patch->spec + spec) * spots->nwave + patch->wave + wave, i = wave * nspec + spec;
            struct spot_sums sums = {overlaps->y[spot], overlaps->weight[spot], overlaps->masked[spot]};
            const double *sum = overlaps->sum + spot * size;

            if (!is_inside(patch, spots, pixels, spot)) {
                sums = overlaps_of_spot(overlaps, spots, pixels, patch->spec + spec, patch->wave + wave,
                                        patch->row_min, patch->row_max, scratch, own);
                sum = own;
            }
            normal->y[i] = sums.y;
            normal->weight[i] = sums.weight;
            normal->masked[i] = sums.masked;
            scatter(normal, overlaps, sum, wave, spec);
        }
    }
}

size_t normal_scratch_size(const struct overlaps *overlaps, const struct spots *spots)
{
    return overlaps_scratch_size(spots) + (overlaps->band + 1) * (2 * overlaps->reach + 1);
}
