#include "extract/on_device.h"

#include <omp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/minmax.h"
#include "base/span.h"
#include "extract/patch.h"
#include "omp/decorrelate.h"
#include "omp/offload.h"
#include "run/progress.h"

/* What is still to be done for a patch. */
enum step { BANDED, WIDE, DENSE, ON_HOST, DONE };

struct item {
    const struct planned_patch *planned;
    unsigned bundle; /* of the load */
    enum step step;
    bool was_imprecise; /* and so left to the dense solver */
    bool *done;         /* [core spec] solved, and stored where it is kept */
};

/* The bundles that are on the device, and their patches. */
struct bundle_load {
    struct job *job;
    struct offload *offload;
    struct timing *timing;
    size_t first_bundle, nbundle;
    struct item *item; /* [nitem] */
    size_t nitem;
    size_t wave_halfwidth; /* of all banded systems: the largest that one needs */
    bool *done;            /* [nitem][core spec] */
    struct item **todo;    /* [nitem] those of one step, sorted by shape */
    struct patch *patch;   /* [nitem] and what the device wants of them */
    unsigned *patch_bundle;
    struct error *error;
};

static struct offload_shape shape_of(const struct job *job, const struct patch *patch, size_t wave_halfwidth,
                                     enum step step)
{
    return (struct offload_shape){.nspec = patch->nspec,
                                  .nwave = patch->nwave,
                                  .wave_halfwidth = wave_halfwidth,
                                  .core_nspec = patch->core_nspec,
                                  .core_nwave = patch->core_nwave,
                                  .npix = job->plan.npix,
                                  .ndiag = job->frame->ndiag,
                                  .wide = step == WIDE,
                                  .dense = step == DENSE};
}

/* Which attempt comes first, where spots overlap over `wave_halfwidth` wavelengths. */
static enum step first_step(const struct job *job, size_t wave_halfwidth)
{
    bool dense = job->in.options->solver == SOLVER_DENSE ||
                 !decorrelate_is_possible(wave_halfwidth, job->frame->ndiag);

    return dense ? DENSE : BANDED;
}

/* Memory for patches: the least that will do, for any patch in any step and for a bundle's model; and what
 * all patches would take at once, beyond which more is of no use. Patches too large for the dense solver are
 * left to the banded one. CUDA's libraries, which are opened when the first dense system comes, want more for
 * those: where that is not there, dense patches are repeated on the host. */
static void size_arena(const struct job *job, struct offload_sizes *sizes)
{
    const struct plan *plan = &job->plan;
    const struct linalg *linalg = job->in.options->device_linalg;
    const struct patch largest = {.nspec = plan->patch_nspec,
                                  .nwave = plan->patch_nwave,
                                  .core_nspec = plan->core_nspec,
                                  .core_nwave = plan->core_nwave};
    const struct offload_shape wide = shape_of(job, &largest, plan->wave_halfwidth, WIDE);
    const struct offload_shape dense = shape_of(job, &largest, plan->wave_halfwidth, DENSE);
    size_t banded_bytes = offload_patch_bytes(&wide, linalg),
           dense_bytes = offload_patch_bytes(&dense, linalg);

    sizes->arena_least = max_size(banded_bytes, dense_bytes);
    if (dense_bytes == SIZE_MAX && first_step(job, plan->wave_halfwidth) == BANDED)
        sizes->arena_least = banded_bytes;
    if (job->in.options->model) {
        size_t model =
            offload_model_bytes(plan->bundle_nspec, plan->nwave, plan_widest_bundle(plan), job->pixels.ny);

        sizes->arena_least = max_size(sizes->arena_least, model);
    }
    if (sizes->arena_least == SIZE_MAX) return;
    sizes->arena_most =
        plan->npatch * (first_step(job, plan->wave_halfwidth) == DENSE ? dense_bytes : banded_bytes);
    sizes->arena_most = max_size(sizes->arena_most, sizes->arena_least);
}

