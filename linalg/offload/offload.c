/* Device memory without a linear algebra of its own: dense systems are copied to the host, computed there by
 * the backend `lapack`, and copied back. Unlike lapack's callers, this one's has no threads to spare on it:
 * so the systems are shared out here. */
#include "linalg/backend.h"
#include "linalg/offload/band.h"
#include "linalg/offload/copies.h"

enum { CHUNK_BYTES = 256 << 20 }; /* of matrices on the host at a time */

static bool offload_open(void)
{
    return linalg_lapack.open() && offload_band_open();
}

static const char *offload_why_not(void)
{
    return "there is no device where OMP_TARGET_OFFLOAD asks for one, or no memory on it";
}

static const char *offload_description(void)
{
    return "banded systems by target regions; dense ones copied to the host, for lapack";
}

/* One call, or one chunk of it: matrix is a or l, other is b or inverse. */
struct batch {
    size_t n, count;
    size_t nrhs, block, nblocks; /* of the operations that have them */
    double *matrix, *other;
    size_t matrix_size, other_size; /* doubles of one system */
    size_t work_bytes;              /* that lapack needs for one system */
    bool matrix_returns;            /* to the device; other always does */
    void (*run)(const struct batch *batch, size_t k, void *work, int *info); /* system k, on the host */
};

static void run_all(const struct batch *batch, int *info)
{
#pragma omp parallel
    {
        void *work = memory_raw(batch->work_bytes, 1);

#pragma omp for schedule(dynamic)
        for (size_t k = 0; k < batch->count; k++) {
            if (work)
                batch->run(batch, k, work, info + k);
            else
                mark_failed(batch->n, 1, info + k);
        }
        free(work);
    }
}

static void run_chunk(const struct batch *batch, int *info)
{
    size_t matrices = batch->count * batch->matrix_size, others = batch->count * batch->other_size;
    struct batch host = *batch;
    bool done;

    host.matrix = copy_back(batch->matrix, matrices);
    host.other = others ? copy_back(batch->other, others) : NULL;
    done = host.matrix && (host.other || !others);
    if (done) run_all(&host, info);
    if (!done ||
        (batch->matrix_returns && !device_upload(batch->matrix, host.matrix, matrices * sizeof(double))) ||
        (others && !device_upload(batch->other, host.other, others * sizeof(double)))) {
        mark_failed(batch->n, batch->count, info);
    }
    free(host.matrix);
    free(host.other);
}

static void run_chunks(const struct batch *batch, int *info)
{
    size_t chunk = CHUNK_BYTES / (batch->matrix_size * sizeof(double));

    if (chunk == 0) chunk = 1;
    for (size_t first = 0; first < batch->count; first += chunk) {
        struct batch part = *batch;

        part.count = batch->count - first < chunk ? batch->count - first : chunk;
        part.matrix = batch->matrix + first * batch->matrix_size;
        if (batch->other_size) part.other = batch->other + first * batch->other_size;
        run_chunk(&part, info + first);
    }
}

static void run_cholesky(const struct batch *batch, size_t k, void *work, int *info)
{
    linalg_lapack.cholesky(batch->n, batch->matrix + k * batch->matrix_size, 1, work, info);
}

static void offload_cholesky(size_t n, double *a, size_t batch, void *work, int *info)
{
    (void)work;
    run_chunks(&(struct batch){.n = n,
                               .count = batch,
                               .matrix = a,
                               .matrix_size = n * n,
                               .matrix_returns = true,
                               .run = run_cholesky},
               info);
}

static void run_solve(const struct batch *batch, size_t k, void *work, int *info)
{
    linalg_lapack.cholesky_solve(batch->n, batch->nrhs, batch->matrix + k * batch->matrix_size,
                                 batch->other + k * batch->other_size, 1, work, info);
}

static void offload_cholesky_solve(size_t n, size_t nrhs, const double *l, double *b, size_t batch,
                                   void *work, int *info)
{
    (void)work;
    run_chunks(&(struct batch){.n = n,
                               .count = batch,
                               .nrhs = nrhs,
                               .matrix = (double *)l, /* is only read */
                               .matrix_size = n * n,
                               .other = b,
                               .other_size = n * nrhs,
                               .run = run_solve},
               info);
}

static void run_inverse_blocks(const struct batch *batch, size_t k, void *work, int *info)
{
    linalg_lapack.inverse_blocks(batch->n, batch->block, batch->nblocks,
                                 batch->matrix + k * batch->matrix_size, batch->other + k * batch->other_size,
                                 1, work, info);
}

static void offload_inverse_blocks(size_t n, size_t block, size_t nblocks, double *l, double *inverse,
                                   size_t batch, void *work, int *info)
{
    (void)work;
    run_chunks(&(struct batch){.n = n,
                               .count = batch,
                               .block = block,
                               .nblocks = nblocks,
                               .matrix = l,
                               .matrix_size = n * n,
                               .other = inverse,
                               .other_size = nblocks * block * block,
                               .run = run_inverse_blocks},
               info);
}

static void run_inverse_sqrt(const struct batch *batch, size_t k, void *work, int *info)
{
    linalg_lapack.inverse_sqrt(batch->n, batch->matrix + k * batch->matrix_size, 1, work, info);
}

static void offload_inverse_sqrt(size_t n, double *a, size_t batch, void *work, int *info)
{
    (void)work;
    run_chunks(&(struct batch){.n = n,
                               .count = batch,
                               .matrix = a,
                               .matrix_size = n * n,
                               .work_bytes = linalg_lapack.inverse_sqrt_bytes(n, 1),
                               .matrix_returns = true,
                               .run = run_inverse_sqrt},
               info);
}

const struct linalg linalg_offload = {
    .name = "offload",
    .on_device = true,
    .open = offload_open,
    .description = offload_description,
    .why_not = offload_why_not,
    .cholesky = offload_cholesky,
    .cholesky_solve = offload_cholesky_solve,
    .inverse_blocks = offload_inverse_blocks,
    .inverse_sqrt = offload_inverse_sqrt,
    .band_inverse_bytes = offload_band_inverse_bytes,
    .band_root_bytes = offload_band_root_bytes,
    .band_cholesky = offload_band_cholesky,
    .band_solve = offload_band_solve,
    .band_inverse = offload_band_inverse,
    .band_root = offload_band_root,
};
