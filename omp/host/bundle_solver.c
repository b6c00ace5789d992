#include "omp/bundle_solver.h"

#include <math.h>
#include <omp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/minmax.h"
#include "omp/host/subdomain.h"
#include "omp/kernels/decorrelate.h"
#include "omp/solver.h"

enum {
    CORE = 5,    /* spectra of a subdomain whose solution counts */
    PADDING = 1, /* spectra on each side of these */
    ROUNDS = 40, /* the most rounds */
    MARGIN = 20  /* wavelengths on each side of a bin at which a cut of S still affects it */
};

/* Rounds end when the next one would change no flux by more than this, if its change is as much smaller as
 * that of the last one was; in the units of subdomain_add(). */
static const double converged = 1e-8;

static size_t covariance_band(const struct bundle_solver *solver, bool wide)
{
    return decorrelate_band(solver->wave_halfwidth, solver->half, wide);
}

static struct linalg_root root_of(const struct bundle_solver *solver, size_t spec, size_t band)
{
    size_t nwave = solver->nwave;

    return (struct linalg_root){.batch = 1,
                                .n = nwave,
                                .band = band,
                                .nvec = DECORRELATE_VECTORS,
                                .half = solver->half,
                                .inverse = solver->c + spec * (covariance_band(solver, true) + 1) * nwave,
                                .vector = solver->vector + spec * DECORRELATE_VECTORS * nwave,
                                .product = solver->product + spec * DECORRELATE_VECTORS * nwave,
                                .root = solver->root + spec * (solver->half + 1) * nwave,
                                .edge = solver->edge + spec * nwave,
                                .condition = solver->condition + spec};
}

/* Bytes of workspace for any operation of one thread; SIZE_MAX when the linear algebra cannot do it. */
static size_t scratch_bytes(const struct bundle_solver *solver, size_t nspec, size_t zband)
{
    struct linalg_root root = {.batch = 1,
                               .n = solver->nwave,
                               .band = covariance_band(solver, true),
                               .nvec = DECORRELATE_VECTORS,
                               .half = solver->half};
    const struct linalg_band band = {.batch = 1,
                                     .n = nspec * solver->nwave,
                                     .tband = tiles_below(solver->wave_halfwidth, nspec, nspec - 1),
                                     .zband = zband};

    return max_size(linalg_band_inverse_bytes(solver->linalg, &band),
                    linalg_band_root_bytes(solver->linalg, &root, 1));
}

static bool alloc_subdomains(struct bundle_solver *solver, size_t nspec)
{
    size_t largest = min_size(nspec, CORE + 2 * PADDING), n = largest * solver->nwave;

    solver->nsubdomain = solver->nsubdomain_allocated = (nspec + CORE - 1) / CORE;
    solver->subdomain = memory_zeroed(solver->nsubdomain, sizeof *solver->subdomain);
    for (size_t g = 0; solver->subdomain && g < solver->nsubdomain; g++) {
        struct subdomain *subdomain = &solver->subdomain[g];

        subdomain->l = memory_raw(
            linalg_band_size(n, tiles_below(solver->wave_halfwidth, largest, largest - 1)), sizeof(double));
        subdomain->x = memory_raw(LINALG_TILE * linalg_band_ntile(n), sizeof(double));
        if (!subdomain->l || !subdomain->x) return false;
    }
    return solver->subdomain != NULL;
}

