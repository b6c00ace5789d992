/* The poles of the rational approximation of the square root. Private to linalg/. */
#ifndef UNSPOT_LINALG_POLES_H
#define UNSPOT_LINALG_POLES_H

#include <stddef.h>

enum { POLES_MAX = 64, POLES_TABLES = 23 };

/* x^(1/2) = Σ_j weight[j] x / (x + shift[j]) for 1 <= x <= spread, to a relative error of 2e-11 at most. */
struct poles {
    size_t count; /* a multiple of 16: lanes beyond what the spread needs make it more exact still */
    double shift[POLES_MAX], weight[POLES_MAX];
};

/* The table for a spread of at least this; NULL above 4^22 (1.8e13). The tables are made once and shared by
 * all threads. For a matrix with eigenvalues from m to m * spread multiply shifts by m and weights by
 * sqrt(m). */
const struct poles *poles_for(double spread);

#endif
