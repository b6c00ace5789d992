#include "plan.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/minmax.h"
#include "omp/spots.h"
#include "options.h"

struct range {
    int min, max;
};

/* Corners of a bundle's spots: [spec][wave], nwave wavelengths a spectrum. */
struct corners {
    struct spot_table table;
    size_t nwave;
    int *column, *row;
    bool *defined;      /* [wave] */
    struct range *rows; /* [nwave] scratch */
};

/* Pixels along one axis that the spots of some spectra and wavelengths cover, the last one excluded; none
 * where no wavelength is defined. */
static struct range covered(const int *corner, const struct corners *corners, size_t spec, size_t nspec,
                            size_t wave, size_t n, size_t size)
{
    struct range range = {INT_MAX, INT_MIN};

    for (size_t w = wave; w < wave + n; w++) {
        if (!corners->defined[w]) continue;
        for (size_t s = spec; s < spec + nspec; s++) {
            int pixel = corner[s * corners->nwave + w];

            if (pixel < range.min) range.min = pixel;
            if (pixel > range.max) range.max = pixel;
        }
    }
    if (range.min > range.max) return (struct range){0, 0};
    range.max += (int)size;
    return range;
}

static void clip(int *min, int *max, size_t size)
{
    if (*min < 0) *min = 0;
    if (*max > (int)size) *max = (int)size;
    if (*max < *min) *max = *min = 0;
}

/* The pixels of a patch: all columns that its spots touch; the rows that its core wavelengths touch, and
 * pixpad_frac of the further ones that its padding touches, truncated as gpu_specter does; within the CCD. */
static void choose_pixels(struct patch *patch, const struct corners *corners, const struct psf *psf,
                          double pixpad_frac)
{
    size_t ny = 2 * psf->hsizey + 1, nx = 2 * psf->hsizex + 1;
    struct range columns =
        covered(corners->column, corners, patch->spec, patch->nspec, patch->wave, patch->nwave, nx);
    struct range padded =
        covered(corners->row, corners, patch->spec, patch->nspec, patch->wave, patch->nwave, ny);
    struct range core = covered(corners->row, corners, patch->spec, patch->nspec,
                                patch->wave + patch->core_wave, patch->core_nwave, ny);

    patch->column_min = columns.min;
    patch->column_max = columns.max;
    patch->row_min = padded.min + (int)((core.min - padded.min) * (1 - pixpad_frac));
    patch->row_max = padded.min + (int)((core.max - padded.min) + (padded.max - core.max) * pixpad_frac);
    clip(&patch->column_min, &patch->column_max, psf->nx);
    clip(&patch->row_min, &patch->row_max, psf->ny);
}

/* Whether any two spots of the patch, `distance` wavelengths apart, share a pixel. */
static bool any_overlap(const struct patch *patch, const struct corners *corners, const struct psf *psf,
                        size_t distance)
{
    int nx = 2 * (int)psf->hsizex + 1, ny = 2 * (int)psf->hsizey + 1;
    size_t count = patch->nwave > distance ? patch->nwave - distance : 0;
    const bool *defined = corners->defined + patch->wave;

    for (size_t s1 = patch->spec; s1 < patch->spec + patch->nspec; s1++) {
        for (size_t s2 = patch->spec; s2 < patch->spec + patch->nspec; s2++) {
            size_t first = s1 * corners->nwave + patch->wave;
            size_t second = s2 * corners->nwave + patch->wave + distance;
            const int *row = corners->row + first, *other_row = corners->row + second;
            const int *column = corners->column + first, *other_column = corners->column + second;
            int found = 0;

            for (size_t w = 0; w < count; w++) { /* without branches: in vectors */
                found |= (int)defined[w] & (int)defined[w + distance] & (abs(row[w] - other_row[w]) < ny) &
                         (abs(column[w] - other_column[w]) < nx);
            }
            if (found) return true;
        }
    }
    return false;
}

/* The largest distance in wavelengths at which two spots of the patch share a pixel. The rows that all
 * spectra together cover at each wavelength bound it, at little cost and for traces of any shape. */
static size_t find_band(const struct patch *patch, const struct corners *corners, const struct psf *psf)
{
    size_t ny = 2 * psf->hsizey + 1, band = 0;

    for (size_t w = 0; w < patch->nwave; w++) {
        corners->rows[w] = covered(corners->row, corners, patch->spec, patch->nspec, patch->wave + w, 1, ny);
    }
    for (size_t w = 0; w < patch->nwave; w++) {
        for (size_t v = w + band + 1; v < patch->nwave; v++) {
            if (corners->rows[w].min < corners->rows[v].max && corners->rows[v].min < corners->rows[w].max) {
                band = v - w;
            }
        }
    }
    while (band > 0 && !any_overlap(patch, corners, psf, band)) band--;
    return band;
}

