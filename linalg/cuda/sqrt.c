/* Inverse square roots: V w^(-1/4) times its transpose. */
#include "linalg/cuda/sqrt.h"

#include "linalg/cuda/chunk.h"
#include "linalg/cuda/loops.h"

/* The workspace that the eigensolver needs, on the device and on the host. */
struct needs {
    size_t device, host; /* bytes */
};

/* The arrays of a chunk, with the eigenvalues and the workspace of the eigensolver. */
struct eigen {
    struct matrix_chunk chunk;
    double *value; /* [count][n] */
    void *work, *host_work;
    struct needs has, needs; /* bytes of work and host_work, and how many of them the present chunk needs */
};

/* Asks cuSOLVER how much workspace it needs. The address that it is given is not used, but some of its
 * functions do not take NULL. */
static bool ask_needs(const struct cuda_session *cuda, size_t n, size_t count, struct needs *needs)
{
    const double *any = cuda->scratch;
    int order = (int)n, numbers = 0;
    bool done;

    *needs = (struct needs){0};
    if (cuda->library.has_syev) {
        return cuda_call(cuda, cusolverDnXsyevBatched_bufferSize, cuda->solver, cuda->parameters,
                         CUDA_EIG_VECTOR, CUDA_FILL_LOWER, order, CUDA_REAL_DOUBLE, any, order,
                         CUDA_REAL_DOUBLE, any, CUDA_REAL_DOUBLE, &needs->device, &needs->host,
                         (int64_t)count);
    }
    done = cuda_call(cuda, cusolverDnDsyevjBatched_bufferSize, cuda->solver, CUDA_EIG_VECTOR, CUDA_FILL_LOWER,
                     order, any, order, any, &numbers, cuda->jacobi, (int)count);
    needs->device = (size_t)numbers * sizeof(double);
    return done;
}

/* The workspace for all chunks of a batch: the last one is smaller, but may need more. */
static bool ask_most(const struct cuda_session *cuda, size_t n, size_t batch, size_t count,
                     struct needs *most)
{
    struct needs last = {0};

    if (!ask_needs(cuda, n, count, most)) return false;
    if (batch % count > 0 && !ask_needs(cuda, n, batch % count, &last)) return false;
    if (last.device > most->device) most->device = last.device;
    if (last.host > most->host) most->host = last.host;
    return true;
}

static size_t lay_out(struct eigen *eigen, size_t n, size_t count, void *memory)
{
    struct memory_layout layout = {memory, 0};
    struct matrix_chunk *chunk = &eigen->chunk;

    chunk->info = memory_take(&layout, count, sizeof *chunk->info);
    chunk->their_info = memory_take(&layout, count, sizeof *chunk->their_info);
    chunk->scratch = memory_take(&layout, count * n * n, sizeof *chunk->scratch);
    eigen->value = memory_take(&layout, count * n, sizeof *eigen->value);
    eigen->work = memory_take(&layout, eigen->has.device, 1);
    return layout.used;
}

static size_t sqrt_chunk_size(const struct linalg_dense *dense)
{
    return chunk_size(dense->batch, dense->n * dense->n, dense->n * dense->n);
}

size_t cuda_inverse_sqrt_bytes(const struct linalg_dense *dense)
{
    size_t count = sqrt_chunk_size(dense), bytes = SIZE_MAX;
    const struct cuda_session *cuda = cuda_session();
    struct eigen eigen;

    if (ask_most(cuda, dense->n, dense->batch, count, &eigen.has))
        bytes = lay_out(&eigen, dense->n, count, NULL);
    return bytes;
}

/* Replaces the matrices in scratch by their eigenvectors. cuSOLVER 11.7.1.2 needs a workspace of zeros. */
static bool decompose(const struct eigen *eigen, size_t n)
{
    const struct matrix_chunk *chunk = &eigen->chunk;
    const struct cuda_session *cuda = chunk->cuda;
    int order = (int)n;

    cuda_loop_zero(eigen->work, memory_round_up(eigen->needs.device));
    if (cuda->library.has_syev) {
        return cuda_call(cuda, cusolverDnXsyevBatched, cuda->solver, cuda->parameters, CUDA_EIG_VECTOR,
                         CUDA_FILL_LOWER, order, CUDA_REAL_DOUBLE, chunk->scratch, order, CUDA_REAL_DOUBLE,
                         eigen->value, CUDA_REAL_DOUBLE, eigen->work, eigen->needs.device, eigen->host_work,
                         eigen->needs.host, chunk->their_info, (int64_t)chunk->count);
    }
    return cuda_call(cuda, cusolverDnDsyevjBatched, cuda->solver, CUDA_EIG_VECTOR, CUDA_FILL_LOWER, order,
                     chunk->scratch, order, eigen->value, eigen->work,
                     (int)(eigen->needs.device / sizeof(double)), chunk->their_info, cuda->jacobi,
                     (int)chunk->count);
}

/* The eigensolver might never end on a NaN: a matrix that has one is replaced by an identity. */
static bool sqrt_chunk(struct eigen *eigen, size_t n, double *a)
{
    const struct matrix_chunk *chunk = &eigen->chunk;
    const struct cuda_session *cuda = chunk->cuda;
    const double one = 1, zero = 0;
    long long stride = (long long)(n * n);
    int order = (int)n;

    if (!ask_needs(cuda, n, chunk->count, &eigen->needs)) return false;
    if (!cuda_succeeded("room for cuSOLVER's workspace", eigen->needs.device > eigen->has.device ||
                                                             eigen->needs.host > eigen->has.host ||
                                                             (eigen->needs.host > 0 && !eigen->host_work))) {
        return false;
    }
    cuda_loop_finite_triangle(n, a, chunk->count, chunk->info);
    cuda_loop_symmetric(n, a, chunk->info, chunk->scratch, chunk->count);
    if (!decompose(eigen, n) || !cuda_finish(cuda)) return false;
    cuda_loop_positive(n, eigen->value, chunk->their_info, chunk->count, chunk->info);
    cuda_loop_scale(n, eigen->value, chunk->info, chunk->scratch, chunk->count);
    if (!cuda_call(cuda, cublasDgemmStridedBatched, cuda->blas, CUDA_OP_N, CUDA_OP_T, order, order, order,
                   &one, chunk->scratch, order, stride, chunk->scratch, order, stride, &zero, a, order,
                   stride, (int)chunk->count) ||
        !cuda_finish(cuda)) {
        return false;
    }
    cuda_loop_mirror(n, a, chunk->count);
    return true;
}

void cuda_inverse_sqrt(const struct linalg_dense *dense, void *work, int *info)
{
    struct eigen eigen = {.chunk = {.cuda = cuda_session()}};
    const size_t n = dense->n, count = sqrt_chunk_size(dense);
    bool known = ask_most(eigen.chunk.cuda, n, dense->batch, count, &eigen.has);

    lay_out(&eigen, n, count, work);
    eigen.host_work = eigen.has.host > 0 ? memory_zeroed(eigen.has.host, 1) : NULL;
    for (size_t k = 0; k < dense->batch; k += count) {
        const struct linalg_dense part = next_part(&eigen.chunk, dense, k, count);

        report(known && sqrt_chunk(&eigen, n, part.matrix), n, &eigen.chunk, info + k);
    }
    free(eigen.host_work);
}
