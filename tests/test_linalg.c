/* Every test runs on every backend: against hand-written answers, against matrices built from known
 * eigenvalues, and against the backend `ref`. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "linalg/linalg.h"

enum op { CHOLESKY, SOLVE, BLOCKS, SQRT, OPS };

static const char *const op_name[] = {"cholesky", "cholesky_solve", "inverse_blocks", "inverse_sqrt"};

struct sizes {
    size_t n, nrhs, block, nblocks, batch;
};

/* One call of one operation: matrix is a or l, other is b or inverse. */
struct job {
    enum op op;
    struct sizes sizes;
    double *matrix, *other;
    int *info;
};

static size_t job_bytes(const struct linalg *linalg, enum op op, const struct sizes *s)
{
    switch (op) {
    case CHOLESKY:
        return linalg_cholesky_bytes(linalg, s->n, s->batch);
    case SOLVE:
        return linalg_cholesky_solve_bytes(linalg, s->n, s->nrhs, s->batch);
    case BLOCKS:
        return linalg_inverse_blocks_bytes(linalg, s->n, s->block, s->nblocks, s->batch);
    default:
        return linalg_inverse_sqrt_bytes(linalg, s->n, s->batch);
    }
}

static int job_run_with(const struct linalg *linalg, const struct job *job, void *work, size_t bytes)
{
    const struct sizes *s = &job->sizes;

    switch (job->op) {
    case CHOLESKY:
        return linalg_cholesky(linalg, s->n, job->matrix, s->batch, work, bytes, job->info);
    case SOLVE:
        return linalg_cholesky_solve(linalg, s->n, s->nrhs, job->matrix, job->other, s->batch, work, bytes,
                                     job->info);
    case BLOCKS:
        return linalg_inverse_blocks(linalg, s->n, s->block, s->nblocks, job->matrix, job->other, s->batch,
                                     work, bytes, job->info);
    default:
        return linalg_inverse_sqrt(linalg, s->n, job->matrix, s->batch, work, bytes, job->info);
    }
}

static int job_run(const struct linalg *linalg, const struct job *job)
{
    size_t bytes = job_bytes(linalg, job->op, &job->sizes);
    void *work = memory_zeroed(bytes, 1);
    int failed = work ? job_run_with(linalg, job, work, bytes) : -2;

    free(work);
    return failed;
}

static size_t matrix_size(const struct sizes *s)
{
    return s->batch * s->n * s->n;
}

static size_t other_size(enum op op, const struct sizes *s)
{
    if (op == SOLVE) return s->batch * s->nrhs * s->n;
    return op == BLOCKS ? s->batch * s->nblocks * s->block * s->block : 0;
}

static void *allocate(size_t count, size_t size)
{
    void *memory = memory_zeroed(count, size);

    assert_non_null(memory);
    return memory;
}

static double *copy(size_t count, const double *from)
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

/* a becomes H a H with H = 1 - 2 v vᵀ / (v·v) for a random v. */
static void reflect(size_t n, double *a, uint64_t *seed)
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

/* A^power for a dense positive definite A with eigenvalues from 1 down to 1/condition, the same A for the
 * same seed: so the inverse and the inverse square root are known without any linear algebra. */
static void fill_power(size_t n, double condition, double power, uint64_t seed, double *a)
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

static double *power_matrices(const struct sizes *s, double condition, double power)
{
    double *a = allocate(matrix_size(s), sizeof *a);

    for (size_t k = 0; k < s->batch; k++) fill_power(s->n, condition, power, k + 1, a + k * s->n * s->n);
    return a;
}

/* What stands above the diagonal belongs to somebody else: a NaN there spoils everything that reads it. */
static void spoil_upper(const struct sizes *s, double *a)
{
    for (size_t i = 0; i < matrix_size(s); i++) {
        if (i % s->n < i / s->n % s->n) a[i] = NAN;
    }
}

static bool upper_is_spoilt(const struct sizes *s, const double *a)
{
    for (size_t i = 0; i < matrix_size(s); i++) {
        if (i % s->n < i / s->n % s->n && !isnan(a[i])) return false;
    }
    return true;
}

/* L of power_matrices, by textbook loops that are not the backend's; NaN above the diagonal. */
static double *factors(const struct sizes *s, double condition)
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

static double largest(size_t count, const double *x)
{
    double result = 0;

    for (size_t i = 0; i < count; i++) result = fmax(result, fabs(x[i]));
    return result;
}