enum status bundle_solver_alloc(struct bundle_solver *solver, const struct linalg *linalg,
                                const struct bundle_sizes *sizes, size_t half, struct error *error)
{
    const size_t nspec = sizes->nspec, nwave = sizes->nwave, wave_halfwidth = sizes->wave_halfwidth;
    const size_t largest = min_size(nspec, CORE + 2 * PADDING);
    size_t zband;

    memset(solver, 0, sizeof *solver);
    if (half > LINALG_ROOT_BAND_MAX) {
        return error_set(error, STATUS_USAGE,
                         "--patch bundle: R has %zu diagonals a side, it can do %d: use --patch step", half,
                         LINALG_ROOT_BAND_MAX);
    }
    if (wave_halfwidth >= LINALG_ROOT_BAND_MAX) {
        return error_set(
            error, STATUS_USAGE,
            "--patch bundle: spots overlap within %zu wavelengths, it can do %d: use --patch step",
            wave_halfwidth, LINALG_ROOT_BAND_MAX - 1);
    }
    *solver = (struct bundle_solver){
        .linalg = linalg, .nwave = nwave, .wave_halfwidth = wave_halfwidth, .half = half};
    solver->nthread = (size_t)omp_get_max_threads();
    zband = max_size(tiles_below(wave_halfwidth, largest, largest - 1),
                     tiles_below(covariance_band(solver, true), largest, 0));
    solver->inverse_size = linalg_band_size(largest * nwave, zband);
    solver->work_bytes = scratch_bytes(solver, largest, zband);
    solver->prior = memory_raw(nspec * nwave, sizeof(double));
    solver->x = memory_raw(nspec * nwave, sizeof(double));
    solver->residual = memory_raw(nspec * nwave, sizeof(double));
    solver->c = memory_raw(nspec * nwave, (covariance_band(solver, true) + 1) * sizeof(double));
    solver->vector = memory_raw(nspec * nwave, DECORRELATE_VECTORS * sizeof(double));
    solver->product = memory_raw(nspec * nwave, DECORRELATE_VECTORS * sizeof(double));
    solver->root = memory_raw(nspec * nwave, (half + 1) * sizeof(double));
    solver->edge = memory_raw(nspec * nwave, sizeof(double));
    solver->condition = memory_raw(nspec, sizeof(double));
    solver->solved = memory_zeroed(nspec, sizeof(bool));
    solver->inverse = memory_raw(solver->nthread, solver->inverse_size * sizeof(double));
    solver->work = solver->work_bytes == SIZE_MAX ? NULL : memory_raw(solver->nthread, solver->work_bytes);
    if (alloc_subdomains(solver, nspec) && solver->prior && solver->x && solver->residual && solver->c &&
        solver->vector && solver->product && solver->root && solver->edge && solver->condition &&
        solver->solved && solver->inverse && solver->work) {
        return STATUS_OK;
    }
    bundle_solver_free(solver);
    return memory_error(error, "systems of a whole bundle");
}

void bundle_solver_free(struct bundle_solver *solver)
{
    for (size_t g = 0; solver->subdomain && g < solver->nsubdomain_allocated; g++) {
        free(solver->subdomain[g].l);
        free(solver->subdomain[g].x);
    }
    free(solver->subdomain);
    free(solver->prior);
    free(solver->x);
    free(solver->residual);
    free(solver->c);
    free(solver->vector);
    free(solver->product);
    free(solver->root);
    free(solver->edge);
    free(solver->condition);
    free(solver->solved);
    free(solver->inverse);
    free(solver->work);
    memset(solver, 0, sizeof *solver);
}

/* Subtracts from the residual of `spec` what spectrum `other` contributes to M x, with r = other +
 * spec_halfwidth - spec: the overlaps of spots of `spec` with those of `other` at the same and later
 * wavelengths, and the overlaps of spots of `other` with later ones of `spec`. */
static void subtract_spectrum(const struct bundle_solver *solver, const struct overlaps *overlaps,
                              size_t spec, size_t other, size_t r)
{
    size_t nwave = solver->nwave, halfwidth = overlaps->wave_halfwidth,
           first = r < overlaps->spec_halfwidth ? 1 : 0;
    const double *x = solver->x + other * nwave;
    double *residual = solver->residual + spec * nwave;

    for (size_t w = 0; w < nwave; w++) {
        const double *own = overlaps_with(overlaps, spec, w, r);
        const double *others = overlaps_with(overlaps, other, w, 2 * overlaps->spec_halfwidth - r);
        size_t last = w + halfwidth < nwave ? halfwidth : nwave - 1 - w;
        double sum = 0;

#pragma omp simd reduction(+ : sum)
        for (size_t d = first; d <= last; d++) sum += own[d] * x[w + d];
        residual[w] -= sum;
#pragma omp simd
        for (size_t d = 1 - first; d <= last; d++) residual[w + d] -= others[d] * x[w];
    }
}

