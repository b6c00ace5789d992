#include "extract_frame.h"

#include <float.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "finish.h"
#include "omp/banded.h"
#include "omp/dense.h"
#include "omp/model.h"
#include "omp/normal.h"
#include "omp/overlaps.h"
#include "omp/quality.h"
#include "omp/spots.h"
#include "progress.h"

/* gpu_specter's answer to a patch that cannot be solved: once more, with this regularisation. */
static const double rescue_regularize = 1e-4;

/* What one thread needs for any patch of the plan; allocated once a frame. */
struct worker {
    void *normal;    /* normal_bytes() */
    double *prior;   /* [wave][spec] */
    double *scratch; /* normal_scratch_size() */
    struct solution solution;
    double *chi2pix; /* [core spec][core wave] */
    double *pixels;  /* quality_bytes() */
    void *solver;
    size_t solver_bytes;
    struct timing timing;
};

/* What all threads share; only frame is written to, each patch its own part. */
struct job {
    const struct preproc *preproc;
    const struct psf *psf;
    const struct extract_options *options;
    const struct log *log;
    struct progress *progress;
    struct plan plan;
    struct pixels pixels;
    struct spots spots;
    struct overlaps overlaps;
    struct worker *workers; /* [nworker] */
    int nworker;
    struct frame *frame;
};

/* The banded solver's patches may fall to the dense one: there must be room for both. */
static size_t solver_bytes(const struct job *job)
{
    const struct plan *plan = &job->plan;
    const struct linalg *linalg = job->options->linalg;
    size_t dense = dense_bytes(linalg, plan->patch_nspec, plan->patch_nwave, plan->core_nspec);
    size_t banded = banded_bytes(linalg, plan->patch_nspec, plan->patch_nwave, plan->core_nspec, plan->band,
                                 job->frame->ndiag);

    return job->options->solver == SOLVER_BANDED && banded > dense ? banded : dense;
}

static enum status alloc_worker(struct worker *worker, const struct job *job, struct error *error)
{
    const struct plan *plan = &job->plan;
    size_t nbin = plan->patch_nspec * plan->patch_nwave, ncore = plan->core_nspec * plan->core_nwave;

    worker->solver_bytes = solver_bytes(job);
    worker->normal = memory_zeroed(normal_bytes(plan->patch_nspec, plan->patch_nwave, plan->band), 1);
    worker->prior = memory_zeroed(nbin, sizeof(double));
    worker->scratch = memory_zeroed(normal_scratch_size(&job->overlaps, &job->spots), sizeof(double));
    worker->solution.deconvolved = memory_zeroed(nbin, sizeof(double));
    worker->solution.flux = memory_zeroed(ncore, sizeof(double));
    worker->solution.ivar = memory_zeroed(ncore, sizeof(double));
    worker->solution.resolution = memory_zeroed(ncore * job->frame->ndiag, sizeof(double));
    worker->chi2pix = memory_zeroed(ncore, sizeof(double));
    worker->pixels = memory_zeroed(quality_bytes(plan->npix), 1);
    worker->solver = memory_zeroed(worker->solver_bytes, 1);
    if (worker->normal && worker->prior && worker->scratch && worker->solution.deconvolved &&
        worker->solution.flux && worker->solution.ivar && worker->solution.resolution && worker->chi2pix &&
        worker->pixels && worker->solver) {
        return STATUS_OK;
    }
    return memory_error(error, "workspace of a thread");
}

static void free_worker(struct worker *worker)
{
    free(worker->normal);
    free(worker->prior);
    free(worker->scratch);
    free(worker->solution.deconvolved);
    free(worker->solution.flux);
    free(worker->solution.ivar);
    free(worker->solution.resolution);
    free(worker->chi2pix);
    free(worker->pixels);
    free(worker->solver);
}

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

enum outcome { EXTRACTED, REGULARISED, UNSOLVED, EMPTY };

/* Solves with this regularisation, by the solver asked for; what the banded one cannot do precisely, densely.
 */
static enum solved solve_regularised(struct worker *worker, const struct job *job, const struct patch *patch,
                                     const struct normal *normal, double regularize)
{
    const struct linalg *linalg = job->options->linalg;
    size_t ndiag = job->frame->ndiag;

    normal_prior(normal, regularize, worker->prior);
    if (job->options->solver == SOLVER_BANDED) {
        enum solved solved = banded_solve(linalg, patch, normal, worker->prior, ndiag, &worker->solution,
                                          worker->solver, worker->solver_bytes);

        if (solved != IMPRECISE) return solved;
        worker->timing.ndense++;
    }
    return dense_solve(linalg, patch, normal, worker->prior, ndiag, &worker->solution, worker->solver,
                       worker->solver_bytes);
}

