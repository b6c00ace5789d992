#include "omp/spot_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static const double reach = 1.1; /* largest |u| */

static const struct legendre *series_of(const struct psf *psf, size_t parameter)
{
    size_t ngh = (psf->degx + 1) * (psf->degy + 1);

    switch (parameter) {
    case PARAMETER_X:
        return &psf->x;
    case PARAMETER_Y:
        return &psf->y;
    case PARAMETER_SIGMAX:
        return &psf->sigmax;
    case PARAMETER_SIGMAY:
        return &psf->sigmay;
    default:
        parameter -= PARAMETER_GH;
        return parameter < ngh ? &psf->gh[parameter] : &psf->tail[parameter - ngh];
    }
}

/* The domain of a series, made when it is new; NULL when there is no room. */
static struct domain *find_domain(struct spot_table *table, const struct legendre *series)
{
    struct domain *domain = table->domain;

    for (size_t i = 0; i < table->ndomain; i++, domain++) {
        if (domain->wave_min == series->wave_min && domain->wave_max == series->wave_max &&
            domain->ncoef == series->ncoef) {
            return domain;
        }
    }
    if (table->ndomain == DOMAINS_MAX || series->ncoef > LEGENDRE_TERMS) return NULL;
    table->ndomain++;
    *domain =
        (struct domain){.wave_min = series->wave_min, .wave_max = series->wave_max, .ncoef = series->ncoef};
    return domain;
}

/* Counts the parameters of each domain, then gives the domains their slots and memory. */
static enum status lay_out(struct spot_table *table, const struct psf *psf, struct error *error)
{
    for (size_t k = 0; k < table->nparameter; k++) {
        struct domain *domain = find_domain(table, series_of(psf, k));

        if (!domain) {
            return error_set(error, STATUS_FORMAT, "the PSF's series have more than %d domains or %d terms",
                             DOMAINS_MAX, LEGENDRE_TERMS);
        }
        table->slot[k] = domain->count++;
    }
    for (size_t i = 0; i < table->ndomain; i++) {
        struct domain *domain = &table->domain[i];

        domain->count = (domain->count + PARAMETER_LANES - 1) / PARAMETER_LANES * PARAMETER_LANES;
        domain->first = table->nslot;
        table->nslot += domain->count;
        if (table->nslot > SLOTS_MAX)
            return error_set(error, STATUS_FORMAT, "the PSF has too many parameters");
        domain->coef = memory_zeroed(table->nspec * domain->ncoef * domain->count, sizeof(double));
        if (!domain->coef) return memory_error(error, "PSF's coefficients");
    }
    return STATUS_OK;
}

enum status spot_table_make(struct spot_table *table, const struct psf *psf, struct error *error)
{
    enum status status;

    *table = (struct spot_table){.nspec = psf->nspec};
    table->nparameter = PARAMETER_GH + (psf->degx + 1) * (psf->degy + 1) + (psf->has_tail ? TAIL_COUNT : 0);
    table->slot = memory_zeroed(table->nparameter, sizeof *table->slot);
    if (!table->slot) return memory_error(error, "PSF's coefficients");
    status = lay_out(table, psf, error);
    for (size_t k = 0; k < table->nparameter && status == STATUS_OK; k++) {
        const struct legendre *series = series_of(psf, k);
        struct domain *domain = find_domain(table, series);

        for (size_t i = 0; i < table->nspec * series->ncoef; i++) {
            domain->coef[i * domain->count + table->slot[k]] = series->coef[i];
        }
        table->slot[k] += domain->first;
    }
    return status;
}

void spot_table_free(struct spot_table *table)
{
    for (size_t i = 0; i < table->ndomain; i++) free(table->domain[i].coef);
    free(table->slot);
    memset(table, 0, sizeof *table);
}

/* P_0(u) ... P_(n-1)(u) */
static void legendre_basis(double u, size_t n, double *p)
{
    p[0] = 1;
    if (n > 1) p[1] = u;
    for (size_t k = 2; k < n; k++) {
        p[k] = ((2 * (double)k - 1) * u * p[k - 1] - ((double)k - 1) * p[k - 2]) / (double)k;
    }
}

void legendre_values_at(const struct spot_table *table, double wavelength, struct legendre_values *values)
{
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

double spot_parameter(const struct spot_table *table, size_t spec, const struct legendre_values *values,
                      enum parameter parameter)
{
    size_t slot = table->slot[parameter], i = 0;
    const struct domain *domain;
    double sum = 0;

    while (slot >= table->domain[i].first + table->domain[i].count) i++;
    domain = &table->domain[i];
    for (size_t k = 0; k < domain->ncoef; k++) {
        sum +=
            values->p[i][k] * domain->coef[(spec * domain->ncoef + k) * domain->count + slot - domain->first];
    }
    return sum;
}

void spot_parameters(const struct spot_table *table, size_t spec, const struct legendre_values *values,
                     double *value)
{
    for (size_t i = 0; i < table->ndomain; i++) {
        const struct domain *domain = &table->domain[i];
        const double *coef = domain->coef + spec * domain->ncoef * domain->count;
        double *out = value + domain->first;

        for (size_t first = 0; first < domain->count; first += PARAMETER_LANES) {
            double sum[PARAMETER_LANES] = {0};

            for (size_t k = 0; k < domain->ncoef; k++) {
                const double *c = coef + k * domain->count + first;
#pragma omp simd
                for (int lane = 0; lane < PARAMETER_LANES; lane++) sum[lane] += values->p[i][k] * c[lane];
            }
            memcpy(out + first, sum, sizeof sum);
        }
    }
}
