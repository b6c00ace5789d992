#include "extract/on_device.h"

#include <omp.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/minmax.h"
#include "base/span.h"
#include "extract/device_patches.h"
#include "extract/patch.h"
#include "omp/offload.h"

/* Repeats the patches of one bundle that the device could not solve, with spots of the host's own. */
static void repeat_on_host(struct bundle_load *load, unsigned number, size_t count)
{
    struct job *job = load->job;
    const struct planned_bundle *bundle = &job->plan.bundle[load->bundles.first + number];
    const size_t fibermin = job->in.psf->fibermin;
    const char *trouble = linalg_trouble(load->offload->linalg);

    log_warning(
        job->in.log,
        "bundle of spectra %zu-%zu: %zu patches that the device could not solve, or has no memory for, are "
        "repeated on the host%s%s",
        fibermin + bundle->spectra.first, fibermin + span_end(bundle->spectra) - 1, count,
        trouble ? "; " : "", trouble ? trouble : "");
    load->timing->nrepeated += count;
    job_evaluate_bundle(job, bundle, load->timing);
#pragma omp parallel for schedule(dynamic) num_threads(job->nworker)
    for (size_t i = 0; i < load->npending; i++) {
        if (load->pending[i].bundle != number || load->pending[i].state != ON_HOST) continue;
        extract_patch(&job->workers[omp_get_thread_num()], job, bundle, load->pending[i].planned);
    }
}

static enum status repeat_all_on_host(struct bundle_load *load, struct error *error)
{
    enum status status = STATUS_OK;

    for (unsigned b = 0; b < load->bundles.count && status == STATUS_OK; b++) {
        size_t count = 0;

        for (size_t i = 0; i < load->npending; i++)
            count += load->pending[i].bundle == b && load->pending[i].state == ON_HOST;
        if (count == 0) continue;
        if (!load->job->workers) status = job_alloc_host(load->job, error);
        if (status == STATUS_OK) repeat_on_host(load, b, count);
    }
    return status;
}

/* Evaluates spots and overlaps of the bundles. Spots need no pixels, which are still on their way. */
static bool evaluate(struct bundle_load *load)
{
    const struct plan *plan = &load->job->plan;
    struct span *spectra = memory_zeroed(load->bundles.count, sizeof *spectra);
    double now = timing_start(STAGE_SPOTS);
    size_t nspot = load->bundles.count * plan->bundle_nspec * plan->spot_nwave;
    bool done;

    for (size_t b = 0; spectra && b < load->bundles.count; b++)
        spectra[b] = plan->bundle[load->bundles.first + b].spectra;
    done = spectra && offload_spots(load->offload, spectra, load->bundles.count, plan->spot_wave_min,
                                    load->job->in.options->plan.wave_step);
    timing_add(load->timing, STAGE_SPOTS, now, nspot);
    now = timing_start(STAGE_COPY);
    done = done && offload_await_pixels(load->offload);
    timing_add(load->timing, STAGE_COPY, now, 0); /* open_device() has begun, and counted, it */
    now = timing_start(STAGE_OVERLAPS);
    done = done && offload_overlaps(load->offload, load->bundles.count);
    timing_add(load->timing, STAGE_OVERLAPS, now, nspot);
    free(spectra);
    return done;
}

/* Adds the light of bundle number b of the load to the model image. */
static bool add_model(struct bundle_load *load, size_t b)
{
    struct job *job = load->job;
    const struct plan *plan = &job->plan;
    const struct light light = job_light(job, &plan->bundle[load->bundles.first + b]);
    const struct span columns = plan_columns(plan, (struct span){load->bundles.first + b, 1});

    if (columns.count == 0) return true;
    if (!offload_model(load->offload, b, &light, columns, job->strip)) return false;
    frame_add_to_model(job->frame, columns.first, columns.count, job->strip);
    return true;
}

static bool add_models(struct bundle_load *load)
{
    double now = timing_start(STAGE_MODEL);
    bool done = true;

    for (size_t b = 0; done && b < load->bundles.count; b++) done = add_model(load, b);
    timing_add(load->timing, STAGE_MODEL, now, load->bundles.count);
    return done;
}

static enum status extract_load(struct bundle_load *load, struct error *error)
{
    const struct extract_options *options = load->job->in.options;
    bool done = evaluate(load) && device_patches_solve(load);
    enum status status = done ? repeat_all_on_host(load, error) : STATUS_OK;

    if (done && status == STATUS_OK && options->model) done = add_models(load);
    if (done) return status;
    return error_set(error, STATUS_DEVICE,
                     "%s failed during the extraction, see the lines above: use --device host",
                     options->device.name);
}

/* The device's memory that patches and the model image of a bundle, which are not there at the same time,
 * need. */
static void size_arena(const struct job *job, struct offload_sizes *sizes)
{
    const struct plan *plan = &job->plan;
    size_t model = 0;

    device_patches_bytes(job, &sizes->arena_least, &sizes->arena_most);
    if (job->in.options->model) {
        model =
            offload_model_bytes(plan->bundle_nspec, plan->nwave, plan_widest_bundle(plan), job->pixels.ny);
    }
    sizes->arena_least = max_size(sizes->arena_least, model);
    sizes->arena_most = max_size(sizes->arena_most, sizes->arena_least);
}

/* The PSF and the image go to the device. */
static enum status open_device(const struct job *job, struct offload *offload, struct timing *timing,
                               struct error *error)
{
    const struct extract_options *options = job->in.options;
    struct offload_frame frame = {
        .device = &options->device,
        .linalg = options->device_linalg,
        .sizes = {.nbundle = job->plan.nbundle, .bundle = plan_largest_bundle(&job->plan)},
        .pixels = &job->pixels};
    struct spots psf; /* its coefficients; there is no room for spots */
    double now = timing_start(STAGE_COPY);
    enum status status = spots_alloc(&psf, job->in.psf, 0, 0, error);

    if (status != STATUS_OK) return status;
    frame.psf = &psf;
    size_arena(job, &frame.sizes);
    status = offload_open(offload, &frame, error);
    spots_free(&psf);
    timing_add(timing, STAGE_COPY, now, 1);
    return status;
}

enum status extract_on_device(struct job *job, struct timing *timing, struct error *error)
{
    const size_t nbundle = job->plan.nbundle;
    struct offload offload = {0};
    struct bundle_load load = {.job = job, .offload = &offload, .timing = timing};
    enum status status = open_device(job, &offload, timing, error);

    if (status == STATUS_OK) status = bundle_load_alloc(&load, error);
    while (status == STATUS_OK && load.bundles.first < nbundle) {
        load.bundles.count = min_size(offload.bundles_held, nbundle - load.bundles.first);
        log_debug(job->in.log, "bundles %zu to %zu of %zu on %s", load.bundles.first,
                  span_end(load.bundles) - 1, nbundle, job->in.options->device.name);
        status = extract_load(&load, error);
        load.bundles.first += load.bundles.count;
    }
    bundle_load_free(&load);
    offload_close(&offload);
    return status;
}
