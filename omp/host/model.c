#include "omp/model.h"

#include <omp.h>

#include "omp/kernels/footprint.h"

void model_add(const struct spots *spots, size_t spec, size_t nspec, size_t wave, size_t nwave,
               const double *flux, size_t flux_stride, double width, size_t column_min, size_t column_max,
               size_t ny, double *image)
{
#pragma omp parallel
    { /* each thread owns a band of rows */
        int thread = omp_get_thread_num(), nthreads = omp_get_num_threads();
        struct patch rows = {.row_min = (int)(ny * (size_t)thread / (size_t)nthreads),
                             .row_max = (int)(ny * ((size_t)thread + 1) / (size_t)nthreads),
                             .column_min = (int)column_min,
                             .column_max = (int)column_max};
        double *own = image + (size_t)rows.row_min * (column_max - column_min);

        footprint_add_all(team_of_one(), &rows, spots, spec, nspec, wave, nwave, flux, flux_stride, width,
                          own);
    }
}
