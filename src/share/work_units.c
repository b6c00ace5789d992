#include "share/work_units.h"

#include "base/memory.h"
#include "base/minmax.h"

/* A subbundle's time as a multiple of its share of the bundle's: two more spectra in seven have their spots
 * evaluated and summed, which is half of the work. Measured with 5 subbundles: 1.2 to 1.3. */
static const double subbundle_cost = 1.3;

/* Time of so many equal units on so many ranks, in units. */
static double rounds(size_t count, size_t nranks)
{
    return (double)((count + nranks - 1) / nranks);
}

static bool are_subbundles_faster(const struct extract_options *options, size_t nbundle, size_t nranks)
{
    size_t nsub = min_size(options->plan.nsubbundles, options->plan.bundlesize);

    if (options->plan.whole_bundles || options->model || nsub < 2) return false;
    return rounds(nbundle * nsub, nranks) * subbundle_cost / (double)nsub < rounds(nbundle, nranks);
}

/* Adds what of spectra first ... last - 1 is asked for. */
static void add(const struct plan_options *plan, size_t first, size_t last, struct unit *unit, size_t *count)
{
    size_t from = max_size(first, plan->specmin), to = min_size(last, plan->specmin + plan->nspec);

    if (from < to) unit[(*count)++] = (struct unit){from, to - from};
}

enum status units_make(const struct extract_options *options, const struct psf *psf, size_t nranks,
                       struct unit **unit, size_t *count, struct error *error)
{
    const struct plan_options *plan = &options->plan;
    size_t first = plan->specmin / plan->bundlesize;
    size_t last = (plan->specmin + plan->nspec - 1) / plan->bundlesize;
    bool divided = are_subbundles_faster(options, last - first + 1, nranks);

    *count = 0;
    *unit = memory_zeroed((last - first + 1) * (divided ? plan->nsubbundles : 1), sizeof **unit);
    if (!*unit) return memory_error(error, "list of bundles");
    for (size_t bundle = first; bundle <= last; bundle++) {
        size_t start = bundle * plan->bundlesize;
        size_t size = min_size(plan->bundlesize, psf->nspec - start);
        size_t nsub = divided ? min_size(plan->nsubbundles, size) : 1;

        for (size_t sub = 0; sub < nsub; sub++) { /* divided as plan_make() divides */
            add(plan, start + sub * size / nsub, start + (sub + 1) * size / nsub, *unit, count);
        }
    }
    return STATUS_OK;
}
