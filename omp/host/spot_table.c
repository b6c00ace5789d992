#include "omp/spot_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* The series of a parameter, see enum parameter. */
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

/* Finds the domain of a series, and makes it if it is new. NULL when there is no room for it. */
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
static enum status lay_out_table(struct spot_table *table, const struct psf *psf, struct error *error)
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
    status = lay_out_table(table, psf, error);
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
