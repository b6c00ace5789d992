/* Systems without a solution, on every back-end: what fails, what is said of it, and what stays untouched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "linalg_jobs.h"

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

static int run_group(const char *name, void *state)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_bad_systems, state),
        cmocka_unit_test_prestate(test_rank_deficient, state),
        cmocka_unit_test_prestate(test_nan_anywhere, state),
    };

    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(int argc, char **argv)
{
    return on_every_backend(argc, argv, "linalg_failures", run_group);
}
