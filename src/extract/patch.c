#include "extract/patch.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/span.h"
#include "extract/attempts.h"
#include "omp/banded.h"
#include "omp/dense.h"
#include "omp/normal_equations.h"
#include "omp/quality.h"
#include "run/progress.h"

static bool has_solution(enum outcome outcome)
{
    return outcome == EXTRACTED || outcome == REGULARISED;
}

static enum solved solve_by(enum method method, const struct patch_system *system, struct worker *worker)
{
    switch (method) {
    case METHOD_BANDED:
        return banded_solve(system, worker->solver, &worker->result);
    case METHOD_BANDED_WIDE:
        return banded_solve_wide(system, worker->solver, &worker->result);
    case METHOD_DENSE:
        return dense_solve(system, worker->solver, &worker->result);
    case METHOD_NONE:
        break;
    }
    return SINGULAR;
}

/* Makes one attempt after the other, until one succeeds or there are no more. */
static enum outcome solve(struct worker *worker, const struct job *job, const struct patch *patch,
                          const struct normal_equations *normal)
{
    const struct extract_options *options = job->in.options;
    const struct patch_system system = {options->linalg, patch, normal, worker->prior, job->frame->ndiag};
    struct attempt attempt = attempt_first(options, patch, system.ndiag);
    bool was_left_to_dense = false;
    double largest = 0;
    enum solved solved;

    for (size_t i = 0; i < normal->nspec * normal->nwave; i++) largest = fmax(largest, normal->weight[i]);
    if (largest == 0) return EMPTY;
    do {
        solver_prior(team_of_one(), normal->nspec * normal->nwave, normal->weight,
                     attempt_prior(job->prior, attempt), NULL, worker->prior);
        was_left_to_dense |= attempt_is_left_to_dense(options, attempt);
        solved = solve_by(attempt.method, &system, worker);
    } while (solved != SOLVED && attempt_next(options, patch, system.ndiag, solved, &attempt));
    worker->timing.ndense += was_left_to_dense;
    if (solved != SOLVED) return UNSOLVED;
    return attempt.is_regularised ? REGULARISED : EXTRACTED;
}

static enum outcome solve_patch(struct worker *worker, const struct job *job, const struct patch *patch)
{
    const struct bundle_view bundle = {&job->spots, &job->overlaps, &job->pixels};
    struct normal_equations normal;
    enum outcome outcome;
    double now = timing_start(STAGE_NORMAL_EQUATIONS);

    normal_equations_place(&normal, patch->nspec, patch->nwave, patch->wave_halfwidth,
                           worker->normal_equations);
    normal_equations_sum(&normal, patch, &bundle, worker->scratch);
    timing_add(&worker->timing, STAGE_NORMAL_EQUATIONS, now, 1);
    now = timing_start(STAGE_SOLVE);
    outcome = solve(worker, job, patch, &normal);
    timing_add(&worker->timing, STAGE_SOLVE, now, 1);
    return outcome;
}

/* A patch of a bundle that was solved as one system. Where a spectrum is not precise there, it is solved
 * alone, from all pixels of its spots. */
static enum outcome solve_within_bundle(struct worker *worker, const struct job *job,
                                        const struct planned_patch *planned)
{
    struct patch patch = planned->patch;

    if (bundle_solver_take(&job->bundle_solver, &patch, planned->kept_spectra, worker->exact,
                           &worker->result))
        return EXTRACTED;
    patch.row_min = 0;
    patch.row_max = (int)job->pixels.ny;
    return solve_patch(worker, job, &patch);
}

