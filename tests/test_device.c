/* The choice of the device, and its memory. Builds without offloading, or without a device to offload to, use
 * the host's; on a device the first test proves that a region really ran there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <omp.h>

#include "device/device.h"

enum { N = 1000 };

/* Chooses device 0 where there is one, else the host. */
static struct device choose(void)
{
    struct device device;
    struct error error;

#ifdef UNSPOT_OFFLOAD
    if (omp_get_num_devices() > 0) {
        assert_int_equal(device_choose("0", 0, &device, &error), STATUS_OK);
        return device;
    }
#endif
    assert_int_equal(device_choose("host", 0, &device, &error), STATUS_OK);
    return device;
}

static void test_runs_off_the_host(void **state)
{
    struct device device = choose();
    int on_host[2] = {-1, -1};

    (void)state;
    if (device.kind == DEVICE_HOST) {
#ifdef UNSPOT_OFFLOAD /* this build's own device is always there */
        assert_string_not_equal(UNSPOT_OFFLOAD, "x86_64");
#endif
        skip();
    }
#pragma omp target map(tofrom : on_host)
    on_host[0] = omp_is_initial_device();
    assert_int_equal(on_host[0], 0);
    assert_int_equal(on_host[1], -1);
    assert_int_equal(device.number, omp_get_default_device());
}

static void test_description(void **state)
{
    struct device device = choose();

    (void)state;
    assert_true(strlen(device.name) > 0);
    assert_string_equal(device.reason, "");
    assert_false(device.gpu_unused);
    assert_true(device.teams > 0);
    if (device.kind == DEVICE_HOST) assert_string_equal(device.name, "CPU");
    if (device.kind != DEVICE_GPU) assert_int_equal(device.team_size, 1);
    if (device.kind != DEVICE_GPU) assert_int_equal(device.cuda_ordinal, -1);
}

static void test_round_trip(void **state)
{
    struct device device = choose();
    double *there = device_alloc(N * sizeof(double)), here[N];

    (void)state;
    assert_non_null(there);
    for (int i = 0; i < N; i++) here[i] = i;
    assert_true(device_upload(there, here, sizeof here));
    if (device.kind != DEVICE_HOST) {
#pragma omp target teams distribute parallel for is_device_ptr(there)
        for (int i = 0; i < N; i++) there[i] = 2 * there[i] + 1;
    }
    memset(here, 0, sizeof here);
    assert_true(device_download(here, there, sizeof here));
    for (int i = 0; i < N; i++) assert_true(here[i] == (device.kind == DEVICE_HOST ? i : 2 * i + 1));
    device_free(there);
}

/* Of all sizes, aligned, none on another. */
static void test_many_pieces(void **state)
{
    enum { PIECES = 200 };
    unsigned char *piece[PIECES], value[3 * PIECES];

    (void)state;
    choose();
    for (int i = 0; i < PIECES; i++) {
        memset(value, i, sizeof value);
        piece[i] = device_alloc((size_t)(3 * i));
        assert_non_null(piece[i]);
        assert_int_equal((uintptr_t)piece[i] % 64, 0);
        assert_true(device_upload(piece[i], value, (size_t)(3 * i)));
    }
    for (int i = 0; i < PIECES; i++) {
        assert_true(device_download(value, piece[i], (size_t)(3 * i)));
        for (int k = 0; k < 3 * i; k++) assert_int_equal(value[k], i);
    }
    for (int i = 0; i < PIECES; i++) device_free(piece[i]);
    device_free(NULL);
}

static void test_out_of_memory(void **state)
{
    void *memory;

    (void)state;
    choose();
    assert_null(device_alloc(SIZE_MAX));
    assert_null(device_alloc((size_t)1 << 60));
    memory = device_alloc(N);
    assert_non_null(memory); /* and the device goes on working */
    assert_true(device_upload(memory, "after", 6));
    device_free(memory);
}

