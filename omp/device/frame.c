/* Opens and closes a frame on the device: divides its memory and copies PSF and pixels. */
#include "omp/offload.h"

#include <omp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/minmax.h"
#include "omp/device/memory.h"
#include "omp/kernels/overlap_lanes.h"
#include "omp/kernels/spot.h"

/* An arena of so many bytes holds more patches than any GPU works on at a time; a larger one is of little
 * use. */
static const size_t ARENA_ENOUGH = (size_t)3 << 30;

int offload_teams(const struct offload *offload, size_t count)
{
    return (int)max_size(1, min_size(count, offload->device->teams));
}

size_t offload_overlap_scratch(const struct offload_sizes *sizes, const struct spots *spots)
{
    const size_t parts = TEAM_SIZE / TEAM_WARP,
                 npair = overlaps_pairs(sizes->bundle.wave_halfwidth, sizes->bundle.spec_halfwidth);

    return max_size(overlaps_scratch_size(spots) + npair, LANE_EXCHANGE + parts * npair);
}

static size_t spots_of_bundle(const struct offload_sizes *sizes)
{
    return sizes->bundle.nspec * sizes->bundle.nwave;
}

/* Doubles of a bundle's spots with the pads before and behind them, see struct spots. */
static size_t values_of_bundle(const struct offload *offload)
{
    return spots_of_bundle(&offload->sizes) * offload->spots.nx * offload->spots.ny + 2 * SPOT_LANES;
}

static size_t bundle_bytes(const struct offload *offload)
{
    const struct offload_sizes *sizes = &offload->sizes;

    return sizeof(struct spots) + sizeof(struct overlaps) + values_of_bundle(offload) * sizeof(double) +
           spots_of_bundle(sizes) *
               (2 * sizeof(int) +
                (overlaps_pairs(sizes->bundle.wave_halfwidth, sizes->bundle.spec_halfwidth) + 3) *
                    sizeof(double) +
                sizeof(bool));
}

/* Lays out the coefficients of a PSF, one array after another, and returns their bytes. *table becomes psf
 * with the addresses in `memory`, the device's, or NULL. Unless host is NULL, the coefficients are copied
 * there in the same layout. */
static size_t lay_out_psf(const struct spot_table *psf, char *memory, char *host, struct spot_table *table)
{
    struct memory_layout layout = {memory, 0}, copy = {host, 0};
    size_t bytes = psf->nparameter * sizeof *psf->slot;
    void *to = memory_take(&copy, bytes, 1);

    *table = *psf;
    table->slot = memory_take(&layout, bytes, 1);
    if (to) memcpy(to, psf->slot, bytes);
    for (size_t i = 0; i < psf->ndomain; i++) {
        const struct domain *domain = &psf->domain[i];

        bytes = psf->nspec * domain->ncoef * domain->count * sizeof *domain->coef;
        to = memory_take(&copy, bytes, 1);
        table->domain[i].coef = memory_take(&layout, bytes, 1);
        if (to) memcpy(to, domain->coef, bytes);
    }
    return layout.used;
}

/* The bytes that a block must have for this frame, with the bundles held and the arena as they are. */
static size_t block_bytes(const struct offload *offload, enum offload_block block)
{
    const size_t teams = offload->device->teams, held = offload->bundles_held;
    const size_t nspot = spots_of_bundle(&offload->sizes) * held;
    struct spot_table table;

    switch (block) {
    case BLOCK_IMAGE:
    case BLOCK_IVAR:
        return offload->pixels.nx * offload->pixels.ny * sizeof(float);
    case BLOCK_PSF:
        return lay_out_psf(&offload->spots.table, NULL, NULL, &table);
    case BLOCK_SPOT_SCRATCH:
        return teams * sizeof(struct spot_scratch);
    case BLOCK_OVERLAP_SCRATCH:
        return teams * offload_overlap_scratch(&offload->sizes, &offload->spots) * sizeof(double);
    case BLOCK_TEAM_SHARED:
        return teams * TEAM_SIZE * sizeof(double);
    case BLOCK_BUNDLE_SPOTS:
        return held * sizeof(struct spots);
    case BLOCK_BUNDLE_OVERLAPS:
        return held * sizeof(struct overlaps);
    case BLOCK_VALUES:
        return held * values_of_bundle(offload) * sizeof(double);
    case BLOCK_CORNERS:
        return 2 * nspot * sizeof(int);
    case BLOCK_SUMS:
        return nspot *
               overlaps_pairs(offload->sizes.bundle.wave_halfwidth, offload->sizes.bundle.spec_halfwidth) *
               sizeof(double);
    case BLOCK_Y:
    case BLOCK_WEIGHT:
    case BLOCK_PIXMASK_FRACTION:
    case BLOCK_HOST_PIXMASK_FRACTION:
        return nspot * sizeof(double);
    case BLOCK_OFF_CCD:
    case BLOCK_HOST_OFF_CCD:
        return nspot * sizeof(bool);
    case BLOCK_ARENA:
        return offload->arena_bytes;
    default:
        return 0;
    }
}

