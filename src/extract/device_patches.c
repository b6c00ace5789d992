#include "extract/device_patches.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/minmax.h"
#include "base/span.h"
#include "extract/patch.h"

enum status bundle_load_alloc(struct bundle_load *load, struct error *error)
{
    const struct plan *plan = &load->job->plan;

    load->pending = memory_zeroed(plan->npatch, sizeof *load->pending);
    load->done = memory_zeroed(plan->npatch * plan->core_nspec, sizeof *load->done);
    load->todo = memory_zeroed(plan->npatch, sizeof(struct pending_patch *));
    load->patch = memory_zeroed(plan->npatch, sizeof *load->patch);
    load->patch_bundle = memory_zeroed(plan->npatch, sizeof *load->patch_bundle);
    if (load->pending && load->done && load->todo && load->patch && load->patch_bundle) return STATUS_OK;
    return memory_error(error, "patches of a device");
}

void bundle_load_free(struct bundle_load *load)
{
    free(load->pending);
    free(load->done);
    free(load->todo);
    free(load->patch);
    free(load->patch_bundle);
}

static struct offload_shape shape_of(const struct job *job, const struct patch *patch, size_t wave_halfwidth,
                                     enum method method)
{
    return (struct offload_shape){.nspec = patch->nspec,
                                  .nwave = patch->nwave,
                                  .wave_halfwidth = wave_halfwidth,
                                  .core_nspec = patch->core_nspec,
                                  .core_nwave = patch->core_nwave,
                                  .npix = job->plan.npix,
                                  .ndiag = job->frame->ndiag,
                                  .wide = method == METHOD_BANDED_WIDE,
                                  .dense = method == METHOD_DENSE};
}

/* Patches that are too large for the dense solver are left to the banded one. CUDA's libraries, which are
 * opened when the first dense system comes, want more memory for those; where that is not there, dense
 * patches are repeated on the host. */
void device_patches_bytes(const struct job *job, size_t *least, size_t *most)
{
    const struct extract_options *options = job->in.options;
    const struct patch largest = plan_largest_patch(&job->plan);
    const struct offload_shape wide = shape_of(job, &largest, largest.wave_halfwidth, METHOD_BANDED_WIDE);
    const struct offload_shape dense = shape_of(job, &largest, largest.wave_halfwidth, METHOD_DENSE);
    const size_t banded_bytes = offload_patch_bytes(&options->device, options->device_linalg, &wide);
    const size_t dense_bytes = offload_patch_bytes(&options->device, options->device_linalg, &dense);
    const bool is_dense = attempt_first(options, &largest, job->frame->ndiag).method == METHOD_DENSE;

    *least = dense_bytes == SIZE_MAX && !is_dense ? banded_bytes : max_size(banded_bytes, dense_bytes);
    *most = *least == SIZE_MAX ? SIZE_MAX : job->plan.npatch * (is_dense ? dense_bytes : banded_bytes);
}

static void list_patches(struct bundle_load *load)
{
    const struct job *job = load->job;
    const struct plan *plan = &job->plan;

    load->npending = load->wave_halfwidth = 0;
    memset(load->done, 0, plan->npatch * plan->core_nspec * sizeof(bool));
    for (unsigned b = 0; b < load->bundles.count; b++) {
        const struct planned_bundle *bundle = &plan->bundle[load->bundles.first + b];

        for (size_t i = bundle->patches.first; i < span_end(bundle->patches); i++, load->npending++) {
            const struct patch *patch = &plan->patch[i].patch;
            const struct attempt first = attempt_first(job->in.options, patch, job->frame->ndiag);

            load->pending[load->npending] =
                (struct pending_patch){.planned = &plan->patch[i],
                                       .bundle = b,
                                       .attempt = first,
                                       .done = load->done + load->npending * plan->core_nspec};
            if (first.method == METHOD_BANDED)
                load->wave_halfwidth = max_size(load->wave_halfwidth, patch->wave_halfwidth);
        }
    }
}

static int compare_sizes(size_t a, size_t b)
{
    return a < b ? -1 : a > b;
}

