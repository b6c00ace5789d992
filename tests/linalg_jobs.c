/* What the tests of the linear algebra share. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "base/memory.h"
#include "device/device.h"
#include "linalg_jobs.h"

const char *const op_name[] = {"cholesky", "cholesky_solve", "inverse_blocks", "inverse_sqrt"};

/* The call's batch, with nothing in it that the operation does not name. */
static struct linalg_dense dense_of(enum op op, const struct sizes *s)
{
    struct linalg_dense dense = {.batch = s->batch, .n = s->n};

    if (op == SOLVE) dense.nrhs = s->nrhs;
    if (op == BLOCKS) dense.block = s->block;
    if (op == BLOCKS) dense.nblocks = s->nblocks;
    return dense;
}

size_t job_bytes(const struct linalg *linalg, enum op op, const struct sizes *s)
{
    const struct linalg_dense dense = dense_of(op, s);

    switch (op) {
    case CHOLESKY:
        return linalg_cholesky_bytes(linalg, &dense);
    case SOLVE:
        return linalg_cholesky_solve_bytes(linalg, &dense);
    case BLOCKS:
        return linalg_inverse_blocks_bytes(linalg, &dense);
    default:
        return linalg_inverse_sqrt_bytes(linalg, &dense);
    }
}

void *place(const struct linalg *linalg, const void *from, size_t bytes)
{
    void *placed = linalg_is_on_device(linalg) ? device_alloc(bytes) : memory_raw(bytes, 1);

    assert_non_null(placed);
    if (from && linalg_is_on_device(linalg))
        assert_true(device_upload(placed, from, bytes));
    else if (from && bytes > 0)
        memcpy(placed, from, bytes);
    return placed;
}

void fetch(const struct linalg *linalg, void *to, const void *placed, size_t bytes)
{
    if (linalg_is_on_device(linalg))
        assert_true(device_download(to, placed, bytes));
    else if (bytes > 0)
        memcpy(to, placed, bytes);
}

void take_away(const struct linalg *linalg, void *placed)
{
    if (linalg_is_on_device(linalg))
        device_free(placed);
    else
        free(placed);
}

static int run_placed(const struct linalg *linalg, const struct job *job, void *work, size_t bytes)
{
    struct linalg_dense dense = dense_of(job->op, &job->sizes);

    dense.matrix = job->matrix;
    if (job->op == SOLVE) dense.rhs = job->other;
    if (job->op == BLOCKS) dense.inverse = job->other;
    switch (job->op) {
    case CHOLESKY:
        return linalg_cholesky(linalg, &dense, work, bytes, job->info);
    case SOLVE:
        return linalg_cholesky_solve(linalg, &dense, work, bytes, job->info);
    case BLOCKS:
        return linalg_inverse_blocks(linalg, &dense, work, bytes, job->info);
    default:
        return linalg_inverse_sqrt(linalg, &dense, work, bytes, job->info);
    }
}

int job_run_with(const struct linalg *linalg, const struct job *job, void *work, size_t bytes)
{
    size_t matrix_bytes = matrix_size(&job->sizes) * sizeof(double);
    size_t other_bytes = other_size(job->op, &job->sizes) * sizeof(double);
    struct job placed = *job;
    int failed;

    placed.matrix = place(linalg, job->matrix, matrix_bytes);
    placed.other = place(linalg, job->other, other_bytes);
    failed = run_placed(linalg, &placed, work, bytes);
    fetch(linalg, job->matrix, placed.matrix, matrix_bytes);
    if (job->other) fetch(linalg, job->other, placed.other, other_bytes);
    take_away(linalg, placed.matrix);
    take_away(linalg, placed.other);
    return failed;
}

int job_run(const struct linalg *linalg, const struct job *job)
{
    size_t bytes = job_bytes(linalg, job->op, &job->sizes);
    void *work = place(linalg, NULL, bytes);
    int failed = job_run_with(linalg, job, work, bytes);

    take_away(linalg, work);
    return failed;
}

size_t matrix_size(const struct sizes *s)
{
    return s->batch * s->n * s->n;
}

size_t other_size(enum op op, const struct sizes *s)
{
    if (op == SOLVE) return s->batch * s->nrhs * s->n;
    return op == BLOCKS ? s->batch * s->nblocks * s->block * s->block : 0;
}