static void *reserve(const struct offload *offload, enum offload_block block)
{
    return offload_reserve(block, block_bytes(offload, block));
}

/* The scratch of the teams. */
static bool reserve_scratch(struct offload *offload)
{
    offload->spot_scratch = reserve(offload, BLOCK_SPOT_SCRATCH);
    offload->overlap_scratch = reserve(offload, BLOCK_OVERLAP_SCRATCH);
    offload->team_shared = reserve(offload, BLOCK_TEAM_SHARED);
    return offload->spot_scratch && offload->overlap_scratch && offload->team_shared;
}

static bool reserve_bundles(struct offload *offload)
{
    offload->bundle_spots = reserve(offload, BLOCK_BUNDLE_SPOTS);
    offload->bundle_overlaps = reserve(offload, BLOCK_BUNDLE_OVERLAPS);
    offload->values = reserve(offload, BLOCK_VALUES);
    offload->corners = reserve(offload, BLOCK_CORNERS);
    offload->sums = reserve(offload, BLOCK_SUMS);
    offload->y = reserve(offload, BLOCK_Y);
    offload->weight = reserve(offload, BLOCK_WEIGHT);
    offload->pixmask_fraction = reserve(offload, BLOCK_PIXMASK_FRACTION);
    offload->off_ccd = reserve(offload, BLOCK_OFF_CCD);
    return offload->bundle_spots && offload->bundle_overlaps && offload->values && offload->corners &&
           offload->sums && offload->y && offload->weight && offload->pixmask_fraction && offload->off_ccd;
}

/* The arena gets less where others took what was free a moment ago. */
static bool reserve_arena(struct offload *offload)
{
    for (;;) {
        offload->arena = reserve(offload, BLOCK_ARENA);
        if (offload->arena) break;
        if (offload->arena_bytes <= offload->sizes.arena_least) return false;
        offload->arena_bytes = max_size(offload->arena_bytes / 2, offload->sizes.arena_least);
    }
    offload->arena_bytes = offload_reserved(BLOCK_ARENA);
    return true;
}

/* Reserves bundles and arena, and holds fewer bundles where not even the least arena fits beside them. */
static bool reserve_work(struct offload *offload)
{
    const size_t arena_bytes = offload->arena_bytes;

    while (!reserve_bundles(offload) || !reserve_arena(offload)) {
        offload_release(BLOCK_BUNDLE_SPOTS, BLOCK_ARENA + 1);
        if (offload->bundles_held == 1) return false;
        offload->bundles_held = (offload->bundles_held + 1) / 2;
        offload->arena_bytes = arena_bytes;
    }
    return true;
}

/* Allocates what the host needs. */
static bool reserve_host(struct offload *offload)
{
    offload->host_bundle_spots = memory_zeroed(offload->bundles_held, sizeof(struct spots));
    offload->host_bundle_overlaps = memory_zeroed(offload->bundles_held, sizeof(struct overlaps));
    offload->host_pixmask_fraction = reserve(offload, BLOCK_HOST_PIXMASK_FRACTION);
    offload->host_off_ccd = reserve(offload, BLOCK_HOST_OFF_CCD);
    return offload->host_bundle_spots && offload->host_bundle_overlaps && offload->host_pixmask_fraction &&
           offload->host_off_ccd;
}

/* Points the bundles' structures to their parts of the device's arrays. */
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
        overlaps->spec_halfwidth = offload->sizes.bundle.spec_halfwidth;
        overlaps->sum = offload->sums + b * nspot *
                                            overlaps_pairs(offload->sizes.bundle.wave_halfwidth,
                                                           offload->sizes.bundle.spec_halfwidth);
        overlaps->y = offload->y + b * nspot;
        overlaps->weight = offload->weight + b * nspot;
        overlaps->pixmask_fraction = offload->pixmask_fraction + b * nspot;
        overlaps->off_ccd = offload->off_ccd + b * nspot;
    }
}

/* Decides how many bundles are held at a time, and how much the arena gets of the `left` bytes for both. All
 * bundles are held where half of the arena that is wanted fits beside them, because each further batch of
 * bundles repeats all launches. Otherwise a quarter of the memory is for bundles: a patch takes about three
 * times the memory of its share of a bundle's spots. */
