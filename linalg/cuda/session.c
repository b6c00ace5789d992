/* The handles of cuSOLVER and cuBLAS. */
#include "linalg/cuda/session.h"

#include <stdio.h>
#include <string.h>

#include "device/device.h"
#include "linalg/cuda/loops.h"

/* The one session of the process: handles take a second and much memory to make, and belong to one device.
 * Like everything on a device, it is used by the main thread only. */
static struct {
    bool opened;
    struct cuda_session tried[CUDA_VERSIONS]; /* one for each version; nothing that was opened is closed */
    const struct cuda_session *session;       /* the one in use, or NULL */
    char description[256], why[1024], trouble[256];
} state;

bool cuda_succeeded(const char *function, int status)
{
    if (status != 0 && !state.trouble[0]) {
        snprintf(state.trouble, sizeof state.trouble, "%s() returned %d", function, status);
    }
    return status == 0;
}

bool cuda_finish(const struct cuda_session *session)
{
    return cuda_call(session, cudaStreamSynchronize, session->stream);
}

/* Finds CUDA's number of the device that OpenMP uses. A target region runs first, so that CUDA shares the
 * context that it makes current in this thread. OpenMP's device may be another kind of processor, or the
 * host: so the memory must be known to CUDA as a device's. */
static bool find_device(struct cuda_session *session)
{
    struct cuda_pointer pointer = {0};

    session->scratch = device_alloc(CUDA_SCRATCH_BYTES);
    if (!session->scratch) {
        snprintf(state.trouble, sizeof state.trouble, "no memory on the device");
        return false;
    }
    cuda_loop_zero(session->scratch, CUDA_SCRATCH_BYTES);
    if (!cuda_call(session, cudaPointerGetAttributes, &pointer, session->scratch)) return false;
    if (pointer.type != CUDA_MEMORY_DEVICE) {
        snprintf(state.trouble, sizeof state.trouble, "OpenMP's device is none of CUDA's");
        return false;
    }
    session->device = pointer.device;
    return cuda_call(session, cudaSetDevice, session->device);
}

static bool make_handles(struct cuda_session *session)
{
    return cuda_call(session, cudaStreamCreateWithFlags, &session->stream, CUDA_STREAM_NON_BLOCKING) &&
           cuda_call(session, cublasCreate_v2, &session->blas) &&
           cuda_call(session, cublasSetStream_v2, session->blas, session->stream) &&
           cuda_call(session, cublasSetMathMode, session->blas, CUDA_MATH_DEFAULT) &&
           cuda_call(session, cusolverDnCreate, &session->solver) &&
           cuda_call(session, cusolverDnSetStream, session->solver, session->stream) &&
           (session->library.has_syev ? cuda_call(session, cusolverDnCreateParams, &session->parameters)
                                      : cuda_call(session, cusolverDnCreateSyevjInfo, &session->jacobi));
}

static bool describe(const struct cuda_session *session)
{
    int runtime = 0, solver = 0;

    if (!cuda_call(session, cudaRuntimeGetVersion, &runtime)) return false;
    if (!cuda_call(session, cusolverGetVersion, &solver)) return false;
    snprintf(state.description, sizeof state.description,
             "CUDA %d.%d, cuSOLVER %d.%d.%d, eigenvalues by %s, on CUDA's device %d", runtime / 1000,
             runtime % 1000 / 10, solver / 1000, solver % 1000 / 100, solver % 100,
             session->library.has_syev ? "syevBatched" : "syevjBatched", session->device);
    return true;
}

static bool open_version(int version, bool (*works)(const struct cuda_session *session))
{
    struct cuda_session *session = &state.tried[version];
    char missing[400] = "";
    size_t used = strlen(state.why);

    state.trouble[0] = '\0';
    if (!cuda_library_open(&session->library, version, missing, sizeof missing)) {
        snprintf(state.why + used, sizeof state.why - used, "%s%s", used ? "; " : "", missing);
        return false;
    }
    if (find_device(session) && make_handles(session) && describe(session) && works(session)) {
        state.session = session;
        return true;
    }
    snprintf(state.why + used, sizeof state.why - used, "%sCUDA %s: %s", used ? "; " : "",
             cuda_versions[version], state.trouble[0] ? state.trouble : "its results are wrong");
    device_free(session->scratch);
    return false;
}

bool cuda_session_open(bool (*works)(const struct cuda_session *session))
{
    if (!device_may_start()) {
        snprintf(state.why, sizeof state.why, "there is no device where OMP_TARGET_OFFLOAD asks for one");
        return false;
    }
    for (int k = 0; !state.opened && !state.session && k < CUDA_VERSIONS; k++) open_version(k, works);
    state.opened = true;
    return state.session != NULL;
}

const char *cuda_session_description(void)
{
    return state.description;
}

const char *cuda_session_why_not(void)
{
    return state.why;
}

const char *cuda_session_trouble(void)
{
    return state.trouble[0] ? state.trouble : NULL;
}

const struct cuda_session *cuda_session(void)
{
    return state.session;
}
