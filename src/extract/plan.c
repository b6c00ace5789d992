#include "extract/plan.h"
#include "base/grid.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/minmax.h"
#include "extract/plan_traces.h"

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

struct span plan_bundles(const struct plan_options *options, const struct psf *psf)
{
    const size_t first = psf->fibermin + options->spectra.first, end = first + options->spectra.count;

    return span_between(first / options->bundlesize, (end - 1) / options->bundlesize + 1);
}

struct span plan_bundle(const struct plan_options *options, const struct psf *psf, size_t bundle)
{
    const struct span block = {bundle * options->bundlesize, options->bundlesize};
    struct span spectra = span_common(block, (struct span){psf->fibermin, psf->nspec});

    spectra.first -= psf->fibermin;
    return spectra;
}

/* The spectra of the PSF that are the core of patch number `sub` across a bundle; none when the bundle has
 * fewer patches. */
static struct span core_of_subbundle(const struct plan_options *options, struct span bundle, size_t sub)
{
    const size_t nsub = min_size(options->nsubbundles, bundle.count);

    return sub < nsub ? span_part(bundle, sub, nsub) : (struct span){bundle.first, 0};
}

/* The core with the neighbours that it has within its bundle. */
static struct span with_neighbours(struct span core, struct span bundle)
{
    return span_between(core.first > bundle.first ? core.first - 1 : bundle.first,
                        min_size(span_end(core) + 1, span_end(bundle)));
}

static bool is_wanted(const struct plan_options *options, struct span core)
{
    return span_common(core, options->spectra).count > 0;
}

/* Lets the sizes of workspaces grow to what this patch needs. */
static void note_sizes(struct plan *plan, struct planned_bundle *bundle, const struct patch *patch)
{
    plan->patch_nspec = max_size(plan->patch_nspec, patch->nspec);
    plan->patch_nwave = max_size(plan->patch_nwave, patch->nwave);
    plan->core_nspec = max_size(plan->core_nspec, patch->core_nspec);
    plan->core_nwave = max_size(plan->core_nwave, patch->core_nwave);
    plan->wave_halfwidth = max_size(plan->wave_halfwidth, patch->wave_halfwidth);
    bundle->wave_halfwidth = max_size(bundle->wave_halfwidth, patch->wave_halfwidth);
    plan->npix = max_size(plan->npix, (size_t)(patch->row_max - patch->row_min) *
                                          (size_t)(patch->column_max - patch->column_min));
}

/* What all patches of a frame are made from. */
struct planner {
    struct plan *plan;
    const struct plan_options *options;
    const struct psf *psf;
    struct traces traces; /* of the current bundle */
};

/* The patch of these core spectra, whose padding is within `spectra`, from wavelength
 * `wave` of the frame on. */
static void add_patch(struct planner *planner, struct planned_bundle *bundle, struct span core,
                      struct span spectra, size_t wave)
{
    const struct plan_options *options = planner->options;
    struct plan *plan = planner->plan;
    struct planned_patch *planned = &plan->patch[plan->npatch++];
    const struct span kept = span_common(core, options->spectra);

    planned->patch = (struct patch){
        .spec = spectra.first - bundle->spectra.first,
        .nspec = spectra.count,
        .wave = wave, /* spots begin wavepad bins before the grid */
        .nwave = options->nwavestep + 2 * options->wavepad,
        .core_spec = core.first - spectra.first,
        .core_nspec = core.count,
        .core_wave = options->wavepad,
        .core_nwave = options->nwavestep,
    };
    choose_pixels(&planned->patch, &planner->traces, planner->psf, options->pixpad_frac);
    planned->patch.wave_halfwidth = traces_wave_halfwidth(&planner->traces, wave, planned->patch.nwave);
    planned->kept_spectra = (struct span){kept.first - core.first, kept.count};
    planned->row = kept.first - options->spectra.first;
    planned->wavelengths = (struct span){wave, min_size(options->nwavestep, plan->nwave - wave)};
    note_sizes(plan, bundle, &planned->patch);
}

/* Adds the patches of these core spectra at all wavelengths. */
static void add_row(struct planner *planner, struct planned_bundle *bundle, struct span core,
                    struct span spectra)
{
    const struct plan_options *options = planner->options;

    traces_select(&planner->traces, spectra.first - bundle->spectra.first, spectra.count,
                  options->nwavestep + 2 * options->wavepad);
    for (size_t wave = 0; wave < planner->plan->nwave; wave += options->nwavestep)
        add_patch(planner, bundle, core, spectra, wave);
}

