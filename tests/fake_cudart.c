/* The CUDA runtime on the host: see fake_cuda.h. */
#include "fake_cuda.h"

#include "linalg/cuda/library.h"

#define X(library, function, parameters) int function parameters;
CUDA_FUNCTIONS(X)
#undef X

int cudaRuntimeGetVersion(int *version)
{
    fake_maybe_fail();
    *version = FAKE_CUDA * 1000;
    return 0;
}

int cudaPointerGetAttributes(struct cuda_pointer *attributes, const void *memory)
{
    fake_maybe_fail();
    fake_require(memory);
    memset(attributes, 0x5a, sizeof *attributes);
    attributes->type = fake_asked("UNSPOT_FAKE_CUDA_HOST", "1") ? 0 : CUDA_MEMORY_DEVICE;
    attributes->device = 0;
    return 0;
}

int cudaSetDevice(int device)
{
    fake_maybe_fail();
    fake_require(device == 0);
    return 0;
}

int cudaStreamCreateWithFlags(void **stream, unsigned flags)
{
    struct fake_stream *created;

    fake_maybe_fail();
    fake_require(flags == CUDA_STREAM_NON_BLOCKING);
    created = calloc(1, sizeof *created);
    fake_require(created);
    created->kind = FAKE_STREAM;
    *stream = created;
    return 0;
}

int cudaStreamSynchronize(void *waited_for)
{
    struct fake_stream *stream = waited_for;

    fake_require(fake_is_stream(stream));
    for (int k = 0; k < stream->tasks; k++) {
        stream->task[k].run(stream->task[k].arguments);
        free(stream->task[k].arguments);
    }
    stream->tasks = 0;
    fake_maybe_fail();
    return 0;
}