static void test_memory_limit(void **state)
{
    static const struct {
        const char *text;
        size_t bytes;
    } good[] = {{"1000", 1000}, {"64K", 65536}, {"3m", 3 << 20}, {"1G", 1 << 30}};
    static const char *const bad[] = {"0", "-1", "1.5G", "G", "1GB", "lots", "99999999999T", " 1", "1e9"};
    struct device device;
    struct error error;
    size_t unlimited;

    (void)state;
    unlimited = (device = choose(), device_memory_free(&device, 0));
    assert_true(unlimited > 1 << 20);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        setenv("UNSPOT_DEVICE_MEMORY", good[i].text, 1);
        device = choose();
        assert_int_equal(device_memory_free(&device, 0), good[i].bytes);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char wanted[64];

        snprintf(wanted, sizeof wanted, "UNSPOT_DEVICE_MEMORY=%s: ", bad[i]);
        setenv("UNSPOT_DEVICE_MEMORY", bad[i], 1);
        assert_int_equal(device_choose("host", 0, &device, &error), STATUS_USAGE);
        assert_non_null(strstr(error.text, wanted));
    }
    unsetenv("UNSPOT_DEVICE_MEMORY");
}

static void test_requests(void **state)
{
    static const char *const bad[] = {"", "cpu", "GPU ", "-1", "1x", "1.0", "1234567890"};
    struct device device;
    struct error error;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(device_choose(bad[i], 0, &device, &error), STATUS_USAGE);
        assert_non_null(strstr(error.text, "expected auto, host, gpu or a number"));
    }
    assert_int_equal(device_choose("99999", 0, &device, &error), STATUS_DEVICE);
    assert_non_null(strstr(error.text, "--device 99999: "));
    assert_int_equal(device.kind, DEVICE_HOST);
}

/* A processor is never taken for a GPU, and auto says why it takes the host. */
static void test_auto(void **state)
{
    struct device device, gpu;
    struct error error;
    enum status status = device_choose("gpu", 3, &gpu, &error);

    (void)state;
    if (status != STATUS_OK) {
        assert_int_equal(status, STATUS_DEVICE);
        assert_non_null(strstr(error.text, "--device gpu: "));
    }
    assert_int_equal(device_choose("auto", 3, &device, &error), STATUS_OK);
    if (status == STATUS_OK) {
        assert_int_equal(device.kind, DEVICE_GPU);
        assert_string_equal(device.reason, "");
        assert_int_equal(device.number, gpu.number);
    } else {
        assert_int_equal(device.kind, DEVICE_HOST);
        assert_non_null(strstr(error.text, device.reason));
        assert_true(strlen(device.reason) > 10);
    }
#ifdef UNSPOT_OFFLOAD
    if (status != STATUS_OK && omp_get_num_devices() > 0 && strcmp(UNSPOT_OFFLOAD, "x86_64") == 0) {
        assert_non_null(strstr(device.reason, "is a GPU"));
    }
#else
    assert_string_equal(device.reason, "this build has no offloading");
#endif
}

/* OpenMP's own switch; LLVM's runtime counts devices all the same, and version 22 even uses them. */
static void test_offloading_disabled(void **state)
{
    static const char *const requests[] = {"gpu", "0"};
    const char *policy = getenv("OMP_TARGET_OFFLOAD");
    char *before = policy ? strdup(policy) : NULL;
    struct device device;
    struct error error;

    (void)state;
    setenv("OMP_TARGET_OFFLOAD", "Disabled", 1);
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        assert_int_equal(device_choose(requests[i], 0, &device, &error), STATUS_DEVICE);
#ifdef UNSPOT_OFFLOAD
        assert_non_null(strstr(error.text, "OMP_TARGET_OFFLOAD=DISABLED"));
#endif
    }
    assert_int_equal(device_choose("auto", 0, &device, &error), STATUS_OK);
    assert_int_equal(device.kind, DEVICE_HOST);
    if (before)
        setenv("OMP_TARGET_OFFLOAD", before, 1);
    else
        unsetenv("OMP_TARGET_OFFLOAD");
    free(before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runs_off_the_host),
        cmocka_unit_test(test_description),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_many_pieces),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_memory_limit),
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_auto),
        cmocka_unit_test(test_offloading_disabled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