/* Largest difference; infinite when there is a NaN. */
static double distance(size_t count, const double *x, const double *y)
{
    double result = 0;

    for (size_t i = 0; i < count; i++) {
        double difference = fabs(x[i] - y[i]);

        if (!(difference <= result)) result = isnan(difference) ? INFINITY : difference;
    }
    return result;
}

static void check_small(double value, double limit, const char *what, const struct sizes *s)
{
    if (!(value <= limit)) fail_msg("%s: n = %zu: %.3g > %.3g", what, s->n, value, limit);
}

/* Relative. The 10 is for the rounding of the test's own matrices; measured on AVX2 and AVX-512 kernels,
 * errors reach half to four fifths of this. */
static double tolerance(size_t n, double condition)
{
    return (10 + 0.2 * condition) * sqrt((double)n) * DBL_EPSILON;
}

struct accuracy_case {
    struct sizes sizes;
    double condition;
};

/* Orders: one, tiny, odd, a block of the extraction, and more than one panel or leaf of the fast backends. */
static const struct accuracy_case accuracy_cases[] = {
    {{.n = 1, .nrhs = 1, .block = 1, .nblocks = 1, .batch = 3}, 1},
    {{.n = 2, .nrhs = 3, .block = 1, .nblocks = 2, .batch = 1}, 10},
    {{.n = 7, .nrhs = 1, .block = 2, .nblocks = 3, .batch = 4}, 1e3},
    {{.n = 37, .nrhs = 2, .block = 37, .nblocks = 1, .batch = 2}, 1e9},
    {{.n = 74, .nrhs = 1, .block = 11, .nblocks = 5, .batch = 2}, 10},
    {{.n = 74, .nrhs = 5, .block = 74, .nblocks = 1, .batch = 1}, 1e9},
    {{.n = 163, .nrhs = 1, .block = 31, .nblocks = 5, .batch = 2}, 1e2},
    {{.n = 250, .nrhs = 7, .block = 50, .nblocks = 5, .batch = 1}, 1e9},
};

enum { ACCURACY_CASES = sizeof accuracy_cases / sizeof accuracy_cases[0] };

static void check_factor(const struct sizes *s, const double *a, const double *l)
{
    double worst = 0;

    for (size_t k = 0; k < matrix_size(s); k++) {
        size_t first = k / (s->n * s->n) * s->n * s->n, i = k % s->n, j = k / s->n % s->n;
        double sum = 0;

        if (i < j) continue;
        for (size_t c = 0; c <= j; c++) sum += l[first + i + s->n * c] * l[first + j + s->n * c];
        worst = fmax(worst, isnan(sum) ? INFINITY : fabs(sum - a[k]));
    }
    check_small(worst, tolerance(s->n, 1) * largest(matrix_size(s), a), "L Lᵀ - A", s);
}

static void test_cholesky(void **state)
{
    for (int c = 0; c < ACCURACY_CASES; c++) {
        struct sizes s = accuracy_cases[c].sizes;
        double *a = power_matrices(&s, accuracy_cases[c].condition, 1), *l = copy(matrix_size(&s), a);
        int info[8] = {9, 9, 9, 9, 9, 9, 9, 9};
        struct job job = {CHOLESKY, s, l, NULL, info};

        spoil_upper(&s, l);
        assert_int_equal(job_run(*state, &job), 0);
        for (size_t k = 0; k < s.batch; k++) assert_int_equal(info[k], 0);
        assert_int_equal(info[s.batch], 9);
        check_factor(&s, a, l);
        assert_true(upper_is_spoilt(&s, l));
        free(a);
        free(l);
    }
}

/* b = A x for x = 1, 2, ...: so a right-hand side in the wrong place does not go unseen. */
static double *right_hand_sides(const struct sizes *s, const double *a, double *x)
{
    double *b = allocate(other_size(SOLVE, s), sizeof *b);

    for (size_t k = 0; k < other_size(SOLVE, s); k++) x[k] = 1 + (double)(k % 101);
    for (size_t k = 0; k < other_size(SOLVE, s); k++) {
        const double *matrix = a + k / (s->n * s->nrhs) * s->n * s->n;

        for (size_t j = 0; j < s->n; j++) b[k] += matrix[k % s->n + s->n * j] * x[k / s->n * s->n + j];
    }
    return b;
}

