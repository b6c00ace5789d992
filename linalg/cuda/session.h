/* The handles of cuSOLVER and cuBLAS of this process. They are made once, on the device that is OpenMP's
 * default at that time. */
#ifndef UNSPOT_LINALG_CUDA_SESSION_H
#define UNSPOT_LINALG_CUDA_SESSION_H

#include "linalg/cuda/library.h"

enum { CUDA_SCRATCH_BYTES = 8192 };

struct cuda_session {
    struct cuda_library library;
    void *stream; /* of both handles; it and libomptarget's streams do not wait for each other */
    void *blas, *solver;
    void *parameters; /* of syev */
    void *jacobi;     /* of syevj, where there is no syev */
    int device;       /* CUDA's number */
    void *scratch;    /* CUDA_SCRATCH_BYTES on the device */
};

/* Opens the first version of CUDA that is found and for which works(), which tries it out, returns true.
 * False when there is none. Later calls return what the first one did. */
bool cuda_session_open(bool (*works)(const struct cuda_session *session));

/* What linalg_description(), linalg_why_not() and linalg_trouble() say of this back-end. */
const char *cuda_session_description(void);
const char *cuda_session_why_not(void);
const char *cuda_session_trouble(void);

/* The session that has been opened. */
const struct cuda_session *cuda_session(void);

/* Whether `function` returned status 0. cuda_session_trouble() tells of the first that did not. */
bool cuda_succeeded(const char *function, int status);

/* Calls session->library.function(...), and says whether it succeeded. */
#define cuda_call(session, function, ...) cuda_succeeded(#function, (session)->library.function(__VA_ARGS__))

/* Waits until the device has done what the libraries were asked for, since target regions do not wait for
 * that. */
bool cuda_finish(const struct cuda_session *session);

#endif
