/* What a back-end supplies. For linalg/ alone: callers see linalg/linalg.h only.
 *
 * linalg.c and band.c have checked everything before they call a back-end: no size is 0, every size is at
 * most LINALG_MAX_ORDER or fits in an int, the workspace is aligned and large enough. A back-end sets info of
 * every system; the callers count the failures. A new operation needs a line or two in struct linalg, in
 * every back-end, and a public function in linalg.c or band.c. A new back-end needs a name in
 * LINALG_BACKENDS. */
#ifndef UNSPOT_LINALG_BACKEND_H
#define UNSPOT_LINALG_BACKEND_H

#include <stdbool.h>
#include <stddef.h>

#include "linalg/linalg.h"

/* The largest order n: dsyevd counts its workspace, 1 + 6n + 2n² numbers, in an int. */
enum { LINALG_MAX_ORDER = 32000 };

struct linalg {
    const char *name;
    bool on_device; /* matrices, vectors and workspaces are device memory; info is not */

    /* Makes the back-end ready; false when this machine does not have what it needs. It may be called often
     * and, on the host, from several threads. NULL: there is nothing to do. */
    bool (*open)(void);

    const char *(*description)(void); /* after open */
    const char *(*why_not)(void);     /* after an open that failed; NULL: a line of linalg.c's own will do */
    const char *(*trouble)(void);     /* see linalg_trouble(); NULL: no library can fail */

    /* Bytes of workspace; NULL: none is needed. */
    size_t (*cholesky_bytes)(const struct linalg_dense *dense);
    size_t (*cholesky_solve_bytes)(const struct linalg_dense *dense);
    size_t (*inverse_blocks_bytes)(const struct linalg_dense *dense);
    size_t (*inverse_sqrt_bytes)(const struct linalg_dense *dense);

    void (*cholesky)(const struct linalg_dense *dense, void *work, int *info);
    void (*cholesky_solve)(const struct linalg_dense *dense, void *work, int *info);
    void (*inverse_blocks)(const struct linalg_dense *dense, void *work, int *info);
    void (*inverse_sqrt)(const struct linalg_dense *dense, void *work, int *info);

    size_t (*band_inverse_bytes)(const struct linalg_band *band);
    size_t (*band_root_bytes)(const struct linalg_root *root); /* for this batch and any division of it */

    void (*band_cholesky)(const struct linalg_band *band, int *info);
    void (*band_solve)(const struct linalg_band *band, int *info);
    void (*band_inverse)(const struct linalg_band *band, void *work, int *info);
    void (*band_root)(const struct linalg_root *root, size_t nroot, void *work,
                      int *info); /* none is empty */
};

/* The `count` systems of a batch from number `first` on. */
static inline struct linalg_dense linalg_dense_part(const struct linalg_dense *dense, size_t first,
                                                    size_t count)
{
    struct linalg_dense part = *dense;

    part.batch = count;
    part.matrix += first * dense->n * dense->n;
    if (part.rhs) part.rhs += first * dense->nrhs * dense->n;
    if (part.inverse) part.inverse += first * dense->nblocks * dense->block * dense->block;
    return part;
}

#define LINALG_BACKENDS(X)                                                                                   \
    X(ref)                                                                                                   \
    X(lapack)                                                                                                \
    X(offload)                                                                                               \
    X(cuda)

#define X(name) extern const struct linalg linalg_##name;
LINALG_BACKENDS(X)
#undef X

#endif
