/* The parameter table of a Gauss-Hermite PSF file. It has one row for each parameter, with the Legendre
 * coefficients of all spectra. */
#ifndef UNSPOT_IO_INTERNAL_PSF_TABLE_H
#define UNSPOT_IO_INTERNAL_PSF_TABLE_H

#include "base/psf.h"
#include "io/internal/input.h"

enum { PARAM_SIZE = 72 }; /* characters of a parameter's name, with the final zero */

/* The names of the parameters of enum psf_tail. */
extern const char *const psf_tail_names[TAIL_COUNT];

struct psf_table {
    struct input *input;
    const char *name; /* of its HDU, for messages */
    size_t nrows, nspec, ncoef;
    size_t fibermin; /* of spectrum 0 */
    int coef_column;
    int min_column, max_column; /* of each row's domain; 0 when all rows have the one below */
    double wave_min, wave_max;  /* Angstrom */
    char (*param)[PARAM_SIZE];  /* [row] */
};

/* Takes the current HDU, called name, as the table. With own_domains it has columns WAVEMIN and WAVEMAX
 * (PSFVER 1 and 2), else keywords of these names (PSFVER 3). STATUS_FORMAT when it is no such table. The
 * caller calls psf_table_free(), whatever the status. */
enum status psf_table_open(struct input *input, const char *name, bool own_domains, struct psf_table *table,
                           struct error *error);
void psf_table_free(struct psf_table *table);

/* Reads the row of a parameter; the caller frees series->coef. When it is absent, *found is false and nothing
 * is read. */
enum status psf_table_find(const struct psf_table *table, const char *param, struct legendre *series,
                           bool *found, struct error *error);

/* Reads the row of a parameter that must be there: STATUS_FORMAT when it is not. */
enum status psf_table_require(const struct psf_table *table, const char *param, struct legendre *series,
                              struct error *error);

/* Checks that a series of nspec spectra, called what in messages, has a domain that is not empty, and widens
 * the range of the PSF to it: STATUS_FORMAT otherwise. psf->broken[nspec] notes spectra with coefficients
 * that are not finite. */
enum status psf_series_check(const struct input *input, const char *what, const struct legendre *series,
                             size_t nspec, struct psf *psf, struct error *error);

#endif
