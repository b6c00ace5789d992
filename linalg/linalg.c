/* The table of back-ends; the dense operations: checks, and the call of the back-end. */
#include "linalg/linalg.h"

#include <limits.h>
#include <stdint.h>
#include <string.h>

#include "linalg/backend.h"
#include "linalg/checks.h"

static const struct linalg *const backends[] = {
#define X(name) &linalg_##name,
    LINALG_BACKENDS(X)
#undef X
};

static const char *const names[] = {
#define X(name) #name,
    LINALG_BACKENDS(X)
#undef X
        NULL};

static const struct linalg *find(const char *name)
{
    for (size_t k = 0; k < sizeof backends / sizeof backends[0]; k++) {
        if (strcmp(backends[k]->name, name) == 0) return backends[k];
    }
    return NULL;
}

const struct linalg *linalg_find(const char *name)
{
    const struct linalg *linalg = find(name);

    return linalg && (!linalg->open || linalg->open()) ? linalg : NULL;
}

const char *linalg_why_not(const char *name)
{
    const struct linalg *linalg = find(name);

    if (!linalg) return "there is no back-end of that name";
    if (!linalg->open || linalg->open()) return NULL;
    return linalg->why_not ? linalg->why_not() : "it cannot be opened";
}

bool linalg_is_on_device(const struct linalg *linalg)
{
    return linalg->on_device;
}

const char *linalg_trouble(const struct linalg *linalg)
{
    return linalg->trouble ? linalg->trouble() : NULL;
}

const char *const *linalg_names(void)
{
    return names;
}

const char *linalg_name(const struct linalg *linalg)
{
    return linalg->name;
}

const char *linalg_description(const struct linalg *linalg)
{
    return linalg->description();
}

/* Sizes that no back-end can do are said to need SIZE_MAX bytes, so that the one check of the workspace, here
 * or in the caller's allocation, refuses them. */
static bool is_possible(const struct linalg_dense *dense)
{
    return dense->n <= LINALG_MAX_ORDER && dense->batch <= INT_MAX;
}

static bool is_empty(const struct linalg_dense *dense)
{
    return dense->n == 0 || dense->batch == 0;
}

static bool has_no_rhs(const struct linalg_dense *dense)
{
    return is_empty(dense) || dense->nrhs == 0;
}

static bool has_no_block(const struct linalg_dense *dense)
{
    return is_empty(dense) || dense->block == 0 || dense->nblocks == 0;
}

size_t linalg_cholesky_bytes(const struct linalg *linalg, const struct linalg_dense *dense)
{
    if (is_empty(dense)) return 0;
    if (!is_possible(dense)) return SIZE_MAX;
    return linalg->cholesky_bytes ? linalg->cholesky_bytes(dense) : 0;
}

int linalg_cholesky(const struct linalg *linalg, const struct linalg_dense *dense, void *work,
                    size_t work_bytes, int *info)
{
    if (is_empty(dense)) return linalg_solved(dense->batch, info);
    if (!linalg_usable(work, work_bytes, linalg_cholesky_bytes(linalg, dense))) return -1;
    linalg->cholesky(dense, work, info);
    return linalg_count_failures(dense->batch, info);
}

size_t linalg_cholesky_solve_bytes(const struct linalg *linalg, const struct linalg_dense *dense)
{
    if (has_no_rhs(dense)) return 0;
    if (!is_possible(dense) || dense->nrhs > INT_MAX) return SIZE_MAX;
    return linalg->cholesky_solve_bytes ? linalg->cholesky_solve_bytes(dense) : 0;
}

int linalg_cholesky_solve(const struct linalg *linalg, const struct linalg_dense *dense, void *work,
                          size_t work_bytes, int *info)
{
    if (has_no_rhs(dense)) return linalg_solved(dense->batch, info);
    if (!linalg_usable(work, work_bytes, linalg_cholesky_solve_bytes(linalg, dense))) return -1;
    linalg->cholesky_solve(dense, work, info);
    return linalg_count_failures(dense->batch, info);
}

size_t linalg_inverse_blocks_bytes(const struct linalg *linalg, const struct linalg_dense *dense)
{
    if (has_no_block(dense)) return 0;
    if (!is_possible(dense) || dense->nblocks > dense->n / dense->block) return SIZE_MAX;
    return linalg->inverse_blocks_bytes ? linalg->inverse_blocks_bytes(dense) : 0;
}

int linalg_inverse_blocks(const struct linalg *linalg, const struct linalg_dense *dense, void *work,
                          size_t work_bytes, int *info)
{
    if (has_no_block(dense)) return linalg_solved(dense->batch, info);
    if (!linalg_usable(work, work_bytes, linalg_inverse_blocks_bytes(linalg, dense))) return -1;
    linalg->inverse_blocks(dense, work, info);
    return linalg_count_failures(dense->batch, info);
}

size_t linalg_inverse_sqrt_bytes(const struct linalg *linalg, const struct linalg_dense *dense)
{
    if (is_empty(dense)) return 0;
    if (!is_possible(dense)) return SIZE_MAX;
    return linalg->inverse_sqrt_bytes ? linalg->inverse_sqrt_bytes(dense) : 0;
}

int linalg_inverse_sqrt(const struct linalg *linalg, const struct linalg_dense *dense, void *work,
                        size_t work_bytes, int *info)
{
    if (is_empty(dense)) return linalg_solved(dense->batch, info);
    if (!linalg_usable(work, work_bytes, linalg_inverse_sqrt_bytes(linalg, dense))) return -1;
    linalg->inverse_sqrt(dense, work, info);
    return linalg_count_failures(dense->batch, info);
}
