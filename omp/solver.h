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

/* What gpu_specter adds to M's diagonal so that bins with little light do not make it singular
 * (algorithm.md): α² + 1e-15 with α = φmin - φ where φ < φmin = 1e-4 max φ, elsewhere α = regularize. weight
 * is φ = Aᵀ w of a bin, largest the largest one around it. */
static inline double solver_prior_of(double weight, double largest, double regularize)
{
    double missing = 1e-4 * largest - weight, alpha = missing > 0 ? missing : regularize;

    return alpha * alpha + 1e-15;
}

/* The same for n bins of one patch. */
static inline void solver_prior(size_t n, const double *weight, double regularize, double *prior)
{
    double largest = 0;

    for (size_t i = 0; i < n; i++) largest = weight[i] > largest ? weight[i] : largest;
    for (size_t i = 0; i < n; i++) prior[i] = solver_prior_of(weight[i], largest, regularize);
}

#endif
