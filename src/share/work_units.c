#include "share/work_units.h"

#include "base/memory.h"
#include "base/minmax.h"

/* The time of a subbundle as a multiple of its share of the bundle's: two more spectra in seven have their
 * spots evaluated and summed, which is half of the work. Measured with 5 subbundles: 1.2 to 1.3. */
static const double subbundle_cost = 1.3;

/* The time that so many equal units take on so many ranks, in units. */
static double rounds(size_t count, size_t nranks)
{
    return (double)((count + nranks - 1) / nranks);
}

static bool are_subbundles_faster(const struct extract_options *options, size_t nbundle, size_t nranks)
{
    const size_t nsub = min_size(options->plan.nsubbundles, options->plan.bundlesize);

    if (options->plan.whole_bundles || options->model || nsub < 2) return false;
    return rounds(nbundle * nsub, nranks) * subbundle_cost / (double)nsub < rounds(nbundle, nranks);
}

enum status work_units_make(const struct extract_options *options, const struct psf *psf, size_t nranks,
                            struct span **unit, size_t *count, struct error *error)
{
    const struct plan_options *plan = &options->plan;
    const struct span bundles = plan_bundles(plan, psf);
    const bool divided = are_subbundles_faster(options, bundles.count, nranks);

    *count = 0;
    *unit = memory_zeroed(bundles.count * (divided ? plan->nsubbundles : 1), sizeof **unit);
    if (!*unit) return memory_error(error, "list of bundles");
    for (size_t number = 0; number < bundles.count; number++) {
        const struct span bundle = plan_bundle(plan, psf, bundles.first + number);
        const size_t nsub = divided ? min_size(plan->nsubbundles, bundle.count) : 1;

        for (size_t i = 0; i < nsub; i++) { /* divided as plan_make() divides */
            const struct span part = span_common(span_part(bundle, i, nsub), plan->spectra);

            if (part.count > 0) (*unit)[(*count)++] = part;
        }
    }
    return STATUS_OK;
}
