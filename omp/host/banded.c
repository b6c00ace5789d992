#include "omp/banded.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "omp/decorrelate.h"
#include "omp/kernels/banded.h"

enum { TILE = LINALG_TILE };

/* Sizes of a patch's systems. */
struct shape {
    size_t nspec, nwave, core_nspec;
    size_t n; /* unknowns, wavelength-major */
    struct bandwidths bandwidths;
};

struct workspace {
    double *matrix;                    /* tiles of M, then of L */
    double *inverse;                   /* tiles of C */
    double *x;                         /* [8 ntile] */
    double *diagonal;                  /* [n] of M */
    struct decorrelate_arrays spectra; /* [core] */
    int *info;                         /* [core] */
    size_t *todo;                      /* [core] core spectra that are not yet resolved */
    void *linalg;
    size_t linalg_bytes;
};

static struct shape shape_of(size_t nspec, size_t nwave, size_t core_nspec, size_t wave_halfwidth,
                             size_t ndiag, bool wide)
{
    return (struct shape){.nspec = nspec,
                          .nwave = nwave,
                          .core_nspec = core_nspec,
                          .n = nspec * nwave,
                          .bandwidths = decorrelate_bandwidths(nspec, wave_halfwidth, ndiag, wide)};
}

static double *take(struct memory_layout *layout, size_t count)
{
    return memory_take(layout, count, sizeof(double));
}

/* Returns the bytes; lays the arrays out when memory is not NULL. */
static size_t lay_out(const struct linalg *linalg, const struct shape *shape, char *memory,
                      struct workspace *work)
{
    struct memory_layout layout = {memory, 0};
    size_t core = shape->core_nspec, nwave = shape->nwave;
    struct linalg_root root;

    work->matrix = take(&layout, linalg_band_size(shape->n, shape->bandwidths.tband));
    work->inverse = take(&layout, linalg_band_size(shape->n, shape->bandwidths.zband));
    work->x = take(&layout, TILE * linalg_band_ntile(shape->n));
    work->diagonal = take(&layout, shape->n);
    work->spectra = decorrelate_take_arrays(&layout, core, nwave, &shape->bandwidths);
    work->info = memory_take(&layout, core, sizeof(int));
    work->todo = memory_take(&layout, core, sizeof(size_t));
    root = decorrelate_linalg_root(&work->spectra, nwave, &shape->bandwidths);
    root.batch = core;
    work->linalg_bytes = max_size(
        linalg_band_inverse_bytes(linalg, shape->n, shape->bandwidths.tband, shape->bandwidths.zband, 1),
        linalg_band_root_bytes(linalg, &root, 1));
    if (work->linalg_bytes == SIZE_MAX) return SIZE_MAX;
    work->linalg = memory_take(&layout, work->linalg_bytes, 1);
    return layout.used;
}

size_t banded_bytes(const struct linalg *linalg, size_t nspec, size_t nwave, size_t core_nspec,
                    size_t wave_halfwidth, size_t ndiag)
{
    struct shape shape = shape_of(nspec, nwave, core_nspec, wave_halfwidth, ndiag, true);
    struct workspace work = {0};

    return lay_out(linalg, &shape, NULL, &work);
}

static bool factor(const struct linalg *linalg, const struct shape *shape, const struct workspace *work)
{
    int info;

    return linalg_band_cholesky(linalg, shape->n, shape->bandwidths.tband, work->matrix, work->x, 1, &info) ==
               0 &&
           banded_is_regular(team_of_one(), shape->bandwidths.tband, shape->n, work->matrix, work->diagonal,
                             NULL);
}

