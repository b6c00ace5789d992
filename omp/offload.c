/* A frame's memory on the device. */
#include "omp/offload.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/minmax.h"
#include "omp/spot_kernel.h"

int offload_teams(const struct offload *offload, size_t count)
{
    return (int)max_size(1, min_size(count, offload->device->teams));
}

size_t offload_overlap_scratch(const struct offload_sizes *sizes, const struct spots *spots)
{
    return overlap_row(spots) * spots->ny + overlaps_pairs(sizes->band, sizes->reach) * (SPOT_LANES + 1);
}

static size_t spots_of_bundle(const struct offload_sizes *sizes)
{
    return sizes->bundle_nspec * sizes->nwave;
}

/* Doubles of a bundle's spots, with what may be read before and behind them. */
static size_t values_of_bundle(const struct offload *offload)
{
    return spots_of_bundle(&offload->sizes) * offload->spots.nx * offload->spots.ny + 2 * SPOT_LANES;
}

static size_t bundle_bytes(const struct offload *offload)
{
    const struct offload_sizes *sizes = &offload->sizes;

    return sizeof(struct spots) + sizeof(struct overlaps) + values_of_bundle(offload) * sizeof(double) +
           spots_of_bundle(sizes) *
               (2 * sizeof(int) + (overlaps_pairs(sizes->band, sizes->reach) + 3) * sizeof(double) +
                sizeof(bool));
}

/* A copy on the device; NULL when there is no room or the copy failed. */
static void *copy_there(const void *from, size_t bytes)
{
    void *to = device_alloc(bytes);

    if (to && device_upload(to, from, bytes)) return to;
    device_free(to);
    return NULL;
}

/* The PSF's coefficients. */
static bool copy_psf(struct offload *offload, const struct spots *psf)
{
    struct spot_table *table = &offload->spots.table;

    offload->spots = *psf;
    offload->spots.memory = offload->spots.value = NULL;
    offload->spots.column = offload->spots.row = NULL;
    table->slot = copy_there(psf->table.slot, table->nparameter * sizeof *table->slot);
    for (size_t i = 0; i < table->ndomain; i++) table->domain[i].coef = NULL;
    for (size_t i = 0; i < table->ndomain; i++) {
        struct domain *domain = &table->domain[i];
        size_t count = table->nspec * domain->ncoef * domain->count;

        domain->coef = copy_there(psf->table.domain[i].coef, count * sizeof(double));
        if (!domain->coef) return false;
    }
    return table->slot != NULL;
}

static bool copy_frame(struct offload *offload, const struct pixels *pixels, const struct spots *psf)
{
    size_t bytes = pixels->nx * pixels->ny * sizeof(float);

    offload->pixels = *pixels;
    offload->pixels.image = copy_there(pixels->image, bytes);
    offload->pixels.ivar = copy_there(pixels->ivar, bytes);
    return copy_psf(offload, psf) && offload->pixels.image && offload->pixels.ivar;
}

static bool alloc_scratch(struct offload *offload)
{
    size_t teams = offload->device->teams;
    size_t overlap = offload_overlap_scratch(&offload->sizes, &offload->spots);

    offload->spot_scratch = device_alloc(teams * sizeof(struct spot_scratch));
    offload->overlap_scratch = device_alloc(teams * overlap * sizeof(double));
    offload->team_shared = device_alloc(teams * TEAM_SIZE * sizeof(double));
    return offload->spot_scratch && offload->overlap_scratch && offload->team_shared;
}

static bool alloc_bundles(struct offload *offload)
{
    size_t held = offload->bundles_held, nspot = spots_of_bundle(&offload->sizes) * held;

    offload->host_bundle_spots = memory_zeroed(held, sizeof(struct spots));
    offload->host_bundle_overlaps = memory_zeroed(held, sizeof(struct overlaps));
    offload->bundle_spots = device_alloc(held * sizeof(struct spots));
    offload->bundle_overlaps = device_alloc(held * sizeof(struct overlaps));
    offload->values = device_alloc(held * values_of_bundle(offload) * sizeof(double));
    offload->corners = device_alloc(2 * nspot * sizeof(int));
    offload->sums =
        device_alloc(nspot * overlaps_pairs(offload->sizes.band, offload->sizes.reach) * sizeof(double));
    offload->y = device_alloc(nspot * sizeof(double));
    offload->weight = device_alloc(nspot * sizeof(double));
    offload->masked = device_alloc(nspot * sizeof(double));
    offload->off_ccd = device_alloc(nspot * sizeof(bool));
    return offload->host_bundle_spots && offload->host_bundle_overlaps && offload->bundle_spots &&
           offload->bundle_overlaps && offload->values && offload->corners && offload->sums && offload->y &&
           offload->weight && offload->masked && offload->off_ccd;
}

