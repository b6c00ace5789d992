/* The division of a frame into bundles and patches. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/grid.h"
#include "base/minmax.h"
#include "extract/options.h"
#include "extract/plan.h"
#include "omp/spots.h"
#include "simulate/synthetic_psf.h"

static struct psf psf;

static int make_psf(void **state)
{
    struct error error;

    (void)state;
    return synthetic_psf('r', 60, false, &psf, &error) == STATUS_OK ? 0 : -1;
}

static int drop_psf(void **state)
{
    (void)state;
    psf_free(&psf);
    return 0;
}

static struct plan_options defaults(size_t specmin, size_t nspec)
{
    struct plan_options options = extract_options_default().plan;

    options.wave_min = 6000;
    options.wave_max = 6100;
    options.wave_step = 0.8;
    options.spectra = (struct span){specmin, nspec};
    return options;
}

/* Every bin of the output belongs to exactly one patch. */
static void assert_covered_once(const struct plan *plan, size_t nspec)
{
    unsigned char *hits = calloc(nspec * plan->nwave, 1);

    for (size_t i = 0; i < plan->npatch; i++) {
        const struct planned_patch *planned = &plan->patch[i];

        assert_true(span_end(planned->kept_spectra) <= planned->patch.core_nspec);
        assert_true(planned->wavelengths.count <= planned->patch.core_nwave);
        for (size_t s = 0; s < planned->kept_spectra.count; s++) {
            for (size_t w = 0; w < planned->wavelengths.count; w++) {
                hits[(planned->row + s) * plan->nwave + planned->wavelengths.first + w]++;
            }
        }
    }
    for (size_t i = 0; i < nspec * plan->nwave; i++) assert_int_equal(hits[i], 1);
    free(hits);
}

static void every_bin_belongs_to_one_patch(void **state)
{
    static const struct {
        size_t specmin, nspec, bundlesize, nsubbundles, nwavestep;
    } cases[] = {{0, 25, 25, 5, 50},  {0, 60, 25, 5, 50},  {7, 1, 25, 5, 50},
                 {3, 40, 25, 5, 33},  {0, 60, 25, 4, 50},  {0, 60, 7, 3, 50},
                 {0, 60, 25, 25, 50}, {59, 1, 25, 100, 1}, {0, 60, 100, 1, 50}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct plan_options options = defaults(cases[i].specmin, cases[i].nspec);
        struct plan plan;
        struct error error;

        options.bundlesize = cases[i].bundlesize;
        options.nsubbundles = cases[i].nsubbundles;
        options.nwavestep = cases[i].nwavestep;
        assert_int_equal(plan_make(&plan, &options, &psf, &error), STATUS_OK);
        assert_covered_once(&plan, cases[i].nspec);
        plan_free(&plan);
    }
}

static void neighbours_are_padded_within_the_bundle_only(void **state)
{
    struct plan_options options = defaults(0, 50);
    struct plan plan;
    struct error error;

    (void)state;
    assert_int_equal(plan_make(&plan, &options, &psf, &error), STATUS_OK);
    assert_int_equal(plan.nbundle, 2);
    assert_int_equal(plan.npatch, 2 * 5 * 3);
    assert_int_equal(plan.patch[0].patch.nspec, 6); /* edge of the bundle below, neighbour above */
    assert_int_equal(plan.patch[0].patch.core_spec, 0);
    assert_int_equal(plan.patch[3].patch.nspec, 7);
    assert_int_equal(plan.patch[3].patch.core_spec, 1);
    assert_int_equal(plan.patch[12].patch.nspec, 6);
    assert_int_equal(plan.patch[15].patch.core_spec, 0); /* first of the second bundle */
    assert_int_equal(plan.patch[0].patch.nwave, 74);
    assert_int_equal(plan.spot_nwave, 3 * 50 + 24);
    plan_free(&plan);
}

/* A spectrum's patch must not depend on which others are asked for. */
static void patches_do_not_depend_on_the_selection(void **state)
{
    struct plan_options all = defaults(0, 60), one = defaults(32, 1);
    struct plan plan, part;
    struct error error;

    (void)state;
    assert_int_equal(plan_make(&plan, &all, &psf, &error), STATUS_OK);
    assert_int_equal(plan_make(&part, &one, &psf, &error), STATUS_OK);
    assert_int_equal(part.npatch, 3);
    for (size_t i = 0; i < 3; i++) {
        const struct patch *a = &plan.patch[18 + i].patch, *b = &part.patch[i].patch; /* spectra 30-34 */

        assert_int_equal(plan.bundle[1].spectra.first + a->spec, part.bundle[0].spectra.first + b->spec);
        assert_int_equal(a->nspec, b->nspec);
        assert_int_equal(a->row_min, b->row_min);
        assert_int_equal(a->row_max, b->row_max);
        assert_int_equal(a->column_min, b->column_min);
        assert_int_equal(a->wave_halfwidth, b->wave_halfwidth);
        assert_int_equal(part.patch[i].kept_spectra.first, 2);
    }
    plan_free(&plan);
    plan_free(&part);
}

