/* What the kernels of the banded and of the dense solver have in common. */
#ifndef UNSPOT_OMP_KERNELS_SYSTEM_H
#define UNSPOT_OMP_KERNELS_SYSTEM_H

#include "base/team.h"

/* The system (M + diag(prior)) x = y in the form that a solver wants: see
 * banded_fill() and dense_expand(). */
struct filled_system {
    double *matrix;   /* in tiles, or dense; then its factor */
    double *x;        /* y, then the solution */
    double *diagonal; /* [n] diagonal of the matrix before it was factored */
};

/* Where the results for one core spectrum go. */
struct spectrum_out {
    double *flux, *ivar; /* [core wave] */
    double *resolution;  /* [ndiag][core wave] */
};

/* Rounds `count` elements of R to float32. */
TEAM_BODY void round_resolution(struct member member, size_t count, const double *exact, float *rounded)
{
    for (team_share(member, i, count)) rounded[i] = (float)exact[i];
    team_sync(member);
}

#endif
