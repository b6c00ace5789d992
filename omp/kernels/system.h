/* What the kernels of both solvers have in common. */
#ifndef UNSPOT_OMP_KERNELS_SYSTEM_H
#define UNSPOT_OMP_KERNELS_SYSTEM_H

#include "base/team.h"

/* M + diag(prior), y and the diagonal of the matrix, in the form that a solver wants. */
struct filled_system {
    double *matrix;   /* dense, or tiles; see who fills it */
    double *x;        /* y, then the solution */
    double *diagonal; /* [n] of the matrix, before it is factored */
};

/* Where one core spectrum goes. */
struct spectrum_out {
    double *flux, *ivar; /* [core wave] */
    double *resolution;  /* [ndiag][core wave] */
};

/* Rounds R to float32. */
TEAM_BODY void round_resolution(struct member member, size_t count, const double *exact, float *rounded)
{
    for (team_share(member, i, count)) rounded[i] = (float)exact[i];
    team_sync(member);
}

#endif
