/* The back-end `cuda`: how it is found or not, what becomes of failures, batches in chunks. It is opened once
 * in a process: so each case is a process of its own. The libraries are the tests' doubles (fake_cuda.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "device/device.h"
#include "linalg_jobs.h"

#define REQUIRE(condition)                                                                                   \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                          \
            exit(1);                                                                                         \
        }                                                                                                    \
    } while (0)

/* In a new process, before any OpenMP in this one. */
static void in_a_process(void (*body)(void))
{
    int status = 0;
    pid_t child;

    fflush(NULL);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        body();
        exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static const struct linalg *require_cuda(void)
{
    const struct linalg *cuda = linalg_find("cuda");

    if (!cuda) fprintf(stderr, "%s\n", linalg_why_not("cuda"));
    REQUIRE(cuda);
    return cuda;
}

/* The folder of the doubles of that version of CUDA. */
static void use_version(const char *cuda)
{
    char folder[4096], *end;

    snprintf(folder, sizeof folder, "%s", getenv("UNSPOT_CUDA_LIBDIR"));
    end = strrchr(folder, '_');
    REQUIRE(end);
    snprintf(end, sizeof folder - (size_t)(end - folder), "_%s", cuda);
    setenv("UNSPOT_CUDA_LIBDIR", folder, 1);
}

static void is_found(void)
{
    REQUIRE(strcmp(linalg_description(require_cuda()),
                   "CUDA 13.0, cuSOLVER 12.0.4, eigenvalues by syevBatched, on CUDA's device 0") == 0);
}

static void is_found_in_version_12(void)
{
    use_version("12");
    REQUIRE(strcmp(linalg_description(require_cuda()),
                   "CUDA 12.0, cuSOLVER 11.6.3, eigenvalues by syevjBatched, on CUDA's device 0") == 0);
}

static void test_found(void **state)
{
    (void)state;
    in_a_process(is_found);
    in_a_process(is_found_in_version_12);
}

/* Not found, now and later, and each of the parts stands in the reason. */
static void require_reason(const char *first, const char *second)
{
    for (int k = 0; k < 2; k++) {
        const char *why = linalg_why_not("cuda");

        REQUIRE(!linalg_find("cuda") && why);
        if (!strstr(why, first) || !strstr(why, second)) fprintf(stderr, "%s\n", why);
        REQUIRE(strstr(why, first) && strstr(why, second) && !strchr(why, '\n'));
    }
}

static void no_libraries(void)
{
    setenv("UNSPOT_CUDA_LIBDIR", "/nowhere", 1);
    require_reason("/nowhere/libcudart.so.13: cannot open", "/nowhere/libcudart.so.12: cannot open");
}

static void no_handle(void)
{
    setenv("UNSPOT_FAKE_CUDA_FAILS", "cusolverDnCreate", 1);
    require_reason("CUDA 13: cusolverDnCreate() returned 7", "libcudart.so.12");
}

static void no_results(void)
{
    setenv("UNSPOT_FAKE_CUDA_FAILS", "cublasDgemmStridedBatched", 1);
    require_reason("CUDA 13: cublasDgemmStridedBatched() returned 7", "libcudart.so.12");
}

static void wrong_results(void)
{
    setenv("UNSPOT_FAKE_CUDA_BAD", "0", 1);
    require_reason("CUDA 13: its results are wrong", "libcudart.so.12");
}

static void memory_of_others(void)
{
    setenv("UNSPOT_FAKE_CUDA_HOST", "1", 1);
    require_reason("CUDA 13: OpenMP's device is none of CUDA's", "libcudart.so.12");
}

static void test_not_found(void **state)
{
    (void)state;
    in_a_process(no_libraries);
    in_a_process(no_handle);
    in_a_process(no_results);
    in_a_process(wrong_results);
    in_a_process(memory_of_others);
}

/* Two of three libraries of CUDA 13, and all of 12: they are not mixed. */
static void half_of_version_13(void)
{
    static const char *const sonames[] = {"13/libcudart.so.13", "13/libcublas.so.13", "12/libcudart.so.12",
                                          "12/libcublas.so.12", "12/libcusolver.so.11"};
    char from[4200], to[4200], folder[] = "cuda_XXXXXX", *end;

    REQUIRE(mkdtemp(folder));
    for (size_t k = 0; k < sizeof sonames / sizeof sonames[0]; k++) {
        snprintf(from, sizeof from, "%s", getenv("UNSPOT_CUDA_LIBDIR"));
        end = strrchr(from, '_');
        REQUIRE(end);
        snprintf(end, sizeof from - (size_t)(end - from), "_%s", sonames[k]);
        snprintf(to, sizeof to, "%s/%s", folder, sonames[k] + 3);
        REQUIRE(symlink(from, to) == 0);
    }
    setenv("UNSPOT_CUDA_LIBDIR", folder, 1);
    REQUIRE(strncmp(linalg_description(require_cuda()), "CUDA 12.0, ", 11) == 0);
    for (size_t k = 0; k < sizeof sonames / sizeof sonames[0]; k++) {
        snprintf(to, sizeof to, "%s/%s", folder, sonames[k] + 3);
        unlink(to);
    }
    rmdir(folder);
}

static void test_versions_are_not_mixed(void **state)
{
    (void)state;
    in_a_process(half_of_version_13);
}

enum { BATCH = 3 };

static const struct sizes few = {.n = 12, .nrhs = 2, .block = 3, .nblocks = 3, .batch = BATCH};

/* What the library is still about to do with the workspace will not go well. */
static int run_and_spoil_workspace(const struct linalg *cuda, const struct job *job)
{
    size_t bytes = job_bytes(cuda, job->op, &job->sizes);
    void *work = place(cuda, NULL, bytes), *spoilt = allocate(bytes, 1);
    int failed = job_run_with(cuda, job, work, bytes);

    memset(spoilt, 0xff, bytes);
    REQUIRE(device_upload(work, spoilt, bytes));
    take_away(cuda, work);
    free(spoilt);
    return failed;
}

/* A library's call fails once the back-end is open: all systems of the operations that
 * make it do, no other's. */
static void require_failing_call(const char *function, const int failures[OPS])
{
    const struct linalg *cuda = require_cuda();
    char trouble[256];

    REQUIRE(!linalg_trouble(cuda));
    snprintf(trouble, sizeof trouble, "%s() returned 7", function);
    setenv("UNSPOT_FAKE_CUDA_FAILS", function, 1);
    for (int op = CHOLESKY; op < OPS; op++) {
        int info[BATCH] = {9, 9, 9};
        struct job job = sample((enum op)op, &few, info);

        REQUIRE(run_and_spoil_workspace(cuda, &job) == failures[op]);
        for (int k = 0; k < BATCH; k++) REQUIRE(info[k] == (failures[op] > 0 ? 13 : 0));
        sample_free(&job);
    }
    REQUIRE(linalg_trouble(cuda) && strcmp(linalg_trouble(cuda), trouble) == 0);
}

static void potrf_fails(void)
{
    require_failing_call("cusolverDnDpotrfBatched", (const int[OPS]){BATCH, 0, 0, 0});
}

static void trsm_fails(void)
{
    require_failing_call("cublasDtrsmBatched", (const int[OPS]){0, BATCH, BATCH, 0});
}

static void gemm_fails(void)
{
    require_failing_call("cublasDgemmStridedBatched", (const int[OPS]){0, 0, BATCH, BATCH});
}

static void syev_fails(void)
{
    require_failing_call("cusolverDnXsyevBatched", (const int[OPS]){0, 0, 0, BATCH});
}

static void syevj_fails(void)
{
    use_version("12");
    require_failing_call("cusolverDnDsyevjBatched", (const int[OPS]){0, 0, 0, BATCH});
}

static void finish_fails(void)
{
    require_failing_call("cudaStreamSynchronize", (const int[OPS]){BATCH, BATCH, BATCH, BATCH});
}

static void test_failing_calls(void **state)
{
    (void)state;
    in_a_process(potrf_fails);
    in_a_process(trsm_fails);
    in_a_process(gemm_fails);
    in_a_process(syev_fails);
    in_a_process(syevj_fails);
    in_a_process(finish_fails);
}

/* The workspace's size cannot be had: no memory is enough. */
static void size_is_unknown(void)
{
    const struct linalg *cuda = require_cuda();

    setenv("UNSPOT_FAKE_CUDA_FAILS", "cusolverDnXsyevBatched_bufferSize", 1);
    REQUIRE(job_bytes(cuda, SQRT, &few) == SIZE_MAX);
}

/* The library says of one system that it failed. */
static void one_system_fails(void)
{
    static const int expected[OPS] = {1, 0, 0, 13}; /* a pivot, or no convergence */
    const struct linalg *cuda = require_cuda();

    setenv("UNSPOT_FAKE_CUDA_BAD", "1", 1);
    for (int op = CHOLESKY; op < OPS; op++) {
        int info[BATCH] = {9, 9, 9};
        struct job job = sample((enum op)op, &few, info);

        REQUIRE(job_run(cuda, &job) == (expected[op] > 0));
        REQUIRE(info[0] == 0 && info[1] == expected[op] && info[2] == 0);
        sample_free(&job);
    }
    REQUIRE(!linalg_trouble(cuda));
}

static void one_system_fails_in_version_12(void)
{
    use_version("12");
    one_system_fails();
}

static void test_failing_systems(void **state)
{
    (void)state;
    in_a_process(size_is_unknown);
    in_a_process(one_system_fails);
    in_a_process(one_system_fails_in_version_12);
}

/* More systems than cuSOLVER takes at a time; the double ends the program where it is given more. System k is
 * scaled by 1 + k % 5, and one beyond the first chunk is bad. */
static void require_many(const struct linalg *cuda, enum op op)
{
    enum { MANY = 40000, BAD = 30001 };
    const struct sizes one = {.n = 3, .nrhs = 1, .block = 1, .nblocks = 2, .batch = 1};
    const struct sizes many = {.n = 3, .nrhs = 1, .block = 1, .nblocks = 2, .batch = MANY};
    size_t matrix = matrix_size(&one), other = other_size(op, &one);
    int *info = allocate(MANY, sizeof *info), first;
    struct job job = {op, many, allocate(MANY * matrix, sizeof(double)),
                      allocate(MANY * other + 1, sizeof(double)), info};

    for (size_t k = 0; k < MANY; k++) {
        struct job single = sample(op, &one, &first);

        for (size_t i = 0; i < matrix; i++)
            job.matrix[k * matrix + i] = single.matrix[i] * (double)(1 + k % 5);
        memcpy(job.other + k * other, single.other, other * sizeof(double));
        sample_free(&single);
    }
    job.matrix[BAD * matrix] = NAN;
    REQUIRE(job_run(cuda, &job) == 1);
    for (size_t k = 0; k < MANY; k++) {
        REQUIRE((info[k] == 0) == (k != BAD));
        if (k < 5 || k == BAD) continue;
        for (size_t i = 0; i < other; i++) REQUIRE(job.other[k * other + i] == job.other[k % 5 * other + i]);
        for (size_t i = 0; i < matrix; i++) {
            double x = job.matrix[k * matrix + i], y = job.matrix[k % 5 * matrix + i];

            REQUIRE(x == y || (isnan(x) && isnan(y)));
        }
    }
    free(job.matrix), free(job.other), free(info);
}

static void large_batches(void)
{
    const struct linalg *cuda = require_cuda();

    for (int op = CHOLESKY; op < OPS; op++) require_many(cuda, (enum op)op);
}

static void large_batches_in_version_12(void)
{
    use_version("12");
    large_batches();
}

static void test_chunks(void **state)
{
    (void)state;
    in_a_process(large_batches);
    in_a_process(large_batches_in_version_12);
}

/* NVIDIA's own libraries, where a toolkit is installed: all functions are there; without a GPU the reason is
 * the runtime's (it must not be a missing library or function), and with one it works or its device is not
 * OpenMP's. */
static void real_libraries(void)
{
    const char *why;

    setenv("UNSPOT_CUDA_LIBDIR", "/usr/local/cuda/lib64", 1);
    why = linalg_why_not("cuda");
    if (why) printf("CUDA's own: %s\n", why);
    REQUIRE(!why || strstr(why, "CUDA 13: ") || strstr(why, "CUDA 12: "));
    REQUIRE(!why || !strstr(why, " has no "));
}

static void test_real_libraries(void **state)
{
    (void)state;
    if (access("/usr/local/cuda/lib64/libcusolver.so", F_OK) != 0) skip();
    in_a_process(real_libraries);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found),
        cmocka_unit_test(test_not_found),
        cmocka_unit_test(test_versions_are_not_mixed),
        cmocka_unit_test(test_failing_calls),
        cmocka_unit_test(test_failing_systems),
        cmocka_unit_test(test_chunks),
        cmocka_unit_test(test_real_libraries),
    };

    const char *folder = getenv("UNSPOT_CUDA_LIBDIR");

    if (!folder || !strstr(folder, "/fake_cuda_")) { /* as where ci/gpu runs */
        printf("skipped: UNSPOT_CUDA_LIBDIR does not name the folder of the tests' doubles\n");
        return 77;
    }
    return cmocka_run_group_tests_name("linalg_cuda", tests, NULL, NULL);
}
