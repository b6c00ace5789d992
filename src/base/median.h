/* The median of many numbers. It is several times as fast as quickselect, whose branches a processor cannot
 * predict. */
#ifndef UNSPOT_BASE_MEDIAN_H
#define UNSPOT_BASE_MEDIAN_H

#include <stddef.h>

/* The median of value[n], which may have any order and is not changed: the number that gsl_stats_median()
 * gives, and 0 when n is 0. scratch[2 n] is overwritten. */
double median(const double *value, size_t n, double *scratch);

#endif
