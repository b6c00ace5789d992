#include "base/frame.h"

#include <stdbool.h>
#include <stdio.h>
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
    free(preproc->fiber);
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

void cards_value(const struct cards *cards, const char *name, char *value, size_t size)
{
    char start[11];

    snprintf(start, sizeof start, "%-8.8s= ", name);
    value[0] = '\0';
    for (size_t i = 0; i < cards->count; i++) {
        const char *text = cards->text + i * CARD_SIZE, *end = text + CARD_SIZE;
        char stop;
        size_t length = 0;

        if (strncmp(text, start, 10) != 0) continue;
        text += 10;
        while (text < end && *text == ' ') text++;
        stop = text < end && *text == '\'' ? '\'' : '/';
        if (stop == '\'') text++;
        for (; text < end && length + 1 < size; text++) {
            const bool is_doubled = *text == '\'' && text + 1 < end && text[1] == '\'';

            if (is_doubled)
                text++; /* a quote within a string; some of DESI's texts are quoted twice */
            else if (*text == stop)
                break;
            else if (length > 0 || *text != ' ')
                value[length++] = *text;
        }
        while (length > 0 && value[length - 1] == ' ') length--;
        value[length] = '\0';
        return;
    }
}
