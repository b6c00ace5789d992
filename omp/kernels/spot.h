/* Evaluates spots: the PSF on the pixels, Gauss-Hermite core and power-law tail. Host and device run the same
 * bodies, each for the members of a team. All lengths are in pixels. */
#ifndef UNSPOT_OMP_KERNELS_SPOT_H
#define UNSPOT_OMP_KERNELS_SPOT_H

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "base/team.h"
#include "omp/spots.h"

enum {
    SPOT_ORDERS = 21, /* Hermite orders 0 ... 20 */
    SPOT_WIDTH = 136, /* most pixels along one axis, for a half size of up to 64, in whole vectors */
    SPOT_LANES = 8    /* pixels of a row that are computed at a time; those that pad a row are never used */
};

/* Scratch of a team for one spot. */
struct spot_scratch {
    struct legendre_values values; /* at the wavelength of the spot */
    double slots[SLOTS_MAX];       /* see spot_parameters() */
    double parameter[SLOTS_MAX];   /* [parameter] */
    struct axis {                  /* for hermite_pixels(), along one axis: */
        double u[SPOT_WIDTH];      /* left edge of each pixel from the spot's centre, in sigmas */
        double value[SPOT_WIDTH + 1],
            before[SPOT_WIDTH];                   /* the last two terms of the recurrence at the edges */
        double integral[SPOT_ORDERS][SPOT_WIDTH]; /* [order][pixel] */
    } x, y;
    double along_x[SPOT_ORDERS][SPOT_WIDTH]; /* [order in y][column] */
    double core[SPOT_WIDTH][SPOT_WIDTH];     /* [row][column] */
    double shared[TEAM_SIZE];
};

/* The number of edges of n pixels, n + 1, rounded up to whole vectors. */
TEAM_BODY size_t hermite_edges(size_t n)
{
    return (n + SPOT_LANES) / SPOT_LANES * SPOT_LANES;
}

/* Pixel integrals of He_m(u) φ(u), with φ(u) = exp(-u²/2)/√(2π) and u the distance from the spot's centre in
 * units of sigma, for orders m = 0 ... degree and n pixels, of which the first has its left edge at `edge`
 * pixels from the centre. For m > 0 the integral is -He_(m-1) φ, for m = 0 it is half of an error function.
 * As in specter, the integrals are taken over u, and orders above 0 are not scaled by sigma. hermite_first()
 * does m = 0. */
TEAM_BODY void hermite_first(struct member member, double edge, double sigma, size_t n, struct axis *axis)
{
    static const double sqrt_half = 0.70710678118654752440;
    double inverse = 1 / sigma;
    size_t edges = hermite_edges(n);

    for (team_share(member, i, edges)) {
        axis->u[i] = (edge + (double)i) * inverse;
        axis->before[i] = 0;
    }
    for (team_share(member, i, edges + 1)) {
        axis->value[i] = i <= n ? erf((edge + (double)i) * inverse * sqrt_half) : 0;
    }
    team_sync(member);
    for (team_share(member, i, edges)) {
        axis->integral[0][i] = i < n ? 0.5 * (axis->value[i + 1] - axis->value[i]) : 0;
    }
    team_sync(member);
}

/* Sets value to φ at each edge, from which the recurrence over the orders starts. */
TEAM_BODY void hermite_gauss(struct member member, size_t n, struct axis *axis)
{
    static const double one_over_sqrt_2pi = 0.39894228040143267794;

    for (team_share(member, i, n + 1)) {
        axis->value[i] = exp(-0.5 * axis->u[i] * axis->u[i]) * one_over_sqrt_2pi;
    }
    team_sync(member);
}

/* The integrals of all orders, see hermite_first(). */
TEAM_BODY void hermite_pixels(struct member member, double edge, double sigma, size_t n, size_t degree,
                              struct axis *axis)
{
    const int width = team_width(member, SPOT_LANES);
    size_t edges = hermite_edges(n);

    hermite_first(member, edge, sigma, n, axis);
    if (degree == 0) return;
    hermite_gauss(member, n, axis);
    for (size_t m = 1; m <= degree; m++) { /* here value = He_(m-1) φ, before = He_(m-2) φ */
        double order = (double)m - 1;

        for (team_chunks(member, width, first, edges)) {
            double *integral = axis->integral[m] + first, *value = axis->value + first;
#pragma omp simd
            for (int k = 0; k < width; k++) integral[k] = value[k] - value[k + 1];
        }
        team_sync(member);
        for (team_chunks(member, width, first, edges)) {
            double *u = axis->u + first, *value = axis->value + first, *before = axis->before + first;
#pragma omp simd
            for (int k = 0; k < width; k++) {
                double next = u[k] * value[k] - order * before[k];

                before[k] = value[k];
                value[k] = next;
            }
        }
        team_sync(member);
    }
}

/* scratch->core[row][column] = Σ_ij gh[i][j] x_i[column] y_j[row], with gh[degx + 1][degy + 1] and the pixel
 * integrals x and y. Columns beyond nx hold anything. */
TEAM_BODY void spot_core(struct member member, const struct spots *spots, const double *gh,
                         struct spot_scratch *scratch)
{
    const int width = team_width(member, SPOT_LANES), nx = (int)spots->nx, ny = (int)spots->ny;
    const size_t degx = spots->degx, degy = spots->degy;

