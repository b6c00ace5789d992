/* The PSF's Legendre series, arranged for evaluation: all parameters of a spectrum at one wavelength in a few
 * vector operations. Series that share a domain share the polynomials' values. */
#ifndef UNSPOT_OMP_SPOT_TABLE_H
#define UNSPOT_OMP_SPOT_TABLE_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/psf.h"
#include "base/status.h"
#include "base/team.h"

enum {
    LEGENDRE_TERMS = 64, /* coefficients of a series at most */
    DOMAINS_MAX = 64,    /* different domains (and lengths) of series in one PSF; files have one or two */
    PARAMETER_LANES = 8, /* parameters of a domain are padded to a multiple of this */
    SLOTS_MAX = 1024     /* values of a spot: Hermite orders up to 20 x 20, and padding */
};

/* Which parameter of a spot; Hermite coefficient (i, j) is PARAMETER_GH + i (degy + 1) + j, the tail follows.
 */
enum parameter { PARAMETER_X, PARAMETER_Y, PARAMETER_SIGMAX, PARAMETER_SIGMAY, PARAMETER_GH };

/* Series with one domain. */
struct domain {
    double wave_min, wave_max; /* Angstrom */
    size_t ncoef;
    size_t first, count; /* slots of the values, count a multiple of PARAMETER_LANES */
    double *coef;        /* [spec][ncoef][count] */
};

struct spot_table {
    size_t nspec, nparameter, nslot;
    size_t ndomain;
    struct domain domain[DOMAINS_MAX];
    size_t *slot; /* [parameter]: where its value stands */
};

/* Arranges psf's series; STATUS_FORMAT when they have more domains or terms than there is room for. The
 * caller releases *table with spot_table_free(), whatever the status. */
enum status spot_table_make(struct spot_table *table, const struct psf *psf, struct error *error);
void spot_table_free(struct spot_table *table);

/* P_k(u) of each domain at one wavelength. Beyond 5% outside a domain u is held there: padding may reach that
 * far; farther out a polynomial tells nothing. */
struct legendre_values {
    double p[DOMAINS_MAX][LEGENDRE_TERMS];
    bool is_defined; /* the wavelength is within that reach of the traces' domains */
};

/* P_0(u) ... P_(n-1)(u) */
TEAM_BODY void legendre_basis(double u, size_t n, double *p)
{
    p[0] = 1;
    if (n > 1) p[1] = u;
    for (size_t k = 2; k < n; k++) {
        p[k] = ((2 * (double)k - 1) * u * p[k - 1] - ((double)k - 1) * p[k - 2]) / (double)k;
    }
}

TEAM_BODY void legendre_values_at(const struct spot_table *table, double wavelength,
                                  struct legendre_values *values)
{
    static const double reach = 1.1; /* largest |u| */

    values->is_defined = true;
    for (size_t i = 0; i < table->ndomain; i++) {
        const struct domain *domain = &table->domain[i];
        double u = 2 * (wavelength - domain->wave_min) / (domain->wave_max - domain->wave_min) - 1;
        bool has_trace = table->slot[PARAMETER_X] - domain->first < domain->count ||
                         table->slot[PARAMETER_Y] - domain->first < domain->count;

        if (has_trace && !(fabs(u) < reach)) values->is_defined = false;
        legendre_basis(fmax(-reach, fmin(reach, u)), domain->ncoef, values->p[i]);
    }
}

/* All parameters of spectrum spec: value[nslot], nslot <= SLOTS_MAX; parameter k stands at value[slot[k]]. */
TEAM_BODY void spot_parameters(struct member member, const struct spot_table *table, size_t spec,
                               const struct legendre_values *values, double *value)
{
    const int width = team_width(member, PARAMETER_LANES);

    for (size_t i = 0; i < table->ndomain; i++) {
        const struct domain *domain = &table->domain[i];
        const double *coef = domain->coef + spec * domain->ncoef * domain->count;
        double *out = value + domain->first;

        for (team_chunks(member, width, first, domain->count)) {
            double sum[PARAMETER_LANES] = {0};

            for (size_t k = 0; k < domain->ncoef; k++) {
                const double *c = coef + k * domain->count + first;
#pragma omp simd
                for (int lane = 0; lane < width; lane++) sum[lane] += values->p[i][k] * c[lane];
            }
            for (int lane = 0; lane < width; lane++) out[first + (size_t)lane] = sum[lane];
        }
    }
}

#endif
