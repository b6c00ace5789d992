#include "omp/resolve.h"

#include <math.h>

void resolve_diagonals(const double *inverse, size_t zband, size_t nspec, size_t nwave, size_t spec,
                       size_t band, double *c)
{
    for (size_t d = 0; d <= band; d++) {
        for (size_t w = 0; w < nwave; w++) {
            size_t row = (w + d) * nspec + spec, column = w * nspec + spec;

            c[d * nwave + w] = w + d < nwave ? inverse[linalg_inverse_index(zband, row, column)] : 0;
        }
    }
}

void resolve_vectors(size_t nwave, const double *x, double *vector)
{
    for (size_t w = 0; w < nwave; w++) {
        vector[w] = 1;
        vector[nwave + w] = x[w];
    }
}

struct spectrum_root resolve_root(const struct linalg_root *root, size_t k)
{
    size_t nwave = root->n;
    const double *product = root->product + k * RESOLVE_VECTORS * nwave;

    return (struct spectrum_root){.nwave = nwave,
                                  .half = root->half,
                                  .row_sum = product,
                                  .product = product + nwave,
                                  .root = root->root + k * (root->half + 1) * nwave,
                                  .edge = root->edge + k * nwave,
                                  .spread = root->spread[k]};
}

bool resolve_spectrum(const struct spectrum_root *root, size_t first, size_t n, double *flux, double *ivar,
                      double *resolution)
{
    for (size_t j = 0; j < n; j++) {
        double sum = root->row_sum[first + j], product = root->product[first + j];

        if (sum == 0 || !isfinite(product / sum) || !isfinite(sum * sum)) return false;
        flux[j] = product / sum;
        ivar[j] = sum * sum;
    }
    for (size_t k = 0; k <= 2 * root->half; k++) {
        size_t d = k < root->half ? root->half - k : k - root->half;

        for (size_t j = 0; j < n; j++) {
            size_t column = first + j, row = column + k - root->half;
            bool inside = column + k >= root->half && row < root->nwave;

            double value =
                inside ? root->root[d * root->nwave + (row < column ? row : column)] / root->row_sum[row] : 0;

            if (!isfinite(value)) return false;
            resolution[k * n + j] = value;
        }
    }
    return true;
}

bool resolve_is_precise(const struct spectrum_root *root, size_t first, size_t n, size_t margin, double limit)
{
    /* Measured on the reference and on simulated frames of all cameras: the error of flux, in sigma, is at
     * most twice the relative size of S at the edge of its band times the largest S/N. */
    static const double error_factor = 3;
    /* Beyond this spread rounding alone, 2.2e-16 times the spread, is no longer small. A bin without light
     * beside bright ones gives 2e9. */
    static const double spread_limit = 1e10;
    size_t edge_first = first > margin ? first - margin : 0, edge_last = first + n + margin;
    double edge = 0, snr = 1;

    for (size_t i = edge_first; i < edge_last && i < root->nwave; i++) edge = fmax(edge, root->edge[i]);
    for (size_t i = first; i < first + n; i++)
        snr = fmax(snr, fabs(root->product[i])); /* flux sqrt(ivar) = Q x */
    return root->spread <= spread_limit && error_factor * edge * snr <= limit;
}
