#include "extract/job.h"

#include <math.h>
#include <omp.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/minmax.h"
#include "extract/attempts.h"
#include "omp/banded.h"
#include "omp/dense.h"
#include "omp/normal_equations.h"
#include "omp/quality.h"

enum { SAMPLE_ROWS = 64, SAMPLE_COLUMNS = 64 };

/* Bytes for any attempt at any patch: the banded solver may leave one to the dense solver, unless it is too
 * large for that. SIZE_MAX when no solver can do it. */
static size_t solver_bytes(const struct job *job)
{
    const struct linalg *linalg = job->in.options->linalg;
    const struct patch largest = plan_largest_patch(&job->plan);
    const size_t dense = dense_bytes(linalg, &largest, job->frame->ndiag);
    const size_t banded = banded_bytes(linalg, &largest, job->frame->ndiag);

    if (attempt_first(job->in.options, &largest, job->frame->ndiag).method == METHOD_DENSE) return dense;
    return dense == SIZE_MAX ? banded : max_size(banded, dense);
}

static enum status check_patch_size(const struct job *job, struct error *error)
{
    if (solver_bytes(job) != SIZE_MAX) return STATUS_OK;
    return error_set(error, STATUS_USAGE,
                     "--nwavestep %zu: a patch of %zu spectra and %zu wavelengths is too large for the dense "
                     "solver: take fewer wavelengths",
                     job->in.options->plan.nwavestep, job->plan.patch_nspec, job->plan.patch_nwave);
}

static bool alloc_result(struct patch_result *result, const struct plan *plan, size_t ndiag)
{
    const size_t nbin = plan->patch_nspec * plan->patch_nwave, ncore = plan->core_nspec * plan->core_nwave;

    result->deconvolved = memory_zeroed(nbin, sizeof(double));
    result->flux = memory_zeroed(ncore, sizeof(double));
    result->ivar = memory_zeroed(ncore, sizeof(double));
    result->chi2pix = memory_zeroed(ncore, sizeof(double));
    result->resolution = memory_zeroed(ncore * ndiag, sizeof(float));
    return result->deconvolved && result->flux && result->ivar && result->chi2pix && result->resolution;
}

static enum status alloc_worker(struct worker *worker, const struct job *job, struct error *error)
{
    const struct plan *plan = &job->plan;
    const size_t ndiag = job->frame->ndiag;
    const bool has_result = alloc_result(&worker->result, plan, ndiag);

    worker->normal_equations =
        memory_zeroed(normal_equations_bytes(plan->patch_nspec, plan->patch_nwave, plan->wave_halfwidth), 1);
    worker->prior = memory_zeroed(plan->patch_nspec * plan->patch_nwave, sizeof(double));
    worker->scratch =
        memory_zeroed(normal_equations_scratch_size(&job->overlaps, &job->spots), sizeof(double));
    worker->exact = memory_zeroed(ndiag * plan->core_nwave, sizeof(double));
    worker->pixels = memory_zeroed(quality_bytes(plan->npix), 1);
    worker->solver.bytes = solver_bytes(job);
    worker->solver.memory = memory_raw(worker->solver.bytes, 1);
    if (has_result && worker->normal_equations && worker->prior && worker->scratch && worker->exact &&
        worker->pixels && worker->solver.memory) {
        return STATUS_OK;
    }
    return memory_error(error, "workspace of a thread");
}

static void free_worker(struct worker *worker)
{
    free(worker->normal_equations);
    free(worker->prior);
    free(worker->scratch);
    free(worker->exact);
    free(worker->pixels);
    free(worker->solver.memory);
    free(worker->result.deconvolved);
    free(worker->result.flux);
    free(worker->result.ivar);
    free(worker->result.chi2pix);
    free(worker->result.resolution);
}

static enum status alloc_frame(struct job *job, struct error *error)
{
    const struct extract_options *options = job->in.options;
    struct span columns = {0, job->in.preproc->nx};

    if (options->part) columns = plan_columns(&job->plan, (struct span){0, job->plan.nbundle});
    if (options->model) {
        job->strip = memory_zeroed(plan_widest_bundle(&job->plan), job->pixels.ny * sizeof(double));
        if (!job->strip) return memory_error(error, "model image");
    }
    return extraction_frame_alloc(job->frame, options, job->in.psf, columns, job->in.preproc->ny, error);
}

static int compare_doubles(const void *a, const void *b)
{
    const double one = *(const double *)a, other = *(const double *)b;

    return one < other ? -1 : one > other;
}

/* The inverse variance of the image's quiet pixels: the 95th percentile of a sample, or the largest of all
 * where the sample has no usable pixel; 0 where there is none at all. sample[SAMPLE_ROWS * SAMPLE_COLUMNS] is
 * overwritten. */