/* Sets residual to y - (M + diag(prior)) x. */
static void find_residual(const struct bundle_solver *solver, const struct overlaps *overlaps)
{
    size_t nwave = solver->nwave, halfwidth = overlaps->spec_halfwidth;

#pragma omp parallel for schedule(dynamic)
    for (size_t s = 0; s < solver->nspec; s++) {
        for (size_t i = s * nwave; i < (s + 1) * nwave; i++) {
            solver->residual[i] = overlaps->y[i] - solver->prior[i] * solver->x[i];
        }
        for (size_t other = s > halfwidth ? s - halfwidth : 0;
             other < solver->nspec && other <= s + halfwidth; other++) {
            subtract_spectrum(solver, overlaps, s, other, other + halfwidth - s);
        }
    }
}

/* Does the rounds after the first, whose largest change was `before`. False when they do not converge. */
static bool iterate(struct bundle_solver *solver, const struct overlaps *overlaps, double before)
{
    for (int round = 1; round < ROUNDS; round++) {
        double largest = 0;

        find_residual(solver, overlaps);
#pragma omp parallel for schedule(dynamic) reduction(max : largest)
        for (size_t g = 0; g < solver->nsubdomain; g++) {
            largest = fmax(largest, subdomain_correct(solver, overlaps, &solver->subdomain[g]));
        }
        if (!isfinite(largest)) return false;
        if (largest < converged || largest * (largest / before) < converged) return true;
        before = largest;
    }
    return false;
}

/* Whether a spectrum of the core among first ... last - 1 is not yet solved. */
static bool has_unsolved(const struct bundle_solver *solver, const struct subdomain *subdomain, size_t first,
                         size_t last)
{
    for (size_t s = max_size(first, subdomain->core_first); s < min_size(last, subdomain->core_last); s++) {
        if (!solver->solved[s]) return true;
    }
    return false;
}

static bool is_precise_everywhere(const struct spectrum_root *root)
{
    enum { STEP = 50 };

    for (size_t w = 0; w < root->nwave; w += STEP) {
        const struct span waves = {w, min_size(STEP, root->nwave - w)};

        if (!decorrelate_is_precise(team_of_one(), root, waves, MARGIN, bundle_solver_flux_error, NULL))
            return false;
    }
    return true;
}

/* Takes the roots of spectra first ... last - 1 that are not yet solved, from `band` diagonals of C_ss.
 * Spectra that are precise everywhere count as solved; the others can be taken again with a wider band,
 * unless this is the last time. */
static void take_bundle_roots(struct bundle_solver *solver, size_t band, bool is_last, size_t first,
                              size_t last)
{
    size_t nwave = solver->nwave;

#pragma omp parallel for schedule(dynamic)
    for (size_t s = first; s < last; s++) {
        struct linalg_root root = root_of(solver, s, band);
        char *work = solver->work + (size_t)omp_get_thread_num() * solver->work_bytes;
        struct spectrum_root spectrum;
        int info;

        if (solver->solved[s]) continue;
        decorrelate_vectors(team_of_one(), nwave, solver->x + s * nwave,
                            solver->vector + s * DECORRELATE_VECTORS * nwave);
        linalg_band_root(solver->linalg, &root, 1, work, solver->work_bytes, &info);
        spectrum = decorrelate_root(&root, 0);
        solver->solved[s] = info == 0 && (is_last || is_precise_everywhere(&spectrum));
    }
}

/* Computes the prior (omp/README.md, "The mathematics"). As in a patch, a bin is compared with the brightest
 * one around it, not with the brightest one of the whole bundle: with the wavelengths of its block of 50 and
 * of the blocks on either side, in spectra up to three away. */
static void make_prior(struct bundle_solver *solver, const struct overlaps *overlaps, struct prior_rule rule)
{
    enum { BLOCK = 50, AROUND = 3 };
    size_t nwave = solver->nwave;

#pragma omp parallel for schedule(static)
    for (size_t wave = 0; wave < nwave; wave += BLOCK) {
        size_t first = wave > BLOCK ? wave - BLOCK : 0, last = min_size(wave + 2 * BLOCK, nwave);

        for (size_t s = 0; s < solver->nspec; s++) {
            size_t from = s > AROUND ? s - AROUND : 0, to = min_size(s + AROUND + 1, solver->nspec);
            double largest = 0;

            for (size_t t = from; t < to; t++) {
                for (size_t w = first; w < last; w++)
                    largest = fmax(largest, overlaps->weight[t * nwave + w]);
            }
            for (size_t w = wave; w < min_size(wave + BLOCK, nwave); w++) {
                solver->prior[s * nwave + w] =
                    solver_prior_of(overlaps->weight[s * nwave + w], largest, rule);
            }
        }
    }
}

