#include "extract/fibermap.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/minmax.h"
#include "io/fibermap_row.h"

enum { LISTED = 10 };

/* Fibers that a message names. */
struct list {
    size_t count;
    char text[LISTED * 24 + 8];
};

static void list_add(struct list *list, int64_t fiber)
{
    const size_t length = strlen(list->text);

    if (list->count < LISTED)
        snprintf(list->text + length, sizeof list->text - length, "%s%lld", length > 0 ? ", " : "",
                 (long long)fiber);
    else if (list->count == LISTED)
        snprintf(list->text + length, sizeof list->text - length, ", ...");
    list->count++;
}

/* Finds the petal of all rows. False when they are of several petals, or none has a FIBER. */
static bool petal_of_rows(const struct preproc *preproc, size_t *petal)
{
    bool is_found = false;

    for (size_t row = 0; preproc->fiber && row < preproc->fibermap.nrows; row++) {
        const int64_t fiber = preproc->fiber[row];

        if (fiber < 0) continue;
        if (is_found && *petal != (size_t)fiber / FIBERS_PER_PETAL) return false;
        *petal = (size_t)fiber / FIBERS_PER_PETAL;
        is_found = true;
    }
    return is_found;
}

static enum status find_petal(const struct fibers_wanted *wanted, size_t *petal, struct error *error)
{
    char camera[72];

    cards_value(&wanted->preproc->header, "CAMERA", camera, sizeof camera);
    if (camera[0] && isdigit((unsigned char)camera[1])) {
        *petal = (size_t)(camera[1] - '0');
        if (wanted->psf->petal == 0 || wanted->psf->petal == *petal) return STATUS_OK;
        return error_set(error, STATUS_MISMATCH,
                         "the PSF is of petal %zu by its FIBERMIN, the image of petal %zu by its CAMERA %s",
                         wanted->psf->petal, *petal, camera);
    }
    *petal = wanted->psf->petal;
    if (*petal > 0 || !wanted->preproc->fiber || petal_of_rows(wanted->preproc, petal)) return STATUS_OK;
    return error_set(
        error, STATUS_MISMATCH,
        "FIBERMAP has fibers of several petals, and CAMERA \"%s\" does not say which: add CAMERA, "
        "such as r0, to the header of IMAGE",
        camera);
}

/* Rows of a table without FIBER: row i is fiber i of the petal. */
static enum status select_by_position(const struct fibers_wanted *wanted, const struct log *log,
                                      struct table *rows, struct error *error)
{
    const struct table *table = &wanted->preproc->fibermap;
    const size_t first = wanted->psf->fibermin + wanted->spectra.first;
    const size_t most = max_size(FIBERS_PER_PETAL, wanted->psf->fibermin + wanted->psf->nspec);

    if (table->nrows > most)
        return error_set(
            error, STATUS_MISMATCH,
            "FIBERMAP has %zu rows, more than the %zu fibers of a camera, and no column FIBER of "
            "integers that says which are whose",
            table->nrows, most);
    if (first + wanted->spectra.count > table->nrows)
        return error_set(error, STATUS_MISMATCH,
                         "FIBERMAP has no row for fiber %zu (it has %zu rows): extract fewer spectra with "
                         "--nspec, or repair the table",
                         max_size(first, table->nrows), table->nrows);
    log_warning(log, "FIBERMAP has no column FIBER of integers: its row 0 is taken for fiber 0, and so on");
    memcpy(rows->rows, table->rows + first * table->row_bytes, wanted->spectra.count * table->row_bytes);
    return STATUS_OK;
}

/* Finds the rows of a fiber, which must be the same. *row is the first, or nrows where there is none; the
 * number of the others is added to *nmore. */
static enum status find_rows(const struct preproc *preproc, int64_t fiber, size_t *row, size_t *nmore,
                             struct error *error)
{
    const struct table *table = &preproc->fibermap;

    *row = table->nrows;
    for (size_t i = 0; i < table->nrows; i++) {
        if (preproc->fiber[i] != fiber) continue;
        if (*row == table->nrows) {
            *row = i;
            continue;
        }
        if (memcmp(table->rows + *row * table->row_bytes, table->rows + i * table->row_bytes,
                   table->row_bytes))
            return error_set(
                error, STATUS_MISMATCH,
                "FIBERMAP has rows for fiber %lld that differ (%zu and %zu): remove the wrong one",
                (long long)fiber, *row + 1, i + 1);
        (*nmore)++;
    }
    return STATUS_OK;
}

