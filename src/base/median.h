/* The median of many numbers, several times as fast as by quickselect, whose branches are not predictable. */
#ifndef UNSPOT_BASE_MEDIAN_H
#define UNSPOT_BASE_MEDIAN_H

#include <stddef.h>

/* gsl_stats_median()'s value of n numbers, in any order, which are kept; scratch[2 n]. 0 when n is 0. */
double median(const double *value, size_t n, double *scratch);

#endif