static void place_subdomain(const struct bundle_solver *solver, size_t number, struct subdomain *subdomain)
{
    subdomain->core_first = number * CORE;
    subdomain->core_last = min_size(subdomain->core_first + CORE, solver->nspec);
    subdomain->first = subdomain->core_first > PADDING ? subdomain->core_first - PADDING : 0;
    subdomain->nspec = min_size(subdomain->core_last + PADDING, solver->nspec) - subdomain->first;
    subdomain->tband = tiles_below(solver->wave_halfwidth, subdomain->nspec, subdomain->nspec - 1);
}

bool bundle_solver_solve(struct bundle_solver *solver, const struct overlaps *overlaps,
                         struct prior_rule rule, size_t first, size_t last)
{
    double largest = 0;

    solver->nspec = overlaps->nspec;
    solver->wave_halfwidth = overlaps->wave_halfwidth;
    solver->nsubdomain = (solver->nspec + CORE - 1) / CORE;
    memset(solver->solved, 0, solver->nspec * sizeof(bool));
    memset(solver->x, 0, solver->nspec * solver->nwave * sizeof(double));
    memcpy(solver->residual, overlaps->y, solver->nspec * solver->nwave * sizeof(double));
    make_prior(solver, overlaps, rule);
#pragma omp parallel for schedule(dynamic) reduction(max : largest)
    for (size_t g = 0; g < solver->nsubdomain;
         g++) { /* all that needs the factor of a subdomain is done while it is in the cache */
        struct subdomain *subdomain = &solver->subdomain[g];

        place_subdomain(solver, g, subdomain);
        subdomain_load(solver, subdomain);
        if (subdomain_factor(solver, overlaps, subdomain)) {
            subdomain_invert(solver, subdomain, covariance_band(solver, false), subdomain->x, first, last);
            largest = fmax(largest, subdomain_add(solver, overlaps, subdomain));
        } else {
            largest = INFINITY;
        }
    }
    if (!isfinite(largest) || (largest > 0 && !iterate(solver, overlaps, largest))) return false;
    take_bundle_roots(solver, covariance_band(solver, false), false, first, last);
#pragma omp parallel for schedule(dynamic)
    for (size_t g = 0; g < solver->nsubdomain; g++) {
        if (!has_unsolved(solver, &solver->subdomain[g], first, last)) continue;
        subdomain_invert(solver, &solver->subdomain[g], covariance_band(solver, true), NULL, first, last);
    }
    take_bundle_roots(solver, covariance_band(solver, true), true, first, last);
    return true;
}

bool bundle_solver_take(const struct bundle_solver *solver, const struct patch *patch, struct span core,
                        double *scratch, struct patch_result *result)
{
    const size_t bins = patch->core_nwave, ndiag = 2 * solver->half + 1;
    const struct span waves = {patch->wave + patch->core_wave, bins};

    for (size_t s = 0; s < patch->nspec; s++) {
        memcpy(result->deconvolved + s * patch->nwave,
               solver->x + (patch->spec + s) * solver->nwave + patch->wave, patch->nwave * sizeof(double));
    }
    for (size_t s = core.first; s < span_end(core); s++) {
        const size_t spec = patch->spec + patch->core_spec + s;
        const struct linalg_root batch = root_of(solver, spec, covariance_band(solver, true));
        const struct spectrum_root root = decorrelate_root(&batch, 0);
        const struct spectrum_out out = {result->flux + s * bins, result->ivar + s * bins, scratch};

        if (!solver->solved[spec] || !decorrelate_spectrum(team_of_one(), &root, waves, NULL, out) ||
            !decorrelate_is_precise(team_of_one(), &root, waves, MARGIN, bundle_solver_flux_error, NULL)) {
            return false;
        }
        round_resolution(team_of_one(), ndiag * bins, scratch, result->resolution + s * ndiag * bins);
    }
    return true;
}
