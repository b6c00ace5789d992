/* One spot: the body that every backend runs. Static inline, no allocation, no library but <math.h>. */
#ifndef UNSPOT_OMP_SPOT_KERNEL_H
#define UNSPOT_OMP_SPOT_KERNEL_H

#include <math.h>
#include <stddef.h>

enum {
    SPOT_ORDERS = 21, /* Hermite orders 0 ... 20 */
    SPOT_WIDTH = 136, /* pixels along one axis, a half size of up to 64, padded to whole lanes */
    SPOT_LANES = 8    /* pixels of a row at a time; rows are padded with what is never read */
};

/* Pixel integrals of He_m(u) exp(-u²/2)/√(2π) for orders m = 0 ... degree over n pixels, the first of which
 * has its left edge at `edge` pixels from the spot's centre: ∫ He_m φ = -He_(m-1) φ + const for m > 0, erf
 * for m = 0; orders are not divided by σ (desi-conventions §4). */
static inline void hermite_pixels(double edge, double sigma, size_t n, size_t degree,
                                  double integral[SPOT_ORDERS][SPOT_WIDTH])
{
    static const double sqrt_half = 0.70710678118654752440, one_over_sqrt_2pi = 0.39894228040143267794;
    double u[SPOT_WIDTH], value[SPOT_WIDTH + 1] = {0}, before[SPOT_WIDTH] = {0}, inverse = 1 / sigma;
    size_t edges = (n + SPOT_LANES) / SPOT_LANES * SPOT_LANES; /* n + 1, in whole lanes */

    for (size_t i = 0; i < edges; i++) u[i] = (edge + (double)i) * inverse;
    for (size_t i = 0; i <= n; i++) value[i] = erf(u[i] * sqrt_half);
    for (size_t i = 0; i < edges; i++) integral[0][i] = i < n ? 0.5 * (value[i + 1] - value[i]) : 0;
    if (degree == 0) return;
    for (size_t i = 0; i <= n; i++) value[i] = exp(-0.5 * u[i] * u[i]) * one_over_sqrt_2pi;
    for (size_t m = 1; m <= degree; m++) { /* here value = He_(m-1) φ, before = He_(m-2) φ */
        double order = (double)m - 1;

        for (size_t first = 0; first < edges; first += SPOT_LANES) {
#pragma omp simd
            for (size_t i = first; i < first + SPOT_LANES; i++) integral[m][i] = value[i] - value[i + 1];
        }
        for (size_t first = 0; first < edges; first += SPOT_LANES) {
#pragma omp simd
            for (size_t i = first; i < first + SPOT_LANES; i++) {
                double next = u[i] * value[i] - order * before[i];

                before[i] = value[i];
                value[i] = next;
            }
        }
    }
}

/* core[ny][SPOT_WIDTH] = Σ_ij gh[i][j] y_j x_i, gh[degx + 1][degy + 1]; lanes of pixels beyond nx hold
 * anything. */
static inline void spot_core(size_t nx, size_t ny, size_t degx, size_t degy, const double *gh,
                             double x[SPOT_ORDERS][SPOT_WIDTH], double y[SPOT_ORDERS][SPOT_WIDTH],
                             double core[][SPOT_WIDTH])
{
    for (size_t first = 0; first < nx; first += SPOT_LANES) {
        double along_x[SPOT_ORDERS][SPOT_LANES];

        for (size_t j = 0; j <= degy; j++) {
            double sum[SPOT_LANES] = {0};

            for (size_t i = 0; i <= degx; i++) {
#pragma omp simd
                for (int k = 0; k < SPOT_LANES; k++)
                    sum[k] += gh[i * (degy + 1) + j] * x[i][first + (size_t)k];
            }
            for (int k = 0; k < SPOT_LANES; k++) along_x[j][k] = sum[k];
        }
        for (size_t row = 0; row < ny; row++) {
            double sum[SPOT_LANES] = {0};

            for (size_t j = 0; j <= degy; j++) {
#pragma omp simd
                for (int k = 0; k < SPOT_LANES; k++) sum[k] += y[j][row] * along_x[j][k];
            }
            for (int k = 0; k < SPOT_LANES; k++) core[row][first + (size_t)k] = sum[k];
        }
    }
}

/* The power-law tail at a pixel's centre, r2: its scaled distance squared. */
static inline double spot_tail(double amplitude, double core, double index, double r2)
{
    return amplitude * r2 / pow(core * core + r2, 1 + index / 2);
}

/* value[ny][nx]: negative pixels become 0 and the sum 1; a spot that is not a number, or empty, becomes all
 * 0. */
static inline void spot_normalise(size_t nx, size_t ny, double core[][SPOT_WIDTH], double *restrict value)
{
    double sum = 0, scale;

    for (size_t row = 0; row < ny; row++) {
#pragma omp simd reduction(+ : sum)
        for (size_t column = 0; column < nx; column++) {
            double pixel = core[row][column] > 0 ? core[row][column] : 0;

            value[row * nx + column] = pixel;
            sum += pixel;
        }
    }
    scale = sum > 0 && isfinite(sum) ? 1 / sum : 0;
    for (size_t i = 0; i < nx * ny; i++) value[i] = scale > 0 ? value[i] * scale : 0;
}

#endif
