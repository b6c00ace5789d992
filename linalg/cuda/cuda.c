/* cuSOLVER and cuBLAS: batches on device memory. Between their calls, loops of OpenMP prepare and check. */
#include <stdint.h>

#include "linalg/backend.h"
#include "linalg/cuda/chunk.h"
#include "linalg/cuda/loops.h"
#include "linalg/cuda/sqrt.h"
#include "linalg/offload/band.h"

static size_t cholesky_layout(struct matrix_chunk *chunk, size_t count, void *memory)
{
    struct memory_layout layout = {memory, 0};

    chunk->l = memory_take(&layout, count, sizeof *chunk->l);
    chunk->info = memory_take(&layout, count, sizeof *chunk->info);
    return layout.used;
}

static size_t cuda_cholesky_bytes(size_t n, size_t batch)
{
    struct matrix_chunk chunk;

    return cholesky_layout(&chunk, chunk_size(batch, n * n, 0), NULL);
}

static bool cholesky_chunk(const struct matrix_chunk *chunk, size_t n, double *a)
{
    cuda_loop_point(chunk->l, a, n * n, chunk->count);
    if (!cuda_call(chunk->cuda, cusolverDnDpotrfBatched, chunk->cuda->solver, CUDA_FILL_LOWER, (int)n,
                   chunk->l, (int)n, chunk->info, (int)chunk->count) ||
        !cuda_finish(chunk->cuda)) {
        return false;
    }
    cuda_loop_pivots(n, a, chunk->count, chunk->info);
    return true;
}

static void cholesky(const struct cuda_session *cuda, size_t n, double *a, size_t batch, void *work,
                     int *info)
{
    struct matrix_chunk chunk = {.cuda = cuda};
    size_t count = chunk_size(batch, n * n, 0);

    cholesky_layout(&chunk, count, work);
    for (size_t k = 0; k < batch; k += count) {
        chunk.count = min_size(count, batch - k);
        report(cholesky_chunk(&chunk, n, a + k * n * n), n, &chunk, info + k);
    }
}

static void cuda_cholesky(size_t n, double *a, size_t batch, void *work, int *info)
{
    cholesky(cuda_session(), n, a, batch, work, info);
}

static size_t solve_layout(struct matrix_chunk *chunk, size_t count, void *memory)
{
    struct memory_layout layout = {memory, 0};

    chunk->l = memory_take(&layout, count, sizeof *chunk->l);
    chunk->b = memory_take(&layout, count, sizeof *chunk->b);
    chunk->info = memory_take(&layout, count, sizeof *chunk->info);
    return layout.used;
}

/* The larger of a matrix and its right-hand sides. */
static size_t solve_doubles(size_t n, size_t nrhs)
{
    return n * (nrhs > n ? nrhs : n);
}

static size_t cuda_cholesky_solve_bytes(size_t n, size_t nrhs, size_t batch)
{
    struct matrix_chunk chunk;

    if (nrhs > INT32_MAX / n) return SIZE_MAX;
    return solve_layout(&chunk, chunk_size(batch, solve_doubles(n, nrhs), 0), NULL);
}

/* By two triangular systems: cuSOLVER's solver, potrsBatched() of version 12.0, writes above L's diagonal. */
static bool solve_chunk(const struct matrix_chunk *chunk, size_t n, size_t nrhs, const double *l, double *b)
{
    const struct cuda_session *cuda = chunk->cuda;
    const double one = 1;

    cuda_loop_point(chunk->l, l, n * n, chunk->count);
    cuda_loop_point(chunk->b, b, n * nrhs, chunk->count);
    for (int op = CUDA_OP_N; op <= CUDA_OP_T; op++) {
        if (!cuda_call(cuda, cublasDtrsmBatched, cuda->blas, CUDA_SIDE_LEFT, CUDA_FILL_LOWER, op,
                       CUDA_DIAG_NON_UNIT, (int)n, (int)nrhs, &one, (const double *const *)chunk->l, (int)n,
                       chunk->b, (int)n, (int)chunk->count)) {
            return false;
        }
    }
    if (!cuda_finish(cuda)) return false;
    cuda_loop_finite(n, n * nrhs, b, chunk->count, chunk->info);
    cuda_loop_diagonal(n, l, chunk->count, chunk->info);
    return true;
}

static void cuda_cholesky_solve(size_t n, size_t nrhs, const double *l, double *b, size_t batch, void *work,
                                int *info)
{
    struct matrix_chunk chunk = {.cuda = cuda_session()};
    size_t count = chunk_size(batch, solve_doubles(n, nrhs), 0);

    solve_layout(&chunk, count, work);
    for (size_t k = 0; k < batch; k += count) {
        chunk.count = min_size(count, batch - k);
        report(solve_chunk(&chunk, n, nrhs, l + k * n * n, b + k * n * nrhs), n, &chunk, info + k);
    }
}

static size_t blocks_layout(struct matrix_chunk *chunk, size_t rows, size_t count, void *memory)
{
    struct memory_layout layout = {memory, 0};

    chunk->l = memory_take(&layout, count, sizeof *chunk->l);
    chunk->b = memory_take(&layout, count, sizeof *chunk->b);
    chunk->info = memory_take(&layout, count, sizeof *chunk->info);
    chunk->scratch = memory_take(&layout, count * rows * rows, sizeof *chunk->scratch);
    return layout.used;
}