/* 1.5 px a bin and spots of 11 rows: spots overlap within +-7 wavelengths, as measured. */
static void band_is_where_spots_stop_to_overlap(void **state)
{
    struct plan_options options = defaults(0, 25);
    struct plan plan;
    struct error error;

    (void)state;
    assert_int_equal(plan_make(&plan, &options, &psf, &error), STATUS_OK);
    for (size_t i = 0; i < plan.npatch; i++) {
        assert_in_range(plan.patch[i].patch.wave_halfwidth, 6, 9);
        assert_true(plan.patch[i].patch.row_max - plan.patch[i].patch.row_min > 50 * 1.4);
        assert_true(plan.patch[i].patch.row_max - plan.patch[i].patch.row_min < 74 * 1.7 + 22);
    }
    plan_free(&plan);
}

/* Traces that are straight, reversed, turning over, crossing, without numbers, and of which the PSF says
 * nothing at the ends. */
static void bend(struct psf *bent, int how)
{
    for (size_t s = 0; s < bent->nspec; s++) {
        double *x = bent->x.coef + s * bent->x.ncoef, *y = bent->y.coef + s * bent->y.ncoef;

        if (how == 1) y[1] = -y[1];
        if (how == 2) y[2] += 1500;
        if (how == 3) x[1] += 300 * ((int)(s % 3) - 1);
        if (how == 4 && s % 7 == 3) y[0] = NAN;
        if (how == 5) y[0] += (double)(s * 7919 % 13) * 9;
    }
    if (how == 6) bent->x.wave_max = 6090;
}

/* The largest distance at which two spots share a pixel, of all pairs of a patch. */
static size_t band_of_all_pairs(const struct trace_basis *basis, const struct patch *patch, size_t specmin,
                                const struct psf *of, int *column, int *row)
{
    int nx = 2 * (int)of->hsizex + 1, ny = 2 * (int)of->hsizey + 1;
    size_t band = 0, end = patch->wave + patch->nwave;

    spots_corners(basis, of, specmin + patch->spec, patch->nspec, column, row);
    for (size_t s = 0; s < patch->nspec; s++) {
        for (size_t r = 0; r < patch->nspec; r++) {
            for (size_t w = max_size(patch->wave, basis->first); w < min_size(end, basis->last); w++) {
                for (size_t v = w + band + 1; v < min_size(end, basis->last); v++) {
                    size_t i = s * basis->stride + w, k = r * basis->stride + v;

                    if (abs(row[i] - row[k]) < ny && abs(column[i] - column[k]) < nx) band = v - w;
                }
            }
        }
    }
    return band;
}

static void bands_are_those_of_all_pairs(void **state)
{
    struct plan_options options = defaults(0, 30);

    (void)state;
    options.wave_max = 6160;
    for (int how = 0; how < 7; how++) {
        struct psf bent;
        struct plan plan;
        struct trace_basis basis;
        struct error error;
        int *column, *row;

        assert_int_equal(synthetic_psf('r', 60, false, &bent, &error), STATUS_OK);
        bend(&bent, how);
        assert_int_equal(plan_make(&plan, &options, &bent, &error), STATUS_OK);
        assert_int_equal(
            trace_basis_make(&basis, &bent, plan.spot_wave_min, options.wave_step, plan.spot_nwave, &error),
            STATUS_OK);
        column = calloc(25 * basis.stride, sizeof *column);
        row = calloc(25 * basis.stride, sizeof *row);
        for (size_t b = 0; b < plan.nbundle; b++) {
            const struct planned_bundle *bundle = &plan.bundle[b];

            for (size_t i = bundle->patches.first; i < span_end(bundle->patches); i++) {
                const struct patch *patch = &plan.patch[i].patch;

                assert_int_equal(patch->wave_halfwidth,
                                 band_of_all_pairs(&basis, patch, bundle->spectra.first, &bent, column, row));
            }
        }
        free(column);
        free(row);
        trace_basis_free(&basis);
        plan_free(&plan);
        psf_free(&bent);
    }
}

static void patches_off_the_ccd_have_no_pixels(void **state)
{
    struct plan_options options = defaults(0, 25);
    struct psf shifted = psf;
    struct plan plan;
    struct error error;

    (void)state;
    shifted.ny = 10; /* a CCD so small that nothing of this range is on it */
    assert_int_equal(plan_make(&plan, &options, &shifted, &error), STATUS_OK);
    assert_int_equal(plan.npatch, 5 * 3);
    for (size_t i = 0; i < plan.npatch; i++) {
        assert_true(plan.patch[i].patch.row_min >= 0);
        assert_int_equal(plan.patch[i].patch.row_max - plan.patch[i].patch.row_min, 0);
    }
    plan_free(&plan);
}

static void wavelength_grid_includes_its_end(void **state)
{
    (void)state;
    assert_int_equal(wavelength_count(5760, 7620, 0.8), 2326);
    assert_int_equal(wavelength_count(3600, 5800, 0.8), 2751);
    assert_int_equal(wavelength_count(7520, 9824, 0.8), 2881);
    assert_int_equal(wavelength_count(6000, 6000, 1), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bin_belongs_to_one_patch),
        cmocka_unit_test(neighbours_are_padded_within_the_bundle_only),
        cmocka_unit_test(patches_do_not_depend_on_the_selection),
        cmocka_unit_test(band_is_where_spots_stop_to_overlap),
        cmocka_unit_test(bands_are_those_of_all_pairs),
        cmocka_unit_test(patches_off_the_ccd_have_no_pixels),
        cmocka_unit_test(wavelength_grid_includes_its_end),
    };

    return cmocka_run_group_tests_name("plan", tests, make_psf, drop_psf);
}
