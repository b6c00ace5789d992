/* The banded operations on every back-end, against dense sums. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "band_jobs.h"
#include "base/memory.h"
#include "linalg_jobs.h"
#include "near.h"

static double uniform(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state / 4294967296.0 - 0.5;
}

/* A random positive definite matrix with the given scalar bandwidth, dense[n][n]. */
static double *make_dense(size_t n, size_t band, uint32_t seed)
{
    double *dense = memory_zeroed(n * n, sizeof(double));

    for (size_t i = 0; i < n; i++) {
        for (size_t j = i > band ? i - band : 0; j < i; j++)
            dense[i * n + j] = dense[j * n + i] = uniform(&seed);
        dense[i * n + i] = 0.6 * (double)(band + 1) + uniform(&seed);
    }
    return dense;
}

static void to_tiles(size_t n, size_t tband, const double *dense, double *tiles)
{
    size_t ntile = linalg_band_ntile(n), rows = 8 * ntile;

    for (size_t row = 0; row < rows; row++) {
        for (size_t column = 0; column < rows; column++) {
            size_t distance = row / 8 - column / 8;

            if (row / 8 < column / 8 || distance > tband) continue;
            tiles[((column / 8 * (tband + 1) + distance) * 8 + column % 8) * 8 + row % 8] =
                row < n && column < n ? dense[row * n + column] : row == column;
        }
    }
}

static double tile_element(size_t tband, const double *tiles, size_t row, size_t column, bool by_rows)
{
    size_t distance = row / 8 - column / 8;
    size_t first = (column / 8 * (tband + 1) + distance) * 64;

    if (distance > tband) return 0;
    return tiles[first + (by_rows ? row % 8 * 8 + column % 8 : column % 8 * 8 + row % 8)];
}

static const struct {
    size_t n, band, tband, zband;
} shapes[] = {{1, 0, 0, 0},  {1, 0, 2, 3},   {7, 3, 1, 1},   {8, 7, 1, 2},   {9, 2, 1, 1},
              {40, 5, 1, 3}, {61, 13, 2, 2}, {61, 16, 2, 4}, {64, 60, 8, 8}, {130, 33, 5, 7}};

enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static void factor_solve_and_inverse_are_right(const struct linalg *linalg, size_t shape)
{
    size_t n = shapes[shape].n, tband = shapes[shape].tband, zband = shapes[shape].zband;
    size_t rows = 8 * linalg_band_ntile(n), size = linalg_band_size(n, tband);
    double *dense = make_dense(n, shapes[shape].band, 11), *l = memory_zeroed(2 * size, sizeof(double));
    double *z = memory_zeroed(2 * linalg_band_size(n, zband), sizeof(double));
    double *x = memory_zeroed(2 * rows, sizeof(double));
    double *fused = memory_zeroed(2 * rows, sizeof(double)); /* solved on the way */
    const struct linalg_band on_the_way = {2, n, tband, zband, l, z, fused},
                             afterwards = {.batch = 2, .n = n, .tband = tband, .matrix = l, .x = x};
    struct linalg_band factor = on_the_way;
    int info[2] = {9, 9};

    to_tiles(n, tband, dense, l);
    to_tiles(n, tband, dense, l + size);
    fused[n / 2] = 3;
    fused[rows + n / 2] = 1;
    factor.inverse = NULL;
    assert_int_equal(band_job_cholesky(linalg, &factor, info), 0);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j <= i; j++) {
            double sum = 0;

            for (size_t k = 0; k <= j; k++)
                sum += tile_element(tband, l, i, k, false) * tile_element(tband, l, j, k, false);
            assert_near(sum, dense[i * n + j], 1e-12);
        }
    }
    for (size_t column = 0; column < n; column++) { /* C e_column, and what C's band says of it */
        memset(x, 0, 2 * rows * sizeof(double));
        x[column] = 1;
        x[rows + column] = -2;
        assert_int_equal(band_job_solve(linalg, &afterwards, info), 0);
        for (size_t i = 0; i < n; i++) {
            double sum = 0;

            for (size_t j = 0; j < n; j++) sum += dense[i * n + j] * x[j];
            assert_near(sum, i == column ? 1 : 0, 1e-12);
            assert_near(x[rows + i], -2 * x[i], 1e-13);
        }
        if (column == 0) {
            assert_int_equal(band_job_inverse(linalg, &on_the_way, info), 0);
        }
        for (size_t i = column; i < n; i++) {
            if (i / 8 - column / 8 > zband) break;
            assert_near(tile_element(zband, z, i, column, true), x[i], 1e-12);
            assert_near(tile_element(zband, z + linalg_band_size(n, zband), i, column, true), x[i], 1e-12);
        }
    }
    memset(x, 0, 2 * rows * sizeof(double));
    x[n / 2] = 3;
    x[rows + n / 2] = 1;
    assert_int_equal(band_job_solve(linalg, &afterwards, info), 0);
    for (size_t i = 0; i < n; i++) {
        assert_near(fused[i], x[i], 1e-12);
        assert_near(fused[rows + i], x[rows + i], 1e-12);
    }
    free(fused);
    free(dense);
    free(l);
    free(z);
    free(x);
}