static bool divide_memory(struct offload *offload, size_t left)
{
    const struct offload_sizes *sizes = &offload->sizes;
    const size_t bundle = bundle_bytes(offload), all = bundle * sizes->nbundle;
    const size_t wanted = max_size(sizes->arena_least, min_size(sizes->arena_most, ARENA_ENOUGH));
    size_t most;

    if (left < bundle || left - bundle < sizes->arena_least) return false;
    if (all <= left && left - all >= max_size(sizes->arena_least, wanted / 2)) {
        offload->bundles_held = sizes->nbundle;
    } else {
        most = max_size(1, min_size(left / 4, left - sizes->arena_least) / bundle);
        offload->bundles_held = min_size(most, sizes->nbundle);
    }
    offload->arena_bytes = min_size(left - offload->bundles_held * bundle, wanted);
    return true;
}

/* Chooses the sizes of all blocks by the memory that is free or kept from the last frame. Kept blocks are
 * freed where they would not fit beside the new ones. */
static bool choose_sizes(struct offload *offload)
{
    static const double usable =
        0.9; /* of the free memory: the rest is for other allocations and fragments */
    const size_t available =
        (size_t)(usable * (double)device_memory_free(offload->device, offload_reserved_on_device()));
    size_t fixed = 0, bytes = 0;

    for (enum offload_block block = 0; block < BLOCK_BUNDLE_SPOTS; block++)
        fixed += block_bytes(offload, block);
    if (fixed > available || !divide_memory(offload, available - fixed)) return false;
    for (enum offload_block block = 0; block < BLOCK_ON_HOST; block++)
        bytes += max_size(offload_reserved(block), block_bytes(offload, block));
    if (bytes > available) offload_release(0, BLOCK_ON_HOST);
    return true;
}

static bool reserve_all(struct offload *offload)
{
    offload->image = reserve(offload, BLOCK_IMAGE);
    offload->ivar = reserve(offload, BLOCK_IVAR);
    offload->psf = reserve(offload, BLOCK_PSF);
    return offload->image && offload->ivar && offload->psf && reserve_scratch(offload) &&
           reserve_work(offload) && reserve_host(offload);
}

/* Copies the coefficients of the PSF to the device, and points offload->spots to them. */
static bool copy_psf(struct offload *offload, const struct spots *psf)
{
    const size_t bytes = block_bytes(offload, BLOCK_PSF);
    char *host = memory_zeroed(bytes, 1);
    bool copied = host != NULL;

    if (copied) {
        lay_out_psf(&psf->table, offload->psf, host, &offload->spots.table);
        copied = device_upload(offload->psf, host, bytes);
    }
    free(host);
    return copied;
}

/* Copies the pixels, in a thread of its own. OpenMP's default device is set because
 * each thread has its own. */
static void *copy_pixels(void *argument)
{
    struct offload *offload = argument;
    const struct pixels *pixels = &offload->host_pixels;
    const size_t bytes = block_bytes(offload, BLOCK_IMAGE);

    omp_set_default_device(offload->device->number);
    offload->is_copied = device_upload(offload->image, pixels->image, bytes) &&
                         device_upload(offload->ivar, pixels->ivar, bytes);
    return NULL;
}

static void begin_to_copy_pixels(struct offload *offload, const struct pixels *pixels)
{
    offload->host_pixels = *pixels;
    offload->pixels.image = offload->image;
    offload->pixels.ivar = offload->ivar;
    offload->is_copying = pthread_create(&offload->copier, NULL, copy_pixels, offload) == 0;
    if (!offload->is_copying) copy_pixels(offload);
}

bool offload_await_pixels(struct offload *offload)
{
    if (offload->is_copying) pthread_join(offload->copier, NULL);
    offload->is_copying = false;
    return offload->is_copied;
}

enum status offload_open(struct offload *offload, const struct offload_frame *frame, struct error *error)
{
    const struct device *device = frame->device;
    double unused;

    *offload = (struct offload){.device = device,
                                .linalg = frame->linalg,
                                .sizes = frame->sizes,
                                .pixels = *frame->pixels,
                                .spots = *frame->psf};
    offload->spots.memory = offload->spots.value = NULL;
    offload->spots.column = offload->spots.row = NULL;
    if (choose_sizes(offload) && reserve_all(offload)) {
        if (copy_psf(offload, frame->psf)) {
            place_bundles(offload);
            begin_to_copy_pixels(offload, frame->pixels);
            return STATUS_OK;
        }
        return error_set(error, STATUS_DEVICE, "%s takes no data: use --device host", device->name);
    }
    offload_forget();
    unused = (double)device_memory_free(device, 0);
    return error_set(error, STATUS_DEVICE,
                     "%s: not enough memory for a frame, %.1f GiB are free: use --device host, or a GPU with "
                     "fewer programs on it",
                     device->name, unused / (1 << 30));
}

void offload_close(struct offload *offload)
{
    offload_await_pixels(offload);
    free(offload->host_bundle_spots);
    free(offload->host_bundle_overlaps);
    *offload = (struct offload){0};
}

void offload_forget(void)
{
    offload_release(0, BLOCK_COUNT);
}