static void test_cholesky_solve(void **state)
{
    for (int c = 0; c < ACCURACY_CASES; c++) {
        struct sizes s = accuracy_cases[c].sizes;
        double condition = accuracy_cases[c].condition;
        double *a = power_matrices(&s, condition, 1), *l = factors(&s, condition);
        double *before = copy(matrix_size(&s), l), *x = allocate(other_size(SOLVE, &s), sizeof *x);
        double *b = right_hand_sides(&s, a, x);
        int info[8] = {9, 9, 9, 9, 9, 9, 9, 9};
        struct job job = {SOLVE, s, l, b, info};

        assert_int_equal(job_run(*state, &job), 0);
        for (size_t k = 0; k < s.batch; k++) assert_int_equal(info[k], 0);
        check_small(distance(other_size(SOLVE, &s), b, x), tolerance(s.n, condition) * 101, "x", &s);
        assert_memory_equal(l, before, matrix_size(&s) * sizeof *l);
        free(a), free(l), free(before), free(x), free(b);
    }
}

/* Cuts the diagonal blocks out of whole inverses. */
static double *cut_blocks(const struct sizes *s, const double *whole)
{
    double *blocks = allocate(other_size(BLOCKS, s), sizeof *blocks), *next = blocks;
    size_t first = s->n - s->block * s->nblocks;

    for (size_t k = 0; k < s->batch * s->nblocks; k++) {
        const double *inverse = whole + k / s->nblocks * s->n * s->n;
        size_t row = first + k % s->nblocks * s->block;

        for (size_t j = 0; j < s->block; j++) {
            for (size_t i = 0; i < s->block; i++) *next++ = inverse[row + i + s->n * (row + j)];
        }
    }
    return blocks;
}

static void test_inverse_blocks(void **state)
{
    for (int c = 0; c < ACCURACY_CASES; c++) {
        struct sizes s = accuracy_cases[c].sizes;
        double condition = accuracy_cases[c].condition;
        double *whole = power_matrices(&s, condition, -1), *l = factors(&s, condition);
        double *expected = cut_blocks(&s, whole), *before = copy(matrix_size(&s), l);
        double *inverse = allocate(other_size(BLOCKS, &s), sizeof *inverse);
        int info[8] = {9, 9, 9, 9, 9, 9, 9, 9};
        struct job job = {BLOCKS, s, l, inverse, info};

        assert_int_equal(job_run(*state, &job), 0);
        for (size_t k = 0; k < s.batch; k++) assert_int_equal(info[k], 0);
        check_small(distance(other_size(BLOCKS, &s), inverse, expected),
                    tolerance(s.n, condition) * largest(other_size(BLOCKS, &s), expected), "inverse", &s);
        assert_true(upper_is_spoilt(&s, l));
        for (size_t k = 0; k < s.batch; k++) { /* the leading columns stay */
            assert_memory_equal(l + k * s.n * s.n, before + k * s.n * s.n,
                                (s.n - s.block * s.nblocks) * s.n * sizeof *l);
        }
        free(whole), free(l), free(expected), free(before), free(inverse);
    }
}

/* x a x - 1, by plain loops. */
static double identity_error(size_t n, const double *a, const double *x)
{
    double *ax = allocate(n * n, sizeof *ax), worst = 0;

    for (size_t k = 0; k < n * n; k++) {
        for (size_t c = 0; c < n; c++) ax[k] += a[k % n + n * c] * x[c + n * (k / n)];
    }
    for (size_t k = 0; k < n * n; k++) {
        double sum = k % (n + 1) == 0 ? -1 : 0;

        for (size_t c = 0; c < n; c++) sum += x[k % n + n * c] * ax[c + n * (k / n)];
        worst = fmax(worst, isnan(sum) ? INFINITY : fabs(sum));
    }
    free(ax);
    return worst;
}

