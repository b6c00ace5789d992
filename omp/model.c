#include "omp/model.h"

#include <omp.h>

/* The rows row_min ... row_max - 1 of one spot. */
static void add_rows(const struct spots *spots, size_t spot, double amplitude, int row_min, int row_max,
                     size_t nx, double *restrict image)
{
    int column = spots->column[spot], row0 = spots->row[spot];
    int column_min = column > 0 ? column : 0;
    int column_max = column + (int)spots->nx < (int)nx ? column + (int)spots->nx : (int)nx;
    const double *value = spots->value + spot * spots->nx * spots->ny;

    if (row0 > row_min) row_min = row0;
    if (row0 + (int)spots->ny < row_max) row_max = row0 + (int)spots->ny;
    for (int row = row_min; row < row_max; row++) {
        const double *a = value + (row - row0) * (int)spots->nx - column;
        double *pixel = image + (size_t)row * nx;

        for (int c = column_min; c < column_max; c++) pixel[c] += amplitude * a[c];
    }
}

void model_add(const struct spots *spots, size_t spec, size_t nspec, size_t wave, size_t nwave,
               const double *flux, size_t flux_stride, double width, size_t nx, size_t ny, double *image)
{
#pragma omp parallel
    { /* each thread owns a band of rows */
        int thread = omp_get_thread_num(), nthreads = omp_get_num_threads();
        int row_min = (int)(ny * (size_t)thread / (size_t)nthreads);
        int row_max = (int)(ny * ((size_t)thread + 1) / (size_t)nthreads);

        for (size_t s = 0; s < nspec; s++) {
            for (size_t w = 0; w < nwave; w++) {
                size_t spot = (spec + s) * spots->nwave + wave + w;
                double amplitude = flux[s * flux_stride + w] * width;

                if (amplitude != 0) add_rows(spots, spot, amplitude, row_min, row_max, nx, image);
            }
        }
    }
}
