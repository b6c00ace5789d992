/* The back-end `cuda`: cuSOLVER and cuBLAS on batches in device memory. Between their calls, loops of OpenMP
 * prepare and check the data. */
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

/* Systems of a chunk; only the matrices count. */
static size_t cholesky_chunk_size(const struct linalg_dense *dense)
{
    return chunk_size(dense->batch, dense->n * dense->n, 0);
}

static size_t cuda_cholesky_bytes(const struct linalg_dense *dense)
{
    struct matrix_chunk chunk;

    return cholesky_layout(&chunk, cholesky_chunk_size(dense), NULL);
}

static bool cholesky_chunk(const struct matrix_chunk *chunk, const struct linalg_dense *part)
{
    const size_t n = part->n;
    double *a = part->matrix;

    cuda_loop_point(chunk->l, a, n * n, chunk->count);
    if (!cuda_call(chunk->cuda, cusolverDnDpotrfBatched, chunk->cuda->solver, CUDA_FILL_LOWER, (int)n,
                   chunk->l, (int)n, chunk->info, (int)chunk->count) ||
        !cuda_finish(chunk->cuda)) {
        return false;
    }
    cuda_loop_pivots(n, a, chunk->count, chunk->info);
    return true;
}

static void cholesky(const struct cuda_session *cuda, const struct linalg_dense *dense, void *work, int *info)
{
    struct matrix_chunk chunk = {.cuda = cuda};
    const size_t count = cholesky_chunk_size(dense);

    cholesky_layout(&chunk, count, work);
    for (size_t k = 0; k < dense->batch; k += count) {
        const struct linalg_dense part = next_part(&chunk, dense, k, count);

        report(cholesky_chunk(&chunk, &part), part.n, &chunk, info + k);
    }
}

static void cuda_cholesky(const struct linalg_dense *dense, void *work, int *info)
{
    cholesky(cuda_session(), dense, work, info);
}

static size_t solve_layout(struct matrix_chunk *chunk, size_t count, void *memory)
{
    struct memory_layout layout = {memory, 0};

    chunk->l = memory_take(&layout, count, sizeof *chunk->l);
    chunk->b = memory_take(&layout, count, sizeof *chunk->b);
    chunk->info = memory_take(&layout, count, sizeof *chunk->info);
    return layout.used;
}

/* Systems of a chunk; the larger of a matrix and its right-hand sides counts. */
static size_t solve_chunk_size(const struct linalg_dense *dense)
{
    return chunk_size(dense->batch, dense->n * max_size(dense->nrhs, dense->n), 0);
}

static size_t cuda_cholesky_solve_bytes(const struct linalg_dense *dense)
{
    struct matrix_chunk chunk;

    if (dense->nrhs > INT32_MAX / dense->n) return SIZE_MAX;
    return solve_layout(&chunk, solve_chunk_size(dense), NULL);
}

/* Solves two triangular systems, because cuSOLVER's own solver, potrsBatched() of version 12.0, writes above
 * the diagonal of L. */
static bool solve_chunk(const struct matrix_chunk *chunk, const struct linalg_dense *part)
{
    const size_t n = part->n, nrhs = part->nrhs;
    const double *l = part->matrix;
    double *b = part->rhs;
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

static void cuda_cholesky_solve(const struct linalg_dense *dense, void *work, int *info)
{
    struct matrix_chunk chunk = {.cuda = cuda_session()};
    const size_t count = solve_chunk_size(dense);

    solve_layout(&chunk, count, work);
    for (size_t k = 0; k < dense->batch; k += count) {
        const struct linalg_dense part = next_part(&chunk, dense, k, count);

        report(solve_chunk(&chunk, &part), part.n, &chunk, info + k);
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

/* Rows of the trailing triangle that is inverted. */
static size_t blocks_rows(const struct linalg_dense *dense)
{
    return dense->nblocks * dense->block;
}

static size_t blocks_chunk_size(const struct linalg_dense *dense)
{
    return chunk_size(dense->batch, dense->n * dense->n, blocks_rows(dense) * blocks_rows(dense));
}

static size_t cuda_inverse_blocks_bytes(const struct linalg_dense *dense)
{
    struct matrix_chunk chunk;

    return blocks_layout(&chunk, blocks_rows(dense), blocks_chunk_size(dense), NULL);
}

/* Sets scratch to the inverses T⁻¹ of the trailing triangles T of L. */
static bool invert_triangles(const struct matrix_chunk *chunk, const struct linalg_dense *part)
{
    const struct cuda_session *cuda = chunk->cuda;
    const size_t n = part->n, rows = blocks_rows(part);
    const double *l = part->matrix;
    const double one = 1;

    cuda_loop_identity(rows, chunk->scratch, chunk->count);
    cuda_loop_point(chunk->l, l + (n - rows) * (n + 1), n * n, chunk->count);
    cuda_loop_point(chunk->b, chunk->scratch, rows * rows, chunk->count);
    return cuda_call(cuda, cublasDtrsmBatched, cuda->blas, CUDA_SIDE_LEFT, CUDA_FILL_LOWER, CUDA_OP_N,
                     CUDA_DIAG_NON_UNIT, (int)rows, (int)rows, &one, (const double *const *)chunk->l, (int)n,
                     chunk->b, (int)rows, (int)chunk->count);
}

/* Block k of T⁻ᵀ T⁻¹ = (L Lᵀ)⁻¹: the products of the columns of T⁻¹, which are 0 above the block. */
static bool blocks_chunk(const struct matrix_chunk *chunk, const struct linalg_dense *part)
{
    const struct cuda_session *cuda = chunk->cuda;
    const size_t n = part->n, block = part->block, nblocks = part->nblocks, rows = blocks_rows(part),
                 size = rows * block;
    const double *l = part->matrix, one = 1, zero = 0;
    double *inverse = part->inverse;

    if (!invert_triangles(chunk, part)) return false;
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

static void inverse_blocks(const struct cuda_session *cuda, const struct linalg_dense *dense, void *work,
                           int *info)
{
    struct matrix_chunk chunk = {.cuda = cuda};
    const size_t count = blocks_chunk_size(dense);

    blocks_layout(&chunk, blocks_rows(dense), count, work);
    for (size_t k = 0; k < dense->batch; k += count) {
        const struct linalg_dense part = next_part(&chunk, dense, k, count);

        report(blocks_chunk(&chunk, &part), part.n, &chunk, info + k);
    }
}

static void cuda_inverse_blocks(const struct linalg_dense *dense, void *work, int *info)
{
    inverse_blocks(cuda_session(), dense, work, info);
}

/* Tries the banded operations, then the factor 4 = 2 2 and the inverse 1 / (2 2): these call each library
 * once, and OpenMP's loops on its results. */
static bool works(const struct cuda_session *cuda)
{
    double number = 4;
    double *a = cuda->scratch, *inverse = a + 8;
    const struct linalg_dense four = {
        .batch = 1, .n = 1, .matrix = a, .block = 1, .nblocks = 1, .inverse = inverse};
    void *work = a + 16;
    int info[2];

    if (!cuda_succeeded("offload_band_open", !offload_band_open())) return false;
    if (!device_upload(a, &number, sizeof number)) return false;
    cholesky(cuda, &four, work, info);
    inverse_blocks(cuda, &four, work, info + 1);
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