static void banded_systems_of_all_shapes(void **state)
{
    for (size_t shape = 0; shape < SHAPES; shape++) factor_solve_and_inverse_are_right(*state, shape);
}

static void bad_pivot_is_named_and_spoils_no_other(void **state)
{
    enum { N = 45, TBAND = 2 };
    size_t size = linalg_band_size(N, TBAND);
    const struct linalg *linalg = *state;
    double *dense = make_dense(N, 9, 5), *l = memory_zeroed(4 * size, sizeof(double));
    const struct linalg_band band = {.batch = 4, .n = N, .tband = TBAND, .matrix = l};
    int info[4];

    for (size_t k = 0; k < 4; k++) {
        double keep = dense[20 * N + 20];

        if (k == 1) dense[20 * N + 20] = -1;
        if (k == 3) dense[20 * N + 20] = NAN;
        to_tiles(N, TBAND, dense, l + k * size);
        dense[20 * N + 20] = keep;
    }
    assert_int_equal(band_job_cholesky(linalg, &band, info), 2);
    assert_int_equal(info[0], 0);
    assert_int_equal(info[1], 21);
    assert_int_equal(info[2], 0);
    assert_int_equal(info[3], 21);
    assert_memory_equal(l, l + 2 * size, size * sizeof(double));
    free(dense);
    free(l);
}

static void nothing_to_do_is_done(void **state)
{
    double none = 0;
    int info = 7;
    const struct linalg *linalg = *state;
    struct linalg_root root = {.batch = 0, .n = 5, .band = 2};
    const struct linalg_band no_system = {.batch = 0, .n = 5, .tband = 1, .matrix = &none};
    const struct linalg_band no_row = {.batch = 1, .n = 0, .tband = 1, .matrix = &none, .x = &none};
    const struct linalg_band no_work = {1, 5, 1, 1, &none, &none, NULL};
    const struct linalg_band too_narrow = {.batch = 1, .n = 5, .tband = 2, .zband = 1};

    assert_int_equal(linalg_band_cholesky(linalg, &no_system, &info), 0);
    assert_int_equal(linalg_band_solve(linalg, &no_row, &info), 0);
    assert_int_equal(info, 0);
    assert_int_equal(linalg_band_root(linalg, &root, 1, NULL, 0, &info), 0);
    assert_int_equal(linalg_band_inverse(linalg, &no_work, NULL, 0, &info), -1);
    assert_true(linalg_band_inverse_bytes(linalg, &too_narrow) == SIZE_MAX);
    root.batch = 1;
    root.band = 32;
    assert_true(linalg_band_root_bytes(linalg, &root, 1) == SIZE_MAX);
}

/* Dense inverse by Gauss-Jordan, of a well-behaved matrix. */
static double *invert_dense(size_t n, const double *dense)
{
    double *a = memory_zeroed(n * n, sizeof(double)), *inverse = memory_zeroed(n * n, sizeof(double));

    memcpy(a, dense, n * n * sizeof(double));
    for (size_t i = 0; i < n; i++) inverse[i * n + i] = 1;
    for (size_t p = 0; p < n; p++) {
        double pivot = a[p * n + p];

        for (size_t j = 0; j < n; j++) {
            a[p * n + j] /= pivot;
            inverse[p * n + j] /= pivot;
        }
        for (size_t i = 0; i < n; i++) {
            double factor = a[i * n + p];

            if (i == p) continue;
            for (size_t j = 0; j < n; j++) {
                a[i * n + j] -= factor * a[p * n + j];
                inverse[i * n + j] -= factor * inverse[p * n + j];
            }
        }
    }
    free(a);
    return inverse;
}

/* Everything a root operation needs, for two equal systems. */
struct root_case {
    struct linalg_root root;
    double *s; /* the matrix whose root is wanted, [n][n] */
    double *memory;
};

