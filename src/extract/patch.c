#include "extract/patch.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "extract/mask.h"
#include "omp/banded.h"
#include "omp/dense.h"
#include "omp/normal_equations.h"
#include "omp/quality.h"
#include "run/progress.h"

/* gpu_specter's answer to a patch that cannot be solved: once more, with this regularisation. */
static const double rescue_regularize = 1e-4;

static bool has_solution(enum outcome outcome)
{
    return outcome == EXTRACTED || outcome == REGULARISED;
}

/* Solves with this regularisation, by the solver asked for; what the banded one cannot do precisely, densely.
 */
static enum solved solve_regularised(struct worker *worker, const struct job *job, const struct patch *patch,
                                     const struct normal_equations *normal, double regularize,
                                     bool *was_imprecise)
{
    const struct linalg *linalg = job->in.options->linalg;
    size_t ndiag = job->frame->ndiag;

    solver_prior(team_of_one(), normal->nspec * normal->nwave, normal->weight, regularize, NULL,
                 worker->prior);
    if (job->in.options->solver == SOLVER_BANDED) {
        enum solved solved = banded_solve(linalg, patch, normal, worker->prior, ndiag, &worker->solution,
                                          worker->solver, worker->solver_bytes);

        if (solved != IMPRECISE) return solved;
        *was_imprecise = true;
    }
    return dense_solve(linalg, patch, normal, worker->prior, ndiag, &worker->solution, worker->solver,
                       worker->solver_bytes);
}

