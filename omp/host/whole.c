#include "omp/whole.h"

#include <math.h>
#include <omp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/minmax.h"
#include "omp/host/whole_group.h"
#include "omp/solver.h"

enum { TILE = LINALG_TILE, CORE = 5, PADDING = 1, ROUNDS = 40 };

/* Rounds end when the next one, which shrinks as the last one did, would change no flux by more than this, in
 * units of what a lone bin's error would be. */
static const double converged = 1e-8;

static size_t band_of(const struct whole *whole, bool wide)
{
    return resolve_band(whole->band, whole->half, wide);
}

static struct linalg_root root_of(const struct whole *whole, size_t spec, size_t band)
{
    size_t nwave = whole->nwave;

    return (struct linalg_root){.batch = 1,
                                .n = nwave,
                                .band = band,
                                .nvec = RESOLVE_VECTORS,
                                .half = whole->half,
                                .inverse = whole->c + spec * (band_of(whole, true) + 1) * nwave,
                                .vector = whole->vector + spec * RESOLVE_VECTORS * nwave,
                                .product = whole->product + spec * RESOLVE_VECTORS * nwave,
                                .root = whole->root + spec * (whole->half + 1) * nwave,
                                .edge = whole->edge + spec * nwave,
                                .spread = whole->spread + spec};
}

/* Bytes of scratch for any operation of one thread; SIZE_MAX: impossible. */
static size_t scratch_bytes(const struct whole *whole, size_t nspec, size_t zband)
{
    struct linalg_root root = {.batch = 1,
                               .n = whole->nwave,
                               .band = band_of(whole, true),
                               .nvec = RESOLVE_VECTORS,
                               .half = whole->half};
    size_t n = nspec * whole->nwave, tband = tiles_below(whole->band, nspec, nspec - 1);

    return max_size(linalg_band_inverse_bytes(whole->linalg, n, tband, zband, 1),
                    linalg_band_root_bytes(whole->linalg, &root, 1));
}

static bool alloc_groups(struct whole *whole, size_t nspec)
{
    size_t largest = min_size(nspec, CORE + 2 * PADDING), n = largest * whole->nwave;

    whole->ngroup = whole->ngroup_allocated = (nspec + CORE - 1) / CORE;
    whole->group = memory_zeroed(whole->ngroup, sizeof *whole->group);
    for (size_t g = 0; whole->group && g < whole->ngroup; g++) {
        struct whole_group *group = &whole->group[g];

        group->l =
            memory_raw(linalg_band_size(n, tiles_below(whole->band, largest, largest - 1)), sizeof(double));
        group->x = memory_raw(TILE * linalg_band_ntile(n), sizeof(double));
        if (!group->l || !group->x) return false;
    }
    return whole->group != NULL;
}

enum status whole_alloc(struct whole *whole, const struct linalg *linalg, size_t nspec, size_t nwave,
                        size_t band, size_t half, struct error *error)
{
    size_t largest = min_size(nspec, CORE + 2 * PADDING), zband;

    memset(whole, 0, sizeof *whole);
    if (half > LINALG_ROOT_BAND_MAX) {
        return error_set(error, STATUS_USAGE,
                         "--patch bundle: R has %zu diagonals a side, it can do %d: use --patch step", half,
                         LINALG_ROOT_BAND_MAX);
    }
    if (band >= LINALG_ROOT_BAND_MAX) {
        return error_set(
            error, STATUS_USAGE,
            "--patch bundle: spots overlap within %zu wavelengths, it can do %d: use --patch step", band,
            LINALG_ROOT_BAND_MAX - 1);
    }
    *whole = (struct whole){.linalg = linalg, .nwave = nwave, .band = band, .half = half};
    whole->nthread = (size_t)omp_get_max_threads();
    zband = max_size(tiles_below(band, largest, largest - 1), tiles_below(band_of(whole, true), largest, 0));
    whole->inverse_size = linalg_band_size(largest * nwave, zband);
    whole->work_bytes = scratch_bytes(whole, largest, zband);
    whole->prior = memory_raw(nspec * nwave, sizeof(double));
    whole->x = memory_raw(nspec * nwave, sizeof(double));
    whole->residual = memory_raw(nspec * nwave, sizeof(double));
    whole->c = memory_raw(nspec * nwave, (band_of(whole, true) + 1) * sizeof(double));
    whole->vector = memory_raw(nspec * nwave, RESOLVE_VECTORS * sizeof(double));
    whole->product = memory_raw(nspec * nwave, RESOLVE_VECTORS * sizeof(double));
    whole->root = memory_raw(nspec * nwave, (half + 1) * sizeof(double));
    whole->edge = memory_raw(nspec * nwave, sizeof(double));
    whole->spread = memory_raw(nspec, sizeof(double));
    whole->solved = memory_zeroed(nspec, sizeof(bool));
    whole->inverse = memory_raw(whole->nthread, whole->inverse_size * sizeof(double));
    whole->work = whole->work_bytes == SIZE_MAX ? NULL : memory_raw(whole->nthread, whole->work_bytes);
    if (alloc_groups(whole, nspec) && whole->prior && whole->x && whole->residual && whole->c &&
        whole->vector && whole->product && whole->root && whole->edge && whole->spread && whole->solved &&
        whole->inverse && whole->work) {
        return STATUS_OK;
    }
    whole_free(whole);
    return memory_error(error, "systems of a whole bundle");
}

