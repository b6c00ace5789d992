/* What the solvers of a patch have in common. */
#ifndef UNSPOT_OMP_SOLVER_H
#define UNSPOT_OMP_SOLVER_H

#include <stdbool.h>
#include <stddef.h>

/* What became of a patch. */
enum solved {
    SOLVED,    /* *solution is filled */
    SINGULAR,  /* the matrix is not positive definite to rounding, or a result is not a number */
    IMPRECISE, /* solvable, but not to the accuracy that this solver promises */
};

/* Whether a Cholesky factor has any digits left: the square of a diagonal element of L is what elimination
 * left of the matrix' own. 2.2e-16 of that is rounding, times n = 518; beyond, two unknowns cannot be told
 * apart. Rows that only the prior holds pass: nothing is taken from them. */
static inline bool is_regular_pivot(double factor, double diagonal)
{
    static const double singular = 1e-12;

    return factor * factor > singular * diagonal;
}

#endif