static double quiet_ivar(const struct pixels *pixels, double *sample)
{
    size_t count = 0;
    double largest = 0;

    for (size_t row = 0; row < SAMPLE_ROWS; row++) {
        const float *ivar = pixels->ivar + row * pixels->ny / SAMPLE_ROWS * pixels->nx;

        for (size_t column = 0; column < SAMPLE_COLUMNS; column++) {
            const double value = ivar[column * pixels->nx / SAMPLE_COLUMNS];

            if (value > 0) sample[count++] = value;
        }
    }
    qsort(sample, count, sizeof *sample, compare_doubles);
    if (count > 0) return sample[count * 95 / 100];
    for (size_t i = 0; i < pixels->nx * pixels->ny; i++) largest = fmax(largest, (double)pixels->ivar[i]);
    return largest;
}

/* Takes the unit of the prior from the noise of the image, so that an image in other units has the same
 * solution in those units. Where it is that of gpu_specter's reference frame the prior is gpu_specter's. */
static enum status find_prior(struct job *job, struct error *error)
{
    static const double reference_ivar = 1 / (2.7 * 2.7); /* 1/electron²: a noise of 2.7 electrons */
    double *sample = memory_raw(SAMPLE_ROWS * SAMPLE_COLUMNS, sizeof *sample);
    double ivar;

    if (!sample) return memory_error(error, "sample of the image");
    ivar = quiet_ivar(&job->pixels, sample);
    job->prior = (struct prior_rule){.regularize = job->in.options->regularize,
                                     .unit = ivar > 0 ? ivar / reference_ivar : 1};
    free(sample);
    return STATUS_OK;
}

enum status job_begin(struct job *job, const struct extraction *in, struct frame *frame, struct error *error)
{
    const struct preproc *preproc = in->preproc;
    enum status status;

    *frame = (struct frame){0};
    *job = (struct job){
        .in = *in, .pixels = {preproc->nx, preproc->ny, preproc->image, preproc->ivar}, .frame = frame};
    status = find_prior(job, error);
    if (status == STATUS_OK) status = plan_make(&job->plan, &in->options->plan, in->psf, error);
    if (status == STATUS_OK) status = alloc_frame(job, error);
    return status == STATUS_OK ? check_patch_size(job, error) : status;
}

enum status job_alloc_host(struct job *job, struct error *error)
{
    const struct bundle_sizes sizes = plan_largest_bundle(&job->plan);
    enum status status = spots_alloc(&job->spots, job->in.psf, sizes.nspec, sizes.nwave, error);

    if (status == STATUS_OK) status = overlaps_alloc(&job->overlaps, &job->spots, &sizes, error);
    if (status == STATUS_OK && job->in.options->plan.whole_bundles) {
        status = bundle_solver_alloc(&job->bundle_solver, job->in.options->linalg, &sizes,
                                     job->in.psf->hsizey, error);
    }
    if (status != STATUS_OK) return status;
    job->nworker = omp_get_max_threads();
    job->workers = memory_zeroed((size_t)job->nworker, sizeof *job->workers);
    if (!job->workers) return memory_error(error, "threads");
    for (int i = 0; i < job->nworker && status == STATUS_OK; i++) {
        status = alloc_worker(&job->workers[i], job, error);
    }
    return status;
}

void job_evaluate_bundle(struct job *job, const struct planned_bundle *bundle, struct timing *timing)
{
    const struct plan *plan = &job->plan;
    const struct plan_options *options = &job->in.options->plan;
    double now = timing_start(STAGE_SPOTS);

    spots_evaluate(&job->spots, bundle->spectra.first, bundle->spectra.count, plan->spot_wave_min,
                   options->wave_step, plan->spot_nwave);
    timing_add(timing, STAGE_SPOTS, now, bundle->spectra.count * plan->spot_nwave);
    now = timing_start(STAGE_OVERLAPS);
    job->overlaps.wave_halfwidth = bundle->wave_halfwidth;
    overlaps_sum(&job->overlaps, &job->spots, &job->pixels);
    timing_add(timing, STAGE_OVERLAPS, now, bundle->spectra.count * plan->spot_nwave);
}

struct light job_light(const struct job *job, const struct planned_bundle *bundle)
{
    const size_t row = bundle->kept.first - job->in.options->plan.spectra.first, nwave = job->plan.nwave;

    return (struct light){.spectra = {bundle->kept.first - bundle->spectra.first, bundle->kept.count},
                          .wavelengths = {job->plan.spot_wave_first, nwave},
                          .flux = job->frame->flux + row * nwave,
                          .stride = nwave,
                          .bin_width = job->frame->wave_step};
}

void job_free(struct job *job)
{
    for (int i = 0; job->workers && i < job->nworker; i++) free_worker(&job->workers[i]);
    free(job->workers);
    free(job->strip);
    bundle_solver_free(&job->bundle_solver);
    overlaps_free(&job->overlaps);
    spots_free(&job->spots);
    plan_free(&job->plan);
}
