/* Indices are of 32 bits where they count anything but bytes: a device divides them several times faster than
 * those of 64. */
#include "linalg/cuda/loops.h"

#include <math.h>
#include <stdint.h>

#include "linalg/kernels/triangle.h"

void cuda_loop_zero(void *memory, size_t bytes)
{
    uint64_t *word = memory;
    size_t count = bytes / sizeof *word;

#pragma omp target teams distribute parallel for is_device_ptr(word)
    for (size_t i = 0; i < count; i++) word[i] = 0;
}

void cuda_loop_point(double **pointer, const double *first, size_t stride, size_t batch)
{
#pragma omp target teams distribute parallel for is_device_ptr(pointer, first)
    for (size_t k = 0; k < batch; k++) pointer[k] = (double *)first + k * stride;
}

void cuda_loop_identity(size_t n, double *a, size_t batch)
{
    uint32_t order = (uint32_t)n, total = (uint32_t)(n * n * batch);

#pragma omp target teams distribute parallel for is_device_ptr(a)
    for (uint32_t i = 0; i < total; i++) a[i] = i % (order * order) % (order + 1) == 0;
}

void cuda_loop_mirror(size_t n, double *a, size_t batch)
{
    uint32_t order = (uint32_t)n, total = (uint32_t)(n * n * batch);

#pragma omp target teams distribute parallel for is_device_ptr(a)
    for (uint32_t i = 0; i < total; i++) {
        uint32_t element = i % (order * order), row = element % order, column = element / order;

        if (row < column) a[i] = a[i - element + column + order * row];
    }
}

static void clear(int *info, size_t batch)
{
#pragma omp target teams distribute parallel for is_device_ptr(info)
    for (size_t k = 0; k < batch; k++) info[k] = 0;
}

void cuda_loop_finite(size_t n, size_t count, const double *x, size_t batch, int *info)
{
    uint32_t one = (uint32_t)count, total = (uint32_t)(count * batch);

    clear(info, batch);
#pragma omp target teams distribute parallel for is_device_ptr(x, info)
    for (uint32_t i = 0; i < total; i++) {
        if (!isfinite(x[i])) {
#pragma omp atomic write
            info[i / one] = (int)n + 1;
        }
    }
}

void cuda_loop_finite_triangle(size_t n, const double *a, size_t batch, int *info)
{
    uint32_t order = (uint32_t)n, total = (uint32_t)(n * n * batch);

    clear(info, batch);
#pragma omp target teams distribute parallel for is_device_ptr(a, info)
    for (uint32_t i = 0; i < total; i++) {
        uint32_t element = i % (order * order);

        if (element % order >= element / order && !isfinite(a[i])) {
#pragma omp atomic write
            info[i / (order * order)] = (int)n + 1;
        }
    }
}

void cuda_loop_pivots(size_t n, const double *l, size_t batch, int *info)
{
#pragma omp target teams distribute parallel for is_device_ptr(l, info)
    for (size_t k = 0; k < batch; k++) {
        int bad = triangle_bad_diagonal(n, l + k * n * n), own = info[k];

        if (own < 0)
            info[k] = (int)n + 1;
        else if (bad && (bad < own || own == 0))
            info[k] = bad;
    }
}

void cuda_loop_diagonal(size_t n, const double *l, size_t batch, int *info)
{
#pragma omp target teams distribute parallel for is_device_ptr(l, info)
    for (size_t k = 0; k < batch; k++) {
        int bad = triangle_bad_diagonal(n, l + k * n * n);

        if (bad) info[k] = bad;
    }
}

void cuda_loop_symmetric(size_t n, const double *a, const int *info, double *v, size_t batch)
{
    uint32_t order = (uint32_t)n, total = (uint32_t)(n * n * batch);

#pragma omp target teams distribute parallel for is_device_ptr(a, info, v)
    for (uint32_t i = 0; i < total; i++) {
        uint32_t element = i % (order * order), row = element % order, column = element / order;

        if (info[i / (order * order)])
            v[i] = row == column;
        else
            v[i] = row >= column ? a[i] : a[i - element + column + order * row];
    }
}

void cuda_loop_positive(size_t n, const double *eigenvalue, const int *converged, size_t batch, int *info)
{
#pragma omp target teams distribute parallel for is_device_ptr(eigenvalue, converged, info)
    for (size_t k = 0; k < batch; k++) {
        int bad = (int)count_not_positive(n, eigenvalue + k * n);

        if (info[k] == 0 && converged[k] != 0)
            info[k] = (int)n + 1;
        else if (info[k] == 0 && bad)
            info[k] = bad + 1;
    }
}

void cuda_loop_scale(size_t n, const double *eigenvalue, const int *info, double *v, size_t batch)
{
    uint32_t order = (uint32_t)n, total = (uint32_t)(n * n * batch);

#pragma omp target teams distribute parallel for is_device_ptr(eigenvalue, info, v)
    for (uint32_t i = 0; i < total; i++) {
        v[i] = info[i / (order * order)] ? 0 : v[i] / sqrt(sqrt(eigenvalue[i / order]));
    }
}
