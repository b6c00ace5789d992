#include "extract/scores.h"

#include <math.h>
#include <stdlib.h>

#include "base/median.h"
#include "base/memory.h"

/* Sets value[FRAME_SCORES] from wavelengths first ... first + n - 1 of a spectrum. scratch[3][n] is
 * overwritten. */
static void score_spectrum(const struct frame *frame, size_t spec, size_t first, size_t n, double *scratch,
                           double *value)
{
    const double *flux = frame->flux + spec * frame->nwave + first;
    const double *ivar = frame->ivar + spec * frame->nwave + first;

    value[0] = 0;
    for (size_t i = 0; i < n; i++) value[0] += flux[i];
    for (size_t i = 0; i < n; i++) scratch[i] = flux[i] / frame->wave_step;
    value[1] = median(scratch, n, scratch + n);
    for (size_t i = 0; i < n; i++) scratch[i] = sqrt(ivar[i]) * flux[i] / sqrt(frame->wave_step);
    value[2] = median(scratch, n, scratch + n);
}

/* Chooses the window of the frame's camera. *first becomes the number of the first wavelength in it; returns
 * how many there are. */
static size_t choose_window(const struct frame *frame, struct frame_scores *scores, size_t *first)
{
    static const double windows[3][2] = {{4000, 5800}, {5800, 7600}, {7600, 9800}}; /* Angstrom: b, r, z */
    const double mean = 0.5 * (frame->wave[0] + frame->wave[frame->nwave - 1]);
    const int camera = mean <= windows[0][1] ? 0 : mean >= windows[2][0] ? 2 : 1;
    size_t end;

    scores->band = "BRZ"[camera];
    scores->window_min = windows[camera][0];
    scores->window_max = windows[camera][1];
    *first = 0;
    while (*first < frame->nwave && frame->wave[*first] < scores->window_min) (*first)++;
    end = *first;
    while (end < frame->nwave && frame->wave[end] < scores->window_max) end++;
    return end - *first;
}

enum status scores_compute(const struct frame *frame, double *value, struct frame_scores *scores,
                           size_t *nwave, struct error *error)
{
    size_t first, n;
    int complete = 1;

    *nwave = n = choose_window(frame, scores, &first);
    scores->value = value;
    if (n == 0) return STATUS_OK;
#pragma omp parallel reduction(&& : complete)
    {
        double *scratch = memory_raw(3 * n, sizeof *scratch);

        complete = scratch != NULL;
#pragma omp for schedule(static)
        for (size_t s = 0; s < frame->nspec; s++) {
            if (scratch) score_spectrum(frame, s, first, n, scratch, value + FRAME_SCORES * s);
        }
        free(scratch);
    }
    return complete ? STATUS_OK : memory_error(error, "scores");
}