/* scale: rows and columns 10 ... 14 are multiplied by it, which spreads the eigenvalues by its square */
static struct root_case make_root(size_t n, size_t true_band, size_t band, double scale)
{
    struct root_case test = {.s = make_dense(n, true_band, 21)};
    double *inverse;
    size_t counts[] = {2 * (band + 1) * n, 4 * n, 4 * n, 2 * (band + 1) * n, 2 * n, 2}, at = 0, total = 0;
    double *parts[6];

    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            test.s[i * n + j] *= (i >= 10 && i < 15 ? scale : 1) * (j >= 10 && j < 15 ? scale : 1);
        }
    }
    inverse = invert_dense(n, test.s);
    for (int i = 0; i < 6; i++) total += counts[i];
    test.memory = memory_zeroed(total, sizeof(double));
    for (int i = 0; i < 6; i++) {
        parts[i] = test.memory + at;
        at += counts[i];
    }
    for (size_t system = 0; system < 2; system++) {
        for (size_t d = 0; d <= band; d++) {
            for (size_t j = 0; j + d < n; j++)
                parts[0][(system * (band + 1) + d) * n + j] = inverse[(j + d) * n + j];
        }
        for (size_t j = 0; j < n; j++) {
            parts[1][(2 * system) * n + j] = 1;
            parts[1][(2 * system + 1) * n + j] = cos((double)j);
        }
    }
    test.root = (struct linalg_root){.batch = 2,
                                     .n = n,
                                     .band = band,
                                     .nvec = 2,
                                     .half = band,
                                     .inverse = parts[0],
                                     .vector = parts[1],
                                     .product = parts[2],
                                     .root = parts[3],
                                     .edge = parts[4],
                                     .condition = parts[5]};
    free(inverse);
    return test;
}

static void free_root(struct root_case *test)
{
    free(test->s);
    free(test->memory);
}

static int take_root(const struct linalg *linalg, const struct root_case *test, int *info)
{
    return band_job_root(linalg, &test->root, 1, info);
}

/* Q applied to Q v must be S v; tolerance relative to each row's own size. */
static void assert_root_squares(const struct linalg *linalg, struct root_case *test, double tolerance)
{
    size_t n = test->root.n;
    double *expected = memory_zeroed(2 * n, sizeof(double));
    int info[2];

    for (size_t r = 0; r < 2; r++) {
        for (size_t i = 0; i < n; i++) {
            for (size_t j = 0; j < n; j++)
                expected[r * n + i] += test->s[i * n + j] * test->root.vector[r * n + j];
        }
    }
    assert_int_equal(take_root(linalg, test, info), 0);
    memcpy((double *)test->root.vector, test->root.product, 4 * n * sizeof(double));
    assert_int_equal(take_root(linalg, test, info), 0);
    for (size_t i = 0; i < 2 * n; i++) {
        double size = test->s[i % n * (n + 1)];

        assert_near(test->root.product[i], expected[i], tolerance * size);
        assert_near(test->root.product[2 * n + i], expected[i], tolerance * size);
    }
    free(expected);
}

static void root_squares_to_the_matrix(void **state)
{
    static const struct {
        size_t n, band;
        double scale, tolerance;
    } cases[] = {{1, 1, 1, 1e-12},   {5, 9, 1, 1e-11},    {40, 3, 1, 1e-11},  {74, 9, 1, 1e-11},
                 {74, 15, 1, 1e-11}, {74, 7, 1e-1, 1e-9}, {74, 7, 1e-3, 1e-5}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct root_case test =
            make_root(cases[i].n, cases[i].n < 9 ? cases[i].n - 1 : 3, cases[i].band, cases[i].scale);

        assert_root_squares(*state, &test, cases[i].tolerance);
        free_root(&test);
    }
}

/* Of every way of root_window.h and of none, of several sizes, and, at the end, more alike than a region has;
 * one fails. */
static void batches_of_one_call_are_as_alone(void **state)
{
    static const struct {
        size_t n, band, half;
    } shape[] = {{74, 3, 3}, {74, 8, 5}, {60, 9, 9}, {74, 10, 4}, {33, 12, 5}, {74, 31, 5}, {74, 5, 2}};
    enum { SHAPES_OF_ROOTS = sizeof shape / sizeof shape[0], COUNT = SHAPES_OF_ROOTS + 34, BAD = 3 };
    struct root_case alone[COUNT], test[COUNT];
    struct linalg_root root[COUNT];
    int info[2 * COUNT], expected[2];

    for (size_t i = 0; i < COUNT; i++) {
        const size_t k = i < SHAPES_OF_ROOTS ? i : SHAPES_OF_ROOTS - 1;

        alone[i] = make_root(shape[k].n, 3, shape[k].band, k == 1 ? 1e-2 : 1);
        test[i] = make_root(shape[k].n, 3, shape[k].band, k == 1 ? 1e-2 : 1);
        alone[i].root.half = test[i].root.half = shape[k].half;
        root[i] = test[i].root;
    }
    ((double *)root[BAD].inverse)[12] = -1;
    ((double *)alone[BAD].root.inverse)[12] = -1;
    assert_int_equal(band_job_root(*state, root, COUNT, info), 1);
    for (size_t i = 0; i < COUNT; i++) {
        const struct linalg_root *a = &test[i].root, *b = &alone[i].root;
        const size_t row = 2 * a->n * sizeof(double);

        take_root(*state, &alone[i], expected);
        assert_memory_equal(info + 2 * i, expected, sizeof expected);
        assert_int_equal(info[2 * i], i == BAD);
        assert_int_equal(info[2 * i + 1], 0);
        if (i != BAD) {
            assert_memory_equal(a->root, b->root, (a->half + 1) * row);
            assert_memory_equal(a->product, b->product, a->nvec * row);
            assert_memory_equal(a->edge, b->edge, row);
            assert_memory_equal(a->condition, b->condition, 2 * sizeof(double));
        }
        free_root(&alone[i]);
        free_root(&test[i]);
    }
}

