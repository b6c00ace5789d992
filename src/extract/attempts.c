#include "extract/attempts.h"

#include <math.h>

#include "omp/decorrelate.h"

/* gpu_specter's answer to a patch that cannot be solved: once more, with this regularisation. */
static const double rescue_regularize = 1e-4;

/* The table of attempts: what comes after a method that was not precise. */
static const enum method after_imprecise[] = {
    [METHOD_BANDED] = METHOD_BANDED_WIDE,
    [METHOD_BANDED_WIDE] = METHOD_DENSE,
    [METHOD_DENSE] = METHOD_NONE,
};

struct attempt attempt_first(const struct extract_options *options, const struct patch *patch, size_t ndiag)
{
    const bool is_banded =
        options->solver == SOLVER_BANDED && decorrelate_is_possible(patch->wave_halfwidth, ndiag);

    return (struct attempt){.method = is_banded ? METHOD_BANDED : METHOD_DENSE};
}

bool attempt_next(const struct extract_options *options, const struct patch *patch, size_t ndiag,
                  enum solved failure, struct attempt *attempt)
{
    const enum method next = failure == IMPRECISE ? after_imprecise[attempt->method] : METHOD_NONE;

    if (next != METHOD_NONE) {
        attempt->method = next;
        return true;
    }
    if (attempt->is_regularised) return false;
    *attempt = attempt_first(options, patch, ndiag);
    attempt->is_regularised = true;
    return true;
}

struct prior_rule attempt_prior(struct prior_rule rule, struct attempt attempt)
{
    if (attempt.is_regularised) rule.regularize = fmax(rule.regularize, rescue_regularize * sqrt(rule.unit));
    return rule;
}

bool attempt_is_left_to_dense(const struct extract_options *options, struct attempt attempt)
{
    return attempt.method == METHOD_DENSE && options->solver != SOLVER_DENSE;
}