static void test_inverse_sqrt(void **state)
{
    for (int c = 0; c < ACCURACY_CASES; c++) {
        struct sizes s = accuracy_cases[c].sizes;
        double condition = accuracy_cases[c].condition;
        double *a = power_matrices(&s, condition, 1), *expected = power_matrices(&s, condition, -0.5);
        double *x = copy(matrix_size(&s), a);
        int info[8] = {9, 9, 9, 9, 9, 9, 9, 9};
        struct job job = {SQRT, s, x, NULL, info};

        spoil_upper(&s, x);
        assert_int_equal(job_run(*state, &job), 0);
        check_small(distance(matrix_size(&s), x, expected),
                    tolerance(s.n, condition) * largest(matrix_size(&s), expected), "A^(-1/2)", &s);
        for (size_t k = 0; k < s.batch; k++) {
            const double *xk = x + k * s.n * s.n;

            assert_int_equal(info[k], 0);
            check_small(identity_error(s.n, a + k * s.n * s.n, xk), tolerance(s.n, condition), "X A X - 1",
                        &s);
            for (size_t i = 0; i < s.n * s.n; i++) {
                assert_true(xk[i] == xk[i / s.n + s.n * (i % s.n)]); /* symmetric to the last bit */
            }
        }
        free(a), free(expected), free(x);
    }
}

static void test_known_answers(void **state)
{
    double a[9] = {4, 12, -16, NAN, 37, -43, NAN, NAN, 98},
           b[3] = {4 - 16, 12 - 43, -16 + 98}; /* A (1, 0, 1) */
    double q[4], q1[2];
    double l[9] = {2, 6, -8, NAN, 1, 5, NAN, NAN, 3};
    double root[8] = {5, 4, NAN, 5, 0.25, 0, NAN, 0.0625};
    const double factor[9] = {2, 6, -8, NAN, 1, 5, NAN, NAN, 3};
    const double inverse[4] = {136 / 36., -20 / 36., -20 / 36., 4 / 36.};
    const double inverse_root[8] = {2 / 3., -1 / 3., -1 / 3., 2 / 3., 2, 0, 0, 4};
    int info[2] = {9, 9};
    struct job job = {CHOLESKY, {.n = 3, .nrhs = 1, .block = 2, .nblocks = 1, .batch = 1}, a, b, info};

    assert_int_equal(job_run(*state, &job), 0);
    for (int i = 0; i < 9; i++) assert_true(a[i] == factor[i] || isnan(factor[i])); /* exact: integers */

    job.op = SOLVE;
    assert_int_equal(job_run(*state, &job), 0);
    for (int i = 0; i < 3; i++) assert_true(fabs(b[i] - (i != 1)) < 1e-13);

    job = (struct job){BLOCKS, job.sizes, a, q, info};
    assert_int_equal(job_run(*state, &job), 0);
    assert_true(distance(4, q, inverse) < 1e-14);
    job = (struct job){BLOCKS, {.n = 3, .block = 1, .nblocks = 2, .batch = 1}, l, q1, info};
    assert_int_equal(job_run(*state, &job), 0);
    assert_true(fabs(q1[0] - 136 / 36.) < 1e-14 && fabs(q1[1] - 4 / 36.) < 1e-15);

    job = (struct job){SQRT, {.n = 2, .batch = 2}, root, NULL, info};
    assert_int_equal(job_run(*state, &job), 0);
    assert_true(distance(8, root, inverse_root) < 1e-14);
    assert_int_equal(info[0], 0);
    assert_int_equal(info[1], 0);
}

