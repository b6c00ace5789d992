/* assert_near: |value - expected| <= tolerance, naming all three when it fails. NaN fails. */
#ifndef UNSPOT_TESTS_NEAR_H
#define UNSPOT_TESTS_NEAR_H

#include <math.h>

#define assert_near(value, expected, tolerance)                                                              \
    do {                                                                                                     \
        double near_value = (value), near_expected = (expected), near_tolerance = (tolerance);               \
        if (!(fabs(near_value - near_expected) <= near_tolerance)) {                                         \
            fail_msg("%s = %.17g, expected %.17g +- %g", #value, near_value, near_expected, near_tolerance); \
        }                                                                                                    \
    } while (0)

#endif