/* Halfwidths make no shapes of their own: each shape costs a round of launches, in which few patches leave
 * most of the device idle. */
static int compare_shapes(const struct patch *p, const struct patch *q)
{
    int order = compare_sizes(p->nspec, q->nspec);

    if (order == 0) order = compare_sizes(p->nwave, q->nwave);
    if (order == 0) order = compare_sizes(p->core_nspec, q->core_nspec);
    return order != 0 ? order : compare_sizes(p->core_nwave, q->core_nwave);
}

/* Sorts by shape, then by halfwidth, as offload_solve() wants it, and then in the plan's order. */
static int compare_pending(const void *a, const void *b)
{
    const struct planned_patch *p = (*(struct pending_patch *const *)a)->planned;
    const struct planned_patch *q = (*(struct pending_patch *const *)b)->planned;
    int order = compare_shapes(&p->patch, &q->patch);

    if (order == 0) order = compare_sizes(p->patch.wave_halfwidth, q->patch.wave_halfwidth);
    return order != 0 ? order : (p > q) - (p < q);
}

/* Goes on to the next attempt, which is the host's where it is a regularised one, or where there is none. */
static void go_on(const struct job *job, struct pending_patch *pending, enum solved failure)
{
    const bool is_left = attempt_next(job->in.options, &pending->planned->patch, job->frame->ndiag, failure,
                                      &pending->attempt);

    if (!is_left || pending->attempt.is_regularised) pending->state = ON_HOST;
}

/* Result k of a chunk, which is in patches->patch[k]. */
static struct patch_result result_of(const struct offload_results *results, const struct offload_shape *shape,
                                     size_t k)
{
    const size_t nbin = shape->core_nspec * shape->core_nwave;

    return (struct patch_result){.flux = results->patch.flux + k * nbin,
                                 .ivar = results->patch.ivar + k * nbin,
                                 .chi2pix = results->patch.chi2pix + k * nbin,
                                 .resolution = results->patch.resolution + k * nbin * shape->ndiag};
}

/* Stores what result k is good for, and says what is to be done next. Spectra that are not kept must be good
 * as well: a spectrum's result would else depend on which others are extracted. */
static void take_result(struct bundle_load *load, struct pending_patch *pending,
                        const struct offload_shape *shape, const struct offload_results *results, size_t k)
{
    const struct job *job = load->job;
    const struct planned_patch *planned = pending->planned;
    const size_t spots = (size_t)pending->bundle * job->plan.bundle_nspec * job->plan.spot_nwave;
    const struct patch_result result = result_of(results, shape, k);
    const struct extracted extracted = {.outcome = results->largest[k] == 0 ? EMPTY : EXTRACTED,
                                        .result = &result,
                                        .pixmask_fraction = load->offload->host_pixmask_fraction + spots,
                                        .off_ccd = load->offload->host_off_ccd + spots};
    bool all = true;

    pending->is_empty = extracted.outcome == EMPTY;
    if (!pending->is_empty && !results->solved[k]) {
        go_on(job, pending, SINGULAR);
        return;
    }
    for (size_t s = 0; s < shape->core_nspec; s++) {
        const bool good = pending->is_empty || results->precise[k * shape->core_nspec + s];
        const bool is_kept = s >= planned->kept_spectra.first && s < span_end(planned->kept_spectra);

        if (is_kept && good && (!pending->done[s] || shape->dense))
            store_spectrum(job, planned, &extracted, s);
        pending->done[s] = good || (pending->done[s] && !shape->dense);
        all &= pending->done[s];
    }
    if (all)
        pending->state = DONE;
    else
        go_on(job, pending, IMPRECISE);
}

/* Notes where the time of a chunk went. */
static void add_times(struct timing *timing, const struct offload_results *results, size_t npatch)
{
    timing_count(timing, STAGE_NORMAL_EQUATIONS, results->normal_equations_seconds, npatch);
    timing_count(timing, STAGE_SOLVE, results->solve_seconds, npatch);
    timing_count(timing, STAGE_QUALITY, results->quality_seconds, npatch);
    timing_count(timing, STAGE_COPY, results->copy_seconds, 1);
}