void *allocate(size_t count, size_t size)
{
    void *memory = memory_zeroed(count, size);

    assert_non_null(memory);
    return memory;
}

double *copy(size_t count, const double *from)
{
    double *to = allocate(count, sizeof *to);

    memcpy(to, from, count * sizeof *to);
    return to;
}

/* Uniform in [-0.5, 0.5): Knuth's 64-bit linear congruence. */
static double random_number(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 11) / 9007199254740992.0 - 0.5;
}

void reflect(size_t n, double *a, uint64_t *seed)
{
    double *v = allocate(n, sizeof *v), norm = 0;

    for (size_t i = 0; i < n; i++) v[i] = random_number(seed);
    for (size_t i = 0; i < n; i++) norm += v[i] * v[i];
    for (size_t step = 0; step < 2; step++) {
        size_t along = step ? n : 1, across = step ? 1 : n;

        for (size_t j = 0; j < n; j++) {
            double sum = 0;

            for (size_t i = 0; i < n; i++) sum += v[i] * a[i * along + j * across];
            for (size_t i = 0; i < n; i++) a[i * along + j * across] -= 2 * sum / norm * v[i];
        }
    }
    free(v);
}

void fill_power(size_t n, double condition, double power, uint64_t seed, double *a)
{
    for (size_t i = 0; i < n * n; i++) a[i] = 0;
    for (size_t i = 0; i < n; i++) {
        a[i * (n + 1)] = pow(condition, -power * (double)i / (n > 1 ? (double)n - 1 : 1));
    }
    for (int k = 0; k < 4; k++) reflect(n, a, &seed);
    for (size_t j = 0; j < n; j++) {
        for (size_t i = j; i < n; i++) a[j + n * i] = a[i + n * j];
    }
}

double *power_matrices(const struct sizes *s, double condition, double power)
{
    double *a = allocate(matrix_size(s), sizeof *a);

    for (size_t k = 0; k < s->batch; k++) fill_power(s->n, condition, power, k + 1, a + k * s->n * s->n);
    return a;
}

void spoil_upper(const struct sizes *s, double *a)
{
    for (size_t i = 0; i < matrix_size(s); i++) {
        if (i % s->n < i / s->n % s->n) a[i] = NAN;
    }
}

double *factors(const struct sizes *s, double condition)
{
    double *a = power_matrices(s, condition, 1);

    for (size_t k = 0; k < s->batch; k++) {
        double *l = a + k * s->n * s->n;

        for (size_t j = 0; j < s->n; j++) {
            for (size_t c = 0; c < j; c++) {
                for (size_t i = j; i < s->n; i++) l[i + s->n * j] -= l[i + s->n * c] * l[j + s->n * c];
            }
            for (size_t i = s->n; i-- > j;) l[i + s->n * j] /= sqrt(l[j + s->n * j]);
        }
    }
    spoil_upper(s, a);
    return a;
}

struct job sample(enum op op, const struct sizes *s, int *info)
{
    bool whole = op == CHOLESKY || op == SQRT;
    struct job job = {op, *s, whole ? power_matrices(s, 30, 1) : factors(s, 30), NULL, info};

    job.other = allocate(other_size(op, s), sizeof *job.other);
    for (size_t i = 0; i < other_size(op, s); i++) job.other[i] = (double)(i % 7);
    return job;
}

void sample_free(struct job *job)
{
    free(job->matrix);
    free(job->other);
}

int on_every_backend(int argc, char **argv, const char *group, int (*run)(const char *name, void *state))
{
    int failed = 0, groups = 0;

    for (const char *const *name = linalg_names(); *name; name++) {
        const struct linalg *linalg;
        char named[64];

        if (argc > 1 && strcmp(argv[1], *name) != 0) continue;
        linalg = linalg_find(*name);
        snprintf(named, sizeof named, "%s %s", group, *name);
        if (!linalg) printf("%s: not tested: %s\n", named, linalg_why_not(*name));
        if (!linalg && getenv("UNSPOT_CUDA_LIBDIR")) failed++;
        if (!linalg) continue;
        failed +=
            run(named, (void *)(uintptr_t)linalg); /* cmocka's state is not const; nobody writes to it */
        groups++;
    }
    return failed > 0 || groups < (argc > 1 ? 1 : 3);
}
