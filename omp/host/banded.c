#include "omp/banded.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "omp/decorrelate.h"
#include "omp/kernels/banded.h"
#include "omp/kernels/decorrelate.h"

/* The sizes of a patch's system. */
struct banded_shape {
    size_t nspec, nwave, core_nspec, core_nwave;
    size_t n; /* unknowns, wavelength-major */
    struct bandwidths bandwidths;
};

/* The arrays in the workspace. */
struct banded_arrays {
    struct filled_system filled;       /* M, then L, in tiles; x[8 ntile]; diagonal[n] */
    double *inverse;                   /* C in tiles */
    struct decorrelate_arrays spectra; /* [core spec] */
    double *resolution;                /* [2 half + 1][core wave] of one spectrum */
    int *info;                         /* [core spec] */
    size_t *todo;            /* [1 + core spec] how many core spectra are not yet precise, and which */
    struct workspace linalg; /* of the linear algebra */
};

static struct banded_shape shape_of_patch(const struct patch *patch, size_t ndiag, bool wide)
{
    return (struct banded_shape){
        .nspec = patch->nspec,
        .nwave = patch->nwave,
        .core_nspec = patch->core_nspec,
        .core_nwave = patch->core_nwave,
        .n = patch->nspec * patch->nwave,
        .bandwidths = decorrelate_bandwidths(patch->nspec, patch->wave_halfwidth, ndiag, wide)};
}

static double *take(struct memory_layout *layout, size_t count)
{
    return memory_take(layout, count, sizeof(double));
}

/* M, its factor, C and x as the linear algebra sees them. */
static struct linalg_band patch_band(const struct banded_shape *shape, const struct banded_arrays *work)
{
    return (struct linalg_band){.batch = 1,
                                .n = shape->n,
                                .tband = shape->bandwidths.tband,
                                .zband = shape->bandwidths.zband,
                                .matrix = work->filled.matrix,
                                .inverse = work->inverse,
                                .x = work->filled.x};
}

/* Returns the bytes of the arrays of a wide shape, and lays them out unless memory is NULL. SIZE_MAX when the
 * shape is larger than the linear algebra can do. */
static size_t lay_out_banded(const struct linalg *linalg, const struct banded_shape *shape, char *memory,
                             struct banded_arrays *work)
{
    struct memory_layout layout = {memory, 0};
    const struct bandwidths *widths = &shape->bandwidths;
    size_t core = shape->core_nspec, nwave = shape->nwave;
    struct linalg_root root;
    struct linalg_band band;

    work->filled.matrix = take(&layout, linalg_band_size(shape->n, widths->tband));
    work->inverse = take(&layout, linalg_band_size(shape->n, widths->zband));
    work->filled.x = take(&layout, LINALG_TILE * linalg_band_ntile(shape->n));
    work->filled.diagonal = take(&layout, shape->n);
    work->spectra = decorrelate_take_arrays(&layout, core, nwave, widths);
    work->resolution = take(&layout, (2 * widths->half + 1) * shape->core_nwave);
    work->info = memory_take(&layout, core, sizeof(int));
    work->todo = memory_take(&layout, core + 1, sizeof(size_t));
    root = decorrelate_linalg_root(&work->spectra, nwave, widths);
    root.batch = core;
    band = patch_band(shape, work);
    work->linalg.bytes =
        max_size(linalg_band_inverse_bytes(linalg, &band), linalg_band_root_bytes(linalg, &root, 1));
    if (work->linalg.bytes == SIZE_MAX) return SIZE_MAX;
    work->linalg.memory = memory_take(&layout, work->linalg.bytes, 1);
    return layout.used;
}

size_t banded_bytes(const struct linalg *linalg, const struct patch *largest, size_t ndiag)
{
    const struct banded_shape shape = shape_of_patch(largest, ndiag, true);
    struct banded_arrays work = {0};

    return lay_out_banded(linalg, &shape, NULL, &work);
}

/* Lays out the arrays of a patch; false when the workspace is too small. The first and the wide attempt have
 * the same layout. */
static bool place_arrays(const struct patch_system *system, struct workspace work,
                         struct banded_arrays *arrays)
{
    const struct banded_shape wide = shape_of_patch(system->patch, system->ndiag, true);

    return lay_out_banded(system->linalg, &wide, work.memory, arrays) <= work.bytes;
}

static bool factor(const struct linalg *linalg, const struct banded_shape *shape,
                   const struct banded_arrays *work)
{
    const struct linalg_band band = patch_band(shape, work);
    int info;

    return linalg_band_cholesky(linalg, &band, &info) == 0 &&
           banded_is_regular(team_of_one(), band.tband, band.n, band.matrix, work->filled.diagonal, NULL);
}

