#include "extract_patch.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "finish.h"
#include "omp/banded.h"
#include "omp/dense.h"
#include "omp/normal.h"
#include "omp/quality.h"
#include "progress.h"

/* gpu_specter's answer to a patch that cannot be solved: once more, with this regularisation. */
static const double rescue_regularize = 1e-4;

/* The banded solver's patches may fall to the dense one: there must be room for both. */
static size_t solver_bytes(const struct job *job)
{
    const struct plan *plan = &job->plan;
    const struct linalg *linalg = job->options->linalg;
    size_t dense = dense_bytes(linalg, plan->patch_nspec, plan->patch_nwave, plan->core_nspec);
    size_t banded = banded_bytes(linalg, plan->patch_nspec, plan->patch_nwave, plan->core_nspec, plan->band,
                                 job->frame->ndiag);

    if (job->options->solver == SOLVER_DENSE) return dense;
    return dense == SIZE_MAX || (banded != SIZE_MAX && banded > dense) ? banded : dense;
}

enum status worker_alloc(struct worker *worker, const struct job *job, struct error *error)
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
    worker->solver = memory_raw(worker->solver_bytes, 1);
    if (worker->normal && worker->prior && worker->scratch && worker->solution.deconvolved &&
        worker->solution.flux && worker->solution.ivar && worker->solution.resolution && worker->chi2pix &&
        worker->pixels && worker->solver) {
        return STATUS_OK;
    }
    return memory_error(error, "workspace of a thread");
}

void worker_free(struct worker *worker)
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

static bool has_solution(enum outcome outcome)
{
    return outcome == EXTRACTED || outcome == REGULARISED;
}

/* Solves with this regularisation, by the solver asked for; what the banded one cannot do precisely, densely.
 */
static enum solved solve_regularised(struct worker *worker, const struct job *job, const struct patch *patch,
                                     const struct normal *normal, double regularize, bool *was_imprecise)
{
    const struct linalg *linalg = job->options->linalg;
    size_t ndiag = job->frame->ndiag;

    solver_prior(team_of_one(), normal->nspec * normal->nwave, normal->weight, regularize, NULL,
                 worker->prior);
    if (job->options->solver == SOLVER_BANDED) {
        enum solved solved = banded_solve(linalg, patch, normal, worker->prior, ndiag, &worker->solution,
                                          worker->solver, worker->solver_bytes);

        if (solved != IMPRECISE) return solved;
        *was_imprecise = true;
    }
    return dense_solve(linalg, patch, normal, worker->prior, ndiag, &worker->solution, worker->solver,
                       worker->solver_bytes);
}

static enum outcome solve(struct worker *worker, const struct job *job, const struct patch *patch,
                          const struct normal *normal)
{
    double largest = 0, regularize = job->options->regularize;
    enum outcome outcome = UNSOLVED;
    bool was_imprecise = false;

    for (size_t i = 0; i < normal->nspec * normal->nwave; i++) largest = fmax(largest, normal->weight[i]);
    if (largest == 0) return EMPTY;
    if (solve_regularised(worker, job, patch, normal, regularize, &was_imprecise) == SOLVED) {
        outcome = EXTRACTED;
    } else if (regularize < rescue_regularize &&
               solve_regularised(worker, job, patch, normal, rescue_regularize, &was_imprecise) == SOLVED) {
        outcome = REGULARISED;
    }
    worker->timing.ndense += was_imprecise;
    return outcome;
}

static enum outcome solve_patch(struct worker *worker, const struct job *job, const struct patch *patch)
{
    struct normal normal;
    enum outcome outcome;
    double now = timing_start(STAGE_NORMAL);

    normal_place(&normal, patch->nspec, patch->nwave, patch->band, worker->normal);
    normal_sum(&normal, patch, &job->overlaps, &job->spots, &job->pixels, worker->scratch);
    timing_add(&worker->timing, STAGE_NORMAL, now, 1);
    now = timing_start(STAGE_SOLVE);
    outcome = solve(worker, job, patch, &normal);
    timing_add(&worker->timing, STAGE_SOLVE, now, 1);
    return outcome;
}

/* The patch's part of a bundle that was solved as one system; false when a spectrum is not precise there. */
static bool take_from_whole(struct worker *worker, const struct job *job, const struct planned_patch *planned)
{
    enum { MARGIN = 20 }; /* wavelengths around the core where a cut of S still matters */
    const struct patch *patch = &planned->patch;
    const struct whole *whole = &job->whole;
    size_t bins = patch->core_nwave, ndiag = job->frame->ndiag;

    for (size_t s = 0; s < patch->nspec; s++) {
        memcpy(worker->solution.deconvolved + s * patch->nwave,
               whole->x + (patch->spec + s) * whole->nwave + patch->wave, patch->nwave * sizeof(double));
    }
    for (size_t s = planned->skip_spec; s < planned->skip_spec + planned->keep_nspec; s++) {
        size_t spec = patch->spec + patch->core_spec + s, first = patch->wave + patch->core_wave;
        struct spectrum_root root = whole_root(whole, spec);

        if (!whole->solved[spec] ||
            !resolve_spectrum(&root, first, bins, worker->solution.flux + s * bins,
                              worker->solution.ivar + s * bins,
                              worker->solution.resolution + s * ndiag * bins) ||
            !resolve_is_precise(&root, first, bins, MARGIN, whole_flux_error)) {
            return false;
        }
    }
    return true;
}