/* Systems of order 3 that must fail, and what info must say. */
static const struct bad_case {
    const char *what;
    enum op op;
    double lower[6]; /* (0,0) (1,0) (2,0) (1,1) (2,1) (2,2) */
    int info;
} bad_cases[] = {
    {"rank 1", CHOLESKY, {1, 1, 1, 1, 1, 1}, 2},
    {"rank 2", CHOLESKY, {4, 2, 2, 2, 1, 1}, 3},
    {"zero", CHOLESKY, {0, 0, 0, 0, 0, 0}, 1},
    {"indefinite", CHOLESKY, {1, 2, 0, 1, 0, 1}, 2},
    {"negative", CHOLESKY, {-1, 0, 0, -1, 0, -1}, 1},
    {"NaN first", CHOLESKY, {NAN, 0, 0, 1, 0, 1}, 1},
    {"NaN in row 1", CHOLESKY, {1, NAN, 0, 1, 0, 1}, 2},
    {"NaN in row 2, column 0", CHOLESKY, {1, 0, NAN, 1, 0, 1}, 3},
    {"NaN in row 2, column 1", CHOLESKY, {1, 0, 0, 1, NAN, 1}, 3},
    {"NaN last", CHOLESKY, {1, 0, 0, 1, 0, NAN}, 3},
    {"NaN before a negative pivot", CHOLESKY, {1, NAN, 0, 1, 0, -1}, 2},
    {"negative pivot before a NaN", CHOLESKY, {1, 0, 0, -1, 0, NAN}, 2},
    {"infinite pivot", CHOLESKY, {1, 0, 0, INFINITY, 0, 1}, 2},
    {"infinity in row 2", CHOLESKY, {1, 0, INFINITY, 1, 0, 1}, 3},
    {"-infinity in row 1", CHOLESKY, {1, -INFINITY, 0, 1, 0, 1}, 2},
    {"overflow", CHOLESKY, {1e-300, 1e300, 0, 1, 0, 1}, 2},
    {"zero pivot", SOLVE, {1, 1, 1, 0, 1, 1}, 2},
    {"zero last", SOLVE, {1, 1, 1, 1, 1, 0}, 3},
    {"infinite pivot", SOLVE, {INFINITY, 1, 1, 1, 1, 1}, 1},
    {"NaN pivot", SOLVE, {1, 1, 1, NAN, 1, 1}, 2},
    {"NaN in row 1", SOLVE, {1, NAN, 0, 1, 0, 1}, 4},
    {"NaN in row 2", SOLVE, {1, 0, NAN, 1, 0, 1}, 4},
    {"infinity in row 2", SOLVE, {1, 0, 0, 1, INFINITY, 1}, 4},
    {"overflow", SOLVE, {1, 0, 0, 1e-200, 0, 1}, 4},
    {"zero pivot in the corner", BLOCKS, {1, 1, 1, 0, 1, 1}, 2},
    {"zero pivot before the corner", BLOCKS, {0, 1, 1, 1, 1, 1}, 1},
    {"NaN pivot", BLOCKS, {1, 1, 1, 1, 1, NAN}, 3},
    {"infinite pivot", BLOCKS, {1, 1, 1, 1, 1, INFINITY}, 3},
    {"NaN in row 2", BLOCKS, {1, 0, 0, 1, NAN, 1}, 4},
    {"infinity in row 2", BLOCKS, {1, 0, 0, 1, INFINITY, 1}, 4},
    {"overflow", BLOCKS, {1, 0, 0, 1e-200, 0, 1}, 4},
    {"rank 1", SQRT, {1, 1, 1, 1, 1, 1}, 3},
    {"rank 2", SQRT, {4, 2, 2, 2, 1, 1}, 2},
    {"rank 2, not by integers", SQRT, {0.05, 0.17, 0.22, 0.58, 0.75, 0.97}, 2},
    {"zero", SQRT, {0, 0, 0, 0, 0, 0}, 4},
    {"indefinite", SQRT, {1, 2, 0, 1, 0, 1}, 2},
    {"negative", SQRT, {-1, 0, 0, -2, 0, -3}, 4},
    {"NaN on the diagonal", SQRT, {1, 0, 0, NAN, 0, 1}, 4},
    {"NaN below", SQRT, {1, 0, NAN, 1, 0, 1}, 4},
    {"infinity", SQRT, {1, 0, 0, 1, INFINITY, 1}, 4},
    {"-infinity", SQRT, {1, 0, 0, -INFINITY, 0, 1}, 4},
};

enum { BAD_CASES = sizeof bad_cases / sizeof bad_cases[0] };

/* The bad system between two good ones, which must come out as if it were not there. */
static void check_bad_case(const struct linalg *linalg, const struct bad_case *bad)
{
    struct sizes s = {.n = 3, .nrhs = 1, .block = 1, .nblocks = 2, .batch = 3};
    double good[27], a[27], b[9] = {0, 0, 0, 1, 1e200, 1, 3, 4, 5}, good_b[9] = {0, 0, 0, 1, 1, 1, 3, 4, 5};
    size_t other = bad->op == CHOLESKY || bad->op == SQRT ? 0 : other_size(bad->op, &s) / 3;
    int info[3] = {9, 9, 9}, good_info[3] = {9, 9, 9};
    struct job job = {bad->op, s, a, b, info}, good_job = {bad->op, s, good, good_b, good_info};

    for (size_t k = 0; k < 3; k++) fill_power(3, 5, 1, k + 1, good + 9 * k);
    memcpy(a, good, sizeof a);
    for (size_t j = 0, k = 0; j < 3; j++) {
        for (size_t i = j; i < 3; i++) a[9 + i + 3 * j] = bad->lower[k++];
    }
    if (job_run(linalg, &good_job) != 0) fail_msg("%s: the good ones fail", op_name[bad->op]);
    if (job_run(linalg, &job) != 1 || info[0] != 0 || info[1] != bad->info || info[2] != 0) {
        fail_msg("%s, %s: info = %d %d %d, not 0 %d 0", op_name[bad->op], bad->what, info[0], info[1],
                 info[2], bad->info);
    }
    assert_memory_equal(a, good, 9 * sizeof *a);
    assert_memory_equal(a + 18, good + 18, 9 * sizeof *a);
    assert_memory_equal(b, good_b, other * sizeof *b);
    assert_memory_equal(b + 2 * other, good_b + 2 * other, other * sizeof *b);
}

