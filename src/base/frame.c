#include "base/frame.h"

#include <stdlib.h>
#include <string.h>

void table_free(struct table *table)
{
    free(table->header.text);
    free(table->rows);
    memset(table, 0, sizeof *table);
}

void preproc_free(struct preproc *preproc)
{
    free(preproc->image);
    free(preproc->ivar);
    free(preproc->header.text);
    table_free(&preproc->fibermap);
    memset(preproc, 0, sizeof *preproc);
}

void frame_add_to_model(struct frame *frame, size_t column, size_t width, const double *strip)
{
    for (size_t y = 0; y < frame->model_ny; y++) {
        double *to = frame->model + y * frame->model_nx + (column - frame->model_column);

        for (size_t x = 0; x < width; x++) to[x] += strip[y * width + x];
    }
}

void frame_free(struct frame *frame)
{
    free(frame->spectrum);
    free(frame->wave);
    free(frame->flux);
    free(frame->ivar);
    free(frame->mask);
    free(frame->resolution);
    free(frame->pixmask_fraction);
    free(frame->chi2pix);
    free(frame->model);
    memset(frame, 0, sizeof *frame);
}
