#include "omp/normal.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "omp/footprint.h"

static size_t block_count(size_t nspec, size_t nwave, size_t band)
{
    return nwave * (band + 1) * nspec * nspec;
}

size_t normal_bytes(size_t nspec, size_t nwave, size_t band)
{
    return memory_round_up(block_count(nspec, nwave, band) * sizeof(double)) +
           3 * memory_round_up(nwave * nspec * sizeof(double));
}

void normal_place(struct normal *normal, size_t nspec, size_t nwave, size_t band, void *memory)
{
    size_t vector_bytes = memory_round_up(nwave * nspec * sizeof(double));
    char *next = memory;

    *normal = (struct normal){.nspec = nspec, .nwave = nwave, .band = band};
    normal->block = (double *)next;
    next += memory_round_up(block_count(nspec, nwave, band) * sizeof(double));
    normal->y = (double *)next;
    normal->weight = (double *)(next + vector_bytes);
    normal->masked = (double *)(next + 2 * vector_bytes);
}

/* Weights one spot, weighted[ny][nx] = w A, within its footprint; gives its y, φ and masked fraction. */
static void weigh_spot(const struct footprint *foot, const struct spots *spots, const double *restrict value,
                       const struct pixels *pixels, double *restrict weighted, double *y, double *weight,
                       double *masked)
{
    double sum_y = 0, sum_weight = 0, usable = 0;
    size_t npix_usable = 0;

    for (int row = foot->row_min; row < foot->row_max; row++) {
        const double *a = value + (size_t)(row - foot->row) * spots->nx - foot->column;
        double *wa = weighted + (size_t)(row - foot->row) * spots->nx - foot->column;
        const float *image = pixels->image + (size_t)row * pixels->nx;
        const float *ivar = pixels->ivar + (size_t)row * pixels->nx;

#pragma omp simd reduction(+ : sum_y, sum_weight, usable, npix_usable)
        for (int column = foot->column_min; column < foot->column_max; column++) {
            double w = ivar[column];

            wa[column] = w * a[column];
            sum_y += wa[column] * (double)image[column];
            sum_weight += wa[column];
            usable += w > 0 ? a[column] : 0;
            npix_usable += w > 0;
        }
    }
    *y = sum_y;
    *weight = sum_weight;
    *masked = npix_usable == spots->nx * spots->ny && usable > 0 ? 0 : fmax(0, 1 - usable);
}

/* Σ over shared pixels of (w A_1) A_2 */
static double overlap(const struct footprint *foot, const struct spots *spots,
                      const double *restrict weighted, size_t other)
{
    size_t nx = spots->nx;
    int column2 = spots->column[other], row2 = spots->row[other];
    int column_min = max_int(foot->column_min, column2),
        column_max = min_int(foot->column_max, column2 + (int)nx);
    int row_min = max_int(foot->row_min, row2), row_max = min_int(foot->row_max, row2 + (int)spots->ny);
    const double *restrict value = spots->value + other * nx * spots->ny;
    double sum = 0;

    if (column_min >= column_max) return 0;
    for (int row = row_min; row < row_max; row++) {
        const double *wa = weighted + (size_t)(row - foot->row) * nx - foot->column;
        const double *a = value + (size_t)(row - row2) * nx - column2;

#pragma omp simd reduction(+ : sum)
        for (int column = column_min; column < column_max; column++) sum += wa[column] * a[column];
    }
    return sum;
}

/* Column (wave, spec1) of M: the overlaps of its spot with all spots up to band wavelengths ahead. */
static void sum_column(struct normal *normal, const struct patch *patch, const struct spots *spots,
                       const struct footprint *foot, const double *weighted, size_t wave, size_t spec1)
{
    size_t nspec = normal->nspec;
    double *block = normal->block + wave * (normal->band + 1) * nspec * nspec;

    for (size_t distance = 0; distance <= normal->band && wave + distance < normal->nwave; distance++) {
        for (size_t spec2 = distance == 0 ? spec1 : 0; spec2 < nspec; spec2++) {
            size_t other = (patch->spec + spec2) * spots->nwave + patch->wave + wave + distance;
            double sum = overlap(foot, spots, weighted, other);

            block[(distance * nspec + spec2) * nspec + spec1] = sum;
            if (distance == 0) block[spec1 * nspec + spec2] = sum;
        }
    }
}

void normal_sum(struct normal *normal, const struct patch *patch, const struct spots *spots,
                const struct pixels *pixels, double *scratch)
{
    size_t nspec = normal->nspec, npix = spots->nx * spots->ny;

    memset(normal->block, 0, block_count(nspec, normal->nwave, normal->band) * sizeof(double));
    for (size_t wave = 0; wave < normal->nwave; wave++) {
        for (size_t spec = 0; spec < nspec; spec++) {
            size_t spot = (patch->spec + spec) * spots->nwave + patch->wave + wave;
            size_t i = wave * nspec + spec;
            struct footprint foot = footprint_of(patch, spots, spot);

            weigh_spot(&foot, spots, spots->value + spot * npix, pixels, scratch, &normal->y[i],
                       &normal->weight[i], &normal->masked[i]);
            if (normal->weight[i] > 0) sum_column(normal, patch, spots, &foot, scratch, wave, spec);
        }
    }
}

void normal_prior(const struct normal *normal, double regularize, double *prior)
{
    size_t n = normal->nwave * normal->nspec;
    double largest = 0, weight_min;

    for (size_t i = 0; i < n; i++) largest = normal->weight[i] > largest ? normal->weight[i] : largest;
    weight_min = 1e-4 * largest;
    for (size_t i = 0; i < n; i++) {
        double alpha = normal->weight[i] < weight_min ? weight_min - normal->weight[i] : regularize;

        prior[i] = alpha * alpha + 1e-15;
    }
}
