/* cuSOLVER and cuBLAS of this process: opened once, on the device that is OpenMP's default at that time. */
#ifndef UNSPOT_LINALG_CUDA_SESSION_H
#define UNSPOT_LINALG_CUDA_SESSION_H

#include "linalg/cuda/library.h"

enum { CUDA_SCRATCH_BYTES = 8192 };

struct cuda_session {
    struct cuda_library library;
    void *stream; /* of both handles: libomptarget's streams and this one do not wait for each other */
    void *blas, *solver;
    void *parameters; /* of syev */
    void *jacobi;     /* of syevj, where there is no syev */
    int device;       /* CUDA's number */
    void *scratch;    /* CUDA_SCRATCH_BYTES on the device */
};

/* Opens the first version of CUDA that is found and works; `works` tries it out. */
bool cuda_session_open(bool (*works)(const struct cuda_session *session));

const char *cuda_session_description(void);
const char *cuda_session_why_not(void);
const char *cuda_session_trouble(void);

/* The session that has been opened. */
const struct cuda_session *cuda_session(void);

/* Whether `function` returned 0; the first that did not is what cuda_session_trouble() tells. */
bool cuda_succeeded(const char *function, int status);

/* session->library.function(...), and whether it succeeded */
#define cuda_call(session, function, ...) cuda_succeeded(#function, (session)->library.function(__VA_ARGS__))

/* Waits until the device has done what the libraries were asked for, as target regions do not. */
bool cuda_finish(const struct cuda_session *session);

#endif