static enum outcome solve(struct worker *worker, const struct job *job, const struct patch *patch,
                          const struct normal_equations *normal)
{
    double largest = 0, regularize = job->in.options->regularize;
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
    struct normal_equations normal;
    enum outcome outcome;
    double now = timing_start(STAGE_NORMAL);

    normal_equations_place(&normal, patch->nspec, patch->nwave, patch->wave_halfwidth,
                           worker->normal_equations);
    normal_equations_sum(&normal, patch, &job->overlaps, &job->spots, &job->pixels, worker->scratch);
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
    const struct bundle_solver *solver = &job->bundle_solver;
    size_t bins = patch->core_nwave, ndiag = job->frame->ndiag;

    for (size_t s = 0; s < patch->nspec; s++) {
        memcpy(worker->solution.deconvolved + s * patch->nwave,
               solver->x + (patch->spec + s) * solver->nwave + patch->wave, patch->nwave * sizeof(double));
    }
    for (size_t s = planned->kept_spectra.first; s < span_end(planned->kept_spectra); s++) {
        size_t spec = patch->spec + patch->core_spec + s, first = patch->wave + patch->core_wave;
        struct spectrum_root root = bundle_solver_root(solver, spec);

        if (!solver->solved[spec] ||
            !decorrelate_spectrum(&root, first, bins, worker->solution.flux + s * bins,
                                  worker->solution.ivar + s * bins,
                                  worker->solution.resolution + s * ndiag * bins) ||
            !decorrelate_is_precise(&root, first, bins, MARGIN, bundle_solver_flux_error)) {
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

/* Where the first kept bin of a core spectrum is to be found. */
struct place {
    size_t core, spot; /* of the patch's core, of the bundle's spots */
    size_t row, out;   /* of the frame, and its bin there */
};

static struct place place_of(const struct job *job, const struct planned_patch *planned, size_t spec)
{
    const struct patch *patch = &planned->patch;
    size_t row = planned->row + spec - planned->kept_spectra.first;

    return (struct place){.core = spec * patch->core_nwave,
                          .spot = (patch->spec + patch->core_spec + spec) * job->plan.spot_nwave +
                                  patch->wave + patch->core_wave,
                          .row = row,
                          .out = row * job->frame->nwave + planned->wavelengths.first};
}

/* The mask's bits that all bins of a patch get. */
static uint32_t mask_of(enum outcome outcome)
{
    if (outcome == REGULARISED) return SPECMASK_BAD2DFIT;
    return outcome == UNSOLVED ? SPECMASK_BAD2DFIT | SPECMASK_NODATA : 0;
}

static void store_pixels(const struct job *job, const struct patch_result *result, const struct place *place,
                         size_t nwave)
{
    const bool *restrict off_ccd = result->off_ccd + place->spot;
    uint32_t *restrict mask = job->frame->mask + place->out, bits = mask_of(result->outcome);

    memcpy(job->frame->pixmask_fraction + place->out, result->pixmask_fraction + place->spot,
           nwave * sizeof(double));
    for (size_t w = 0; w < nwave; w++) mask[w] = bits | (off_ccd[w] ? SPECMASK_NODATA : 0u);
}

/* Bins, converted from per bin to per Angstrom; those that no pixel tells about are 0, and those whose ivar
 * the file's float32 would hold as 0. Without branches: in vectors. */
static void store_bins(const struct job *job, const struct patch_result *result, const struct place *place,
                       size_t nwave)
{
    const struct frame *frame = job->frame;
    const double *restrict pixmask_fraction = result->pixmask_fraction + place->spot;
    const double *restrict from_flux = result->flux + place->core;
    const double *restrict from_ivar = result->ivar + place->core;
    const double *restrict from_chi2pix = result->chi2pix + place->core;
    double *restrict flux = frame->flux + place->out, *restrict ivar = frame->ivar + place->out;
    double *restrict chi2pix = frame->chi2pix + place->out, step = frame->wave_step;
    uint32_t *restrict mask = frame->mask + place->out;

#pragma omp simd
    for (size_t w = 0; w < nwave; w++) {
        double converted = from_ivar[w] * step * step, density = from_flux[w] / step;
        double chi2 = from_chi2pix[w] < FLT_MAX ? from_chi2pix[w] : FLT_MAX; /* also NaN */
        bool seen = !(pixmask_fraction[w] > 1 - unusable_tolerance), bright = seen && !(converted < FLT_MIN);

        chi2pix[w] = seen ? chi2 : 0;
        flux[w] = bright ? density : 0;
        ivar[w] = bright ? converted : 0;
        mask[w] |= seen && !bright ? SPECMASK_NODATA : 0u;
    }
}

/* The diagonals of R are stored whatever becomes of their columns' bins: rows of others reach there. */
static void store_resolution(const struct job *job, const struct patch_result *result,
                             const struct place *place, const struct planned_patch *planned)
{
    const struct frame *frame = job->frame;
    size_t ndiag = frame->ndiag, core_nwave = planned->patch.core_nwave;

    for (size_t k = 0; k < ndiag; k++) {
        memcpy(frame->resolution + (place->row * ndiag + k) * frame->nwave + planned->wavelengths.first,
               result->resolution + place->core * ndiag + k * core_nwave,
               planned->wavelengths.count * sizeof(float));
    }
}

/* No solution: 0, whatever an earlier attempt left. */
static void store_nothing(const struct job *job, const struct place *place,
                          const struct planned_patch *planned)
{
    const struct frame *frame = job->frame;
    size_t bytes = planned->wavelengths.count * sizeof(double);

    memset(frame->flux + place->out, 0, bytes);
    memset(frame->ivar + place->out, 0, bytes);
    memset(frame->chi2pix + place->out, 0, bytes);
    for (size_t k = 0; k < frame->ndiag; k++) {
        memset(frame->resolution + (place->row * frame->ndiag + k) * frame->nwave +
                   planned->wavelengths.first,
               0, planned->wavelengths.count * sizeof(float));
    }
}

void store_spectrum(const struct job *job, const struct planned_patch *planned,
                    const struct patch_result *result, size_t spec)
{
    struct place place = place_of(job, planned, spec);

    store_pixels(job, result, &place, planned->wavelengths.count);
    if (has_solution(result->outcome)) {
        store_bins(job, result, &place, planned->wavelengths.count);
        store_resolution(job, result, &place, planned);
    } else {
        store_nothing(job, &place, planned);
    }
}

static void report(const struct job *job, const struct planned_bundle *bundle,
                   const struct planned_patch *planned, enum outcome outcome)
{
    size_t spec = bundle->spectra.first + planned->patch.spec + planned->patch.core_spec;
    double wave = job->frame->wave[planned->wavelengths.first];

    log_warning(job->in.log, "patch at spectra %zu-%zu, %.1f Angstrom: %s", spec,
                spec + planned->patch.core_nspec - 1, wave,
                outcome == REGULARISED ? "singular, solved with --regularize 1e-4, masked BAD2DFIT"
                                       : "no solution, masked BAD2DFIT and NODATA");
}

static void round_resolution(struct worker *worker, const struct job *job, const struct patch *patch)
{
    const size_t count = patch->core_nspec * patch->core_nwave * job->frame->ndiag;

    for (size_t i = 0; i < count; i++) worker->resolution[i] = (float)worker->solution.resolution[i];
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
        quality_chi2pix(patch, &job->spots, &job->pixels, worker->solution.deconvolved,
                        job->in.options->psferr, worker->chi2pix, worker->pixels);
    }
    if (has_solution(outcome)) round_resolution(worker, job, patch);
    for (size_t spec = planned->kept_spectra.first; spec < span_end(planned->kept_spectra); spec++) {
        const struct patch_result result = {.outcome = outcome,
                                            .flux = worker->solution.flux,
                                            .ivar = worker->solution.ivar,
                                            .chi2pix = worker->chi2pix,
                                            .resolution = worker->resolution,
                                            .pixmask_fraction = job->overlaps.pixmask_fraction,
                                            .off_ccd = job->overlaps.off_ccd};

        store_spectrum(job, planned, &result, spec);
    }
    timing_add(&worker->timing, STAGE_QUALITY, now, 1);
    progress_step(job->in.progress);
}
