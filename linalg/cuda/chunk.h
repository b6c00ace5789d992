/* Batches in chunks, and the workspace of one. Private to the backend `cuda`. */
#ifndef UNSPOT_LINALG_CUDA_CHUNK_H
#define UNSPOT_LINALG_CUDA_CHUNK_H

#include <stdint.h>

#include "base/minmax.h"
#include "linalg/backend.h"
#include "linalg/cuda/session.h"
#include "linalg/offload/copies.h"

/* A batch is done in chunks. Matrices: CUDA 13.0 refuses 32768 of order 4. Doubles: cuSOLVER counts them in
 * an int. Workspace: 250 matrices of order 518 fill the largest device. */
enum { CHUNK_MATRICES = 16384, CHUNK_WORK_BYTES = 512 << 20 };

/* Systems of a chunk. doubles: of the largest array of one system; scratch: doubles of workspace for one. */
static inline size_t chunk_size(size_t batch, size_t doubles, size_t scratch)
{
    size_t chunk = min_size(min_size(batch, CHUNK_MATRICES), INT32_MAX / doubles);

    if (scratch > 0) chunk = min_size(chunk, CHUNK_WORK_BYTES / (scratch * sizeof(double)));
    return chunk > 0 ? chunk : 1;
}

/* Workspace of one chunk. Each operation takes what it needs. */
struct matrix_chunk {
    const struct cuda_session *cuda;
    size_t count;    /* systems */
    double **l, **b; /* [count] pointers to the systems */
    int *info;       /* [count] */
    int *their_info; /* [count] the library's own */
    double *scratch; /* [count]: inverse triangles or eigenvectors */
};

/* The systems of a batch from number `first` on, at most `most`, as the next ones of *chunk. */
static inline struct linalg_dense next_part(struct matrix_chunk *chunk, const struct linalg_dense *dense,
                                            size_t first, size_t most)
{
    chunk->count = min_size(most, dense->batch - first);
    return linalg_dense_part(dense, first, chunk->count);
}

/* From the device to the caller; n + 1 where that, or what came before it, failed. Then, too, the workspace
 * is not left before the device is done with it. */
static inline void report(bool done, size_t n, const struct matrix_chunk *chunk, int *info)
{
    if (!done) cuda_finish(chunk->cuda);
    if (!done || !device_download(info, chunk->info, chunk->count * sizeof *info)) {
        mark_failed(n, chunk->count, info);
    }
}

#endif