    for (team_rows(member, j, 0, (int)degy + 1)) {
        for (team_columns(member, width, column, 0, nx)) {
            double sum[SPOT_LANES] = {0};

            for (size_t i = 0; i <= degx; i++) {
                const double *x = scratch->x.integral[i] + column, factor = gh[i * (degy + 1) + (size_t)j];
#pragma omp simd
                for (int k = 0; k < width; k++) sum[k] += factor * x[k];
            }
            for (int k = 0; k < width; k++) scratch->along_x[j][column + k] = sum[k];
        }
    }
    team_sync(member);
    for (team_rows(member, row, 0, ny)) {
        for (team_columns(member, width, column, 0, nx)) {
            double sum[SPOT_LANES] = {0};

            for (size_t j = 0; j <= degy; j++) {
                const double *along_x = scratch->along_x[j] + column, factor = scratch->y.integral[j][row];
#pragma omp simd
                for (int k = 0; k < width; k++) sum[k] += factor * along_x[k];
            }
            for (int k = 0; k < width; k++) scratch->core[row][column + k] = sum[k];
        }
    }
    team_sync(member);
}

/* The power-law tail at a pixel's centre; r2 is the square of its scaled distance from the spot's centre. */
TEAM_BODY double spot_tail(double amplitude, double core, double index, double r2)
{
    return amplitude * r2 / pow(core * core + r2, 1 + index / 2);
}

/* Adds the tail to all pixels. tail[TAIL_COUNT]: its parameters; dx, dy: centre of the first pixel minus the
 * spot's. */
TEAM_BODY void spot_add_tail(struct member member, const struct spots *spots, const double *tail, double dx,
                             double dy, double core[][SPOT_WIDTH])
{
    for (team_rows(member, row, 0, (int)spots->ny)) {
        double y = (dy + (double)row) * tail[TAIL_YSCALE];

        for (team_columns(member, 1, column, 0, (int)spots->nx)) {
            double x = (dx + (double)column) * tail[TAIL_XSCALE];

            core[row][column] +=
                spot_tail(tail[TAIL_AMPLITUDE], tail[TAIL_CORE], tail[TAIL_INDEX], x * x + y * y);
        }
    }
    team_sync(member);
}

/* Copies core to value[ny][nx] with negative pixels set to 0 and the sum scaled to 1. A spot that is empty or
 * not finite becomes 0 everywhere. */
TEAM_BODY void spot_normalise(struct member member, size_t nx, size_t ny, double core[][SPOT_WIDTH],
                              double *shared, double *restrict value)
{
    double sum = 0, scale;

    for (team_share(member, row, ny)) {
#pragma omp simd reduction(+ : sum)
        for (size_t column = 0; column < nx; column++) {
            double pixel = core[row][column] > 0 ? core[row][column] : 0;

            value[row * nx + column] = pixel;
            sum += pixel;
        }
    }
    sum = team_sum(member, sum, shared);
    scale = sum > 0 && isfinite(sum) ? 1 / sum : 0;
    for (team_share(member, i, nx * ny)) value[i] = scale > 0 ? value[i] * scale : 0;
    team_sync(member);
}

/* Evaluates the first pixel and all pixels of spot number `spot`, of spectrum `spec` of the PSF, at the
 * wavelength of scratch->values. Where the PSF is not defined all pixels are 0. */
TEAM_BODY void spot_evaluate(struct member member, const struct spots *spots, size_t spec, size_t spot,
                             struct spot_scratch *scratch)
{
    const struct spot_table *table = &spots->table;
    const size_t nx = spots->nx, ny = spots->ny, ngh = (spots->degx + 1) * (spots->degy + 1);
    const double *parameter = scratch->parameter;
    double *pixels = spots->value + spot * nx * ny, dx, dy;
    int column, row;

    spot_parameters(member, table, spec, &scratch->values, scratch->slots);
    team_sync(member);
    for (team_share(member, k, table->nparameter)) scratch->parameter[k] = scratch->slots[table->slot[k]];
    team_sync(member);
    column = spot_corner(parameter[PARAMETER_X], nx / 2);
    row = spot_corner(parameter[PARAMETER_Y], ny / 2);
    if (member.index == 0) {
        spots->column[spot] = column;
        spots->row[spot] = row;
    }
    if (!scratch->values.is_defined || !(parameter[PARAMETER_SIGMAX] > 0) ||
        !(parameter[PARAMETER_SIGMAY] > 0)) {
        for (team_share(member, i, nx * ny)) pixels[i] = 0;
        team_sync(member);
        return;
    }
    dx = column - parameter[PARAMETER_X];
    dy = row - parameter[PARAMETER_Y];
    hermite_pixels(member, dx - 0.5, parameter[PARAMETER_SIGMAX], nx, spots->degx, &scratch->x);
    hermite_pixels(member, dy - 0.5, parameter[PARAMETER_SIGMAY], ny, spots->degy, &scratch->y);
    spot_core(member, spots, parameter + PARAMETER_GH, scratch);
    if (spots->has_tail) {
        spot_add_tail(member, spots, parameter + PARAMETER_GH + ngh, dx, dy, scratch->core);
    }
    spot_normalise(member, nx, ny, scratch->core, scratch->shared, pixels);
}

/* Clears the pads of spots->memory. Kernels multiply what they read there by 0, so that it must be finite. */
TEAM_BODY void spots_clear_pads(struct member member, const struct spots *spots)
{
    double *end = spots->value + spots->nspec * spots->nwave * spots->nx * spots->ny;

    for (team_share(member, i, SPOT_LANES)) spots->memory[i] = end[i] = 0;
    team_sync(member);
}

/* Evaluates all spots of a bundle at its wavelength number `wave`. */
TEAM_BODY void spots_at(struct member member, const struct spots *spots, size_t wave,
                        struct spot_scratch *scratch)
{
    if (member.index == 0) {
        legendre_values_at(&spots->table, spots->wave_min + (double)wave * spots->wave_step,
                           &scratch->values);
    }
    team_sync(member);
    for (size_t s = 0; s < spots->nspec; s++) {
        spot_evaluate(member, spots, spots->specmin + s, s * spots->nwave + wave, scratch);
    }
}

#endif