static enum outcome solve(struct worker *worker, const struct job *job, const struct patch *patch,
                          const struct normal *normal)
{
    double largest = 0, regularize = job->options->regularize;

    for (size_t i = 0; i < normal->nspec * normal->nwave; i++) largest = fmax(largest, normal->weight[i]);
    if (largest == 0) return EMPTY;
    if (solve_regularised(worker, job, patch, normal, regularize) == SOLVED) return EXTRACTED;
    if (regularize > 0) return UNSOLVED;
    return solve_regularised(worker, job, patch, normal, rescue_regularize) == SOLVED ? REGULARISED
                                                                                      : UNSOLVED;
}

static bool is_on_ccd(const struct spots *spots, size_t spot, const struct pixels *pixels)
{
    const double *value = spots->value + spot * spots->nx * spots->ny;
    double light = 0;

    for (size_t i = 0; i < spots->nx * spots->ny; i++) {
        long column = spots->column[spot] + (long)(i % spots->nx);
        long row = spots->row[spot] + (long)(i / spots->nx);

        if (column >= 0 && column < (long)pixels->nx && row >= 0 && row < (long)pixels->ny) light += value[i];
    }
    return light > unusable_tolerance;
}

/* Puts one kept core bin into the frame, converted from per bin to per Angstrom. */
static void store_bin(const struct worker *worker, const struct job *job, const struct planned_patch *planned,
                      const struct normal *normal, enum outcome outcome, size_t spec, size_t wave)
{
    const struct patch *patch = &planned->patch;
    struct frame *frame = job->frame;
    double step = frame->wave_step;
    size_t core = spec * patch->core_nwave + wave;
    size_t out =
        (planned->first_spec + spec - planned->skip_spec) * frame->nwave + planned->first_wave + wave;
    size_t spot =
        (patch->spec + patch->core_spec + spec) * job->spots.nwave + patch->wave + patch->core_wave + wave;
    double masked = normal->masked[(patch->core_wave + wave) * patch->nspec + patch->core_spec + spec];
    double ivar = worker->solution.ivar[core] * step * step;
    uint32_t mask = 0;

    if (masked > 1 - unusable_tolerance && !is_on_ccd(&job->spots, spot, &job->pixels))
        mask |= SPECMASK_NODATA;
    if (outcome == REGULARISED) mask |= SPECMASK_BAD2DFIT;
    if (outcome == UNSOLVED) mask |= SPECMASK_BAD2DFIT | SPECMASK_NODATA;
    frame->pixmask_fraction[out] = masked;
    frame->mask[out] = mask;
    if (outcome == UNSOLVED || outcome == EMPTY || masked > 1 - unusable_tolerance) return;
    frame->chi2pix[out] = worker->chi2pix[core];
    if (ivar < FLT_MIN) { /* the file's float32 would hold 0 */
        frame->mask[out] |= SPECMASK_NODATA;
        return;
    }
    frame->flux[out] = worker->solution.flux[core] / step;
    frame->ivar[out] = ivar;
}

/* The diagonals of R are stored whatever becomes of their columns' bins: rows of others reach there. */
static void store_resolution(const struct worker *worker, const struct job *job,
                             const struct planned_patch *planned, size_t spec)
{
    struct frame *frame = job->frame;
    const struct patch *patch = &planned->patch;
    size_t row = planned->first_spec + spec - planned->skip_spec;

    for (size_t k = 0; k < frame->ndiag; k++) {
        const double *from = worker->solution.resolution + (spec * frame->ndiag + k) * patch->core_nwave;
        float *to = frame->resolution + (row * frame->ndiag + k) * frame->nwave + planned->first_wave;

        for (size_t wave = 0; wave < planned->keep_nwave; wave++) to[wave] = (float)from[wave];
    }
}

static void report(const struct job *job, const struct planned_bundle *bundle,
                   const struct planned_patch *planned, enum outcome outcome)
{
    size_t spec = bundle->specmin + planned->patch.spec + planned->patch.core_spec;
    double wave = job->frame->wave[planned->first_wave];

    log_warning(job->log, "patch at spectra %zu-%zu, %.1f Angstrom: %s", spec,
                spec + planned->patch.core_nspec - 1, wave,
                outcome == REGULARISED ? "singular, solved with --regularize 1e-4, masked BAD2DFIT"
                                       : "no solution, masked BAD2DFIT and NODATA");
}

