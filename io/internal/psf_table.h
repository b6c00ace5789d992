/* The parameter table of a Gauss-Hermite PSF file: one row a parameter, with the Legendre coefficients of all
 * spectra. Private to io/. */
#ifndef UNSPOT_IO_INTERNAL_PSF_TABLE_H
#define UNSPOT_IO_INTERNAL_PSF_TABLE_H

#include "base/psf.h"
#include "io/internal/input.h"

enum { PARAM_SIZE = 72 };

/* The parameters of enum psf_tail. */
extern const char *const psf_tail_names[TAIL_COUNT];

struct psf_table {
    struct input *input;
    const char *name; /* of its HDU, for messages */
    size_t nrows, nspec, ncoef;
    int coef_column;
    int min_column, max_column; /* of each row's domain; 0: all rows have this one: */
    double wave_min, wave_max;
    char (*param)[PARAM_SIZE]; /* [row] */
};

/* The current HDU is the table. own_domains: it has columns WAVEMIN and WAVEMAX (PSFVER 1 and 2), not
 * keywords of these names (3). The caller calls psf_table_free() whatever the status. */
enum status psf_table_open(struct input *input, const char *name, bool own_domains, struct psf_table *table,
                           struct error *error);
void psf_table_free(struct psf_table *table);

/* Reads the row of a parameter. When it is absent *found is false and nothing is read. */
enum status psf_table_find(const struct psf_table *table, const char *param, struct legendre *series,
                           bool *found, struct error *error);

/* Reads the row of a parameter that must be there. */
enum status psf_table_require(const struct psf_table *table, const char *param, struct legendre *series,
                              struct error *error);

/* Checks a series of nspec spectra, called what: finite coefficients, an increasing domain; widens psf's
 * range to the domain. */
enum status psf_series_check(const struct input *input, const char *what, const struct legendre *series,
                             size_t nspec, struct psf *psf, struct error *error);

#endif
