/* desispec's scores of a frame: the window of its camera, the formulas, and what happens without memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "base/memory.h"
#include "extract/scores.h"
#include "run/version.h"

enum { NSPEC = 3 };

/* flux = spectrum + 1 + wavelength's number, ivar = 4 */
static struct frame make_frame(size_t nwave, double wave_min, double wave_step)
{
    struct frame frame = {.nspec = NSPEC, .nwave = nwave, .wave_min = wave_min, .wave_step = wave_step};

    frame.wave = memory_zeroed(nwave, sizeof(double));
    frame.flux = memory_zeroed(NSPEC * nwave, sizeof(double));
    frame.ivar = memory_zeroed(NSPEC * nwave, sizeof(double));
    assert_true(frame.wave && frame.flux && frame.ivar);
    for (size_t w = 0; w < nwave; w++) frame.wave[w] = wave_min + (double)w * wave_step;
    for (size_t i = 0; i < NSPEC * nwave; i++) {
        frame.flux[i] = (double)(i / nwave + 1 + i % nwave);
        frame.ivar[i] = 4;
    }
    return frame;
}

static void the_camera_chooses_the_window(void **state)
{
    static const struct {
        double wave_min, wave_step;
        char band;
        double window_min, window_max;
        size_t count;
    } cases[] = {
        {3600, 10, 'B', 4000, 5800, 61},  /* to 4600: the first 40 are below the window */
        {5760, 10, 'R', 5800, 7600, 97},  /* to 6760 */
        {7520, 100, 'Z', 7600, 9800, 22}, /* the last ones are beyond the window */
        {11000, 10, 'Z', 7600, 9800, 0},  /* all of them are */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct frame frame = make_frame(101, cases[i].wave_min, cases[i].wave_step);
        struct frame_scores scores;
        double value[NSPEC * FRAME_SCORES];
        struct error error;
        size_t count;

        assert_int_equal(scores_compute(&frame, value, &scores, &count, &error), STATUS_OK);
        assert_int_equal(scores.band, cases[i].band);
        assert_true(scores.window_min == cases[i].window_min && scores.window_max == cases[i].window_max);
        assert_int_equal(count, cases[i].count);
        frame_free(&frame);
    }
}

static void values_are_those_of_desispec(void **state)
{
    struct frame frame = make_frame(5, 6000, 0.25);
    struct frame_scores scores;
    double value[NSPEC * FRAME_SCORES];
    struct error error;
    size_t count;

    (void)state;
    assert_int_equal(scores_compute(&frame, value, &scores, &count, &error), STATUS_OK);
    assert_int_equal(count, 5);
    assert_ptr_equal(scores.value, value);
    for (size_t s = 0; s < NSPEC; s++) {
        const double middle = (double)s + 3;

        assert_true(value[s * FRAME_SCORES] == 5 * middle);        /* the sum */
        assert_true(value[s * FRAME_SCORES + 1] == middle / 0.25); /* the median, over the step once more */
        assert_true(value[s * FRAME_SCORES + 2] == 2 * middle / 0.5); /* sqrt(ivar) flux / sqrt(step) */
    }
    frame_free(&frame);
}

/* Running out of memory is an error, not a frame without scores. */
static void no_memory_is_an_error(void **state)
{
    struct frame frame;
    struct frame_scores scores;
    double value[NSPEC * FRAME_SCORES];
    struct error error = {.status = STATUS_OK};
    struct rlimit before, none;
    enum status status;
    size_t count;

    (void)state;
    if (UNSPOT_SANITIZE[0]) skip(); /* sanitizers need memory of their own */
    frame = make_frame(2000000, 6000, 1e-4);
    /* The threads are there, and have what they need, before memory ends. */
    assert_int_equal(scores_compute(&frame, value, &scores, &count, &error), STATUS_OK);
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    none = before;
    none.rlim_cur = 1 << 20;
    assert_int_equal(setrlimit(RLIMIT_AS, &none), 0);
    status = scores_compute(&frame, value, &scores, &count, &error);
    assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
    assert_int_equal(status, STATUS_MEMORY);
    assert_non_null(strstr(error.text, "scores"));
    frame_free(&frame);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_camera_chooses_the_window),
        cmocka_unit_test(values_are_those_of_desispec),
        cmocka_unit_test(no_memory_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
