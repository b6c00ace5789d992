/* The back-end `offload`, for devices without a linear algebra of their own: dense systems are copied to the
 * host, solved there by the back-end `lapack`, and copied back. Only one thread calls this back-end, unlike
 * lapack, so that the systems are shared out to all threads here. */
#include "base/minmax.h"
#include "linalg/backend.h"
#include "linalg/offload/band.h"
#include "linalg/offload/copies.h"

enum { CHUNK_BYTES = 256 << 20 }; /* of matrices that are on the host at a time */

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

/* An operation that the host does in the device's stead. */
struct host_operation {
    void (*run)(const struct linalg_dense *dense, void *work, int *info);
    size_t work_bytes;   /* that it needs for one system */
    bool matrix_returns; /* to the device; rhs and inverse always do */
};

static void run_all(const struct host_operation *operation, const struct linalg_dense *dense, int *info)
{
#pragma omp parallel
    {
        void *work = memory_raw(operation->work_bytes, 1);

#pragma omp for schedule(dynamic)
        for (size_t k = 0; k < dense->batch; k++) {
            const struct linalg_dense one = linalg_dense_part(dense, k, 1);

            if (work)
                operation->run(&one, work, info + k);
            else
                mark_failed(dense->n, 1, info + k);
        }
        free(work);
    }
}

/* Replaces the address of an array on the device by that of a copy on the host, or
 * NULL; false when it fails. */
static bool get(double **array, size_t count)
{
    if (*array) *array = copy_back(*array, count);
    return *array != NULL;
}

static bool put(double *on_device, const double *array, size_t count)
{
    return !array || device_upload(on_device, array, count * sizeof *array);
}

static void run_chunk(const struct host_operation *operation, const struct linalg_dense *chunk, int *info)
{
    const size_t matrices = chunk->batch * chunk->n * chunk->n, rhs = chunk->batch * chunk->nrhs * chunk->n,
                 blocks = chunk->batch * chunk->nblocks * chunk->block * chunk->block;
    struct linalg_dense host = *chunk;
    bool done = get(&host.matrix, matrices);

    if (chunk->rhs) done &= get(&host.rhs, rhs);
    if (chunk->inverse) done &= get(&host.inverse, blocks);
    if (done) run_all(operation, &host, info);
    done = done && (!operation->matrix_returns || put(chunk->matrix, host.matrix, matrices)) &&
           put(chunk->rhs, host.rhs, rhs) && put(chunk->inverse, host.inverse, blocks);
    if (!done) mark_failed(chunk->n, chunk->batch, info);
    free(host.matrix);
    free(host.rhs);
    free(host.inverse);
}

/* The operation copies all arrays of *dense that are not NULL. */
static void run_chunks(const struct host_operation *operation, const struct linalg_dense *dense, int *info)
{
    const size_t most = max_size(1, CHUNK_BYTES / (dense->n * dense->n * sizeof(double)));

    for (size_t first = 0; first < dense->batch; first += most) {
        const struct linalg_dense chunk =
            linalg_dense_part(dense, first, min_size(most, dense->batch - first));

        run_chunk(operation, &chunk, info + first);
    }
}

static struct linalg_dense matrices_only(const struct linalg_dense *dense)
{
    return (struct linalg_dense){.batch = dense->batch, .n = dense->n, .matrix = dense->matrix};
}

static void offload_cholesky(const struct linalg_dense *dense, void *work, int *info)
{
    const struct host_operation operation = {.run = linalg_lapack.cholesky, .matrix_returns = true};
    const struct linalg_dense used = matrices_only(dense);

    (void)work;
    run_chunks(&operation, &used, info);
}

static void offload_cholesky_solve(const struct linalg_dense *dense, void *work, int *info)
{
    const struct host_operation operation = {.run = linalg_lapack.cholesky_solve};
    struct linalg_dense used = matrices_only(dense);

    (void)work;
    used.nrhs = dense->nrhs;
    used.rhs = dense->rhs;
    run_chunks(&operation, &used, info);
}

static void offload_inverse_blocks(const struct linalg_dense *dense, void *work, int *info)
{
    const struct host_operation operation = {.run = linalg_lapack.inverse_blocks};
    struct linalg_dense used = matrices_only(dense);

    (void)work;
    used.block = dense->block;
    used.nblocks = dense->nblocks;
    used.inverse = dense->inverse;
    run_chunks(&operation, &used, info);
}

static void offload_inverse_sqrt(const struct linalg_dense *dense, void *work, int *info)
{
    const struct host_operation operation = {.run = linalg_lapack.inverse_sqrt,
                                             .work_bytes = linalg_lapack.inverse_sqrt_bytes(dense),
                                             .matrix_returns = true};
    const struct linalg_dense used = matrices_only(dense);

    (void)work;
    run_chunks(&operation, &used, info);
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