/* What comes after a failed attempt. */
static enum step next_step(enum step step)
{
    return step == BANDED ? WIDE : step == WIDE ? DENSE : ON_HOST;
}

static int compare_sizes(size_t a, size_t b)
{
    return a < b ? -1 : a > b;
}

/* Bands make no shapes of their own: each shape costs a round of launches, in which few patches leave most
 * of the device idle. */
static int compare_shapes(const struct patch *p, const struct patch *q)
{
    int order = compare_sizes(p->nspec, q->nspec);

    if (order == 0) order = compare_sizes(p->nwave, q->nwave);
    if (order == 0) order = compare_sizes(p->core_nspec, q->core_nspec);
    return order != 0 ? order : compare_sizes(p->core_nwave, q->core_nwave);
}

/* By shape; those of one shape by band, which offload_solve() wants, and then in the plan's order. */
static int compare_items(const void *a, const void *b)
{
    const struct planned_patch *p = (*(struct item *const *)a)->planned;
    const struct planned_patch *q = (*(struct item *const *)b)->planned;
    int order = compare_shapes(&p->patch, &q->patch);

    if (order == 0) order = compare_sizes(p->patch.wave_halfwidth, q->patch.wave_halfwidth);
    return order != 0 ? order : (p > q) - (p < q);
}

/* All spectra of an item are solved, and those that are kept are stored. */
static void finish_item(struct bundle_load *load, const struct item *item)
{
    if (item->was_imprecise) load->timing->ndense++;
    progress_step(load->job->in.progress);
}

/* Stores what result k is good for, and says what is to be done next. */
static void take_result(struct bundle_load *load, struct item *item, const struct offload_results *results,
                        size_t k)
{
    const struct job *job = load->job;
    const struct planned_patch *planned = item->planned;
    const size_t core = planned->patch.core_nspec, nbin = core * planned->patch.core_nwave;
    const size_t spots = (size_t)item->bundle * job->plan.bundle_nspec * job->plan.spot_nwave;
    const struct patch_result result = {.outcome = results->largest[k] == 0 ? EMPTY : EXTRACTED,
                                        .flux = results->flux + k * nbin,
                                        .ivar = results->ivar + k * nbin,
                                        .chi2pix = results->chi2pix + k * nbin,
                                        .resolution = results->resolution + k * nbin * job->frame->ndiag,
                                        .pixmask_fraction = load->offload->host_pixmask_fraction + spots,
                                        .off_ccd = load->offload->host_off_ccd + spots};
    bool all = true;

    if (result.outcome == EXTRACTED && !results->solved[k]) {
        item->step = ON_HOST;
        return;
    }
    if (result.outcome == EMPTY) item->was_imprecise = false;
    for (size_t s = 0; s < core; s++) { /* also those that are not kept: see extract_frame.h */
        bool good = result.outcome == EMPTY || results->precise[k * core + s];
        bool is_kept = s >= planned->kept_spectra.first && s < span_end(planned->kept_spectra);

        if (is_kept && good && (!item->done[s] || item->step == DENSE))
            store_spectrum(job, planned, &result, s);
        item->done[s] = good || (item->done[s] && item->step != DENSE);
        all &= item->done[s];
    }
    item->step = all ? DONE : next_step(item->step);
}

