/* The Legendre series of a PSF, arranged so that a few vector operations evaluate all parameters of a
 * spectrum at one wavelength. Series with the same domain share the values of the polynomials. */
#ifndef UNSPOT_OMP_SPOT_TABLE_H
#define UNSPOT_OMP_SPOT_TABLE_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/psf.h"
#include "base/status.h"
#include "base/team.h"

enum {
    LEGENDRE_TERMS = 64, /* the most coefficients of a series */
    DOMAINS_MAX =
        64, /* the most different domains, or lengths, of series in one PSF; files have one or two */
    PARAMETER_LANES = 8, /* the number of parameters of a domain is padded to a multiple of this */
    SLOTS_MAX = 1024     /* the most values of a spot: Hermite orders up to 20 x 20, and padding */
};

/* The parameters of a spot. The Hermite coefficient of orders (i, j) in (x, y) is number PARAMETER_GH + i
 * (degy + 1) + j; the parameters of the tail follow. x, y, sigmax and sigmay are in pixels. */
enum parameter { PARAMETER_X, PARAMETER_Y, PARAMETER_SIGMAX, PARAMETER_SIGMAY, PARAMETER_GH };

/* All series with one domain and one number of coefficients. */
struct domain {
    double wave_min, wave_max; /* the wavelengths at which u is -1 and 1, Angstrom */
    size_t ncoef;
    size_t first, count; /* the slots of their values; count is a multiple of PARAMETER_LANES */
    double *coef;        /* [spec][ncoef][count] */
};

struct spot_table {
    size_t nspec;      /* of the PSF */
    size_t nparameter; /* of a spot */
    size_t nslot;      /* of all domains, with their padding */
    size_t ndomain;
    struct domain domain[DOMAINS_MAX];
    size_t *slot; /* [nparameter]: the slot of each parameter's value */
};

/* Arranges the series of a PSF. STATUS_FORMAT when they have more domains or terms than there is room for,
 * STATUS_MEMORY when there is no memory. The caller releases *table with spot_table_free(), whatever the
 * status. */
enum status spot_table_make(struct spot_table *table, const struct psf *psf, struct error *error);
void spot_table_free(struct spot_table *table);

/* The Legendre polynomials P_k(u) of each domain at one wavelength. The padding of patches may extend a
 * little beyond a domain. Beyond 5% of its length u is held where it is there, since a polynomial says
 * nothing farther out. */
struct legendre_values {
    double p[DOMAINS_MAX][LEGENDRE_TERMS]; /* [domain][k] */
    bool is_defined;                       /* the wavelength is within 5% of the domains of the traces */
};

/* p[k] = P_k(u) for k = 0 ... n - 1, by their recurrence. */
TEAM_BODY void legendre_basis(double u, size_t n, double *p)
{
    p[0] = 1;
    if (n > 1) p[1] = u;
    for (size_t k = 2; k < n; k++) {
        p[k] = ((2 * (double)k - 1) * u * p[k - 1] - ((double)k - 1) * p[k - 2]) / (double)k;
    }
}

/* Sets *values for a wavelength, in Angstrom. */
TEAM_BODY void legendre_values_at(const struct spot_table *table, double wavelength,
                                  struct legendre_values *values)
{
    static const double u_max = 1.1; /* 5% of a domain, whose length is 2, beyond its ends */

    values->is_defined = true;
    for (size_t i = 0; i < table->ndomain; i++) {
        const struct domain *domain = &table->domain[i];
        double u = 2 * (wavelength - domain->wave_min) / (domain->wave_max - domain->wave_min) - 1;
        bool has_trace = table->slot[PARAMETER_X] - domain->first < domain->count ||
                         table->slot[PARAMETER_Y] - domain->first < domain->count;

        if (has_trace && !(fabs(u) < u_max)) values->is_defined = false;
        legendre_basis(fmax(-u_max, fmin(u_max, u)), domain->ncoef, values->p[i]);
    }
}

/* Evaluates all parameters of spectrum `spec` of the PSF by the members of a team: value[nslot], in which
 * parameter k is value[slot[k]]. */
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
