/* What of a frame a rank extracts at a time: all spectra, each once, in whole bundles or subbundles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "run/events.h"
#include "share/work_units.h"

static const struct psf psf = {.nspec = 110};

static struct extract_options options_for(size_t specmin, size_t nspec)
{
    struct extract_options options = extract_options_default();

    options.plan.spectra = (struct span){specmin, nspec};
    return options;
}

/* The number of units, which are all spectra in their order, each once. */
static size_t count_units(const struct extract_options *options, size_t nranks)
{
    size_t count, next = options->plan.spectra.first;
    struct span *unit;
    struct error error;

    assert_int_equal(work_units_make(options, &psf, nranks, &unit, &count, &error), STATUS_OK);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(unit[i].first, next);
        assert_true(unit[i].count > 0);
        next += unit[i].count;
    }
    assert_int_equal(next, span_end(options->plan.spectra));
    free(unit);
    return count;
}

static void few_ranks_take_bundles(void **state)
{
    struct extract_options options = options_for(0, 110);

    (void)state;
    for (size_t nranks = 1; nranks <= 3; nranks++) assert_int_equal(count_units(&options, nranks), 5);
    options = options_for(20, 10);
    assert_int_equal(count_units(&options, 1), 2);
}

/* With 5 bundles, 6 ranks would leave one idle; 4 would work twice as long as 5. */
static void many_ranks_take_subbundles(void **state)
{
    struct extract_options options = options_for(0, 110);

    (void)state;
    assert_int_equal(count_units(&options, 4), 25);
    assert_int_equal(count_units(&options, 5), 5);
    assert_int_equal(count_units(&options, 50), 25);
    options = options_for(23, 30); /* 23-24, 25-49 by fives, 50-52 */
    assert_int_equal(count_units(&options, 50), 7);
}

static void some_bundles_stay_whole(void **state)
{
    struct extract_options options = options_for(0, 110);

    (void)state;
    options.model = true;
    assert_int_equal(count_units(&options, 50), 5);
    options = options_for(0, 110);
    options.plan.whole_bundles = true;
    assert_int_equal(count_units(&options, 50), 5);
    options = options_for(0, 110);
    options.plan.nsubbundles = 1;
    assert_int_equal(count_units(&options, 50), 5);
}

static void events_are_listed_and_summed(void **state)
{
    struct events events = {0};

    (void)state;
    for (int i = 0; i < 1000; i++) events_add(&events, EVENT_READ, 0, i);
    assert_int_equal(events.count, 1000);
    assert_int_equal(events.list[999].task, 999);
    assert_int_equal(events.list[999].kind, EVENT_READ);
    assert_true(events.list[999].end >= events.list[0].end);
    assert_true(events.seconds[EVENT_READ] > 999 * events.list[0].end);
    assert_true(events.seconds[EVENT_WRITE] == 0);
    assert_string_equal(event_name(EVENT_HAND_OVER), "hand_over");
    events_free(&events);
    assert_null(events.list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_ranks_take_bundles),
        cmocka_unit_test(many_ranks_take_subbundles),
        cmocka_unit_test(some_bundles_stay_whole),
        cmocka_unit_test(events_are_listed_and_summed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
