/* The steps before and after the square root Q of S, which linalg_band_root() takes: they gather the
 * diagonals of C_ss, and turn Q into flux, ivar and resolution. Host and device run the same bodies, each for
 * the members of a team. shared: [TEAM_SIZE], or NULL on a CPU. */
#ifndef UNSPOT_OMP_KERNELS_DECORRELATE_H
#define UNSPOT_OMP_KERNELS_DECORRELATE_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"
#include "base/team.h"
#include "omp/decorrelate.h"
#include "omp/kernels/system.h"

/* C = M⁻¹ of spectra that were solved together, in the tiles that linalg_band_inverse() fills. */
struct inverse_tiles {
    const double *tiles;
    size_t zband;        /* tiles below the diagonal */
    size_t nspec, nwave; /* of the unknowns, which are in wavelength-major order */
};

/* Copies the diagonals 0 ... band of C_ss of spectrum `spec` to c[band + 1][nwave]; 0 where a row is beyond
 * the last. */
TEAM_BODY void decorrelate_diagonals(struct member member, const struct inverse_tiles *inverse, size_t spec,
                                     size_t band, double *c)
{
    const size_t nspec = inverse->nspec, nwave = inverse->nwave;

    for (size_t d = 0; d <= band; d++) {
        for (team_share(member, w, nwave)) {
            size_t row = (w + d) * nspec + spec, column = w * nspec + spec;

            c[d * nwave + w] =
                w + d < nwave ? inverse->tiles[linalg_inverse_index(inverse->zband, row, column)] : 0;
        }
    }
}

/* Fills vector[DECORRELATE_VECTORS][nwave], which Q is to multiply, with ones and with
 * the solution x[nwave]. */
TEAM_BODY void decorrelate_vectors(struct member member, size_t nwave, const double *x, double *vector)
{
    for (team_share(member, w, nwave)) {
        vector[w] = 1;
        vector[nwave + w] = x[w];
    }
}

/* Writes flux, ivar and the 2 half + 1 diagonals of R of the given wavelengths. False when a row sum of Q is
 * 0 or a value is not finite. */
TEAM_BODY bool decorrelate_spectrum(struct member member, const struct spectrum_root *root, struct span waves,
                                    double *shared, struct spectrum_out out)
{
    const size_t first = waves.first, n = waves.count;
    double bad = 0;

    for (team_share(member, j, n)) {
        double sum = root->row_sum[first + j], product = root->product[first + j];

        if (sum == 0 || !isfinite(product / sum) || !isfinite(sum * sum)) bad = 1;
        out.flux[j] = product / sum;
        out.ivar[j] = sum * sum;
    }
    for (size_t k = 0; k <= 2 * root->half; k++) {
        size_t d = k < root->half ? root->half - k : k - root->half;

        for (team_share(member, j, n)) {
            size_t column = first + j, row = column + k - root->half;
            bool inside = column + k >= root->half && row < root->nwave;
            double value =
                inside ? root->root[d * root->nwave + (row < column ? row : column)] / root->row_sum[row] : 0;

            if (!isfinite(value)) bad = 1;
            out.resolution[k * n + j] = value;
        }
    }
    return team_largest(member, bad, shared) == 0;
}

/* Whether the fluxes of the given wavelengths stay within `limit` sigma although S is cut at the edge of its
 * band. margin: how many wavelengths on each side count as well. */
TEAM_BODY bool decorrelate_is_precise(struct member member, const struct spectrum_root *root,
                                      struct span waves, size_t margin, double limit, double *shared)
{
    const size_t first = waves.first, n = waves.count;
    /* Measured on the reference and on simulated frames of all cameras: the error of flux, in sigma, is at
     * most twice the relative size of S at the edge of its band times the largest S/N. */
    static const double error_factor = 3;
    /* Beyond this condition number of S the rounding errors alone, 2.2e-16 times that number, are no longer
     * small. A bin without light beside bright ones gives 2e9. */
    static const double condition_limit = 1e10;
    size_t from = first > margin ? first - margin : 0, to = first + n + margin;
    double edge = 0, snr = 1;

    if (to > root->nwave) to = root->nwave;
    for (team_share(member, i, to - from)) edge = fmax(edge, root->edge[from + i]);
    for (team_share(member, i, n))
        snr = fmax(snr, fabs(root->product[first + i])); /* flux sqrt(ivar) = Q x */
    edge = team_largest(member, edge, shared);
    snr = team_largest(member, snr, shared);
    return root->condition <= condition_limit && error_factor * edge * snr <= limit;
}

#endif