/* Rows that are missing or doubled, for the log. */
struct oddities {
    struct list missing, doubled;
};

static enum status select_row(const struct preproc *preproc, int64_t fiber, unsigned char *to,
                              struct oddities *odd, struct error *error)
{
    const struct table *table = &preproc->fibermap;
    size_t row, nmore = 0;
    enum status status = find_rows(preproc, fiber, &row, &nmore, error);

    if (status != STATUS_OK) return status;
    if (nmore > 0) list_add(&odd->doubled, fiber);
    if (row < table->nrows) {
        memcpy(to, table->rows + row * table->row_bytes, table->row_bytes);
        return STATUS_OK;
    }
    list_add(&odd->missing, fiber);
    return fibermap_row_blank(table, fiber, to, error);
}

static void warn_of(const struct oddities *odd, size_t nspec, const struct log *log)
{
    if (odd->missing.count > 0)
        log_warning(
            log,
            "FIBERMAP has no row for %zu of %zu fibers: these get one that says nothing but FIBER, and "
            "FIBERSTATUS 257: %s",
            odd->missing.count, nspec, odd->missing.text);
    if (odd->doubled.count > 0)
        log_warning(log, "FIBERMAP has several rows, all the same, for %zu of %zu fibers: one is taken: %s",
                    odd->doubled.count, nspec, odd->doubled.text);
}

static enum status does_not_fit(const struct fibers_wanted *wanted, int64_t first, struct error *error)
{
    const struct preproc *preproc = wanted->preproc;
    int64_t least = INT64_MAX, largest = -1;

    for (size_t row = 0; row < preproc->fibermap.nrows; row++) {
        if (preproc->fiber[row] < 0) continue;
        if (preproc->fiber[row] < least) least = preproc->fiber[row];
        if (preproc->fiber[row] > largest) largest = preproc->fiber[row];
    }
    if (largest < 0) return error_set(error, STATUS_MISMATCH, "FIBERMAP has no row with a FIBER");
    return error_set(
        error, STATUS_MISMATCH,
        "FIBERMAP, of fibers %lld to %lld, has no rows for most of the spectra, fibers %lld to %lld "
        "by CAMERA and PSF: it is that of another camera",
        (long long)least, (long long)largest, (long long)first,
        (long long)first + (long long)wanted->spectra.count - 1);
}

static enum status select_by_fiber(const struct fibers_wanted *wanted, const struct log *log,
                                   struct fibers *fibers, struct error *error)
{
    struct oddities odd = {0};
    enum status status = STATUS_OK;

    for (size_t i = 0; i < wanted->spectra.count && status == STATUS_OK; i++) {
        status = select_row(wanted->preproc, fibers->fibermin + (int64_t)i,
                            fibers->rows.rows + i * fibers->rows.row_bytes, &odd, error);
    }
    if (2 * odd.missing.count > wanted->spectra.count) return does_not_fit(wanted, fibers->fibermin, error);
    if (status == STATUS_OK) warn_of(&odd, wanted->spectra.count, log);
    return status;
}

enum status fibermap_select(const struct fibers_wanted *wanted, const struct log *log, struct fibers *fibers,
                            struct error *error)
{
    const struct table *table = &wanted->preproc->fibermap;
    struct table *rows = &fibers->rows;
    size_t petal;
    enum status status = find_petal(wanted, &petal, error);

    *fibers = (struct fibers){0};
    if (status != STATUS_OK) return status;
    fibers->fibermin = (int64_t)(petal * FIBERS_PER_PETAL + wanted->psf->fibermin + wanted->spectra.first);
    if (table->header.count == 0) return STATUS_OK;
    rows->header.text = memory_zeroed(table->header.count, CARD_SIZE);
    rows->rows = memory_zeroed(wanted->spectra.count, table->row_bytes);
    if (!rows->header.text || !rows->rows) return memory_error(error, "fibermap");
    memcpy(rows->header.text, table->header.text, table->header.count * CARD_SIZE);
    rows->header.count = table->header.count;
    rows->row_bytes = table->row_bytes;
    rows->nrows = wanted->spectra.count;
    return wanted->preproc->fiber ? select_by_fiber(wanted, log, fibers, error)
                                  : select_by_position(wanted, log, rows, error);
}
