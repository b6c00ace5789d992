#include "extract_frame.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "extract_device.h"
#include "extract_patch.h"
#include "finish.h"
#include "omp/model.h"
#include "progress.h"

static enum status alloc_frame(struct frame *frame, const struct job *job, struct error *error)
{
    const struct plan_options *plan = &job->options->plan;
    size_t nwave = job->plan.nwave, nbin = plan->nspec * nwave;

    *frame = (struct frame){.specmin = plan->specmin,
                            .nspec = plan->nspec,
                            .nwave = nwave,
                            .ndiag = 2 * job->psf->hsizey + 1,
                            .wave_min = plan->wave_min,
                            .wave_step = plan->wave_step};
    frame->wave = memory_zeroed(nwave, sizeof(double));
    frame->flux = memory_zeroed(nbin, sizeof(double));
    frame->ivar = memory_zeroed(nbin, sizeof(double));
    frame->mask = memory_zeroed(nbin, sizeof(uint32_t));
    frame->resolution = memory_zeroed(nbin, frame->ndiag * sizeof(float));
    frame->pixmask_fraction = memory_zeroed(nbin, sizeof(double));
    frame->chi2pix = memory_zeroed(nbin, sizeof(double));
    if (job->options->model) {
        frame->model_nx = job->preproc->nx;
        frame->model_ny = job->preproc->ny;
        frame->model = memory_zeroed(frame->model_nx * frame->model_ny, sizeof(double));
    }
    if (!frame->wave || !frame->flux || !frame->ivar || !frame->mask || !frame->resolution ||
        !frame->pixmask_fraction || !frame->chi2pix || (job->options->model && !frame->model)) {
        return memory_error(error, "frame");
    }
    for (size_t i = 0; i < nwave; i++) frame->wave[i] = plan->wave_min + (double)i * plan->wave_step;
    return STATUS_OK;
}

/* The bundle as one system; false, and a warning, when it must be solved in patches after all. */
static bool solve_whole(struct job *job, const struct planned_bundle *bundle, struct timing *timing)
{
    double now = timing_start(STAGE_SOLVE);
    bool solved = whole_solve(&job->whole, &job->overlaps, job->options->regularize, bundle->keep_first,
                              bundle->keep_first + bundle->keep_nspec);

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
    job->overlaps.band = bundle->band;
    overlaps_sum(&job->overlaps, &job->spots, &job->pixels);
    timing_add(timing, STAGE_OVERLAPS, now, bundle->nspec * plan->spot_nwave);
}

static void extract_bundle(struct job *job, const struct planned_bundle *bundle, struct timing *timing)
{
    const struct plan *plan = &job->plan;
    const struct plan_options *options = &job->options->plan;
    size_t row = bundle->specmin + bundle->keep_first - options->specmin;
    double now;

    job_evaluate_bundle(job, bundle, timing);
    job->bundle_is_solved = job->options->plan.whole_bundles && solve_whole(job, bundle, timing);
#pragma omp parallel for schedule(dynamic) num_threads(job->nworker)
    for (size_t i = 0; i < bundle->npatch; i++) {
        extract_patch(&job->workers[omp_get_thread_num()], job, bundle,
                      &plan->patch[bundle->first_patch + i]);
    }
    if (!job->options->model) return;
    now = timing_start(STAGE_MODEL);
    model_add(&job->spots, bundle->keep_first, bundle->keep_nspec, plan->spot_wave_first, plan->nwave,
              job->frame->flux + row * plan->nwave, plan->nwave, options->wave_step, job->pixels.nx,
              job->pixels.ny, job->frame->model);
    timing_add(timing, STAGE_MODEL, now, bundle->keep_nspec * plan->nwave);
}

enum status job_alloc_host(struct job *job, struct error *error)
{
    enum status status =
        spots_alloc(&job->spots, job->psf, job->plan.bundle_nspec, job->plan.spot_nwave, error);

    if (status != STATUS_OK) return status;
    status = overlaps_alloc(&job->overlaps, &job->spots, job->plan.bundle_nspec, job->plan.spot_nwave,
                            job->plan.band, job->plan.reach, error);
    if (status != STATUS_OK) return status;
    if (job->options->plan.whole_bundles) {
        status = whole_alloc(&job->whole, job->options->linalg, job->plan.bundle_nspec, job->plan.spot_nwave,
                             job->plan.band, job->psf->hsizey, error);
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
    now = timing_start(STAGE_FINISH);
    status = finish_frame(frame, error);
    timing_add(timing, STAGE_FINISH, now, 1);
    for (int i = 0; i < job.nworker; i++) timing_merge(timing, &job.workers[i].timing);
    timing->extract_seconds = timing_now() - start;
done:
    if (job.workers) {
        for (int i = 0; i < job.nworker; i++) worker_free(&job.workers[i]);
    }
    free(job.workers);
    whole_free(&job.whole);
    overlaps_free(&job.overlaps);
    spots_free(&job.spots);
    plan_free(&job.plan);
    return status;
}
