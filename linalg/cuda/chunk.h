/* Chunks of a batch, and the workspace of one. For the back-end `cuda` alone. */
#ifndef UNSPOT_LINALG_CUDA_CHUNK_H
#define UNSPOT_LINALG_CUDA_CHUNK_H

#include <stdint.h>

#include "base/minmax.h"
#include "linalg/backend.h"
#include "linalg/cuda/session.h"
#include "linalg/offload/copies.h"

/* A batch is solved in chunks, because CUDA 13.0 refuses 32768 matrices of order 4, cuSOLVER counts doubles
 * in an int, and 512 MiB of workspace hold 250 matrices of order 518, which keep the largest device busy. */
enum { CHUNK_MATRICES = 16384, CHUNK_WORK_BYTES = 512 << 20 };

/* The number of systems of a chunk. doubles: of the largest array of one system; scratch: doubles of
 * workspace for one system. */
static inline size_t chunk_size(size_t batch, size_t doubles, size_t scratch)
{
    size_t chunk = min_size(min_size(batch, CHUNK_MATRICES), INT32_MAX / doubles);

    if (scratch > 0) chunk = min_size(chunk, CHUNK_WORK_BYTES / (scratch * sizeof(double)));
    return chunk > 0 ? chunk : 1;
}

/* The present chunk and its workspace, of which each operation takes what it needs. */
struct matrix_chunk {
    const struct cuda_session *cuda;
    size_t count;    /* systems */
    double **l, **b; /* [count] pointers to the systems */
    int *info;       /* [count] */
    int *their_info; /* [count] the library's own */
    double *scratch; /* [count][...]: inverse triangles or eigenvectors */
};

/* The systems of a batch from number `first` on, at most `most`, as the next ones of *chunk. */
static inline struct linalg_dense next_part(struct matrix_chunk *chunk, const struct linalg_dense *dense,
                                            size_t first, size_t most)
{
    chunk->count = min_size(most, dense->batch - first);
    return linalg_dense_part(dense, first, chunk->count);
}

/* Copies the info of a chunk to the caller; it becomes n + 1 where that fails or the chunk was not `done`.
 * Then, too, the device has finished with the workspace on return. */
static inline void report(bool done, size_t n, const struct matrix_chunk *chunk, int *info)
{
    if (!done) cuda_finish(chunk->cuda);
    if (!done || !device_download(info, chunk->info, chunk->count * sizeof *info)) {
        mark_failed(n, chunk->count, info);
    }
}

#endif