static void test_bad_systems(void **state)
{
    for (int k = 0; k < BAD_CASES; k++) check_bad_case(*state, &bad_cases[k]);
}

/* Eigenvalues that are 0 but for rounding errors of either sign are counted exactly, and end. */
static void test_rank_deficient(void **state)
{
    enum { N = 74, RANK = 50 };
    double *a = allocate(N * N, sizeof *a);
    uint64_t seed = 1;
    int info;
    struct job job = {SQRT, {.n = N, .batch = 1}, a, NULL, &info};

    for (size_t i = 0; i < RANK; i++) a[i * (N + 1)] = 1 + (double)i;
    for (int k = 0; k < 4; k++) reflect(N, a, &seed);
    assert_int_equal(job_run(*state, &job), 1);
    assert_int_equal(info, 1 + N - RANK);
    free(a);
}

/* A NaN in any row and column of a matrix that takes the blocked path; b = 0, as 0 times NaN is easily
 * skipped. */
static void test_nan_anywhere(void **state)
{
    struct sizes s = {.n = 163, .nrhs = 1, .block = 163, .nblocks = 1, .batch = 1};
    double *a = power_matrices(&s, 10, 1), *l = factors(&s, 10), *x = allocate(163 * 163, sizeof *x);
    double *out = allocate(163 * 163, sizeof *out);
    int info;

    for (size_t k = 0; k < 40; k++) {
        static const double value[] = {NAN, INFINITY, -INFINITY};
        size_t i = (k * 61 + 162) % 163, j = i * (k % 5) / 4;
        struct job job = {.sizes = s, .matrix = x, .other = out, .info = &info};

        for (int op = CHOLESKY; op < OPS; op++) {
            int expected = op == CHOLESKY ? (int)i + 1 : op == SQRT || i != j ? 164 : (int)i + 1;

            memcpy(x, op == CHOLESKY || op == SQRT ? a : l, 163 * 163 * sizeof *x);
            memset(out, 0, 163 * 163 * sizeof *out);
            x[i + 163 * j] = value[k % 3];
            job.op = (enum op)op;
            if (job_run(*state, &job) != 1 || info != expected) {
                fail_msg("%s, %g at (%zu, %zu): info = %d, not %d", op_name[op], value[k % 3], i, j, info,
                         expected);
            }
        }
    }
    free(a), free(l), free(x), free(out);
}

/* Empty problems write nothing but info. */
static void test_empty(void **state)
{
    static const struct {
        enum op op;
        struct sizes sizes;
    } cases[] = {
        {CHOLESKY, {.n = 0, .batch = 2}},
        {CHOLESKY, {.n = 2, .batch = 0}},
        {SOLVE, {.n = 0, .nrhs = 1, .batch = 2}},
        {SOLVE, {.n = 2, .nrhs = 0, .batch = 2}},
        {SOLVE, {.n = 2, .nrhs = 1, .batch = 0}},
        {BLOCKS, {.n = 0, .block = 1, .nblocks = 0, .batch = 2}},
        {BLOCKS, {.n = 2, .block = 1, .nblocks = 0, .batch = 2}},
        {BLOCKS, {.n = 2, .block = 0, .nblocks = 1, .batch = 2}},
        {BLOCKS, {.n = 2, .block = 1, .nblocks = 1, .batch = 0}},
        {SQRT, {.n = 0, .batch = 2}},
        {SQRT, {.n = 2, .batch = 0}},
    };

    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        double a[8] = {4, 1, 1, 4, 4, 1, 1, 4}, b[4] = {1, 2, 3, 4};
        const double a0[8] = {4, 1, 1, 4, 4, 1, 1, 4}, b0[4] = {1, 2, 3, 4};
        int info[2] = {9, 9}, expected = cases[k].sizes.batch ? 0 : 9;
        struct job job = {cases[k].op, cases[k].sizes, a, b, info};

        assert_int_equal(job_bytes(*state, job.op, &job.sizes), 0);
        assert_int_equal(job_run_with(*state, &job, NULL, 0), 0);
        assert_memory_equal(a, a0, sizeof a);
        assert_memory_equal(b, b0, sizeof b);
        assert_int_equal(info[0], expected);
        assert_int_equal(info[1], expected);
    }
}