static size_t cuda_inverse_blocks_bytes(size_t n, size_t block, size_t nblocks, size_t batch)
{
    size_t rows = nblocks * block;
    struct matrix_chunk chunk;

    return blocks_layout(&chunk, rows, chunk_size(batch, n * n, rows * rows), NULL);
}

/* scratch = T⁻¹ of the trailing triangles T of L. */
static bool invert_triangles(const struct matrix_chunk *chunk, size_t n, size_t rows, const double *l)
{
    const struct cuda_session *cuda = chunk->cuda;
    const double one = 1;

    cuda_loop_identity(rows, chunk->scratch, chunk->count);
    cuda_loop_point(chunk->l, l + (n - rows) * (n + 1), n * n, chunk->count);
    cuda_loop_point(chunk->b, chunk->scratch, rows * rows, chunk->count);
    return cuda_call(cuda, cublasDtrsmBatched, cuda->blas, CUDA_SIDE_LEFT, CUDA_FILL_LOWER, CUDA_OP_N,
                     CUDA_DIAG_NON_UNIT, (int)rows, (int)rows, &one, (const double *const *)chunk->l, (int)n,
                     chunk->b, (int)rows, (int)chunk->count);
}

/* Block k of T⁻ᵀ T⁻¹ = (L Lᵀ)⁻¹: the products of the columns of T⁻¹, which are 0 above the block. */
static bool blocks_chunk(const struct matrix_chunk *chunk, size_t n, size_t block, size_t nblocks,
                         const double *l, double *inverse)
{
    const struct cuda_session *cuda = chunk->cuda;
    size_t rows = nblocks * block, size = nblocks * block * block;
    const double one = 1, zero = 0;

    if (!invert_triangles(chunk, n, rows, l)) return false;
    for (size_t k = 0; k < nblocks; k++) {
        const double *x = chunk->scratch + k * block * (rows + 1);

        if (!cuda_call(cuda, cublasDgemmStridedBatched, cuda->blas, CUDA_OP_T, CUDA_OP_N, (int)block,
                       (int)block, (int)(rows - k * block), &one, x, (int)rows, (long long)(rows * rows), x,
                       (int)rows, (long long)(rows * rows), &zero, inverse + k * block * block, (int)block,
                       (long long)size, (int)chunk->count)) {
            return false;
        }
    }
    if (!cuda_finish(cuda)) return false;
    cuda_loop_mirror(block, inverse, chunk->count * nblocks);
    cuda_loop_finite(n, size, inverse, chunk->count, chunk->info);
    cuda_loop_diagonal(n, l, chunk->count, chunk->info);
    return true;
}

static void inverse_blocks(const struct cuda_session *cuda, size_t n, size_t block, size_t nblocks,
                           const double *l, double *inverse, size_t batch, void *work, int *info)
{
    struct matrix_chunk chunk = {.cuda = cuda};
    size_t rows = nblocks * block, count = chunk_size(batch, n * n, rows * rows);

    blocks_layout(&chunk, rows, count, work);
    for (size_t k = 0; k < batch; k += count) {
        double *blocks = inverse + k * nblocks * block * block;

        chunk.count = min_size(count, batch - k);
        report(blocks_chunk(&chunk, n, block, nblocks, l + k * n * n, blocks), n, &chunk, info + k);
    }
}

static void cuda_inverse_blocks(size_t n, size_t block, size_t nblocks, double *l, double *inverse,
                                size_t batch, void *work, int *info)
{
    inverse_blocks(cuda_session(), n, block, nblocks, l, inverse, batch, work, info);
}

/* The banded operations; then 4 = 2 2 and 1 / (2 2): each library once, and what OpenMP makes of its results.
 */
static bool works(const struct cuda_session *cuda)
{
    double number = 4;
    double *a = cuda->scratch, *inverse = a + 8;
    void *work = a + 16;
    int info[2];

    if (!cuda_succeeded("offload_band_open", !offload_band_open())) return false;
    if (!device_upload(a, &number, sizeof number)) return false;
    cholesky(cuda, 1, a, 1, work, info);
    inverse_blocks(cuda, 1, 1, 1, a, inverse, 1, work, info + 1);
    return device_download(&number, inverse, sizeof number) && info[0] == 0 && info[1] == 0 && number == 0.25;
}

static bool cuda_open(void)
{
    return cuda_session_open(works);
}

const struct linalg linalg_cuda = {
    .name = "cuda",
    .on_device = true,
    .open = cuda_open,
    .description = cuda_session_description,
    .why_not = cuda_session_why_not,
    .trouble = cuda_session_trouble,
    .cholesky_bytes = cuda_cholesky_bytes,
    .cholesky_solve_bytes = cuda_cholesky_solve_bytes,
    .inverse_blocks_bytes = cuda_inverse_blocks_bytes,
    .inverse_sqrt_bytes = cuda_inverse_sqrt_bytes,
    .cholesky = cuda_cholesky,
    .cholesky_solve = cuda_cholesky_solve,
    .inverse_blocks = cuda_inverse_blocks,
    .inverse_sqrt = cuda_inverse_sqrt,
    .band_inverse_bytes = offload_band_inverse_bytes,
    .band_root_bytes = offload_band_root_bytes,
    .band_cholesky = offload_band_cholesky,
    .band_solve = offload_band_solve,
    .band_inverse = offload_band_inverse,
    .band_root = offload_band_root,
};