/* Where the first kept bin of a core spectrum is to be found. */
struct place {
    size_t core; /* among the bins of the patch's core */
    size_t spot; /* among the bundle's spots */
    size_t row;  /* of the frame */
    size_t out;  /* among the bins of the frame */
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

/* The bits of the mask that all bins of a patch get. */
static uint32_t mask_of(enum outcome outcome)
{
    if (outcome == REGULARISED) return SPECMASK_BAD2DFIT;
    return outcome == UNSOLVED ? SPECMASK_BAD2DFIT | SPECMASK_NODATA : 0;
}

static void store_pixels(const struct job *job, const struct extracted *extracted, const struct place *place,
                         size_t nwave)
{
    const bool *restrict off_ccd = extracted->off_ccd + place->spot;
    uint32_t *restrict mask = job->frame->mask + place->out, bits = mask_of(extracted->outcome);

    memcpy(job->frame->pixmask_fraction + place->out, extracted->pixmask_fraction + place->spot,
           nwave * sizeof(double));
    for (size_t w = 0; w < nwave; w++) mask[w] = bits | (off_ccd[w] ? SPECMASK_NODATA : 0u);
}

/* Stores the bins, converted from per bin to per Angstrom. Bins that no pixel tells about become 0, and so do
 * those whose ivar would be 0 in the file's float32. There are no branches, so that
 * the loop is vectorised. */
static void store_bins(const struct job *job, const struct extracted *extracted, const struct place *place,
                       size_t nwave)
{
    const struct frame *frame = job->frame;
    const double *restrict pixmask_fraction = extracted->pixmask_fraction + place->spot;
    const double *restrict from_flux = extracted->result->flux + place->core;
    const double *restrict from_ivar = extracted->result->ivar + place->core;
    const double *restrict from_chi2pix = extracted->result->chi2pix + place->core;
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

/* Stores the diagonals of R, whatever becomes of the bins of their columns, as rows of other bins reach
 * there. */
static void store_resolution(const struct job *job, const struct extracted *extracted,
                             const struct place *place, const struct planned_patch *planned)
{
    const struct frame *frame = job->frame;
    size_t ndiag = frame->ndiag, core_nwave = planned->patch.core_nwave;

    for (size_t k = 0; k < ndiag; k++) {
        memcpy(frame->resolution + (place->row * ndiag + k) * frame->nwave + planned->wavelengths.first,
               extracted->result->resolution + place->core * ndiag + k * core_nwave,
               planned->wavelengths.count * sizeof(float));
    }
}

/* Stores zeros where there is no solution, whatever an earlier attempt has left. */
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
                    const struct extracted *extracted, size_t spec)
{
    struct place place = place_of(job, planned, spec);

    store_pixels(job, extracted, &place, planned->wavelengths.count);
    if (has_solution(extracted->outcome)) {
        store_bins(job, extracted, &place, planned->wavelengths.count);
        store_resolution(job, extracted, &place, planned);
    } else {
        store_nothing(job, &place, planned);
    }
}

static void report(const struct job *job, const struct planned_bundle *bundle,
                   const struct planned_patch *planned, enum outcome outcome)
{
    size_t spec =
        job->in.psf->fibermin + bundle->spectra.first + planned->patch.spec + planned->patch.core_spec;
    double wave = job->frame->wave[planned->wavelengths.first];

    log_warning(job->in.log, "patch at spectra %zu-%zu, %.1f Angstrom: %s", spec,
                spec + planned->patch.core_nspec - 1, wave,
                outcome == REGULARISED ? "singular, solved with a stronger prior, masked BAD2DFIT"
                                       : "no solution, masked BAD2DFIT and NODATA");
}

static void find_chi2pix(struct worker *worker, const struct job *job, const struct patch *patch)
{
    const struct quality quality = {.patch = patch,
                                    .spots = &job->spots,
                                    .pixels = &job->pixels,
                                    .psferr = job->in.options->psferr,
                                    .deconvolved = worker->result.deconvolved,
                                    .scratch = worker->pixels,
                                    .chi2pix = worker->result.chi2pix};

    quality_chi2pix(&quality);
}

void extract_patch(struct worker *worker, const struct job *job, const struct planned_bundle *bundle,
                   const struct planned_patch *planned)
{
    const struct patch *patch = &planned->patch;
    const enum outcome outcome =
        job->bundle_is_solved ? solve_within_bundle(worker, job, planned) : solve_patch(worker, job, patch);
    const struct extracted extracted = {outcome, &worker->result, job->overlaps.pixmask_fraction,
                                        job->overlaps.off_ccd};
    double now = timing_start(STAGE_QUALITY);

    if (outcome == REGULARISED) worker->timing.nregularised++;
    if (outcome == UNSOLVED) worker->timing.nunsolved++;
    if (outcome == REGULARISED || outcome == UNSOLVED) report(job, bundle, planned, outcome);
    if (has_solution(outcome)) find_chi2pix(worker, job, patch);
    for (size_t spec = planned->kept_spectra.first; spec < span_end(planned->kept_spectra); spec++)
        store_spectrum(job, planned, &extracted, spec);
    timing_add(&worker->timing, STAGE_QUALITY, now, 1);
    progress_step(job->in.progress);
}