/* The band of C, and with it, unless x is NULL, the second half of the solution. */
static bool invert(const struct linalg *linalg, const struct banded_shape *shape,
                   const struct banded_arrays *work, double *x)
{
    struct linalg_band band = patch_band(shape, work);
    int info;

    band.x = x;
    return linalg_band_inverse(linalg, &band, work->linalg.memory, work->linalg.bytes, &info) == 0;
}

/* Gathers the diagonals of C_ss, and the vectors that Q_s is to multiply, for the
 * spectra still to be done. */
static void gather(const struct patch *patch, const struct banded_shape *shape,
                   const struct banded_arrays *work, const double *deconvolved)
{
    const size_t nwave = shape->nwave, c = shape->bandwidths.c;
    const struct inverse_tiles inverse = {work->inverse, shape->bandwidths.zband, shape->nspec, nwave};

    for (size_t k = 0; k < work->todo[0]; k++) {
        size_t spec = patch->core_spec + work->todo[1 + k];

        decorrelate_diagonals(team_of_one(), &inverse, spec, c, work->spectra.c + k * (c + 1) * nwave);
        decorrelate_vectors(team_of_one(), nwave, deconvolved + spec * nwave,
                            work->spectra.vector + k * DECORRELATE_VECTORS * nwave);
    }
}

/* Decorrelates core spectrum s into *result; false when it is not precise. */
static bool decorrelate_one(const struct patch *patch, const struct spectrum_root *root,
                            const struct banded_arrays *work, size_t s, struct patch_result *result)
{
    const size_t bins = patch->core_nwave, ndiag = 2 * root->half + 1;
    const struct span waves = {patch->core_wave, bins};
    const struct spectrum_out out = {result->flux + s * bins, result->ivar + s * bins, work->resolution};

    if (!decorrelate_spectrum(team_of_one(), root, waves, NULL, out) ||
        !decorrelate_is_precise(team_of_one(), root, waves, root->nwave, banded_flux_error, NULL)) {
        return false;
    }
    round_resolution(team_of_one(), ndiag * bins, work->resolution, result->resolution + s * ndiag * bins);
    return true;
}

/* Decorrelates the spectra still to be done; those that turn out imprecise stay to be done. */
static void decorrelate_all(const struct patch_system *system, const struct banded_shape *shape,
                            const struct banded_arrays *work, struct patch_result *result)
{
    struct linalg_root root = decorrelate_linalg_root(&work->spectra, shape->nwave, &shape->bandwidths);
    const size_t count = work->todo[0];

    gather(system->patch, shape, work, result->deconvolved);
    root.batch = count;
    linalg_band_root(system->linalg, &root, 1, work->linalg.memory, work->linalg.bytes, work->info);
    work->todo[0] = 0;
    for (size_t k = 0; k < count; k++) {
        const size_t s = work->todo[1 + k];
        const struct spectrum_root spectrum = decorrelate_root(&root, k);

        if (work->info[k] != 0 || !decorrelate_one(system->patch, &spectrum, work, s, result))
            work->todo[1 + work->todo[0]++] = s;
    }
}

enum solved banded_solve(const struct patch_system *system, struct workspace work,
                         struct patch_result *result)
{
    const struct patch *patch = system->patch;
    struct banded_arrays arrays = {0};
    struct banded_shape shape;

    if (!decorrelate_is_possible(patch->wave_halfwidth, system->ndiag))
        return IMPRECISE; /* spots overlap too far */
    if (!place_arrays(system, work, &arrays)) return SINGULAR;
    shape = shape_of_patch(patch, system->ndiag, false);
    banded_fill(team_of_one(), shape.bandwidths.tband, system->normal, system->prior, &arrays.filled);
    if (!factor(system->linalg, &shape, &arrays)) return SINGULAR;
    if (!invert(system->linalg, &shape, &arrays, arrays.filled.x)) return SINGULAR;
    banded_deconvolved(team_of_one(), shape.nspec, shape.nwave, arrays.filled.x, result->deconvolved);
    arrays.todo[0] = patch->core_nspec;
    for (size_t s = 0; s < patch->core_nspec; s++) arrays.todo[1 + s] = s;
    decorrelate_all(system, &shape, &arrays, result);
    return arrays.todo[0] == 0 ? SOLVED : IMPRECISE;
}

enum solved banded_solve_wide(const struct patch_system *system, struct workspace work,
                              struct patch_result *result)
{
    const struct banded_shape shape = shape_of_patch(system->patch, system->ndiag, false),
                              wide = shape_of_patch(system->patch, system->ndiag, true);
    struct banded_arrays arrays = {0};

    if (!place_arrays(system, work, &arrays) || wide.bandwidths.c <= shape.bandwidths.c) return IMPRECISE;
    if (!invert(system->linalg, &wide, &arrays, NULL)) return IMPRECISE;
    decorrelate_all(system, &wide, &arrays, result);
    return arrays.todo[0] == 0 ? SOLVED : IMPRECISE;
}
