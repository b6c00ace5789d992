/* From C to the square root of S and on to the spectrum: the bodies that every backend runs, for the members
 * of a team. What they do is said in decorrelate.h. shared: [TEAM_SIZE], or NULL on a CPU. */
#ifndef UNSPOT_OMP_KERNELS_DECORRELATE_H
#define UNSPOT_OMP_KERNELS_DECORRELATE_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/team.h"
#include "omp/decorrelate.h"

TEAM_BODY void decorrelate_take_diagonals(struct member member, const double *inverse, size_t zband,
                                          size_t nspec, size_t nwave, size_t spec, size_t band, double *c)
{
    for (size_t d = 0; d <= band; d++) {
        for (team_share(member, w, nwave)) {
            size_t row = (w + d) * nspec + spec, column = w * nspec + spec;

            c[d * nwave + w] = w + d < nwave ? inverse[linalg_inverse_index(zband, row, column)] : 0;
        }
    }
}

TEAM_BODY void decorrelate_make_vectors(struct member member, size_t nwave, const double *x, double *vector)
{
    for (team_share(member, w, nwave)) {
        vector[w] = 1;
        vector[nwave + w] = x[w];
    }
}

TEAM_BODY bool decorrelate_make_spectrum(struct member member, const struct spectrum_root *root, size_t first,
                                         size_t n, double *shared, double *flux, double *ivar,
                                         double *resolution)
{
    double bad = 0;

    for (team_share(member, j, n)) {
        double sum = root->row_sum[first + j], product = root->product[first + j];

        if (sum == 0 || !isfinite(product / sum) || !isfinite(sum * sum)) bad = 1;
        flux[j] = product / sum;
        ivar[j] = sum * sum;
    }
    for (size_t k = 0; k <= 2 * root->half; k++) {
        size_t d = k < root->half ? root->half - k : k - root->half;

        for (team_share(member, j, n)) {
            size_t column = first + j, row = column + k - root->half;
            bool inside = column + k >= root->half && row < root->nwave;
            double value =
                inside ? root->root[d * root->nwave + (row < column ? row : column)] / root->row_sum[row] : 0;

            if (!isfinite(value)) bad = 1;
            resolution[k * n + j] = value;
        }
    }
    return team_largest(member, bad, shared) == 0;
}

TEAM_BODY bool decorrelate_check(struct member member, const struct spectrum_root *root, size_t first,
                                 size_t n, size_t margin, double limit, double *shared)
{
    /* Measured on the reference and on simulated frames of all cameras: the error of flux, in sigma, is at
     * most twice the relative size of S at the edge of its band times the largest S/N. */
    static const double error_factor = 3;
    /* Beyond this spread rounding alone, 2.2e-16 times the spread, is no longer small. A bin without light
     * beside bright ones gives 2e9. */
    static const double spread_limit = 1e10;
    size_t from = first > margin ? first - margin : 0, to = first + n + margin;
    double edge = 0, snr = 1;

    if (to > root->nwave) to = root->nwave;
    for (team_share(member, i, to - from)) edge = fmax(edge, root->edge[from + i]);
    for (team_share(member, i, n))
        snr = fmax(snr, fabs(root->product[first + i])); /* flux sqrt(ivar) = Q x */
    edge = team_largest(member, edge, shared);
    snr = team_largest(member, snr, shared);
    return root->condition <= spread_limit && error_factor * edge * snr <= limit;
}

#endif