/* Solves count items of one shape, as many at a time as fit. */
static bool solve_items(struct bundle_load *load, struct item **item, size_t count, enum step step)
{
    const struct job *job = load->job;
    const struct offload_shape shape = shape_of(
        job, &item[0]->planned->patch, step == DENSE ? job->plan.wave_halfwidth : load->wave_halfwidth, step);

    while (count > 0) {
        const size_t held = offload_patches_held(load->offload, &shape, count);
        struct offload_results results;
        double now;
        bool solved;

        if (held == 0 && step == DENSE) { /* too large for it */
            for (size_t k = 0; k < count; k++) item[k]->step = ON_HOST;
            return true;
        }
        if (held == 0) return false;
        for (size_t k = 0; k < held; k++) {
            load->patch[k] = item[k]->planned->patch;
            load->patch_bundle[k] = item[k]->bundle;
        }
        solved = offload_solve(load->offload, &shape, load->patch, load->patch_bundle, held,
                               job->in.options->regularize, job->in.options->psferr, &results);
        now = timing_start(STAGE_STORE);
        if (solved) {
#pragma omp parallel for schedule(dynamic, 16)
            for (size_t k = 0; k < held; k++) take_result(load, item[k], &results, k);
        }
        timing_add(load->timing, STAGE_STORE, now, held);
        timing_count(load->timing, STAGE_NORMAL, results.normal_seconds, held);
        timing_count(load->timing, STAGE_SOLVE, results.solve_seconds, held);
        timing_count(load->timing, STAGE_QUALITY, results.quality_seconds, held);
        timing_count(load->timing, STAGE_COPY, results.copy_seconds, 1);
        if (!solved) return false;
        for (size_t k = 0; k < held; k++) {
            if (item[k]->step == DENSE && step != DENSE) item[k]->was_imprecise = true;
            if (item[k]->step == DONE) finish_item(load, item[k]);
        }
        item += held;
        count -= held;
    }
    return true;
}

const struct linalg *extract_dense_linalg(const struct device *device, const struct linalg *linalg,
                                          const struct log *log)
{
    static bool has_warned; /* the main thread's, like the libraries */
    const struct linalg *cuda = device->kind == DEVICE_GPU ? linalg_find("cuda") : NULL;

    if (device->kind == DEVICE_GPU && !cuda && !has_warned) {
        log_warning(
            log,
            "cuSOLVER and cuBLAS cannot be used (%s): dense systems are solved on the CPU, which makes "
            "--solver dense slow",
            linalg_why_not("cuda"));
        has_warned = true;
    }
    return cuda ? cuda : linalg;
}

/* The first dense systems: CUDA's libraries do the banded ones as well from now on. */
static void use_dense_linalg(struct bundle_load *load)
{
    const struct extract_options *options = load->job->in.options;

    load->offload->linalg = extract_dense_linalg(&options->device, load->offload->linalg, load->job->in.log);
    if (load->offload->linalg == options->device_linalg) return;
    snprintf(load->timing->cuda, sizeof load->timing->cuda, "%s", linalg_description(load->offload->linalg));
}

/* All items that are at this step. */
static bool do_step(struct bundle_load *load, enum step step)
{
    size_t count = 0;

    for (size_t i = 0; i < load->nitem; i++) {
        if (load->item[i].step == step) load->todo[count++] = &load->item[i];
    }
    if (step == DENSE && count > 0) use_dense_linalg(load);
    qsort(load->todo, count, sizeof *load->todo, compare_items);
    for (size_t first = 0, last; first < count; first = last) {
        for (last = first + 1; last < count; last++) {
            if (compare_shapes(&load->todo[first]->planned->patch, &load->todo[last]->planned->patch) != 0)
                break;
        }
        if (!solve_items(load, load->todo + first, last - first, step)) return false;
    }
    return true;
}

/* The items of one bundle that the device could not solve, with spots of the host's own. */
static void repeat_on_host(struct bundle_load *load, unsigned number, size_t count)
{
    struct job *job = load->job;
    const struct planned_bundle *bundle = &job->plan.bundle[load->first_bundle + number];
    const char *trouble = linalg_trouble(load->offload->linalg);

    log_warning(
        job->in.log,
        "bundle of spectra %zu-%zu: %zu patches that the device could not solve, or has no memory for, are "
        "repeated on the host%s%s",
        bundle->spectra.first, span_end(bundle->spectra) - 1, count, trouble ? "; " : "",
        trouble ? trouble : "");
    load->timing->nrepeated += count;
    job_evaluate_bundle(job, bundle, load->timing);
#pragma omp parallel for schedule(dynamic) num_threads(job->nworker)
    for (size_t i = 0; i < load->nitem; i++) {
        if (load->item[i].bundle != number || load->item[i].step != ON_HOST) continue;
        extract_patch(&job->workers[omp_get_thread_num()], job, bundle, load->item[i].planned);
    }
}

