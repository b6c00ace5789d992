/* The attempts to solve a patch, one after another, the same on the host and on a device:
 *
 *     method         when it is not precise      when the matrix is singular
 *     banded         banded, wide                regularised, from the first method on
 *     banded, wide   dense                       regularised, from the first method on
 *     dense          as if singular              regularised, from the first method on
 *
 * With --solver dense, or where spots overlap too far for the banded solver, the first method is the dense
 * one. A regularised attempt that finds a singular matrix is the last: the patch has no solution. A device
 * leaves regularised attempts to the host, which begins with the first again. */
#ifndef UNSPOT_EXTRACT_ATTEMPTS_H
#define UNSPOT_EXTRACT_ATTEMPTS_H

#include <stdbool.h>
#include <stddef.h>

#include "extract/options.h"
#include "omp/patch.h"
#include "omp/solver.h"

enum method {
    METHOD_BANDED,
    METHOD_BANDED_WIDE, /* the spectra that were not precise, from more diagonals of their covariance */
    METHOD_DENSE,
    METHOD_NONE, /* there is nothing more to try */
};

struct attempt {
    enum method method;
    bool is_regularised; /* stronger than the options ask for, and so masked BAD2DFIT */
};

/* The first attempt at a patch, of which ndiag diagonals of R are wanted. */
struct attempt attempt_first(const struct extract_options *options, const struct patch *patch, size_t ndiag);

/* What comes after an attempt that ended as `failure`, SINGULAR or IMPRECISE; false when there is nothing
 * more. */
bool attempt_next(const struct extract_options *options, const struct patch *patch, size_t ndiag,
                  enum solved failure, struct attempt *attempt);

/* The prior of an attempt, by that of the frame. */
struct prior_rule attempt_prior(struct prior_rule rule, struct attempt attempt);

/* Whether the banded solver, which was asked for, has left the patch to the dense one. */
bool attempt_is_left_to_dense(const struct extract_options *options, struct attempt attempt);

#endif