/* The workspace of the largest of each is enough for all, though two vectors have a way of their own. */
static void batches_of_other_vectors_fit(void **state)
{
    struct root_case test[3];
    struct linalg_root root[3];
    int info[4];

    for (size_t i = 0; i < 3; i++) {
        test[i] = make_root(74, 3, 3, 1);
        if (i != 1) test[i].root.batch = 1, test[i].root.nvec = 3; /* in arrays for two systems of two */
        root[i] = test[i].root;
    }
    assert_int_equal(band_job_root(*state, root, 3, info), 0);
    for (size_t j = 0; j < 4 * 74; j++) assert_near(test[0].root.root[j], test[1].root.root[j], 1e-10);
    root[1].n = 0;
    assert_true(linalg_band_root_bytes(*state, root, 3) == SIZE_MAX);
    for (size_t i = 0; i < 3; i++) free_root(&test[i]);
}

static void backends_find_the_same_root(void **state)
{
    struct root_case test[2];
    int info[2];

    if (*state == linalg_find("ref")) skip(); /* with itself */
    for (int b = 0; b < 2; b++) {
        test[b] = make_root(74, 6, 9, 1e-2);
        assert_int_equal(take_root(b ? *state : linalg_find("ref"), &test[b], info), 0);
    }
    for (size_t i = 0; i < 2 * 10 * 74; i++) assert_near(test[1].root.root[i], test[0].root.root[i], 1e-9);
    for (size_t i = 0; i < 4 * 74; i++) assert_near(test[1].root.product[i], test[0].root.product[i], 1e-9);
    assert_near(test[1].root.condition[0] / test[0].root.condition[0], 1, 1e-6);
    for (int b = 0; b < 2; b++) free_root(&test[b]);
}

/* S is wider than C's band: the root is an approximation, and edge says so. */
static void edge_tells_of_a_band_too_narrow(void **state)
{
    struct root_case wide = make_root(60, 8, 4, 1), enough = make_root(60, 4, 8, 1);
    int info[2];

    assert_int_equal(take_root(*state, &wide, info), 0);
    assert_int_equal(take_root(*state, &enough, info), 0);
    assert_true(wide.root.edge[20] > 1e-3);
    for (size_t i = 0; i < 60; i++) assert_true(enough.root.edge[i] < 1e-12);
    free_root(&wide);
    free_root(&enough);
}

static void impossible_roots_are_refused_alone(void **state)
{
    struct root_case test = make_root(30, 3, 4, 1);
    double *inverse = (double *)test.root.inverse;
    int info[2];

    inverse[5 * 30 + 12] = -1; /* second system: C[12, 12] < 0 */
    assert_int_equal(take_root(*state, &test, info), 1);
    assert_int_equal(info[0], 0);
    assert_int_equal(info[1], 1);
    inverse[5 * 30 + 12] = NAN;
    assert_int_equal(take_root(*state, &test, info), 1);
    assert_int_equal(info[1], 1);
    for (size_t d = 0; d < 5; d++) {
        for (size_t j = 0; j < 30; j++) inverse[(5 + d) * 30 + j] = d == 0 ? (j == 3 ? 1e16 : 1) : 0;
    }
    assert_int_equal(take_root(*state, &test, info), 1);
    assert_int_equal(info[1], 2);
    assert_true(test.root.condition[1] > 1e13);
    free_root(&test);
}

static int run_group(const char *name, void *state)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(banded_systems_of_all_shapes, state),
        cmocka_unit_test_prestate(bad_pivot_is_named_and_spoils_no_other, state),
        cmocka_unit_test_prestate(nothing_to_do_is_done, state),
        cmocka_unit_test_prestate(root_squares_to_the_matrix, state),
        cmocka_unit_test_prestate(batches_of_one_call_are_as_alone, state),
        cmocka_unit_test_prestate(batches_of_other_vectors_fit, state),
        cmocka_unit_test_prestate(backends_find_the_same_root, state),
        cmocka_unit_test_prestate(edge_tells_of_a_band_too_narrow, state),
        cmocka_unit_test_prestate(impossible_roots_are_refused_alone, state),
    };

    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(int argc, char **argv)
{
    return on_every_backend(argc, argv, "band", run_group);
}