/* Where the bundles' arrays are. */
static void place_bundles(struct offload *offload)
{
    size_t nspot = spots_of_bundle(&offload->sizes);

    for (size_t b = 0; b < offload->bundles_held; b++) {
        struct spots *spots = &offload->host_bundle_spots[b];
        struct overlaps *overlaps = &offload->host_bundle_overlaps[b];

        *spots = offload->spots;
        spots->memory = offload->values + b * values_of_bundle(offload);
        spots->value = spots->memory + SPOT_LANES;
        spots->column = offload->corners + 2 * b * nspot;
        spots->row = spots->column + nspot;
        overlaps->reach = offload->sizes.reach;
        overlaps->sum = offload->sums + b * nspot * overlaps_pairs(offload->sizes.band, offload->sizes.reach);
        overlaps->y = offload->y + b * nspot;
        overlaps->weight = offload->weight + b * nspot;
        overlaps->masked = offload->masked + b * nspot;
        overlaps->off_ccd = offload->off_ccd + b * nspot;
    }
}

/* How many bundles are held at a time, and what is left for patches: a patch takes about as much as its share
 * of a bundle's spots does three times over, so that a quarter of the memory is for bundles. */
static bool divide_memory(struct offload *offload)
{
    static const double usable = 0.9; /* of what is free: other allocations, fragments */
    size_t left = (size_t)(usable * (double)device_memory_free(offload->device));
    size_t bundle = bundle_bytes(offload), most;

    if (left < bundle || left - bundle < offload->sizes.arena_least) return false;
    most = max_size(1, min_size(left / 4, left - offload->sizes.arena_least) / bundle);
    offload->bundles_held = min_size(most, offload->sizes.nbundle);
    left -= offload->bundles_held * bundle;
    offload->arena_bytes = min_size(left, offload->sizes.arena_most);
    return offload->arena_bytes >= offload->sizes.arena_least;
}

enum status offload_open(struct offload *offload, const struct device *device, const struct linalg *linalg,
                         const struct offload_sizes *sizes, const struct pixels *pixels,
                         const struct spots *psf, struct error *error)
{
    memset(offload, 0, sizeof *offload);
    offload->device = device;
    offload->linalg = linalg;
    offload->sizes = *sizes;
    if (copy_frame(offload, pixels, psf) && alloc_scratch(offload) && divide_memory(offload) &&
        alloc_bundles(offload)) {
        place_bundles(offload);
        offload->arena = device_alloc(offload->arena_bytes);
        if (offload->arena) return STATUS_OK;
    }
    return error_set(error, STATUS_DEVICE,
                     "%s: not enough memory for a frame, %.1f GiB are free: use --device host, or a GPU with "
                     "fewer programs on it",
                     device->name, (double)device_memory_free(device) / (1 << 30));
}

void offload_close(struct offload *offload)
{
    device_free((void *)offload->pixels.image);
    device_free((void *)offload->pixels.ivar);
    device_free(offload->spots.table.slot);
    for (size_t i = 0; i < offload->spots.table.ndomain; i++)
        device_free(offload->spots.table.domain[i].coef);
    device_free(offload->spot_scratch);
    device_free(offload->overlap_scratch);
    device_free(offload->team_shared);
    device_free(offload->bundle_spots);
    device_free(offload->bundle_overlaps);
    device_free(offload->values);
    device_free(offload->corners);
    device_free(offload->sums);
    device_free(offload->y);
    device_free(offload->weight);
    device_free(offload->masked);
    device_free(offload->off_ccd);
    device_free(offload->arena);
    free(offload->host_bundle_spots);
    free(offload->host_bundle_overlaps);
    memset(offload, 0, sizeof *offload);
}