static void extract_patch(struct worker *worker, const struct job *job, const struct planned_bundle *bundle,
                          const struct planned_patch *planned)
{
    const struct patch *patch = &planned->patch;
    struct normal normal;
    enum outcome outcome;
    double now = timing_now();

    normal_place(&normal, patch->nspec, patch->nwave, patch->band, worker->normal);
    normal_sum(&normal, patch, &job->overlaps, &job->spots, &job->pixels, worker->scratch);
    now = timing_add(&worker->timing, STAGE_NORMAL, now, 1);
    outcome = solve(worker, job, patch, &normal);
    now = timing_add(&worker->timing, STAGE_SOLVE, now, 1);
    if (outcome == REGULARISED) worker->timing.nregularised++;
    if (outcome == UNSOLVED) worker->timing.nunsolved++;
    if (outcome == REGULARISED || outcome == UNSOLVED) report(job, bundle, planned, outcome);
    if (outcome == EXTRACTED || outcome == REGULARISED) {
        quality_chi2pix(patch, &job->spots, &job->pixels, worker->solution.deconvolved, job->options->psferr,
                        worker->chi2pix, worker->pixels);
    }
    for (size_t spec = planned->skip_spec; spec < planned->skip_spec + planned->keep_nspec; spec++) {
        for (size_t wave = 0; wave < planned->keep_nwave; wave++) {
            store_bin(worker, job, planned, &normal, outcome, spec, wave);
        }
        if (outcome == EXTRACTED || outcome == REGULARISED) store_resolution(worker, job, planned, spec);
    }
    timing_add(&worker->timing, STAGE_QUALITY, now, 1);
    progress_step(job->progress);
}

static void extract_bundle(struct job *job, const struct planned_bundle *bundle, struct timing *timing)
{
    const struct plan *plan = &job->plan;
    const struct plan_options *options = &job->options->plan;
    size_t row = bundle->specmin + bundle->keep_first - options->specmin;
    double now = timing_now();

    spots_evaluate(&job->spots, job->psf, bundle->specmin, bundle->nspec, plan->spot_wave_min,
                   options->wave_step, plan->spot_nwave);
    now = timing_add(timing, STAGE_SPOTS, now, bundle->nspec * plan->spot_nwave);
    overlaps_sum(&job->overlaps, &job->spots, &job->pixels);
    timing_add(timing, STAGE_OVERLAPS, now, bundle->nspec * plan->spot_nwave);
#pragma omp parallel for schedule(dynamic) num_threads(job->nworker)
    for (size_t i = 0; i < bundle->npatch; i++) {
        extract_patch(&job->workers[omp_get_thread_num()], job, bundle,
                      &plan->patch[bundle->first_patch + i]);
    }
    if (!job->options->model) return;
    now = timing_now();
    model_add(&job->spots, bundle->keep_first, bundle->keep_nspec, plan->spot_wave_first, plan->nwave,
              job->frame->flux + row * plan->nwave, plan->nwave, options->wave_step, job->pixels.nx,
              job->pixels.ny, job->frame->model);
    timing_add(timing, STAGE_MODEL, now, bundle->keep_nspec * plan->nwave);
}

static enum status alloc_job(struct job *job, struct error *error)
{
    enum status status = alloc_frame(job->frame, job, error);

    if (status != STATUS_OK) return status;
    status = spots_alloc(&job->spots, job->psf, job->plan.bundle_nspec, job->plan.spot_nwave, error);
    if (status != STATUS_OK) return status;
    status = overlaps_alloc(&job->overlaps, &job->spots, job->plan.bundle_nspec, job->plan.spot_nwave,
                            job->plan.band, job->plan.reach, error);
    if (status != STATUS_OK) return status;
    job->nworker = omp_get_max_threads();
    job->workers = memory_zeroed((size_t)job->nworker, sizeof *job->workers);
    if (!job->workers) return memory_error(error, "threads");
    for (int i = 0; i < job->nworker && status == STATUS_OK; i++) {
        status = alloc_worker(&job->workers[i], job, error);
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
    double start = timing_now(), now;
    enum status status = plan_make(&job.plan, &options->plan, psf, error);

    memset(frame, 0, sizeof *frame);
    if (status == STATUS_OK) status = alloc_job(&job, error);
    if (status != STATUS_OK) goto done;
    timing_add(timing, STAGE_PLAN, start, job.plan.npatch);
    timing->npatch = job.plan.npatch;
    progress_start(progress, job.plan.npatch);
    for (size_t i = 0; i < job.plan.nbundle; i++) extract_bundle(&job, &job.plan.bundle[i], timing);
    progress_end(progress);
    now = timing_now();
    status = finish_frame(frame, error);
    timing_add(timing, STAGE_FINISH, now, 1);
    for (int i = 0; i < job.nworker; i++) timing_merge(timing, &job.workers[i].timing);
    timing->extract_seconds = timing_now() - start;
done:
    if (job.workers) {
        for (int i = 0; i < job.nworker; i++) free_worker(&job.workers[i]);
    }
    free(job.workers);
    overlaps_free(&job.overlaps);
    spots_free(&job.spots);
    plan_free(&job.plan);
    return status;
}