/* The diagonals of C_ss, and the vectors that Q_s is to multiply, for the spectra still to be done. */
static void gather(const struct patch *patch, const struct shape *shape, const struct workspace *work,
                   const double *deconvolved, const size_t *todo, size_t ntodo)
{
    size_t nspec = shape->nspec, nwave = shape->nwave;

    for (size_t k = 0; k < ntodo; k++) {
        size_t spec = patch->core_spec + todo[k];

        decorrelate_diagonals(work->inverse, shape->bandwidths.zband, nspec, nwave, spec, shape->bandwidths.c,
                              work->spectra.c + k * (shape->bandwidths.c + 1) * nwave);
        decorrelate_vectors(nwave, deconvolved + spec * nwave,
                            work->spectra.vector + k * DECORRELATE_VECTORS * nwave);
    }
}

/* C's band, and with it, at first, the second half of the solution. */
static bool invert(const struct linalg *linalg, const struct shape *shape, const struct workspace *work,
                   double *x)
{
    int info;

    return linalg_band_inverse(linalg, shape->n, shape->bandwidths.tband, shape->bandwidths.zband,
                               work->matrix, work->inverse, x, 1, work->linalg, work->linalg_bytes,
                               &info) == 0;
}

/* Resolves the spectra listed in todo; those that turn out imprecise stay there. Returns how many. */
static size_t decorrelate(const struct linalg *linalg, const struct patch *patch, const struct shape *shape,
                          const struct workspace *work, struct solution *solution, size_t *todo, size_t ntodo)
{
    struct linalg_root root = decorrelate_linalg_root(&work->spectra, shape->nwave, &shape->bandwidths);
    size_t nwave = shape->nwave, bins = patch->core_nwave, left = 0;

    gather(patch, shape, work, solution->deconvolved, todo, ntodo);
    root.batch = ntodo;
    linalg_band_root(linalg, &root, 1, work->linalg, work->linalg_bytes, work->info);
    for (size_t k = 0; k < ntodo; k++) {
        size_t s = todo[k];
        double *flux = solution->flux + s * bins, *ivar = solution->ivar + s * bins;
        struct spectrum_root spectrum = decorrelate_root(&root, k);

        if (work->info[k] != 0 ||
            !decorrelate_spectrum(&spectrum, patch->core_wave, bins, flux, ivar,
                                  solution->resolution + s * (2 * shape->bandwidths.half + 1) * bins) ||
            !decorrelate_is_precise(&spectrum, patch->core_wave, bins, nwave, banded_flux_error)) {
            todo[left++] = s;
        }
    }
    return left;
}

enum solved banded_solve(const struct linalg *linalg, const struct patch *patch,
                         const struct normal_equations *normal, const double *prior, size_t ndiag,
                         struct solution *solution, void *memory, size_t work_bytes)
{
    struct shape shape, wide;
    struct workspace work = {0};
    size_t left = patch->core_nspec;

    if (!decorrelate_is_possible(patch->wave_halfwidth, ndiag))
        return IMPRECISE; /* spots too large for the root */
    wide = shape_of(patch->nspec, patch->nwave, patch->core_nspec, patch->wave_halfwidth, ndiag, true);
    shape = shape_of(patch->nspec, patch->nwave, patch->core_nspec, patch->wave_halfwidth, ndiag, false);
    if (lay_out(linalg, &wide, memory, &work) > work_bytes) return SINGULAR;
    banded_fill(team_of_one(), shape.bandwidths.tband, normal, prior, work.matrix, work.x, work.diagonal);
    if (!factor(linalg, &shape, &work) || !invert(linalg, &shape, &work, work.x)) return SINGULAR;
    banded_deconvolved(team_of_one(), shape.nspec, shape.nwave, work.x, solution->deconvolved);
    for (size_t s = 0; s < left; s++) work.todo[s] = s;
    left = decorrelate(linalg, patch, &shape, &work, solution, work.todo, left);
    if (left > 0 && wide.bandwidths.c > shape.bandwidths.c && invert(linalg, &wide, &work, NULL)) {
        left = decorrelate(linalg, patch, &wide, &work, solution, work.todo, left);
    }
    return left == 0 ? SOLVED : IMPRECISE;
}