/* How many spectra apart spots may share a pixel. Traces are smooth: over `band` wavelengths columns shift by
 * no more than they do from the first to the last of these. */
static size_t find_reach(const struct corners *corners, size_t nspec, size_t band, size_t nx)
{
    size_t nwave = corners->nwave, reach = 0;
    int slack = 1;

    for (size_t s = 0; s < nspec; s++) {
        for (size_t w = 0; w + band < nwave; w++) {
            int shift = abs(corners->column[s * nwave + w + band] - corners->column[s * nwave + w]);

            if (shift + 1 > slack) slack = shift + 1;
        }
    }
    for (size_t s = 0; s < nspec; s++) {
        for (size_t r = s + reach + 1; r < nspec; r++) {
            for (size_t w = 0; w < nwave && reach < r - s; w++) {
                if (abs(corners->column[r * nwave + w] - corners->column[s * nwave + w]) < (int)nx + slack)
                    reach = r - s;
            }
        }
    }
    return reach;
}

/* Spectra of one subbundle, with the neighbours that it has within its bundle. All are spectra of the PSF. */
struct subbundle {
    size_t core_min, core_max; /* last one excluded */
    size_t min, max;
};

static struct subbundle subbundle_of(const struct plan_options *options, const struct psf *psf, size_t bundle,
                                     size_t sub)
{
    size_t first = bundle * options->bundlesize;
    size_t size = min_size(options->bundlesize, psf->nspec - first);
    size_t nsub = min_size(options->nsubbundles, size);
    struct subbundle result = {0};

    if (sub >= nsub) return result;
    result.core_min = first + sub * size / nsub;
    result.core_max = first + (sub + 1) * size / nsub;
    result.min = result.core_min > first ? result.core_min - 1 : first;
    result.max = min_size(result.core_max + 1, first + size);
    return result;
}

static bool is_wanted(const struct plan_options *options, const struct subbundle *sub)
{
    return sub->core_max > options->specmin && sub->core_min < options->specmin + options->nspec;
}

static void add_patch(struct plan *plan, const struct plan_options *options, const struct psf *psf,
                      struct planned_bundle *bundle, const struct subbundle *sub, size_t wave,
                      const struct corners *corners)
{
    struct planned_patch *planned = &plan->patch[plan->npatch++];
    struct patch *patch = &planned->patch;
    size_t keep_min = max_size(sub->core_min, options->specmin);
    size_t keep_max = min_size(sub->core_max, options->specmin + options->nspec);

    *patch = (struct patch){
        .spec = sub->min - bundle->specmin,
        .nspec = sub->max - sub->min,
        .wave = wave, /* spots begin wavepad bins before the grid */
        .nwave = options->nwavestep + 2 * options->wavepad,
        .core_spec = sub->core_min - sub->min,
        .core_nspec = sub->core_max - sub->core_min,
        .core_wave = options->wavepad,
        .core_nwave = options->nwavestep,
    };
    choose_pixels(patch, corners, psf, options->pixpad_frac);
    patch->band = find_band(patch, corners, psf);
    planned->first_spec = keep_min - options->specmin;
    planned->skip_spec = keep_min - sub->core_min;
    planned->keep_nspec = keep_max - keep_min;
    planned->first_wave = wave;
    planned->keep_nwave = min_size(options->nwavestep, plan->nwave - wave);

    plan->patch_nspec = max_size(plan->patch_nspec, patch->nspec);
    plan->patch_nwave = max_size(plan->patch_nwave, patch->nwave);
    plan->core_nspec = max_size(plan->core_nspec, patch->core_nspec);
    plan->core_nwave = max_size(plan->core_nwave, patch->core_nwave);
    plan->band = max_size(plan->band, patch->band);
    bundle->band = max_size(bundle->band, patch->band);
    plan->npix = max_size(plan->npix, (size_t)(patch->row_max - patch->row_min) *
                                          (size_t)(patch->column_max - patch->column_min));
}

