#include "extract/frame.h"

#include <omp.h>
#include <string.h>

#include "base/span.h"
#include "extract/job.h"
#include "extract/mask.h"
#include "extract/on_device.h"
#include "extract/patch.h"
#include "omp/model.h"

/* Solves the bundle as one system. False, after a warning, when it must be solved in patches after all. */
static bool solve_whole(struct job *job, const struct planned_bundle *bundle, struct timing *timing)
{
    const size_t first = bundle->kept.first - bundle->spectra.first;
    double now = timing_start(STAGE_SOLVE);
    bool solved = bundle_solver_solve(&job->bundle_solver, &job->overlaps, job->prior, first,
                                      first + bundle->kept.count);

    timing_add(timing, STAGE_SOLVE, now, 1);
    if (!solved) {
        log_warning(job->in.log, "bundle of spectra %zu-%zu: singular as one system, solved in patches",
                    job->in.psf->fibermin + bundle->spectra.first,
                    job->in.psf->fibermin + span_end(bundle->spectra) - 1);
    }
    return solved;
}

/* Each bundle's light is summed apart, then added to the image: so that the sums are the same when bundles
 * are extracted apart. */
static void add_model(struct job *job, const struct planned_bundle *bundle, struct timing *timing)
{
    const struct plan *plan = &job->plan;
    const struct span columns = plan_columns(plan, (struct span){(size_t)(bundle - plan->bundle), 1});
    struct frame *frame = job->frame;
    const struct light light = job_light(job, bundle);
    double now;

    if (columns.count == 0) return;
    now = timing_start(STAGE_MODEL);
    memset(job->strip, 0, columns.count * job->pixels.ny * sizeof(double));
    model_add(&job->spots, &light, columns, job->pixels.ny, job->strip);
    frame_add_to_model(frame, columns.first, columns.count, job->strip);
    timing_add(timing, STAGE_MODEL, now, bundle->kept.count * plan->nwave);
}

static void extract_bundle(struct job *job, const struct planned_bundle *bundle, struct timing *timing)
{
    const struct plan *plan = &job->plan;

    job_evaluate_bundle(job, bundle, timing);
    job->bundle_is_solved = job->in.options->plan.whole_bundles && solve_whole(job, bundle, timing);
#pragma omp parallel for schedule(dynamic) num_threads(job->nworker)
    for (size_t i = 0; i < bundle->patches.count; i++) {
        extract_patch(&job->workers[omp_get_thread_num()], job, bundle,
                      &plan->patch[bundle->patches.first + i]);
    }
    if (job->in.options->model) add_model(job, bundle, timing);
}

/* Extracts all patches of the plan, on the host or on the device. */
static enum status extract_patches(struct job *job, struct timing *timing, struct error *error)
{
    enum status status = STATUS_OK;

    progress_start(job->in.progress, job->plan.npatch);
    if (job->in.options->device.kind == DEVICE_HOST) {
        for (size_t i = 0; i < job->plan.nbundle; i++) extract_bundle(job, &job->plan.bundle[i], timing);
    } else {
        status = extract_on_device(job, timing, error);
    }
    progress_end(job->in.progress);
    for (int i = 0; i < job->nworker; i++) timing_merge(timing, &job->workers[i].timing);
    return status;
}

enum status extract_frame(const struct extraction *in, struct frame *frame, struct timing *timing,
                          struct error *error)
{
    const bool on_host = in->options->device.kind == DEVICE_HOST;
    double start = timing_start(STAGE_PLAN);
    struct job job;
    enum status status = job_begin(&job, in, frame, error);

    if (status == STATUS_OK && on_host) status = job_alloc_host(&job, error);
    timing_add(timing, STAGE_PLAN, start, job.plan.npatch);
    timing->npatch = job.plan.npatch;
    if (status == STATUS_OK) status = extract_patches(&job, timing, error);
    if (status == STATUS_OK && !in->options->part) {
        double now = timing_start(STAGE_FINISH);

        status = mask_frame(frame, in->options, error);
        timing_add(timing, STAGE_FINISH, now, 1);
    }
    timing->extract_seconds = timing_now() - start;
    job_free(&job);
    return status;
}
