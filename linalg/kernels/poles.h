/* The poles of the rational approximation of the square root. For linalg/ alone. */
#ifndef UNSPOT_LINALG_KERNELS_POLES_H
#define UNSPOT_LINALG_KERNELS_POLES_H

#include <stddef.h>

enum { POLES_MAX = 64, POLES_TABLES = 23 };

/* x^(1/2) = Σ_j weight[j] x / (x + shift[j]) for 1 <= x <= condition, to a relative
 * error of 2e-11 at most. */
struct poles {
    size_t count; /* a multiple of 16; what is more than needed makes the sum more exact still */
    double shift[POLES_MAX], weight[POLES_MAX];
};

/* All tables, [POLES_TABLES], made once and shared by all threads. Number q, from 1 to POLES_TABLES - 1, is
 * for condition numbers up to 4^q. For a matrix whose smallest eigenvalue is m, shifts are multiplied by m
 * and weights by sqrt(m). */
const struct poles *poles_tables(void);

/* The table for a condition number; NULL above 4^22 (1.8e13), or when it is not a number. */
static inline const struct poles *poles_for(const struct poles *tables, double condition)
{
    double limit = 4;

    for (int q = 1; q < POLES_TABLES; q++, limit *= 4) {
        if (condition <= limit) return tables + q;
    }
    return NULL;
}

#endif