static enum status do_on_host(struct bundle_load *load)
{
    enum status status = STATUS_OK;

    for (unsigned b = 0; b < load->nbundle && status == STATUS_OK; b++) {
        size_t count = 0;

        for (size_t i = 0; i < load->nitem; i++) {
            count += load->item[i].bundle == b && load->item[i].step == ON_HOST;
        }
        if (count == 0) continue;
        if (!load->job->workers) status = job_alloc_host(load->job, load->error);
        if (status == STATUS_OK) repeat_on_host(load, b, count);
    }
    return status;
}

/* Spots and overlaps of the load's bundles; spots need no pixels, which are on their way. */
static bool evaluate(struct bundle_load *load)
{
    const struct plan *plan = &load->job->plan;
    struct span *bundle = memory_zeroed(load->nbundle, sizeof *bundle);
    double now = timing_start(STAGE_SPOTS);
    size_t nspot = load->nbundle * plan->bundle_nspec * plan->spot_nwave;
    bool done;

    for (size_t b = 0; bundle && b < load->nbundle; b++) {
        const struct planned_bundle *planned = &plan->bundle[load->first_bundle + b];

        bundle[b] = planned->spectra;
    }
    done = bundle && offload_spots(load->offload, bundle, load->nbundle, plan->spot_wave_min,
                                   load->job->in.options->plan.wave_step);
    timing_add(load->timing, STAGE_SPOTS, now, nspot);
    now = timing_start(STAGE_COPY);
    done = done && offload_await_pixels(load->offload);
    timing_add(load->timing, STAGE_COPY, now, 0); /* begun, and counted, by open_device() */
    now = timing_start(STAGE_OVERLAPS);
    done = done && offload_overlaps(load->offload, load->nbundle);
    timing_add(load->timing, STAGE_OVERLAPS, now, nspot);
    free(bundle);
    return done;
}

/* The light of bundle number b of the load, in a strip of the model image that its spots touch. */
static bool add_model(struct bundle_load *load, size_t b)
{
    struct job *job = load->job;
    const struct plan *plan = &job->plan;
    const struct planned_bundle *bundle = &plan->bundle[load->first_bundle + b];
    const struct span columns = plan_columns(plan, (struct span){load->first_bundle + b, 1});
    const size_t row = bundle->kept.first - job->in.options->plan.spectra.first;

    if (columns.count == 0) return true;
    if (!offload_model(load->offload, b, bundle->kept.first - bundle->spectra.first, bundle->kept.count,
                       plan->spot_wave_first, plan->nwave, job->frame->flux + row * plan->nwave,
                       job->frame->wave_step, (int)columns.first, (int)span_end(columns), job->strip)) {
        return false;
    }
    frame_add_to_model(job->frame, columns.first, columns.count, job->strip);
    return true;
}

static bool add_models(struct bundle_load *load)
{
    double now = timing_start(STAGE_MODEL);
    bool done = true;

    for (size_t b = 0; done && b < load->nbundle; b++) done = add_model(load, b);
    timing_add(load->timing, STAGE_MODEL, now, load->nbundle);
    return done;
}