static void add_bundle(struct plan *plan, const struct plan_options *options, const struct psf *psf,
                       size_t number, struct corners *corners)
{
    struct planned_bundle *bundle = &plan->bundle[plan->nbundle];
    size_t first = psf->nspec, last = 0,
           bundle_end = min_size((number + 1) * options->bundlesize, psf->nspec);

    for (size_t i = 0; i < options->nsubbundles; i++) {
        struct subbundle sub = subbundle_of(options, psf, number, i);

        if (!is_wanted(options, &sub)) continue;
        first = min_size(first, options->whole_bundles ? number * options->bundlesize : sub.min);
        last = max_size(last, options->whole_bundles ? bundle_end : sub.max);
    }
    if (first >= last) return;
    plan->nbundle++;
    *bundle = (struct planned_bundle){.specmin = first, .nspec = last - first, .first_patch = plan->npatch};
    spots_corners(&corners->table, psf, first, last - first, plan->spot_wave_min, options->wave_step,
                  plan->spot_nwave, corners->column, corners->row, corners->defined);
    for (size_t i = 0; i < options->nsubbundles; i++) {
        struct subbundle sub = subbundle_of(options, psf, number, i);

        if (!is_wanted(options, &sub)) continue;
        for (size_t wave = 0; wave < plan->nwave; wave += options->nwavestep) {
            add_patch(plan, options, psf, bundle, &sub, wave, corners);
        }
    }
    bundle->npatch = plan->npatch - bundle->first_patch;
    if (options->whole_bundles) { /* all that overlaps, in patches or not, wanted or not */
        struct patch all = {.nspec = bundle->nspec, .nwave = plan->spot_nwave};

        bundle->band = find_band(&all, corners, psf);
        plan->band = max_size(plan->band, bundle->band);
    }
    bundle->keep_first = max_size(number * options->bundlesize, options->specmin) - first;
    bundle->keep_nspec = min_size((number + 1) * options->bundlesize, options->specmin + options->nspec) -
                         bundle->keep_first - first;
    plan->bundle_nspec = max_size(plan->bundle_nspec, bundle->nspec);
    plan->reach = max_size(plan->reach, find_reach(corners, bundle->nspec, plan->band, 2 * psf->hsizex + 1));
}

enum status plan_make(struct plan *plan, const struct plan_options *options, const struct psf *psf,
                      struct error *error)
{
    size_t first = options->specmin / options->bundlesize;
    size_t last = (options->specmin + options->nspec - 1) / options->bundlesize;
    size_t nstep, nsub = min_size(options->nsubbundles, options->bundlesize);
    struct corners corners = {0};
    enum status status = STATUS_OK;

    *plan = (struct plan){
        .nwave = wavelength_count(options->wave_min, options->wave_max, options->wave_step),
        .spot_wave_min = options->wave_min - (double)options->wavepad * options->wave_step,
        .spot_wave_first = options->wavepad,
    };
    nstep = (plan->nwave + options->nwavestep - 1) / options->nwavestep;
    plan->spot_nwave = nstep * options->nwavestep + 2 * options->wavepad;
    plan->bundle = memory_zeroed(last - first + 1, sizeof *plan->bundle);
    plan->patch = memory_zeroed((last - first + 1) * nsub * nstep, sizeof *plan->patch);
    corners.nwave = plan->spot_nwave;
    corners.column = memory_zeroed(options->bundlesize * plan->spot_nwave, sizeof(int));
    corners.row = memory_zeroed(options->bundlesize * plan->spot_nwave, sizeof(int));
    corners.rows = memory_zeroed(plan->spot_nwave, sizeof *corners.rows);
    corners.defined = memory_zeroed(plan->spot_nwave, sizeof *corners.defined);
    if (plan->bundle && plan->patch && corners.column && corners.row && corners.rows && corners.defined) {
        status = spot_table_make(&corners.table, psf, error);
        for (size_t bundle = first; bundle <= last && status == STATUS_OK; bundle++)
            add_bundle(plan, options, psf, bundle, &corners);
    } else {
        status = memory_error(error, "plan of patches");
    }
    spot_table_free(&corners.table);
    free(corners.column);
    free(corners.row);
    free(corners.rows);
    free(corners.defined);
    return status;
}

void plan_free(struct plan *plan)
{
    free(plan->bundle);
    free(plan->patch);
    memset(plan, 0, sizeof *plan);
}

void plan_columns(const struct plan *plan, size_t bundle, size_t count, size_t *min, size_t *max)
{
    const struct planned_bundle *last = &plan->bundle[bundle + count - 1];

    *min = SIZE_MAX;
    *max = 0;
    for (size_t i = plan->bundle[bundle].first_patch; i < last->first_patch + last->npatch; i++) {
        const struct patch *patch = &plan->patch[i].patch;

        if (patch->column_min >= patch->column_max) continue;
        *min = min_size(*min, (size_t)patch->column_min);
        *max = max_size(*max, (size_t)patch->column_max);
    }
    if (*min > *max) *min = *max;
}

size_t plan_widest_bundle(const struct plan *plan)
{
    size_t widest = 0, min, max;

    for (size_t i = 0; i < plan->nbundle; i++) {
        plan_columns(plan, i, 1, &min, &max);
        widest = max_size(widest, max - min);
    }
    return widest;
}