void whole_free(struct whole *whole)
{
    for (size_t g = 0; whole->group && g < whole->ngroup_allocated; g++) {
        free(whole->group[g].l);
        free(whole->group[g].x);
    }
    free(whole->group);
    free(whole->prior);
    free(whole->x);
    free(whole->residual);
    free(whole->c);
    free(whole->vector);
    free(whole->product);
    free(whole->root);
    free(whole->edge);
    free(whole->spread);
    free(whole->solved);
    free(whole->inverse);
    free(whole->work);
    memset(whole, 0, sizeof *whole);
}

/* residual[spec] -= the part of M x that spectrum `other` adds, r = other + reach - spec: overlaps of spec's
 * spots with later ones of the other, and of the other's spots with later ones of spec. */
static void subtract_spectrum(const struct whole *whole, const struct overlaps *overlaps, size_t spec,
                              size_t other, size_t r)
{
    size_t nwave = whole->nwave, band = overlaps->band, first = r < overlaps->reach ? 1 : 0;
    const double *x = whole->x + other * nwave;
    double *residual = whole->residual + spec * nwave;

    for (size_t w = 0; w < nwave; w++) {
        const double *own = overlaps_with(overlaps, spec, w, r);
        const double *others = overlaps_with(overlaps, other, w, 2 * overlaps->reach - r);
        size_t last = w + band < nwave ? band : nwave - 1 - w;
        double sum = 0;

#pragma omp simd reduction(+ : sum)
        for (size_t d = first; d <= last; d++) sum += own[d] * x[w + d];
        residual[w] -= sum;
#pragma omp simd
        for (size_t d = 1 - first; d <= last; d++) residual[w + d] -= others[d] * x[w];
    }
}

/* residual = y - (M + prior) x */
static void find_residual(const struct whole *whole, const struct overlaps *overlaps)
{
    size_t nwave = whole->nwave, reach = overlaps->reach;

#pragma omp parallel for schedule(dynamic)
    for (size_t s = 0; s < whole->nspec; s++) {
        for (size_t i = s * nwave; i < (s + 1) * nwave; i++) {
            whole->residual[i] = overlaps->y[i] - whole->prior[i] * whole->x[i];
        }
        for (size_t other = s > reach ? s - reach : 0; other < whole->nspec && other <= s + reach; other++) {
            subtract_spectrum(whole, overlaps, s, other, other + reach - s);
        }
    }
}

/* Rounds after the first, whose largest change was `before`. */
static bool iterate(struct whole *whole, const struct overlaps *overlaps, double before)
{
    for (int round = 1; round < ROUNDS; round++) {
        double largest = 0;

        find_residual(whole, overlaps);
#pragma omp parallel for schedule(dynamic) reduction(max : largest)
        for (size_t g = 0; g < whole->ngroup; g++) {
            largest = fmax(largest, whole_group_correct(whole, overlaps, &whole->group[g]));
        }
        if (!isfinite(largest)) return false;
        if (largest < converged || largest * (largest / before) < converged) return true;
        before = largest;
    }
    return false;
}

static bool has_unsolved(const struct whole *whole, const struct whole_group *group, size_t first,
                         size_t last)
{
    for (size_t s = max_size(first, group->core_first); s < min_size(last, group->core_last); s++) {
        if (!whole->solved[s]) return true;
    }
    return false;
}

static bool is_precise_everywhere(const struct spectrum_root *root)
{
    enum { STEP = 50, MARGIN = 20 };

    for (size_t w = 0; w < root->nwave; w += STEP) {
        if (!resolve_is_precise(root, w, min_size(STEP, root->nwave - w), MARGIN, whole_flux_error))
            return false;
    }
    return true;
}

