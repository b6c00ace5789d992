#include "extract/plan.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/minmax.h"
#include "extract/plan_traces.h"
#include "run/options.h"

static void clip(int *min, int *max, size_t size)
{
    if (*min < 0) *min = 0;
    if (*max > (int)size) *max = (int)size;
    if (*max < *min) *max = *min = 0;
}

/* The pixels of a patch: all columns that its spots touch; the rows that its core wavelengths touch, and
 * pixpad_frac of the further ones that its padding touches, truncated as gpu_specter does; within the CCD. */
static void choose_pixels(struct patch *patch, const struct traces *traces, const struct psf *psf,
                          double pixpad_frac)
{
    struct range columns = traces_columns(traces, patch->wave, patch->nwave);
    struct range padded = traces_rows(traces, patch->wave, patch->nwave);
    struct range core = traces_rows(traces, patch->wave + patch->core_wave, patch->core_nwave);

    patch->column_min = columns.min;
    patch->column_max = columns.max;
    patch->row_min = padded.min + (int)((core.min - padded.min) * (1 - pixpad_frac));
    patch->row_max = padded.min + (int)((core.max - padded.min) + (padded.max - core.max) * pixpad_frac);
    clip(&patch->column_min, &patch->column_max, psf->nx);
    clip(&patch->row_min, &patch->row_max, psf->ny);
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
                      const struct traces *traces)
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
    choose_pixels(patch, traces, psf, options->pixpad_frac);
    patch->wave_halfwidth = traces_wave_halfwidth(traces, patch->wave, patch->nwave);
    planned->first_spec = keep_min - options->specmin;
    planned->skip_spec = keep_min - sub->core_min;
    planned->keep_nspec = keep_max - keep_min;
    planned->first_wave = wave;
    planned->keep_nwave = min_size(options->nwavestep, plan->nwave - wave);

    plan->patch_nspec = max_size(plan->patch_nspec, patch->nspec);
    plan->patch_nwave = max_size(plan->patch_nwave, patch->nwave);
    plan->core_nspec = max_size(plan->core_nspec, patch->core_nspec);
    plan->core_nwave = max_size(plan->core_nwave, patch->core_nwave);
    plan->wave_halfwidth = max_size(plan->wave_halfwidth, patch->wave_halfwidth);
    bundle->wave_halfwidth = max_size(bundle->wave_halfwidth, patch->wave_halfwidth);
    plan->npix = max_size(plan->npix, (size_t)(patch->row_max - patch->row_min) *
                                          (size_t)(patch->column_max - patch->column_min));
}

static void add_bundle(struct plan *plan, const struct plan_options *options, const struct psf *psf,
                       size_t number, struct traces *traces)
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
    traces_evaluate(traces, psf, first, last - first);
    for (size_t i = 0; i < options->nsubbundles; i++) {
        struct subbundle sub = subbundle_of(options, psf, number, i);

        if (!is_wanted(options, &sub)) continue;
        traces_select(traces, sub.min - first, sub.max - sub.min, options->nwavestep + 2 * options->wavepad);
        for (size_t wave = 0; wave < plan->nwave; wave += options->nwavestep) {
            add_patch(plan, options, psf, bundle, &sub, wave, traces);
        }
    }
    bundle->npatch = plan->npatch - bundle->first_patch;
    if (options->whole_bundles) { /* all that overlaps, in patches or not, wanted or not */
        traces_select(traces, 0, bundle->nspec, plan->spot_nwave);
        bundle->wave_halfwidth = traces_wave_halfwidth(traces, 0, plan->spot_nwave);
        plan->wave_halfwidth = max_size(plan->wave_halfwidth, bundle->wave_halfwidth);
    }
    bundle->keep_first = max_size(number * options->bundlesize, options->specmin) - first;
    bundle->keep_nspec = min_size((number + 1) * options->bundlesize, options->specmin + options->nspec) -
                         bundle->keep_first - first;
    plan->bundle_nspec = max_size(plan->bundle_nspec, bundle->nspec);
    plan->spec_halfwidth =
        max_size(plan->spec_halfwidth, traces_spec_halfwidth(traces, plan->wave_halfwidth));
}

enum status plan_make(struct plan *plan, const struct plan_options *options, const struct psf *psf,
                      struct error *error)
{
    size_t first = options->specmin / options->bundlesize;
    size_t last = (options->specmin + options->nspec - 1) / options->bundlesize;
    size_t nstep, nsub = min_size(options->nsubbundles, options->bundlesize);
    struct traces traces = {0};
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
    if (plan->bundle && plan->patch) {
        status = traces_alloc(&traces, psf, options->bundlesize, plan->spot_wave_min, options->wave_step,
                              plan->spot_nwave, error);
        for (size_t bundle = first; bundle <= last && status == STATUS_OK; bundle++)
            add_bundle(plan, options, psf, bundle, &traces);
    } else {
        status = memory_error(error, "plan of patches");
    }
    traces_free(&traces);
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
