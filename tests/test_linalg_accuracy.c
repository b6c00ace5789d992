/* Every operation on every back-end: against hand-written answers, against matrices built from known
 * eigenvalues, and against the back-end `ref`. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>

#include "linalg_jobs.h"

static bool upper_is_spoilt(const struct sizes *s, const double *a)
{
    for (size_t i = 0; i < matrix_size(s); i++) {
        if (i % s->n < i / s->n % s->n && !isnan(a[i])) return false;
    }
    return true;
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

/* Orders: one, tiny, odd, a block of the extraction, and more than one panel or leaf
 * of the fast back-ends. */
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
    for (int i = 0; i < 9; i++) { /* exact: integers; cuSOLVER may multiply by a reciprocal root */
        double error = strcmp(linalg_name(*state), "cuda") == 0 ? 4 * DBL_EPSILON * fabs(factor[i]) : 0;

        assert_true(fabs(a[i] - factor[i]) <= error || isnan(factor[i]));
    }

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

/* The order of the innermost loop of the extraction, against the oracle. */
static void test_against_ref(void **state)
{
    const struct sizes s = {.n = 518, .nrhs = 1, .block = 74, .nblocks = 5, .batch = 1};
    const struct linalg *ref = linalg_find("ref");
    const struct linalg *linalg = *state;

    if (linalg == ref) skip(); /* with itself */
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

static int run_group(const char *name, void *state)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_known_answers, state),
        cmocka_unit_test_prestate(test_cholesky, state),
        cmocka_unit_test_prestate(test_cholesky_solve, state),
        cmocka_unit_test_prestate(test_inverse_blocks, state),
        cmocka_unit_test_prestate(test_inverse_sqrt, state),
        cmocka_unit_test_prestate(test_against_ref, state),
    };

    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(int argc, char **argv)
{
    return on_every_backend(argc, argv, "linalg_accuracy", run_group);
}