/* Solves the first npatch patches of a list at once. False when the device fails. */
static bool solve_together(struct bundle_load *load, struct pending_patch **todo, size_t npatch,
                           const struct offload_shape *shape)
{
    const struct extract_options *options = load->job->in.options;
    const struct offload_patches patches = {.shape = *shape,
                                            .npatch = npatch,
                                            .patch = load->patch,
                                            .bundle = load->patch_bundle,
                                            .prior = load->job->prior,
                                            .psferr = options->psferr};
    struct offload_results results;
    double now;
    bool solved;

    for (size_t k = 0; k < npatch; k++) {
        load->patch[k] = todo[k]->planned->patch;
        load->patch_bundle[k] = todo[k]->bundle;
    }
    solved = offload_solve(load->offload, &patches, &results);
    now = timing_start(STAGE_STORE);
    if (solved) {
#pragma omp parallel for schedule(dynamic, 16)
        for (size_t k = 0; k < npatch; k++) take_result(load, todo[k], shape, &results, k);
    }
    timing_add(load->timing, STAGE_STORE, now, npatch);
    add_times(load->timing, &results, npatch);
    for (size_t k = 0; k < npatch && solved; k++) {
        if (todo[k]->state != DONE) continue;
        if (!todo[k]->is_empty && attempt_is_left_to_dense(options, todo[k]->attempt)) load->timing->ndense++;
        progress_step(load->job->in.progress);
    }
    return solved;
}

/* Solves `count` patches of one shape, as many at a time as fit. */
static bool solve_shape(struct bundle_load *load, struct pending_patch **todo, size_t count,
                        enum method method)
{
    const struct job *job = load->job;
    const size_t wave_halfwidth = method == METHOD_DENSE ? job->plan.wave_halfwidth : load->wave_halfwidth;
    const struct offload_shape shape = shape_of(job, &todo[0]->planned->patch, wave_halfwidth, method);

    while (count > 0) {
        const size_t npatch = offload_patches_held(load->offload, &shape, count);

        if (npatch == 0 && method == METHOD_DENSE) { /* too large for it */
            for (size_t k = 0; k < count; k++) todo[k]->state = ON_HOST;
            return true;
        }
        if (npatch == 0 || !solve_together(load, todo, npatch, &shape)) return false;
        todo += npatch;
        count -= npatch;
    }
    return true;
}

const struct linalg *device_dense_linalg(const struct device *device, const struct linalg *linalg,
                                         const struct log *log)
{
    static bool has_warned; /* used by the main thread only, like the libraries */
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

/* When the first dense systems come, CUDA's libraries are opened, and do the banded systems as well from now
 * on. */
static void use_dense_linalg(struct bundle_load *load)
{
    const struct extract_options *options = load->job->in.options;

    load->offload->linalg = device_dense_linalg(&options->device, load->offload->linalg, load->job->in.log);
    if (load->offload->linalg == options->device_linalg) return;
    snprintf(load->timing->cuda, sizeof load->timing->cuda, "%s", linalg_description(load->offload->linalg));
}

/* Makes the attempt by this method at all patches whose next one it is. */
static bool try_method(struct bundle_load *load, enum method method)
{
    size_t count = 0;

    for (size_t i = 0; i < load->npending; i++) {
        struct pending_patch *pending = &load->pending[i];

        if (pending->state == PENDING && pending->attempt.method == method) load->todo[count++] = pending;
    }
    if (method == METHOD_DENSE && count > 0) use_dense_linalg(load);
    qsort(load->todo, count, sizeof *load->todo, compare_pending);
    for (size_t first = 0, last; first < count; first = last) {
        for (last = first + 1; last < count; last++) {
            if (compare_shapes(&load->todo[first]->planned->patch, &load->todo[last]->planned->patch) != 0)
                break;
        }
        if (!solve_shape(load, load->todo + first, last - first, method)) return false;
    }
    return true;
}

bool device_patches_solve(struct bundle_load *load)
{
    list_patches(load);
    return try_method(load, METHOD_BANDED) && try_method(load, METHOD_BANDED_WIDE) &&
           try_method(load, METHOD_DENSE);
}
