#include "omp/model.h"

#include <omp.h>

#include "omp/kernels/footprint.h"

void model_add(const struct spots *spots, const struct light *light, struct span columns, size_t ny,
               double *image)
{
#pragma omp parallel
    { /* each thread has rows of its own */
        int thread = omp_get_thread_num(), nthreads = omp_get_num_threads();
        struct patch rows = {.row_min = (int)(ny * (size_t)thread / (size_t)nthreads),
                             .row_max = (int)(ny * ((size_t)thread + 1) / (size_t)nthreads),
                             .column_min = (int)columns.first,
                             .column_max = (int)span_end(columns)};

        footprint_add_all(team_of_one(), &rows, spots, light, image + (size_t)rows.row_min * columns.count);
    }
}
