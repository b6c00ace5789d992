/* How the operations are called, on every back-end: names, empty and impossible
 * problems, workspaces, threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "linalg_jobs.h"

static void test_names(void **state)
{
    const struct linalg *linalg = *state;
    const char *name = linalg_name(linalg);

    assert_ptr_equal(linalg_find(name), linalg);
    assert_null(linalg_why_not(name));
    assert_null(linalg_trouble(linalg));
    assert_int_equal(linalg_is_on_device(linalg), strcmp(name, "offload") == 0 || strcmp(name, "cuda") == 0);
    assert_null(linalg_find("no such backend"));
    assert_non_null(linalg_why_not("no such backend"));
    assert_null(linalg_find(""));
    assert_true(strlen(linalg_description(linalg)) > 10);
    assert_null(strchr(linalg_description(linalg), '\n'));
    if (strcmp(name, "lapack") == 0) {
        assert_non_null(strstr(linalg_description(linalg), "OpenBLAS"));
        assert_non_null(strstr(linalg_description(linalg), "threads: 1"));
    }
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

/* Exactly the bytes that were asked for, with guards around them. */
static void test_workspace_not_overrun(void **state)
{
    const struct sizes s = {.n = 19, .nrhs = 2, .block = 5, .nblocks = 3, .batch = 4};

    for (int op = CHOLESKY; op < OPS; op++) {
        int info[4];
        struct job job = sample((enum op)op, &s, info);
        size_t bytes = job_bytes(*state, job.op, &s);
        unsigned char *memory = allocate(bytes + 2 * 4096, 1), *placed;

        memset(memory, 0xa5, bytes + 2 * 4096);
        placed = place(*state, memory, bytes + 2 * 4096);
        assert_int_equal(job_run_with(*state, &job, placed + 4096, bytes), 0);
        fetch(*state, memory, placed, bytes + 2 * 4096);
        take_away(*state, placed);
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

    /* or this test would not test anything; `offload` needs nothing on the device */
    assert_true(job_bytes(*state, SQRT, &s) > 0 || strcmp(linalg_name(*state), "offload") == 0);
    for (int op = CHOLESKY; op < OPS; op++) {
        int info[2];
        struct job job = sample((enum op)op, &s, info);
        size_t bytes = job_bytes(*state, job.op, &s);
        unsigned char *memory = place(*state, NULL, bytes + 64);

        if (bytes > 0) {
            check_refused(*state, &job, memory, bytes - 1);
            check_refused(*state, &job, NULL, bytes);
            check_refused(*state, &job, memory + 8, bytes);
        }
        take_away(*state, memory);
        sample_free(&job);
    }
}

static void test_impossible_sizes(void **state)
{
    const struct sizes possible = {.n = 6, .nrhs = 1, .block = 2, .nblocks = 3, .batch = 1};
    struct sizes s = possible;
    int info[1];
    struct job job = sample(BLOCKS, &possible, info);

    s.n = job.sizes.n = 4;
    assert_true(job_bytes(*state, BLOCKS, &s) == SIZE_MAX);
    assert_int_equal(job_run_with(*state, &job, NULL, 32), -1);
    s.nblocks = SIZE_MAX / 2 + 1; /* times block is 0 */
    assert_true(job_bytes(*state, BLOCKS, &s) == SIZE_MAX);
    s = possible;
    s.n = (size_t)1 << 40;
    for (int op = CHOLESKY; op < OPS; op++) assert_true(job_bytes(*state, (enum op)op, &s) == SIZE_MAX);
    sample_free(&job);
}

/* A device's calls are the main thread's; the host's come from four threads at once. */
static int run_jobs(const struct linalg *linalg, int count, const struct job *jobs)
{
    int failed = 0;

    if (linalg_is_on_device(linalg)) {
        for (int k = 0; k < count; k++) failed += job_run(linalg, &jobs[k]) != 0;
        return failed;
    }
#pragma omp parallel for num_threads(4) schedule(dynamic) reduction(+ : failed)
    for (int k = 0; k < count; k++) failed += job_run(linalg, &jobs[k]) != 0;
    return failed;
}

/* Many calls, from several threads where that is allowed, give the bits of one. */
static void test_many_calls(void **state)
{
    enum { JOBS = 64 };
    const struct sizes s = {.n = 111, .nrhs = 2, .block = 15, .nblocks = 6, .batch = 2};

    for (int op = CHOLESKY; op < OPS; op++) {
        struct job jobs[JOBS], serial;
        int info[JOBS][2];

        for (int k = 0; k < JOBS; k++) jobs[k] = sample((enum op)op, &s, info[k]);
        serial = sample((enum op)op, &s, (int[2]){0});
        assert_int_equal(job_run(*state, &serial), 0);
        assert_int_equal(run_jobs(*state, JOBS, jobs), 0);
        for (int k = 0; k < JOBS; k++) {
            assert_memory_equal(jobs[k].matrix, serial.matrix, matrix_size(&s) * sizeof(double));
            assert_memory_equal(jobs[k].other, serial.other, other_size((enum op)op, &s) * sizeof(double));
            sample_free(&jobs[k]);
        }
        sample_free(&serial);
    }
}

static int run_group(const char *name, void *state)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_names, state),
        cmocka_unit_test_prestate(test_empty, state),
        cmocka_unit_test_prestate(test_workspace_not_overrun, state),
        cmocka_unit_test_prestate(test_workspace_too_small, state),
        cmocka_unit_test_prestate(test_impossible_sizes, state),
        cmocka_unit_test_prestate(test_many_calls, state),
    };

    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(int argc, char **argv)
{
    return on_every_backend(argc, argv, "linalg_interface", run_group);
}
