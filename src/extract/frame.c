#include "extract/frame.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/minmax.h"
#include "extract/mask.h"
#include "extract/on_device.h"
#include "extract/patch.h"
#include "omp/model.h"
#include "run/options.h"
#include "run/progress.h"

enum status extract_frame_alloc(struct frame *frame, const struct extract_options *options,
                                const struct psf *psf, size_t column_min, size_t column_max, size_t ny,
                                struct error *error)
{
    const struct plan_options *plan = &options->plan;
    size_t nwave = wavelength_count(plan->wave_min, plan->wave_max, plan->wave_step);
    size_t nbin = plan->nspec * nwave;

    *frame = (struct frame){.specmin = plan->specmin,
                            .nspec = plan->nspec,
                            .nwave = nwave,
                            .ndiag = 2 * psf->hsizey + 1,
                            .wave_min = plan->wave_min,
                            .wave_step = plan->wave_step};
    frame->wave = memory_zeroed(nwave, sizeof(double));
    /* without zeros: each bin is in one patch, and stored with that, by the thread that has it */
    frame->flux = memory_raw(nbin, sizeof(double));
    frame->ivar = memory_raw(nbin, sizeof(double));
    frame->mask = memory_raw(nbin, sizeof(uint32_t));
    frame->resolution = memory_raw(nbin, frame->ndiag * sizeof(float));
    frame->pixmask_fraction = memory_raw(nbin, sizeof(double));
    frame->chi2pix = memory_raw(nbin, sizeof(double));
    if (options->model) {
        frame->model_column = column_min;
        frame->model_nx = column_max - column_min;
        frame->model_ny = ny;
        frame->model = memory_zeroed(frame->model_nx * frame->model_ny, sizeof(double));
    }
    if (!frame->wave || !frame->flux || !frame->ivar || !frame->mask || !frame->resolution ||
        !frame->pixmask_fraction || !frame->chi2pix || (options->model && !frame->model)) {
        return memory_error(error, "frame");
    }
    for (size_t i = 0; i < nwave; i++) frame->wave[i] = plan->wave_min + (double)i * plan->wave_step;
    return STATUS_OK;
}

static enum status alloc_frame(struct frame *frame, struct job *job, struct error *error)
{
    size_t column_min = 0, column_max = job->preproc->nx;

    if (job->options->part) plan_columns(&job->plan, 0, job->plan.nbundle, &column_min, &column_max);
    if (job->options->model) {
        job->strip = memory_zeroed(plan_widest_bundle(&job->plan), job->pixels.ny * sizeof(double));
        if (!job->strip) return memory_error(error, "model image");
    }
    return extract_frame_alloc(frame, job->options, job->psf, column_min, column_max, job->preproc->ny,
                               error);
}

/* The bundle as one system; false, and a warning, when it must be solved in patches after all. */
static bool solve_whole(struct job *job, const struct planned_bundle *bundle, struct timing *timing)
{
    double now = timing_start(STAGE_SOLVE);
    bool solved = bundle_solver_solve(&job->bundle_solver, &job->overlaps, job->options->regularize,
                                      bundle->keep_first, bundle->keep_first + bundle->keep_nspec);

    timing_add(timing, STAGE_SOLVE, now, 1);
    if (!solved) {
        log_warning(job->log, "bundle of spectra %zu-%zu: singular as one system, solved in patches",
                    bundle->specmin, bundle->specmin + bundle->nspec - 1);
    }
    return solved;
}

void job_evaluate_bundle(struct job *job, const struct planned_bundle *bundle, struct timing *timing)
{
    const struct plan *plan = &job->plan;
    const struct plan_options *options = &job->options->plan;
    double now = timing_start(STAGE_SPOTS);

    spots_evaluate(&job->spots, bundle->specmin, bundle->nspec, plan->spot_wave_min, options->wave_step,
                   plan->spot_nwave);
    timing_add(timing, STAGE_SPOTS, now, bundle->nspec * plan->spot_nwave);
    now = timing_start(STAGE_OVERLAPS);
    job->overlaps.wave_halfwidth = bundle->wave_halfwidth;
    overlaps_sum(&job->overlaps, &job->spots, &job->pixels);
    timing_add(timing, STAGE_OVERLAPS, now, bundle->nspec * plan->spot_nwave);
}

/* Each bundle's light is summed apart, then added to the image: so that the sums are the same when bundles
 * are extracted apart. */
