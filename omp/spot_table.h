/* The PSF's Legendre series, arranged for evaluation: all parameters of a spectrum at one wavelength in a few
 * vector operations. Series that share a domain share the polynomials' values. */
#ifndef UNSPOT_OMP_SPOT_TABLE_H
#define UNSPOT_OMP_SPOT_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/psf.h"
#include "base/status.h"

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

void legendre_values_at(const struct spot_table *table, double wavelength, struct legendre_values *values);

/* One parameter of spectrum spec. */
double spot_parameter(const struct spot_table *table, size_t spec, const struct legendre_values *values,
                      enum parameter parameter);

/* All of them: value[nslot], nslot <= SLOTS_MAX; parameter k stands at value[slot[k]]. */
void spot_parameters(const struct spot_table *table, size_t spec, const struct legendre_values *values,
                     double *value);

#endif
