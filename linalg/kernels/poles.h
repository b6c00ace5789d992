/* The poles of the rational approximation of the square root. Private to linalg/. */
#ifndef UNSPOT_LINALG_KERNELS_POLES_H
#define UNSPOT_LINALG_KERNELS_POLES_H

#include <stddef.h>

enum { POLES_MAX = 64, POLES_TABLES = 23 };

/* x^(1/2) = Σ_j weight[j] x / (x + shift[j]) for 1 <= x <= spread, to a relative error of 2e-11 at most. */
struct poles {
    size_t count; /* a multiple of 16: lanes beyond what the spread needs make it more exact still */
    double shift[POLES_MAX], weight[POLES_MAX];
};

/* All tables, made once and shared by all threads: number q, from 1 to POLES_TABLES - 1, serves spreads up to
 * 4^q. For a matrix with eigenvalues from m to m * spread multiply shifts by m and weights by sqrt(m). */
const struct poles *poles_tables(void);

/* The table for a spread of at least this; NULL above 4^22 (1.8e13). */
static inline const struct poles *poles_for(const struct poles *tables, double condition)
{
    double limit = 4;

    for (int q = 1; q < POLES_TABLES; q++, limit *= 4) {
        if (condition <= limit) return tables + q;
    }
    return NULL;
}

#endif