/* Roots of the spectra that are not yet solved, from `band` diagonals of C_ss. Those that are precise
 * everywhere are done; the others may be taken again with a wider band. */
static void take_roots(struct whole *whole, size_t band, bool is_last, size_t first, size_t last)
{
    size_t nwave = whole->nwave;

#pragma omp parallel for schedule(dynamic)
    for (size_t s = first; s < last; s++) {
        struct linalg_root root = root_of(whole, s, band);
        char *work = whole->work + (size_t)omp_get_thread_num() * whole->work_bytes;
        struct spectrum_root spectrum;
        int info;

        if (whole->solved[s]) continue;
        resolve_vectors(nwave, whole->x + s * nwave, whole->vector + s * RESOLVE_VECTORS * nwave);
        linalg_band_root(whole->linalg, &root, 1, work, whole->work_bytes, &info);
        spectrum = resolve_root(&root, 0);
        whole->solved[s] = info == 0 && (is_last || is_precise_everywhere(&spectrum));
    }
}

/* The prior of algorithm.md, block by block of wavelengths: a patch's share of a bundle each, so that a bin
 * counts as dim beside its neighbourhood, not beside the brightest of the whole bundle. */
static void make_prior(struct whole *whole, const struct overlaps *overlaps, double regularize)
{
    enum { BLOCK = 50, AROUND = 3 };
    size_t nwave = whole->nwave;

#pragma omp parallel for schedule(static)
    for (size_t wave = 0; wave < nwave; wave += BLOCK) {
        size_t first = wave > BLOCK ? wave - BLOCK : 0, last = min_size(wave + 2 * BLOCK, nwave);

        for (size_t s = 0; s < whole->nspec; s++) {
            size_t from = s > AROUND ? s - AROUND : 0, to = min_size(s + AROUND + 1, whole->nspec);
            double largest = 0;

            for (size_t t = from; t < to; t++) {
                for (size_t w = first; w < last; w++)
                    largest = fmax(largest, overlaps->weight[t * nwave + w]);
            }
            for (size_t w = wave; w < min_size(wave + BLOCK, nwave); w++) {
                whole->prior[s * nwave + w] =
                    solver_prior_of(overlaps->weight[s * nwave + w], largest, regularize);
            }
        }
    }
}

static void place_group(const struct whole *whole, size_t number, struct whole_group *group)
{
    group->core_first = number * CORE;
    group->core_last = min_size(group->core_first + CORE, whole->nspec);
    group->first = group->core_first > PADDING ? group->core_first - PADDING : 0;
    group->nspec = min_size(group->core_last + PADDING, whole->nspec) - group->first;
    group->tband = tiles_below(whole->band, group->nspec, group->nspec - 1);
}

bool whole_solve(struct whole *whole, const struct overlaps *overlaps, double regularize, size_t first,
                 size_t last)
{
    double largest = 0;

    whole->nspec = overlaps->nspec;
    whole->band = overlaps->band;
    whole->ngroup = (whole->nspec + CORE - 1) / CORE;
    memset(whole->solved, 0, whole->nspec * sizeof(bool));
    memset(whole->x, 0, whole->nspec * whole->nwave * sizeof(double));
    memcpy(whole->residual, overlaps->y, whole->nspec * whole->nwave * sizeof(double));
    make_prior(whole, overlaps, regularize);
#pragma omp parallel for schedule(dynamic) reduction(max : largest)
    for (size_t g = 0; g < whole->ngroup;
         g++) { /* all that needs a group's factor, while it is in the cache */
        struct whole_group *group = &whole->group[g];

        place_group(whole, g, group);
        whole_group_load(whole, group);
        if (whole_group_factor(whole, overlaps, group)) {
            whole_group_invert(whole, group, band_of(whole, false), group->x, first, last);
            largest = fmax(largest, whole_group_add(whole, overlaps, group));
        } else {
            largest = INFINITY;
        }
    }
    if (!isfinite(largest) || (largest > 0 && !iterate(whole, overlaps, largest))) return false;
    take_roots(whole, band_of(whole, false), false, first, last);
#pragma omp parallel for schedule(dynamic)
    for (size_t g = 0; g < whole->ngroup; g++) {
        if (!has_unsolved(whole, &whole->group[g], first, last)) continue;
        whole_group_invert(whole, &whole->group[g], band_of(whole, true), NULL, first, last);
    }
    take_roots(whole, band_of(whole, true), true, first, last);
    return true;
}

struct spectrum_root whole_root(const struct whole *whole, size_t spec)
{
    struct linalg_root root = root_of(whole, spec, band_of(whole, true));

    return resolve_root(&root, 0);
}
