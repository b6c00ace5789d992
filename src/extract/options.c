#include "extract/options.h"

#include <math.h>

#include "base/grid.h"
#include "base/minmax.h"
#include "omp/spots.h"
#include "run/options.h"

static const double wave_step_default = 0.8; /* Angstrom; gpu_specter's */
enum { PSFERR_MAX = 1000, BINS_MAX = 1000000 };
enum {
    PATCH_NWAVE_MIN = 50
}; /* patches on a shorter grid still have so many wavelengths, as gpu_specter's */

struct extract_options extract_options_default(void)
{
    return (struct extract_options){
        .plan = {.spectra = {0, 500},
                 .bundlesize = 25,
                 .nsubbundles = 5,
                 .nwavestep = 50,
                 .wavepad = extract_wavepad(WAVEPAD_DEFAULT, wavepad_frac_default),
                 .pixpad_frac = 0.8},
        .psferr = psferr_of_psf,
        .solver = SOLVER_BANDED,
        .linalg = linalg_find("lapack"),
    };
}

size_t extract_wavepad(int wavepad, double wavepad_frac)
{
    return (size_t)(wavepad + (int)(wavepad * wavepad_frac));
}

/* A count that came from a negative number of the command line is that number again. */
static double signed_count(size_t count)
{
    return (double)(ptrdiff_t)count;
}

enum status extract_options_check(const struct extract_options *options, struct error *error)
{
    const struct plan_options *plan = &options->plan;
    const struct {
        const char *option;
        double value, min, max;
    } ranges[] = {
        {"--specmin", signed_count(plan->spectra.first), 0, 1e6},
        {"--nspec", signed_count(plan->spectra.count), 1, 1e6},
        {"--bundlesize", signed_count(plan->bundlesize), 1, 1e4},
        {"--nsubbundles", signed_count(plan->nsubbundles), 1, 1e4},
        {"--nwavestep", signed_count(plan->nwavestep), 1, 1e5},
        {"--wavepad", signed_count(plan->wavepad), 0, 1e6},
        {"--pixpad-frac", plan->pixpad_frac, 0, 1},
        {"--regularize", options->regularize, 0, 1e10},
        {"--psferr", options->psferr == psferr_of_psf ? 0 : options->psferr, 0, PSFERR_MAX},
    };

    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        enum status status =
            options_range(ranges[i].option, ranges[i].value, ranges[i].min, ranges[i].max, error);

        if (status != STATUS_OK) return status;
    }
    if (plan->whole_bundles && options->solver != SOLVER_BANDED) {
        return error_set(error, STATUS_USAGE, "--patch bundle: needs --solver banded");
    }
    return STATUS_OK;
}

static enum status settle_spectra(struct extract_options *options, const struct psf *psf,
                                  const char *psf_name, const struct log *log, struct error *error)
{
    struct plan_options *plan = &options->plan;
    const struct span fibers = {psf->fibermin, psf->nspec};
    const struct span wanted = {options->from_first ? fibers.first : plan->spectra.first,
                                plan->spectra.count};

    plan->spectra = span_common(wanted, fibers);
    if (plan->spectra.count == 0) {
        return error_set(error, STATUS_USAGE, "--specmin %zu: the PSF %s has spectra %zu to %zu only",
                         wanted.first, psf_name, fibers.first, span_end(fibers) - 1);
    }
    if (plan->spectra.count < wanted.count) {
        log_warning(log, "--nspec %zu: the PSF has %zu spectra from --specmin %zu on; these are taken",
                    wanted.count, plan->spectra.count, plan->spectra.first);
    }
    plan->spectra.first -= psf->fibermin;
    return STATUS_OK;
}

static enum status settle_wavelengths(struct plan_options *plan, const struct psf *psf, const char *psf_name,
                                      struct error *error)
{
    size_t nwave;

    if (plan->wave_step == 0) {
        plan->wave_min = psf->wave_min;
        plan->wave_max = psf->wave_max;
        plan->wave_step = wave_step_default;
    }
    if (plan->wave_min < psf->wave_min || plan->wave_max > psf->wave_max) {
        return error_set(error, STATUS_USAGE,
                         "--wavelength %.10g,%.10g,%.10g: the PSF %s is defined from %g to %g Angstrom only",
                         plan->wave_min, plan->wave_max, plan->wave_step, psf_name, psf->wave_min,
                         psf->wave_max);
    }
    if (!((plan->wave_max - plan->wave_min) / plan->wave_step <= BINS_MAX)) {
        return error_set(
            error, STATUS_FORMAT,
            "%s: it is defined from %g to %g Angstrom, more than a million bins: give --wavelength", psf_name,
            psf->wave_min, psf->wave_max);
    }
    nwave = wavelength_count(plan->wave_min, plan->wave_max, plan->wave_step);
    plan->nwavestep = min_size(plan->nwavestep, max_size(nwave, PATCH_NWAVE_MIN));
    return STATUS_OK;
}

/* The full width at half maximum of the selected spots along the wavelength, in Angstrom, of the widest at
 * this wavelength. */
static double spot_width(const struct psf *psf, struct span spectra, double wave)
{
    const double fwhm = 2 * sqrt(2 * log(2)), apart = 1; /* Angstrom */
    double widest = 0;

    for (size_t s = spectra.first; s < span_end(spectra); s++) {
        const double rows = legendre_value(&psf->y, s, wave + apart) - legendre_value(&psf->y, s, wave);

        widest = fmax(widest, fwhm * legendre_value(&psf->sigmay, s, wave) * apart / fabs(rows));
    }
    return widest;
}

/* Between wavelengths that are farther apart than the PSF is wide the model has no light. */
static void warn_of_coarse_step(const struct plan_options *plan, const struct psf *psf, const struct log *log)
{
    const double width = spot_width(psf, plan->spectra, 0.5 * (plan->wave_min + plan->wave_max));

    if (isfinite(width) && width > 0 && plan->wave_step > width) {
        log_warning(log,
                    "--wavelength %.10g,%.10g,%.10g: the step is wider than the PSF, %.2g Angstrom: light "
                    "between its wavelengths is lost",
                    plan->wave_min, plan->wave_max, plan->wave_step, width);
    }
}

/* Takes the PSF's own fractional error, which has the range of --psferr. */
static enum status settle_psferr(struct extract_options *options, const struct psf *psf, const char *psf_name,
                                 struct error *error)
{
    if (!(psf->psferr >= 0 && psf->psferr <= PSFERR_MAX))
        return error_set(error, STATUS_FORMAT,
                         "%s: PSFERR is %g, not in 0 to %d: give the right one by --psferr", psf_name,
                         psf->psferr, PSFERR_MAX);
    options->psferr = psf->psferr;
    return STATUS_OK;
}

enum status extract_options_settle(struct extract_options *options, const struct psf *psf,
                                   const char *psf_name, const struct log *log, struct error *error)
{
    enum status status = settle_spectra(options, psf, psf_name, log, error);

    if (status == STATUS_OK) status = settle_wavelengths(&options->plan, psf, psf_name, error);
    if (status != STATUS_OK) return status;
    warn_of_coarse_step(&options->plan, psf, log);
    return options->psferr == psferr_of_psf ? settle_psferr(options, psf, psf_name, error) : STATUS_OK;
}
