/* The table of backends, and the checks that come before each of their operations. */
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

    if (!linalg) return "there is no backend of that name";
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

/* Sizes that no backend can do need more memory than there is: so the one check of the workspace, here or in
 * the caller's allocation, refuses them. */
size_t linalg_cholesky_bytes(const struct linalg *linalg, size_t n, size_t batch)
{
    if (n == 0 || batch == 0) return 0;
    if (n > LINALG_MAX_ORDER || batch > INT_MAX) return SIZE_MAX;
    return linalg->cholesky_bytes ? linalg->cholesky_bytes(n, batch) : 0;
}

int linalg_cholesky(const struct linalg *linalg, size_t n, double *a, size_t batch, void *work,
                    size_t work_bytes, int *info)
{
    if (n == 0 || batch == 0) return linalg_solved(batch, info);
    if (!linalg_usable(work, work_bytes, linalg_cholesky_bytes(linalg, n, batch))) return -1;
    linalg->cholesky(n, a, batch, work, info);
    return linalg_count_failures(batch, info);
}

size_t linalg_cholesky_solve_bytes(const struct linalg *linalg, size_t n, size_t nrhs, size_t batch)
{
    if (n == 0 || nrhs == 0 || batch == 0) return 0;
    if (n > LINALG_MAX_ORDER || nrhs > INT_MAX || batch > INT_MAX) return SIZE_MAX;
    return linalg->cholesky_solve_bytes ? linalg->cholesky_solve_bytes(n, nrhs, batch) : 0;
}

int linalg_cholesky_solve(const struct linalg *linalg, size_t n, size_t nrhs, const double *l, double *b,
                          size_t batch, void *work, size_t work_bytes, int *info)
{
    if (n == 0 || nrhs == 0 || batch == 0) return linalg_solved(batch, info);
    if (!linalg_usable(work, work_bytes, linalg_cholesky_solve_bytes(linalg, n, nrhs, batch))) return -1;
    linalg->cholesky_solve(n, nrhs, l, b, batch, work, info);
    return linalg_count_failures(batch, info);
}

size_t linalg_inverse_blocks_bytes(const struct linalg *linalg, size_t n, size_t block, size_t nblocks,
                                   size_t batch)
{
    if (n == 0 || block == 0 || nblocks == 0 || batch == 0) return 0;
    if (n > LINALG_MAX_ORDER || nblocks > n / block || batch > INT_MAX) return SIZE_MAX;
    return linalg->inverse_blocks_bytes ? linalg->inverse_blocks_bytes(n, block, nblocks, batch) : 0;
}

int linalg_inverse_blocks(const struct linalg *linalg, size_t n, size_t block, size_t nblocks, double *l,
                          double *inverse, size_t batch, void *work, size_t work_bytes, int *info)
{
    if (n == 0 || block == 0 || nblocks == 0 || batch == 0) return linalg_solved(batch, info);
    if (!linalg_usable(work, work_bytes, linalg_inverse_blocks_bytes(linalg, n, block, nblocks, batch)))
        return -1;
    linalg->inverse_blocks(n, block, nblocks, l, inverse, batch, work, info);
    return linalg_count_failures(batch, info);
}

size_t linalg_inverse_sqrt_bytes(const struct linalg *linalg, size_t n, size_t batch)
{
    if (n == 0 || batch == 0) return 0;
    if (n > LINALG_MAX_ORDER || batch > INT_MAX) return SIZE_MAX;
    return linalg->inverse_sqrt_bytes ? linalg->inverse_sqrt_bytes(n, batch) : 0;
}

int linalg_inverse_sqrt(const struct linalg *linalg, size_t n, double *a, size_t batch, void *work,
                        size_t work_bytes, int *info)
{
    if (n == 0 || batch == 0) return linalg_solved(batch, info);
    if (!linalg_usable(work, work_bytes, linalg_inverse_sqrt_bytes(linalg, n, batch))) return -1;
    linalg->inverse_sqrt(n, a, batch, work, info);
    return linalg_count_failures(batch, info);
}
