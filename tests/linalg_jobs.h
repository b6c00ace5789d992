/* What the tests of the linear algebra share: operations as data; matrices built from known eigenvalues. */
#ifndef UNSPOT_TESTS_LINALG_JOBS_H
#define UNSPOT_TESTS_LINALG_JOBS_H

#include <stddef.h>
#include <stdint.h>

#include "linalg/linalg.h"

enum op { CHOLESKY, SOLVE, BLOCKS, SQRT, OPS };

extern const char *const op_name[OPS];

struct sizes {
    size_t n, nrhs, block, nblocks, batch;
};

/* Memory of the kind that the back-end works on: the host's or the device's, with a copy of from, unless that
 * is NULL; the way back; its end. */
void *place(const struct linalg *linalg, const void *from, size_t bytes);
void fetch(const struct linalg *linalg, void *to, const void *placed, size_t bytes);
void take_away(const struct linalg *linalg, void *placed);

/* One call of one operation: matrix is a or l, other is b or inverse, all of them the host's; they are taken
 * to the device and back where the back-end works there. */
struct job {
    enum op op;
    struct sizes sizes;
    double *matrix, *other;
    int *info;
};

size_t job_bytes(const struct linalg *linalg, enum op op, const struct sizes *s);
int job_run_with(const struct linalg *linalg, const struct job *job, void *work, size_t bytes); /* placed */
int job_run(const struct linalg *linalg, const struct job *job); /* with a workspace of its own */

/* Numbers in matrix and in other */
size_t matrix_size(const struct sizes *s);
size_t other_size(enum op op, const struct sizes *s);

/* Zeros, and a copy of numbers; never NULL. */
void *allocate(size_t count, size_t size);
double *copy(size_t count, const double *from);

/* a becomes H a H with H = 1 - 2 v vᵀ / (v·v) for a random v. */
void reflect(size_t n, double *a, uint64_t *seed);

/* A^power for a dense positive definite A with eigenvalues from 1 down to 1/condition, the same A for the
 * same seed: so the inverse and the inverse square root are known without any linear algebra. */
void fill_power(size_t n, double condition, double power, uint64_t seed, double *a);
double *power_matrices(const struct sizes *s, double condition, double power); /* seeds 1, 2, ... */

/* What stands above the diagonal belongs to somebody else: a NaN there spoils everything that reads it. */
void spoil_upper(const struct sizes *s, double *a);

/* L of power_matrices, by textbook loops that are not the back-end's; NaN above the diagonal. */
double *factors(const struct sizes *s, double condition);

/* A problem that every operation can do, for tests of the interface. */
struct job sample(enum op op, const struct sizes *s, int *info);
void sample_free(struct job *job);

/* Runs a group of tests on every back-end, or on that of main's first argument; the back-end is their state.
 * Returns main's exit status. A back-end may be missing only where UNSPOT_CUDA_LIBDIR does not say where one
 * is for tests. */
int on_every_backend(int argc, char **argv, const char *group, int (*run)(const char *name, void *state));

#endif
