#include "base/median.h"

#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <string.h>

enum {
    SAMPLES = 31, /* the sample of the numbers from which two pivots are chosen */
    BESIDE = 5,   /* how many samples lie between the expected rank and each pivot: 1.8 σ, so that the number
                     sought is mostly between the pivots */
    FEW = 64      /* so many numbers or fewer are left to quickselect */
};

/* Copies the numbers from low to high, both included, in their order, and returns how many they are. */
static size_t pick(const double *value, size_t n, double low, double high, double *picked)
{
    size_t count = 0;

    for (size_t i = 0; i < n; i++) { /* this loop has no branches */
        picked[count] = value[i];
        count += (size_t)((value[i] >= low) & (value[i] <= high));
    }
    return count;
}

static size_t count_below(const double *value, size_t n, double limit)
{
    size_t count = 0;

#pragma omp simd reduction(+ : count)
    for (size_t i = 0; i < n; i++) count += value[i] < limit;
    return count;
}

/* Chooses two samples that most likely enclose the number of this rank. */
static void choose_pivots(const double *value, size_t n, size_t rank, double *low, double *high)
{
    double sample[SAMPLES];
    size_t at = rank * SAMPLES / n;

    for (size_t i = 0; i < SAMPLES; i++) {
        double x = value[i * n / SAMPLES];
        size_t k = i;

        for (; k > 0 && sample[k - 1] > x; k--) sample[k] = sample[k - 1];
        sample[k] = x;
    }
    *low = at >= BESIDE ? sample[at - BESIDE] : -INFINITY;
    *high = at + BESIDE < SAMPLES ? sample[at + BESIDE] : INFINITY;
}

/* Returns the number of this rank, of which 0 is the least; scratch[2 n] is overwritten. Numbers that are not
 * between the pivots are left out again and again, as long as that makes them fewer. */
static double select_rank(const double *value, size_t n, size_t rank, double *scratch)
{
    double *picked = scratch;

    while (n > FEW) {
        double low, high;
        size_t below, count;

        choose_pivots(value, n, rank, &low, &high);
        below = count_below(value, n, low);
        count = pick(value, n, low, high, picked);
        if (rank < below) {
            count = pick(value, n, -INFINITY, low, picked);
        } else if (rank < below + count) {
            rank -= below;
        } else {
            size_t upper = pick(value, n, high, INFINITY, picked);

            if (rank < n - upper) break; /* some of the numbers are NaN */
            rank -= n - upper;
            count = upper;
        }
        if (count == n) break; /* too many of the numbers are equal */
        value = picked;
        picked = value == scratch ? scratch + n : scratch;
        n = count;
    }
    if (picked != value) memcpy(picked, value, n * sizeof *picked);
    return gsl_stats_select(picked, 1, n, rank);
}

double median(const double *value, size_t n, double *scratch)
{
    size_t not_above = 0;
    double lower, upper = INFINITY;

    if (n == 0) return 0;
    lower = select_rank(value, n, (n - 1) / 2, scratch);
    if (n % 2 == 1) return lower;
#pragma omp simd reduction(+ : not_above) reduction(min : upper)
    for (size_t i = 0; i < n; i++) {
        not_above += value[i] <= lower;
        upper = value[i] > lower && value[i] < upper ? value[i] : upper;
    }
    return 0.5 * (lower + (not_above > n / 2 ? lower : upper));
}
