#include "extract/on_device.h"

#include <omp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/minmax.h"
#include "omp/decorrelate.h"
#include "omp/offload.h"
#include "run/progress.h"

/* What is still to be done for a patch. */
enum step { BANDED, WIDE, DENSE, ON_HOST, DONE };

struct item {
    const struct planned_patch *planned;
    unsigned bundle; /* of the batch */
    enum step step;
    bool was_imprecise; /* and so left to the dense solver */
    bool *done;         /* [core spec] solved, and stored where it is kept */
};

/* The bundles that are on the device, and their patches. */
struct batch {
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
    bool dense =
        job->options->solver == SOLVER_DENSE || !decorrelate_is_possible(wave_halfwidth, job->frame->ndiag);

    return dense ? DENSE : BANDED;
}

/* Memory for patches: the least that will do, for any patch in any step and for a bundle's model; and what
 * all patches would take at once, beyond which more is of no use. Patches too large for the dense solver are
 * left to the banded one. CUDA's libraries, which are opened when the first dense system comes, want more for
 * those: where that is not there, dense patches are repeated on the host. */
static void size_arena(const struct job *job, struct offload_sizes *sizes)
{
    const struct plan *plan = &job->plan;
    const struct linalg *linalg = job->options->device_linalg;
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
    if (job->options->model) {
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
static void finish_item(struct batch *batch, const struct item *item)
{
    if (item->was_imprecise) batch->timing->ndense++;
    progress_step(batch->job->progress);
}

/* Stores what result k is good for, and says what is to be done next. */
static void take_result(struct batch *batch, struct item *item, const struct offload_results *results,
                        size_t k)
{
    const struct job *job = batch->job;
    const struct planned_patch *planned = item->planned;
    const size_t core = planned->patch.core_nspec, nbin = core * planned->patch.core_nwave;
    const size_t spots = (size_t)item->bundle * job->plan.bundle_nspec * job->plan.spot_nwave;
    const struct patch_result result = {.outcome = results->largest[k] == 0 ? EMPTY : EXTRACTED,
                                        .flux = results->flux + k * nbin,
                                        .ivar = results->ivar + k * nbin,
                                        .chi2pix = results->chi2pix + k * nbin,
                                        .resolution = results->resolution + k * nbin * job->frame->ndiag,
                                        .pixmask_fraction = batch->offload->host_pixmask_fraction + spots,
                                        .off_ccd = batch->offload->host_off_ccd + spots};
    bool all = true;

    if (result.outcome == EXTRACTED && !results->solved[k]) {
        item->step = ON_HOST;
        return;
    }
    if (result.outcome == EMPTY) item->was_imprecise = false;
    for (size_t s = 0; s < core; s++) { /* also those that are not kept: see extract_frame.h */
        bool good = result.outcome == EMPTY || results->precise[k * core + s];
        bool is_kept = s >= planned->skip_spec && s < planned->skip_spec + planned->keep_nspec;

        if (is_kept && good && (!item->done[s] || item->step == DENSE))
            store_spectrum(job, planned, &result, s);
        item->done[s] = good || (item->done[s] && item->step != DENSE);
        all &= item->done[s];
    }
    item->step = all ? DONE : next_step(item->step);
}

/* Solves count items of one shape, as many at a time as fit. */
static bool solve_items(struct batch *batch, struct item **item, size_t count, enum step step)
{
    const struct job *job = batch->job;
    const struct offload_shape shape =
        shape_of(job, &item[0]->planned->patch,
                 step == DENSE ? job->plan.wave_halfwidth : batch->wave_halfwidth, step);

    while (count > 0) {
        const size_t held = offload_patches_held(batch->offload, &shape, count);
        struct offload_results results;
        double now;
        bool solved;

        if (held == 0 && step == DENSE) { /* too large for it */
            for (size_t k = 0; k < count; k++) item[k]->step = ON_HOST;
            return true;
        }
        if (held == 0) return false;
        for (size_t k = 0; k < held; k++) {
            batch->patch[k] = item[k]->planned->patch;
            batch->patch_bundle[k] = item[k]->bundle;
        }
        solved = offload_solve(batch->offload, &shape, batch->patch, batch->patch_bundle, held,
                               job->options->regularize, job->options->psferr, &results);
        now = timing_start(STAGE_STORE);
        if (solved) {
#pragma omp parallel for schedule(dynamic, 16)
            for (size_t k = 0; k < held; k++) take_result(batch, item[k], &results, k);
        }
        timing_add(batch->timing, STAGE_STORE, now, held);
        timing_count(batch->timing, STAGE_NORMAL, results.normal_seconds, held);
        timing_count(batch->timing, STAGE_SOLVE, results.solve_seconds, held);
        timing_count(batch->timing, STAGE_QUALITY, results.quality_seconds, held);
        timing_count(batch->timing, STAGE_COPY, results.copy_seconds, 1);
        if (!solved) return false;
        for (size_t k = 0; k < held; k++) {
            if (item[k]->step == DENSE && step != DENSE) item[k]->was_imprecise = true;
            if (item[k]->step == DONE) finish_item(batch, item[k]);
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
static void use_dense_linalg(struct batch *batch)
{
    const struct extract_options *options = batch->job->options;

    batch->offload->linalg = extract_dense_linalg(&options->device, batch->offload->linalg, batch->job->log);
    if (batch->offload->linalg == options->device_linalg) return;
    snprintf(batch->timing->cuda, sizeof batch->timing->cuda, "%s",
             linalg_description(batch->offload->linalg));
}

/* All items that are at this step. */
static bool do_step(struct batch *batch, enum step step)
{
    size_t count = 0;

    for (size_t i = 0; i < batch->nitem; i++) {
        if (batch->item[i].step == step) batch->todo[count++] = &batch->item[i];
    }
    if (step == DENSE && count > 0) use_dense_linalg(batch);
    qsort(batch->todo, count, sizeof *batch->todo, compare_items);
    for (size_t first = 0, last; first < count; first = last) {
        for (last = first + 1; last < count; last++) {
            if (compare_shapes(&batch->todo[first]->planned->patch, &batch->todo[last]->planned->patch) != 0)
                break;
        }
        if (!solve_items(batch, batch->todo + first, last - first, step)) return false;
    }
    return true;
}

/* The items of one bundle that the device could not solve, with spots of the host's own. */
static void repeat_on_host(struct batch *batch, unsigned number, size_t count)
{
    struct job *job = batch->job;
    const struct planned_bundle *bundle = &job->plan.bundle[batch->first_bundle + number];
    const char *trouble = linalg_trouble(batch->offload->linalg);

    log_warning(
        job->log,
        "bundle of spectra %zu-%zu: %zu patches that the device could not solve, or has no memory for, are "
        "repeated on the host%s%s",
        bundle->specmin, bundle->specmin + bundle->nspec - 1, count, trouble ? "; " : "",
        trouble ? trouble : "");
    batch->timing->nrepeated += count;
    job_evaluate_bundle(job, bundle, batch->timing);
#pragma omp parallel for schedule(dynamic) num_threads(job->nworker)
    for (size_t i = 0; i < batch->nitem; i++) {
        if (batch->item[i].bundle != number || batch->item[i].step != ON_HOST) continue;
        extract_patch(&job->workers[omp_get_thread_num()], job, bundle, batch->item[i].planned);
    }
}

static enum status do_on_host(struct batch *batch)
{
    enum status status = STATUS_OK;

    for (unsigned b = 0; b < batch->nbundle && status == STATUS_OK; b++) {
        size_t count = 0;

        for (size_t i = 0; i < batch->nitem; i++) {
            count += batch->item[i].bundle == b && batch->item[i].step == ON_HOST;
        }
        if (count == 0) continue;
        if (!batch->job->workers) status = job_alloc_host(batch->job, batch->error);
        if (status == STATUS_OK) repeat_on_host(batch, b, count);
    }
    return status;
}

/* Spots and overlaps of the batch's bundles; spots need no pixels, which are on their way. */
static bool evaluate(struct batch *batch)
{
    const struct plan *plan = &batch->job->plan;
    struct offload_bundle *bundle = memory_zeroed(batch->nbundle, sizeof *bundle);
    double now = timing_start(STAGE_SPOTS);
    size_t nspot = batch->nbundle * plan->bundle_nspec * plan->spot_nwave;
    bool done;

    for (size_t b = 0; bundle && b < batch->nbundle; b++) {
        const struct planned_bundle *planned = &plan->bundle[batch->first_bundle + b];

        bundle[b] = (struct offload_bundle){planned->specmin, planned->nspec};
    }
    done = bundle && offload_spots(batch->offload, bundle, batch->nbundle, plan->spot_wave_min,
                                   batch->job->options->plan.wave_step);
    timing_add(batch->timing, STAGE_SPOTS, now, nspot);
    now = timing_start(STAGE_COPY);
    done = done && offload_await_pixels(batch->offload);
    timing_add(batch->timing, STAGE_COPY, now, 0); /* begun, and counted, by open_device() */
    now = timing_start(STAGE_OVERLAPS);
    done = done && offload_overlaps(batch->offload, batch->nbundle);
    timing_add(batch->timing, STAGE_OVERLAPS, now, nspot);
    free(bundle);
    return done;
}

/* The light of bundle number b of the batch, in a strip of the model image that its spots touch. */
static bool add_model(struct batch *batch, size_t b)
{
    struct job *job = batch->job;
    const struct plan *plan = &job->plan;
    const struct planned_bundle *bundle = &plan->bundle[batch->first_bundle + b];
    const double *flux =
        job->frame->flux + (bundle->specmin + bundle->keep_first - job->options->plan.specmin) * plan->nwave;
    size_t min, max;

    plan_columns(plan, batch->first_bundle + b, 1, &min, &max);
    if (min == max) return true;
    if (!offload_model(batch->offload, b, bundle->keep_first, bundle->keep_nspec, plan->spot_wave_first,
                       plan->nwave, flux, job->frame->wave_step, (int)min, (int)max, job->strip)) {
        return false;
    }
    frame_add_to_model(job->frame, min, max - min, job->strip);
    return true;
}

static bool add_models(struct batch *batch)
{
    double now = timing_start(STAGE_MODEL);
    bool done = true;

    for (size_t b = 0; done && b < batch->nbundle; b++) done = add_model(batch, b);
    timing_add(batch->timing, STAGE_MODEL, now, batch->nbundle);
    return done;
}

static void list_items(struct batch *batch)
{
    const struct plan *plan = &batch->job->plan;

    batch->nitem = batch->wave_halfwidth = 0;
    memset(batch->done, 0, plan->npatch * plan->core_nspec * sizeof(bool));
    for (unsigned b = 0; b < batch->nbundle; b++) {
        const struct planned_bundle *bundle = &plan->bundle[batch->first_bundle + b];

        for (size_t i = 0; i < bundle->npatch; i++, batch->nitem++) {
            const struct planned_patch *planned = &plan->patch[bundle->first_patch + i];
            const enum step first = first_step(batch->job, planned->patch.wave_halfwidth);

            batch->item[batch->nitem] =
                (struct item){.planned = planned,
                              .bundle = b,
                              .step = first,
                              .was_imprecise = first == DENSE && batch->job->options->solver != SOLVER_DENSE,
                              .done = batch->done + batch->nitem * plan->core_nspec};
            if (first == BANDED)
                batch->wave_halfwidth = max_size(batch->wave_halfwidth, planned->patch.wave_halfwidth);
        }
    }
}

static enum status extract_batch(struct batch *batch)
{
    enum status status;
    bool done = evaluate(batch);

    list_items(batch);
    for (enum step step = BANDED; done && step < ON_HOST; step = next_step(step)) {
        done = do_step(batch, step);
    }
    status = done ? do_on_host(batch) : STATUS_OK;
    if (done && status == STATUS_OK && batch->job->options->model) done = add_models(batch);
    if (done) return status;
    return error_set(batch->error, STATUS_DEVICE,
                     "%s failed during the extraction, see the lines above: use --device host",
                     batch->job->options->device.name);
}

static enum status alloc_batch(struct batch *batch)
{
    const struct plan *plan = &batch->job->plan;

    batch->item = memory_zeroed(plan->npatch, sizeof *batch->item);
    batch->done = memory_zeroed(plan->npatch * plan->core_nspec, sizeof *batch->done);
    batch->todo = memory_zeroed(plan->npatch, sizeof(struct item *));
    batch->patch = memory_zeroed(plan->npatch, sizeof *batch->patch);
    batch->patch_bundle = memory_zeroed(plan->npatch, sizeof *batch->patch_bundle);
    if (batch->item && batch->done && batch->todo && batch->patch && batch->patch_bundle) return STATUS_OK;
    return memory_error(batch->error, "patches of a device");
}

static void free_batch(struct batch *batch)
{
    free(batch->item);
    free(batch->done);
    free(batch->todo);
    free(batch->patch);
    free(batch->patch_bundle);
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
    enum status status = spots_alloc(&psf, job->psf, 0, 0, error);

    if (status != STATUS_OK) return status;
    size_arena(job, &sizes);
    status = offload_open(offload, &job->options->device, job->options->device_linalg, &sizes, &job->pixels,
                          &psf, error);
    spots_free(&psf);
    timing_add(timing, STAGE_COPY, now, 1);
    return status;
}

enum status extract_on_device(struct job *job, struct timing *timing, struct error *error)
{
    struct offload offload = {0};
    struct batch batch = {.job = job, .offload = &offload, .timing = timing, .error = error};
    enum status status = open_device(job, &offload, timing, error);

    if (status == STATUS_OK) status = alloc_batch(&batch);
    while (status == STATUS_OK && batch.first_bundle < job->plan.nbundle) {
        batch.nbundle = min_size(offload.bundles_held, job->plan.nbundle - batch.first_bundle);
        log_debug(job->log, "bundles %zu to %zu of %zu on %s", batch.first_bundle,
                  batch.first_bundle + batch.nbundle - 1, job->plan.nbundle, job->options->device.name);
        status = extract_batch(&batch);
        batch.first_bundle += batch.nbundle;
    }
    free_batch(&batch);
    offload_close(&offload);
    return status;
}