static void list_items(struct bundle_load *load)
{
    const struct plan *plan = &load->job->plan;

    load->nitem = load->wave_halfwidth = 0;
    memset(load->done, 0, plan->npatch * plan->core_nspec * sizeof(bool));
    for (unsigned b = 0; b < load->nbundle; b++) {
        const struct planned_bundle *bundle = &plan->bundle[load->first_bundle + b];

        for (size_t i = 0; i < bundle->patches.count; i++, load->nitem++) {
            const struct planned_patch *planned = &plan->patch[bundle->patches.first + i];
            const enum step first = first_step(load->job, planned->patch.wave_halfwidth);

            load->item[load->nitem] = (struct item){
                .planned = planned,
                .bundle = b,
                .step = first,
                .was_imprecise = first == DENSE && load->job->in.options->solver != SOLVER_DENSE,
                .done = load->done + load->nitem * plan->core_nspec};
            if (first == BANDED)
                load->wave_halfwidth = max_size(load->wave_halfwidth, planned->patch.wave_halfwidth);
        }
    }
}

static enum status extract_batch(struct bundle_load *load)
{
    enum status status;
    bool done = evaluate(load);

    list_items(load);
    for (enum step step = BANDED; done && step < ON_HOST; step = next_step(step)) {
        done = do_step(load, step);
    }
    status = done ? do_on_host(load) : STATUS_OK;
    if (done && status == STATUS_OK && load->job->in.options->model) done = add_models(load);
    if (done) return status;
    return error_set(load->error, STATUS_DEVICE,
                     "%s failed during the extraction, see the lines above: use --device host",
                     load->job->in.options->device.name);
}

static enum status alloc_batch(struct bundle_load *load)
{
    const struct plan *plan = &load->job->plan;

    load->item = memory_zeroed(plan->npatch, sizeof *load->item);
    load->done = memory_zeroed(plan->npatch * plan->core_nspec, sizeof *load->done);
    load->todo = memory_zeroed(plan->npatch, sizeof(struct item *));
    load->patch = memory_zeroed(plan->npatch, sizeof *load->patch);
    load->patch_bundle = memory_zeroed(plan->npatch, sizeof *load->patch_bundle);
    if (load->item && load->done && load->todo && load->patch && load->patch_bundle) return STATUS_OK;
    return memory_error(load->error, "patches of a device");
}

static void free_batch(struct bundle_load *load)
{
    free(load->item);
    free(load->done);
    free(load->todo);
    free(load->patch);
    free(load->patch_bundle);
}

/* The PSF and the image go to the device. */
static enum status open_device(struct job *job, struct offload *offload, struct timing *timing,
                               struct error *error)
{
    const struct plan *plan = &job->plan;
    struct offload_sizes sizes = {.nbundle = plan->nbundle,
                                  .bundle_nspec = plan->bundle_nspec,
                                  .nwave = plan->spot_nwave,
                                  .wave_halfwidth = plan->wave_halfwidth,
                                  .spec_halfwidth = plan->spec_halfwidth};
    struct spots psf; /* its coefficients; no spots */
    double now = timing_start(STAGE_COPY);
    enum status status = spots_alloc(&psf, job->in.psf, 0, 0, error);

    if (status != STATUS_OK) return status;
    size_arena(job, &sizes);
    status = offload_open(offload, &job->in.options->device, job->in.options->device_linalg, &sizes,
                          &job->pixels, &psf, error);
    spots_free(&psf);
    timing_add(timing, STAGE_COPY, now, 1);
    return status;
}

enum status extract_on_device(struct job *job, struct timing *timing, struct error *error)
{
    struct offload offload = {0};
    struct bundle_load load = {.job = job, .offload = &offload, .timing = timing, .error = error};
    enum status status = open_device(job, &offload, timing, error);

    if (status == STATUS_OK) status = alloc_batch(&load);
    while (status == STATUS_OK && load.first_bundle < job->plan.nbundle) {
        load.nbundle = min_size(offload.bundles_held, job->plan.nbundle - load.first_bundle);
        log_debug(job->in.log, "bundles %zu to %zu of %zu on %s", load.first_bundle,
                  load.first_bundle + load.nbundle - 1, job->plan.nbundle, job->in.options->device.name);
        status = extract_batch(&load);
        load.first_bundle += load.nbundle;
    }
    free_batch(&load);
    offload_close(&offload);
    return status;
}