static void add_model(struct job *job, const struct planned_bundle *bundle, struct timing *timing)
{
    const struct plan *plan = &job->plan;
    const struct plan_options *options = &job->options->plan;
    struct frame *frame = job->frame;
    size_t row = bundle->specmin + bundle->keep_first - options->specmin;
    size_t min, max, width;
    double now = timing_start(STAGE_MODEL);

    plan_columns(plan, (size_t)(bundle - plan->bundle), 1, &min, &max);
    width = max - min;
    if (width == 0) return;
    memset(job->strip, 0, width * job->pixels.ny * sizeof(double));
    model_add(&job->spots, bundle->keep_first, bundle->keep_nspec, plan->spot_wave_first, plan->nwave,
              frame->flux + row * plan->nwave, plan->nwave, options->wave_step, min, max, job->pixels.ny,
              job->strip);
    frame_add_to_model(frame, min, width, job->strip);
    timing_add(timing, STAGE_MODEL, now, bundle->keep_nspec * plan->nwave);
}

static void extract_bundle(struct job *job, const struct planned_bundle *bundle, struct timing *timing)
{
    const struct plan *plan = &job->plan;

    job_evaluate_bundle(job, bundle, timing);
    job->bundle_is_solved = job->options->plan.whole_bundles && solve_whole(job, bundle, timing);
#pragma omp parallel for schedule(dynamic) num_threads(job->nworker)
    for (size_t i = 0; i < bundle->npatch; i++) {
        extract_patch(&job->workers[omp_get_thread_num()], job, bundle,
                      &plan->patch[bundle->first_patch + i]);
    }
    if (job->options->model) add_model(job, bundle, timing);
}

enum status job_alloc_host(struct job *job, struct error *error)
{
    enum status status =
        spots_alloc(&job->spots, job->psf, job->plan.bundle_nspec, job->plan.spot_nwave, error);

    if (status != STATUS_OK) return status;
    status = overlaps_alloc(&job->overlaps, &job->spots, job->plan.bundle_nspec, job->plan.spot_nwave,
                            job->plan.wave_halfwidth, job->plan.spec_halfwidth, error);
    if (status != STATUS_OK) return status;
    if (job->options->plan.whole_bundles) {
        status = bundle_solver_alloc(&job->bundle_solver, job->options->linalg, job->plan.bundle_nspec,
                                     job->plan.spot_nwave, job->plan.wave_halfwidth, job->psf->hsizey, error);
        if (status != STATUS_OK) return status;
    }
    job->nworker = omp_get_max_threads();
    job->workers = memory_zeroed((size_t)job->nworker, sizeof *job->workers);
    if (!job->workers) return memory_error(error, "threads");
    for (int i = 0; i < job->nworker && status == STATUS_OK; i++) {
        status = worker_alloc(&job->workers[i], job, error);
    }
    return status;
}

enum status extract_frame(const struct preproc *preproc, const struct psf *psf,
                          const struct extract_options *options, const struct log *log,
                          struct progress *progress, struct frame *frame, struct timing *timing,
                          struct error *error)
{
    struct job job = {.preproc = preproc,
                      .psf = psf,
                      .options = options,
                      .log = log,
                      .progress = progress,
                      .pixels = {preproc->nx, preproc->ny, preproc->image, preproc->ivar},
                      .frame = frame};
    const bool on_host = options->device.kind == DEVICE_HOST;
    double start = timing_start(STAGE_PLAN), now;
    enum status status = plan_make(&job.plan, &options->plan, psf, error);

    memset(frame, 0, sizeof *frame);
    if (status == STATUS_OK) status = alloc_frame(frame, &job, error);
    if (status == STATUS_OK && on_host) status = job_alloc_host(&job, error);
    if (status != STATUS_OK) goto done;
    timing_add(timing, STAGE_PLAN, start, job.plan.npatch);
    timing->npatch = job.plan.npatch;
    progress_start(progress, job.plan.npatch);
    if (on_host) {
        for (size_t i = 0; i < job.plan.nbundle; i++) extract_bundle(&job, &job.plan.bundle[i], timing);
    } else {
        status = extract_on_device(&job, timing, error);
    }
    progress_end(progress);
    if (status != STATUS_OK) goto done;
    if (!options->part) {
        now = timing_start(STAGE_FINISH);
        status = finish_frame(frame, error);
        timing_add(timing, STAGE_FINISH, now, 1);
    }
    for (int i = 0; i < job.nworker; i++) timing_merge(timing, &job.workers[i].timing);
    timing->extract_seconds = timing_now() - start;
done:
    if (job.workers) {
        for (int i = 0; i < job.nworker; i++) worker_free(&job.workers[i]);
    }
    free(job.workers);
    free(job.strip);
    bundle_solver_free(&job.bundle_solver);
    overlaps_free(&job.overlaps);
    spots_free(&job.spots);
    plan_free(&job.plan);
    return status;
}