/* A problem that every operation can do, for tests of the interface. */
static struct job sample(enum op op, const struct sizes *s, int *info)
{
    bool whole = op == CHOLESKY || op == SQRT;
    struct job job = {op, *s, whole ? power_matrices(s, 30, 1) : factors(s, 30), NULL, info};

    job.other = allocate(other_size(op, s), sizeof *job.other);
    for (size_t i = 0; i < other_size(op, s); i++) job.other[i] = (double)(i % 7);
    return job;
}

static void sample_free(struct job *job)
{
    free(job->matrix);
    free(job->other);
}

/* Exactly the bytes that were asked for, with guards around them. */
static void test_workspace_not_overrun(void **state)
{
    const struct sizes s = {.n = 19, .nrhs = 2, .block = 5, .nblocks = 3, .batch = 4};

    for (int op = CHOLESKY; op < OPS; op++) {
        int info[4];
        struct job job = sample((enum op)op, &s, info);
        size_t bytes = job_bytes(*state, job.op, &s);
        unsigned char *memory = allocate(bytes + 2 * 4096, 1);

        memset(memory, 0xa5, bytes + 2 * 4096);
        assert_int_equal(job_run_with(*state, &job, memory + 4096, bytes), 0);
        for (size_t i = 0; i < 4096; i++) {
            assert_int_equal(memory[i], 0xa5);
            assert_int_equal(memory[4096 + bytes + i], 0xa5);
        }
        free(memory);
        sample_free(&job);
    }
}

static void check_refused(const struct linalg *linalg, const struct job *job, void *work, size_t bytes)
{
    const struct sizes *s = &job->sizes;
    double *matrix = copy(matrix_size(s), job->matrix), *other = copy(other_size(job->op, s), job->other);

    assert_int_equal(job_run_with(linalg, job, work, bytes), -1);
    assert_memory_equal(job->matrix, matrix, matrix_size(s) * sizeof *matrix);
    if (job->other) assert_memory_equal(job->other, other, other_size(job->op, s) * sizeof *other);
    free(matrix);
    free(other);
}

/* One byte less, no memory, or memory that is not aligned: -1, and nothing is touched. */
static void test_workspace_too_small(void **state)
{
    const struct sizes s = {.n = 19, .nrhs = 2, .block = 5, .nblocks = 3, .batch = 2};

    assert_true(job_bytes(*state, SQRT, &s) > 0); /* or this test would not test anything */
    for (int op = CHOLESKY; op < OPS; op++) {
        int info[2];
        struct job job = sample((enum op)op, &s, info);
        size_t bytes = job_bytes(*state, job.op, &s);
        unsigned char *memory = allocate(bytes + 64, 1);

        if (bytes > 0) {
            check_refused(*state, &job, memory, bytes - 1);
            check_refused(*state, &job, NULL, bytes);
            check_refused(*state, &job, memory + 8, bytes);
        }
        free(memory);
        sample_free(&job);
    }
}

static void test_impossible_sizes(void **state)
{
    const struct sizes possible = {.n = 4, .nrhs = 1, .block = 2, .nblocks = 2, .batch = 1};
    struct sizes s = possible;
    int info[1];
    struct job job = sample(BLOCKS, &possible, info);

    s.nblocks = 3;
    assert_true(job_bytes(*state, BLOCKS, &s) == SIZE_MAX);
    job.sizes.nblocks = 3;
    assert_int_equal(job_run_with(*state, &job, job.other, 32), -1);
    s.nblocks = SIZE_MAX / 2 + 1; /* times block is 0 */
    assert_true(job_bytes(*state, BLOCKS, &s) == SIZE_MAX);
    s = possible;
    s.n = (size_t)1 << 40;
    for (int op = CHOLESKY; op < OPS; op++) assert_true(job_bytes(*state, (enum op)op, &s) == SIZE_MAX);
    sample_free(&job);
}