/* A patch of a bundle that was solved as one system, with all pixels of its spots, densely where it has to
 * be. */
static enum outcome solve_within_whole(struct worker *worker, const struct job *job,
                                       const struct planned_patch *planned)
{
    struct patch patch = planned->patch;

    if (take_from_whole(worker, job, planned)) return EXTRACTED;
    patch.row_min = 0;
    patch.row_max = (int)job->pixels.ny;
    return solve_patch(worker, job, &patch);
}

/* Puts one kept core bin into the frame, converted from per bin to per Angstrom. */
static void store_bin(const struct job *job, const struct planned_patch *planned,
                      const struct patch_result *result, size_t spec, size_t wave)
{
    const struct patch *patch = &planned->patch;
    struct frame *frame = job->frame;
    double step = frame->wave_step;
    size_t core = spec * patch->core_nwave + wave;
    size_t out =
        (planned->first_spec + spec - planned->skip_spec) * frame->nwave + planned->first_wave + wave;
    size_t spot = (patch->spec + patch->core_spec + spec) * job->plan.spot_nwave + patch->wave +
                  patch->core_wave + wave;
    double masked = result->masked[spot], ivar;
    uint32_t mask = 0;

    if (result->off_ccd[spot]) mask |= SPECMASK_NODATA;
    if (result->outcome == REGULARISED) mask |= SPECMASK_BAD2DFIT;
    if (result->outcome == UNSOLVED) mask |= SPECMASK_BAD2DFIT | SPECMASK_NODATA;
    frame->pixmask_fraction[out] = masked;
    frame->mask[out] = mask;
    frame->flux[out] = frame->ivar[out] = frame->chi2pix[out] = 0; /* what an earlier attempt may have left */
    if (!has_solution(result->outcome) || masked > 1 - unusable_tolerance) return;
    frame->chi2pix[out] = result->chi2pix[core] < FLT_MAX ? result->chi2pix[core] : FLT_MAX; /* also NaN */
    ivar = result->ivar[core] * step * step;
    if (ivar < FLT_MIN) { /* the file's float32 would hold 0 */
        frame->mask[out] |= SPECMASK_NODATA;
        return;
    }
    frame->flux[out] = result->flux[core] / step;
    frame->ivar[out] = ivar;
}

/* The diagonals of R are stored whatever becomes of their columns' bins: rows of others reach there. NULL: 0,
 * whatever an earlier attempt left. */
static void store_resolution(const struct job *job, const struct planned_patch *planned,
                             const double *resolution, size_t spec)
{
    struct frame *frame = job->frame;
    const struct patch *patch = &planned->patch;
    size_t row = planned->first_spec + spec - planned->skip_spec;

    for (size_t k = 0; k < frame->ndiag; k++) {
        const double *from = resolution ? resolution + (spec * frame->ndiag + k) * patch->core_nwave : NULL;
        float *to = frame->resolution + (row * frame->ndiag + k) * frame->nwave + planned->first_wave;

        for (size_t wave = 0; wave < planned->keep_nwave; wave++) to[wave] = from ? (float)from[wave] : 0;
    }
}

void store_spectrum(const struct job *job, const struct planned_patch *planned,
                    const struct patch_result *result, size_t spec)
{
    for (size_t wave = 0; wave < planned->keep_nwave; wave++) store_bin(job, planned, result, spec, wave);
    store_resolution(job, planned, has_solution(result->outcome) ? result->resolution : NULL, spec);
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

void extract_patch(struct worker *worker, const struct job *job, const struct planned_bundle *bundle,
                   const struct planned_patch *planned)
{
    const struct patch *patch = &planned->patch;
    enum outcome outcome =
        job->bundle_is_solved ? solve_within_whole(worker, job, planned) : solve_patch(worker, job, patch);
    double now = timing_start(STAGE_QUALITY);

    if (outcome == REGULARISED) worker->timing.nregularised++;
    if (outcome == UNSOLVED) worker->timing.nunsolved++;
    if (outcome == REGULARISED || outcome == UNSOLVED) report(job, bundle, planned, outcome);
    if (has_solution(outcome)) {
        quality_chi2pix(patch, &job->spots, &job->pixels, worker->solution.deconvolved, job->options->psferr,
                        worker->chi2pix, worker->pixels);
    }
    for (size_t spec = planned->skip_spec; spec < planned->skip_spec + planned->keep_nspec; spec++) {
        const struct patch_result result = {.outcome = outcome,
                                            .flux = worker->solution.flux,
                                            .ivar = worker->solution.ivar,
                                            .chi2pix = worker->chi2pix,
                                            .resolution = worker->solution.resolution,
                                            .masked = job->overlaps.masked,
                                            .off_ccd = job->overlaps.off_ccd};

        store_spectrum(job, planned, &result, spec);
    }
    timing_add(&worker->timing, STAGE_QUALITY, now, 1);
    progress_step(job->progress);
}
