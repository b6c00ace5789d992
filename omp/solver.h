/* What the solvers of a patch have in common: the system that they solve, and how they may fail. */
#ifndef UNSPOT_OMP_SOLVER_H
#define UNSPOT_OMP_SOLVER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/team.h"
#include "linalg/linalg.h"
#include "omp/normal_equations.h"
#include "omp/patch.h"

/* The system (M + diag(prior)) x = y of a patch. */
struct patch_system {
    const struct linalg *linalg;
    const struct patch *patch;
    const struct normal_equations *normal; /* M and y */
    const double *prior;                   /* [wave][spec] added to the diagonal of M */
    size_t ndiag;                          /* diagonals of R that are wanted; an odd number */
};

/* Memory that a solver works in, aligned to 64 bytes (MEMORY_ALIGNMENT). */
struct workspace {
    void *memory;
    size_t bytes;
};

/* What became of a system. */
enum solved {
    SOLVED,    /* the result is filled, except chi2pix */
    SINGULAR,  /* the matrix is not positive definite to rounding, or a result is not a number */
    IMPRECISE, /* solvable, but not to the accuracy that this solver promises */
};

/* Whether a pivot of a Cholesky factor has any digits left. `factor` is a diagonal element of L; its square
 * is what elimination has left of `diagonal`, the matrix's own diagonal element. Rounding makes an error of
 * about n ε of the latter, 1.1e-13 for n = 518 and ε = 2.2e-16. Where less than ten times that is left, two
 * unknowns cannot be told apart. Rows to which only the prior contributes pass, because nothing is taken from
 * them. */
static inline bool is_regular_pivot(double factor, double diagonal)
{
    static const double singular = 1e-12;

    return factor * factor > singular * diagonal;
}

/* What the prior of a frame's bins follows from. */
struct prior_rule {
    double regularize; /* the square root of what is added where there is light, 1/electron */
    double unit;       /* the unit of weights, 1/electron²: 1 for an image with the usual noise of DESI's */
};

/* The prior of a bin, which is added to the diagonal of M so that bins with little light do not make it
 * singular (omp/README.md, "The mathematics"). weight is φ = Aᵀ w of the bin, largest is the largest φ around
 * it. gpu_specter adds α² + 1e-15, with α = φmin - φ where φ < φmin = 1e-4 max φ, and α = regularize
 * elsewhere. A weight's square and 1e-15 are weights only in a unit, without which the solution would depend
 * on whether the image is in electrons. */
static inline double solver_prior_of(double weight, double largest, struct prior_rule rule)
{
    const double missing = 1e-4 * largest - weight;

    return (missing > 0 ? missing * missing / rule.unit : rule.regularize * rule.regularize) +
           1e-15 * rule.unit;
}

/* The priors of the n bins of a patch, prior[n] from weight[n], by the members of a team. Returns the largest
 * weight. shared: [TEAM_SIZE], or NULL on a CPU. */
TEAM_BODY double solver_prior(struct member member, size_t n, const double *weight, struct prior_rule rule,
                              double *shared, double *prior)
{
    double largest = 0;

    for (team_share(member, i, n)) largest = weight[i] > largest ? weight[i] : largest;
    largest = team_largest(member, largest, shared);
    for (team_share(member, i, n)) prior[i] = solver_prior_of(weight[i], largest, rule);
    team_sync(member);
    return largest;
}

#endif