/* The operations called from four threads at once give the bits of a call from one. */
static void test_threads(void **state)
{
    enum { JOBS = 64 };
    const struct sizes s = {.n = 111, .nrhs = 2, .block = 15, .nblocks = 6, .batch = 2};

    for (int op = CHOLESKY; op < OPS; op++) {
        struct job jobs[JOBS], serial;
        int info[JOBS][2], failed = 0;

        for (int k = 0; k < JOBS; k++) jobs[k] = sample((enum op)op, &s, info[k]);
        serial = sample((enum op)op, &s, (int[2]){0});
        assert_int_equal(job_run(*state, &serial), 0);
#pragma omp parallel for num_threads(4) schedule(dynamic) reduction(+ : failed)
        for (int k = 0; k < JOBS; k++) failed += job_run(*state, &jobs[k]) != 0;
        assert_int_equal(failed, 0);
        for (int k = 0; k < JOBS; k++) {
            assert_memory_equal(jobs[k].matrix, serial.matrix, matrix_size(&s) * sizeof(double));
            assert_memory_equal(jobs[k].other, serial.other, other_size((enum op)op, &s) * sizeof(double));
            sample_free(&jobs[k]);
        }
        sample_free(&serial);
    }
}

/* The order of the innermost loop of the extraction, against the oracle. */
static void test_against_ref(void **state)
{
    const struct sizes s = {.n = 518, .nrhs = 1, .block = 74, .nblocks = 5, .batch = 1};
    const struct linalg *ref = linalg_find("ref");
    const struct linalg *linalg = *state;

    for (int op = CHOLESKY; op < BLOCKS + 1; op++) {
        int info[1], ref_info[1];
        struct job job = sample((enum op)op, &s, info), ref_job = sample((enum op)op, &s, ref_info);
        size_t count = op == CHOLESKY ? matrix_size(&s) : other_size((enum op)op, &s);
        double *x = op == CHOLESKY ? job.matrix : job.other;
        double *y = op == CHOLESKY ? ref_job.matrix : ref_job.other;

        assert_int_equal(job_run(linalg, &job), 0);
        assert_int_equal(job_run(ref, &ref_job), 0);
        check_small(distance(count, x, y), tolerance(s.n, 30) * largest(count, y), op_name[op], &s);
        sample_free(&job);
        sample_free(&ref_job);
    }
}

static void test_names(void **state)
{
    const struct linalg *linalg = *state;

    assert_ptr_equal(linalg_find(linalg_name(linalg)), linalg);
    assert_null(linalg_find("no such backend"));
    assert_null(linalg_find(""));
    assert_true(strlen(linalg_description(linalg)) > 10);
    assert_null(strchr(linalg_description(linalg), '\n'));
    if (strcmp(linalg_name(linalg), "lapack") == 0) {
        assert_non_null(strstr(linalg_description(linalg), "OpenBLAS"));
        assert_non_null(strstr(linalg_description(linalg), "threads: 1"));
    }
}

static int run_group(const char *name)
{
    const struct linalg *linalg = linalg_find(name);
    void *state = (void *)(uintptr_t)linalg; /* cmocka's state is not const; nobody writes to it */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_names, state),
        cmocka_unit_test_prestate(test_known_answers, state),
        cmocka_unit_test_prestate(test_cholesky, state),
        cmocka_unit_test_prestate(test_cholesky_solve, state),
        cmocka_unit_test_prestate(test_inverse_blocks, state),
        cmocka_unit_test_prestate(test_inverse_sqrt, state),
        cmocka_unit_test_prestate(test_against_ref, state),
        cmocka_unit_test_prestate(test_bad_systems, state),
        cmocka_unit_test_prestate(test_rank_deficient, state),
        cmocka_unit_test_prestate(test_nan_anywhere, state),
        cmocka_unit_test_prestate(test_empty, state),
        cmocka_unit_test_prestate(test_workspace_not_overrun, state),
        cmocka_unit_test_prestate(test_workspace_too_small, state),
        cmocka_unit_test_prestate(test_impossible_sizes, state),
        cmocka_unit_test_prestate(test_threads, state),
    };

    if (!linalg) return 1;
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
    int failed = 0, groups = 0;

    for (const char *const *name = linalg_names(); *name; name++, groups++) failed += run_group(*name);
    return failed > 0 || groups < 2;
}