static void add_bundle(struct planner *planner, size_t number)
{
    const struct plan_options *options = planner->options;
    struct plan *plan = planner->plan;
    struct planned_bundle *bundle = &plan->bundle[plan->nbundle];
    const struct span all = plan_bundle(options, planner->psf, number);
    struct span needed = {0};

    for (size_t i = 0; i < options->nsubbundles; i++) {
        const struct span core = core_of_subbundle(options, all, i);

        if (!is_wanted(options, core)) continue;
        needed = span_hull(needed, options->whole_bundles ? all : with_neighbours(core, all));
    }
    if (needed.count == 0) return;
    plan->nbundle++;
    *bundle = (struct planned_bundle){
        .spectra = needed, .kept = span_common(all, options->spectra), .patches = {.first = plan->npatch}};
    traces_evaluate(&planner->traces, planner->psf, needed.first, needed.count);
    for (size_t i = 0; i < options->nsubbundles; i++) {
        const struct span core = core_of_subbundle(options, all, i);

        if (is_wanted(options, core)) add_row(planner, bundle, core, with_neighbours(core, all));
    }
    bundle->patches.count = plan->npatch - bundle->patches.first;
    if (options->whole_bundles) { /* The system holds every pair of spots of the bundle. */
        traces_select(&planner->traces, 0, needed.count, plan->spot_nwave);
        bundle->wave_halfwidth = traces_wave_halfwidth(&planner->traces, 0, plan->spot_nwave);
        plan->wave_halfwidth = max_size(plan->wave_halfwidth, bundle->wave_halfwidth);
    }
    plan->bundle_nspec = max_size(plan->bundle_nspec, needed.count);
    plan->spec_halfwidth =
        max_size(plan->spec_halfwidth, traces_spec_halfwidth(&planner->traces, plan->wave_halfwidth));
}

enum status plan_make(struct plan *plan, const struct plan_options *options, const struct psf *psf,
                      struct error *error)
{
    const struct span bundles = plan_bundles(options, psf);
    const size_t nsub = min_size(options->nsubbundles, options->bundlesize);
    struct planner planner = {.plan = plan, .options = options, .psf = psf};
    enum status status = STATUS_OK;
    size_t nstep;

    *plan = (struct plan){
        .nwave = wavelength_count(options->wave_min, options->wave_max, options->wave_step),
        .spot_wave_min = options->wave_min - (double)options->wavepad * options->wave_step,
        .spot_wave_first = options->wavepad,
    };
    nstep = (plan->nwave + options->nwavestep - 1) / options->nwavestep;
    plan->spot_nwave = nstep * options->nwavestep + 2 * options->wavepad;
    plan->bundle = memory_zeroed(bundles.count, sizeof *plan->bundle);
    plan->patch = memory_zeroed(bundles.count * nsub * nstep, sizeof *plan->patch);
    if (plan->bundle && plan->patch) {
        status = traces_alloc(&planner.traces, psf, options->bundlesize,
                              (struct wave_grid){plan->spot_wave_min, options->wave_step, plan->spot_nwave},
                              error);
        for (size_t i = 0; i < bundles.count && status == STATUS_OK; i++)
            add_bundle(&planner, bundles.first + i);
    } else {
        status = memory_error(error, "plan of patches");
    }
    traces_free(&planner.traces);
    return status;
}

void plan_free(struct plan *plan)
{
    free(plan->bundle);
    free(plan->patch);
    memset(plan, 0, sizeof *plan);
}

struct span plan_columns(const struct plan *plan, struct span bundles)
{
    const size_t end = span_end(plan->bundle[span_end(bundles) - 1].patches);
    struct span columns = {0};

    for (size_t i = plan->bundle[bundles.first].patches.first; i < end; i++) {
        const struct patch *patch = &plan->patch[i].patch;

        columns = span_hull(columns, span_between((size_t)patch->column_min, (size_t)patch->column_max));
    }
    return columns;
}

struct patch plan_largest_patch(const struct plan *plan)
{
    return (struct patch){.nspec = plan->patch_nspec,
                          .nwave = plan->patch_nwave,
                          .core_nspec = plan->core_nspec,
                          .core_nwave = plan->core_nwave,
                          .wave_halfwidth = plan->wave_halfwidth};
}

struct bundle_sizes plan_largest_bundle(const struct plan *plan)
{
    return (struct bundle_sizes){.nspec = plan->bundle_nspec,
                                 .nwave = plan->spot_nwave,
                                 .wave_halfwidth = plan->wave_halfwidth,
                                 .spec_halfwidth = plan->spec_halfwidth};
}

size_t plan_widest_bundle(const struct plan *plan)
{
    size_t widest = 0;

    for (size_t i = 0; i < plan->nbundle; i++)
        widest = max_size(widest, plan_columns(plan, (struct span){i, 1}).count);
    return widest;
}
