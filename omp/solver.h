/* What the solvers of a patch have in common. */
#ifndef UNSPOT_OMP_SOLVER_H
#define UNSPOT_OMP_SOLVER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/team.h"

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

/* What gpu_specter adds to M's diagonal so that bins with little light do not make it singular
 * (algorithm.md): α² + 1e-15 with α = φmin - φ where φ < φmin = 1e-4 max φ, elsewhere α = regularize. weight
 * is φ = Aᵀ w of a bin, largest the largest one around it. */
static inline double solver_prior_of(double weight, double largest, double regularize)
{
    double missing = 1e-4 * largest - weight, alpha = missing > 0 ? missing : regularize;

    return alpha * alpha + 1e-15;
}

/* The same for n bins of one patch. Returns the largest weight; shared: [TEAM_SIZE], or NULL on a CPU. */
TEAM_BODY double solver_prior(struct member member, size_t n, const double *weight, double regularize,
                              double *shared, double *prior)
{
    double largest = 0;

    for (team_share(member, i, n)) largest = weight[i] > largest ? weight[i] : largest;
    largest = team_largest(member, largest, shared);
    for (team_share(member, i, n)) prior[i] = solver_prior_of(weight[i], largest, regularize);
    team_sync(member);
    return largest;
}

#endif
