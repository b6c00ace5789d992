/* The kernels alone: spots, normal equations, dense solver, chi2pix and model, each against a plain sum. */
#include <math.h>
#include <omp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "near.h"
#include "omp/dense.h"
#include "omp/model.h"
#include "omp/normal_equations.h"
#include "omp/quality.h"
#include "omp/spots.h"
#include "simulate/synthetic_psf.h"

static struct psf make_psf(bool tails)
{
    struct psf psf;
    struct error error;

    assert_int_equal(synthetic_psf('r', 25, tails, &psf, &error), STATUS_OK);
    return psf;
}

/* Gauss-Hermite density at a point, from its definition. */
static double density(const struct psf *psf, size_t spec, double wave, double x, double y)
{
    double u = (x - legendre_value(&psf->x, spec, wave)) / legendre_value(&psf->sigmax, spec, wave);
    double v = (y - legendre_value(&psf->y, spec, wave)) / legendre_value(&psf->sigmay, spec, wave);
    double hu[8] = {1, u}, hv[8] = {1, v}, sum = 0;

    for (int m = 2; m < 8; m++) {
        hu[m] = u * hu[m - 1] - (m - 1) * hu[m - 2];
        hv[m] = v * hv[m - 1] - (m - 1) * hv[m - 2];
    }
    for (size_t i = 0; i <= psf->degx; i++) {
        for (size_t j = 0; j <= psf->degy; j++) {
            sum += legendre_value(&psf->gh[i * (psf->degy + 1) + j], spec, wave) * hu[i] * hv[j];
        }
    }
    return sum * exp(-0.5 * (u * u + v * v));
}

/* Integral over one pixel by Simpson's rule. */
static double pixel_integral(const struct psf *psf, size_t spec, double wave, int column, int row)
{
    enum { N = 16 };
    double sum = 0;

    for (int i = 0; i <= N; i++) {
        for (int j = 0; j <= N; j++) {
            double weight = (i == 0 || i == N ? 1 : i % 2 ? 4 : 2) * (j == 0 || j == N ? 1 : j % 2 ? 4 : 2);

            sum += weight * density(psf, spec, wave, column - 0.5 + i / (double)N, row - 0.5 + j / (double)N);
        }
    }
    return sum;
}

static void spot_is_the_integral_of_its_definition(void **state)
{
    struct psf psf = make_psf(false);
    struct spots spots;
    struct error error;
    double sum = 0, expected[17 * 11];

    (void)state;
    assert_int_equal(spots_alloc(&spots, &psf, 1, 1, &error), STATUS_OK);
    spots_evaluate(&spots, 3, 1, 6543.2, 0.8, 1);
    assert_int_equal(spots.nx, 17);
    assert_int_equal(spots.ny, 11);
    for (int row = 0; row < 11; row++) {
        for (int column = 0; column < 17; column++) {
            double value = pixel_integral(&psf, 3, 6543.2, spots.column[0] + column, spots.row[0] + row);

            expected[row * 17 + column] = value > 0 ? value : 0;
            sum += expected[row * 17 + column];
        }
    }
    for (int i = 0; i < 17 * 11; i++) assert_near(spots.value[i], expected[i] / sum, 1e-7);
    assert_near(spots.column[0] + 8, legendre_value(&psf.x, 3, 6543.2), 0.5);
    assert_near(spots.row[0] + 5, legendre_value(&psf.y, 3, 6543.2), 0.5);
    spots_free(&spots);
    psf_free(&psf);
}

static void tail_adds_its_power_law(void **state)
{
    struct psf psf = make_psf(true), core = make_psf(false);
    struct spots with, without;
    struct error error;
    double total = 0, norm, wave = 6300;

    (void)state;
    assert_true(psf.has_tail);
    assert_int_equal(spots_alloc(&with, &psf, 1, 1, &error), STATUS_OK);
    assert_int_equal(spots_alloc(&without, &core, 1, 1, &error), STATUS_OK);
    spots_evaluate(&with, 0, 1, wave, 0.8, 1);
    spots_evaluate(&without, 0, 1, wave, 0.8, 1);
    /* (core + tail)/N against core/M at two pixels gives N/M; a third pixel must then agree */
    norm = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < 17 * 11; i++) {
            double dx = (with.column[0] + i % 17 - legendre_value(&psf.x, 0, wave)) *
                        legendre_value(&psf.tail[TAIL_XSCALE], 0, wave);
            double dy = (with.row[0] + i / 17 - legendre_value(&psf.y, 0, wave)) *
                        legendre_value(&psf.tail[TAIL_YSCALE], 0, wave);
            double r2 = dx * dx + dy * dy, core2 = pow(legendre_value(&psf.tail[TAIL_CORE], 0, wave), 2);
            double tail = legendre_value(&psf.tail[TAIL_AMPLITUDE], 0, wave) * r2 /
                          pow(core2 + r2, 1 + legendre_value(&psf.tail[TAIL_INDEX], 0, wave) / 2);

            if (pass == 0)
                total += tail;
            else if (without.value[i] > 1e-4) { /* not clipped: core's norm is about 1 */
                double ratio = (with.value[i] * (1 + total) - tail) / without.value[i];

                if (norm == 0) norm = ratio;
                assert_near(ratio, norm, 2e-3);
            }
        }
    }
    assert_true(total > 1e-5);
    spots_free(&with);
    spots_free(&without);
    psf_free(&psf);
    psf_free(&core);
}

static void impossible_width_gives_an_empty_spot(void **state)
{
    struct psf psf = make_psf(false);
    struct spots spots;
    struct error error;
    double total = 0;

    (void)state;
    for (size_t k = 0; k < psf.sigmax.ncoef; k++) psf.sigmax.coef[k] = k == 0 ? -1 : 0;
    psf.y.coef[psf.y.ncoef] = NAN; /* spectrum 1 */
    assert_int_equal(spots_alloc(&spots, &psf, 2, 3, &error), STATUS_OK);
    spots_evaluate(&spots, 0, 2, 6000, 0.8, 3);
    for (size_t i = 0; i < 2 * 3 * 17 * 11; i++) {
        assert_true(isfinite(spots.value[i]));
        total += spots.value[i];
    }
    assert_true(total == 0);
    spots_free(&spots);
    psf_free(&psf);
}

static void corner_of_any_position_is_an_integer(void **state)
{
    (void)state;
    assert_int_equal(spot_corner(100.49, 8), 92);
    assert_int_equal(spot_corner(100.5, 8), 93);
    assert_int_equal(spot_corner(-0.6, 5), -6);
    assert_int_equal(spot_corner(1e300, 5), 1 << 28);
    assert_int_equal(spot_corner(-1e300, 5), -(1 << 28));
    assert_int_equal(spot_corner(NAN, 5), -(1 << 28));
}

/* A small patch at the lower edge of the CCD, with masked pixels: the hardest case for the sums. */
enum { NSPEC = 4, NWAVE = 20, NX = 60, NY = 40 };

struct scene {
    struct psf psf;
    struct spots spots;
    struct pixels pixels;
    struct overlaps overlaps;
    double *scratch;
    struct patch patch;
    float image[NX * NY], ivar[NX * NY];
    struct bundle_view bundle;
};

static double uniform(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state / 4294967296.0;
}

static struct scene *make_scene(void)
{
    const struct bundle_sizes sizes = {NSPEC, NWAVE, 9, 2};
    struct scene *scene = calloc(1, sizeof *scene);
    struct error error;
    uint32_t random = 7;
    int row0, column0;

    scene->psf = make_psf(false);
    assert_int_equal(spots_alloc(&scene->spots, &scene->psf, NSPEC, NWAVE, &error), STATUS_OK);
    spots_evaluate(&scene->spots, 0, NSPEC, 6000, 0.8, NWAVE);
    row0 = scene->spots.row[0] + 4;       /* the first rows lie below the CCD */
    column0 = scene->spots.column[0] + 3; /* and some columns left of it */
    for (size_t i = 0; i < NSPEC * NWAVE; i++) {
        scene->spots.row[i] -= row0;
        scene->spots.column[i] -= column0;
    }
    for (int i = 0; i < NX * NY; i++) {
        scene->image[i] = (float)(100 * uniform(&random));
        scene->ivar[i] = uniform(&random) < 0.1 ? 0 : (float)(0.01 + 0.1 * uniform(&random));
    }
    scene->pixels = (struct pixels){NX, NY, scene->image, scene->ivar};
    scene->patch = (struct patch){.nspec = NSPEC,
                                  .nwave = NWAVE,
                                  .core_spec = 1,
                                  .core_nspec = 2,
                                  .core_wave = 5,
                                  .core_nwave = 10,
                                  .wave_halfwidth = 9,
                                  .row_max = NY - 3,
                                  .column_max = NX};
    assert_int_equal(overlaps_alloc(&scene->overlaps, &scene->spots, &sizes, &error), STATUS_OK);
    overlaps_sum(&scene->overlaps, &scene->spots, &scene->pixels);
    scene->bundle = (struct bundle_view){&scene->spots, &scene->overlaps, &scene->pixels};
    scene->scratch = calloc(normal_equations_scratch_size(&scene->overlaps, &scene->spots), sizeof(double));
    return scene;
}

static void free_scene(struct scene *scene)
{
    overlaps_free(&scene->overlaps);
    free(scene->scratch);
    spots_free(&scene->spots);
    psf_free(&scene->psf);
    free(scene);
}

/* A(pixel, spot): what the whole method is defined by, and what the program never builds. */
static double projection(const struct scene *scene, int column, int row, size_t spec, size_t wave)
{
    const struct spots *spots = &scene->spots;
    size_t spot = spec * NWAVE + wave;
    int c = column - spots->column[spot], r = row - spots->row[spot];

    if (c < 0 || c >= (int)spots->nx || r < 0 || r >= (int)spots->ny) return 0;
    return spots->value[(spot * spots->ny + (size_t)r) * spots->nx + (size_t)c];
}

static double block_of(const struct normal_equations *normal, size_t wave1, size_t spec1, size_t wave2,
                       size_t spec2)
{
    size_t n = normal->nspec;

    if (wave2 < wave1) return block_of(normal, wave2, spec2, wave1, spec1);
    if (wave2 - wave1 > normal->wave_halfwidth) return 0;
    return normal->block[((wave1 * (normal->wave_halfwidth + 1) + wave2 - wave1) * n + spec2) * n + spec1];
}

static void normal_equations_are_those_of_the_projection(void **state)
{
    struct scene *scene = make_scene();
    struct normal_equations normal;
    void *memory = memory_zeroed(normal_equations_bytes(NSPEC, NWAVE, 9), 1);

    (void)state;
    normal_equations_place(&normal, NSPEC, NWAVE, 9, memory);
    normal_equations_sum(&normal, &scene->patch, &scene->bundle, scene->scratch);
    for (size_t i = 0; i < NSPEC * NWAVE; i++) {
        size_t w1 = i / NSPEC, s1 = i % NSPEC;
        double y = 0, weight = 0, usable = 0;

        for (size_t j = 0; j < NSPEC * NWAVE; j++) {
            double m = 0;

            for (int row = 0; row < NY - 3; row++) {
                for (int column = 0; column < NX; column++) {
                    double a = projection(scene, column, row, s1, w1), w = scene->ivar[row * NX + column];

                    m += a * w * projection(scene, column, row, j % NSPEC, j / NSPEC);
                    if (j > 0) continue;
                    y += a * w * scene->image[row * NX + column];
                    weight += a * w;
                    usable += w > 0 ? a : 0;
                }
            }
            assert_near(block_of(&normal, w1, s1, j / NSPEC, j % NSPEC), m, 1e-14);
        }
        assert_near(normal.y[i], y, 1e-11);
        assert_near(normal.weight[i], weight, 1e-14);
        assert_near(normal.pixmask_fraction[i], 1 - usable, 1e-14);
    }
    free(memory);
    free_scene(scene);
}

static void prior_follows_the_light(void **state)
{
    static const double units[] = {1, 0.1, 1e-24, 1e18};

    (void)state;
    for (int k = 0; k < 4; k++) {
        const double u = units[k], weight[4] = {u, 0.5 * u, 5e-5 * u, 0};
        struct prior_rule rule = {.unit = u};
        double prior[4];

        assert_true(solver_prior(team_of_one(), 4, weight, rule, NULL, prior) == u);
        assert_near(prior[0] / u, 1e-15, 1e-30);
        assert_near(prior[1] / u, 1e-15, 1e-30);
        assert_near(prior[2] / u, 2.5e-9 + 1e-15, 1e-22);
        assert_near(prior[3] / u, 1e-8 + 1e-15, 1e-22);
        rule.regularize = 0.1 * sqrt(u);
        solver_prior(team_of_one(), 4, weight, rule, NULL, prior);
        assert_near(prior[0] / u, 1e-2 + 1e-15, 1e-16);
        assert_near(prior[3] / u, 1e-8 + 1e-15, 1e-22);
    }
}

/* The result for the scene's patch: a core of 2 spectra and 10 wavelengths, 11 diagonals. */
struct scene_result {
    double deconvolved[NSPEC * NWAVE], flux[20], ivar[20];
    float resolution[2 * 11 * 10];
};

static struct patch_result result_in(struct scene_result *memory)
{
    return (struct patch_result){.deconvolved = memory->deconvolved,
                                 .flux = memory->flux,
                                 .ivar = memory->ivar,
                                 .resolution = memory->resolution};
}

static enum solved solve_scene(const char *backend, const struct normal_equations *normal,
                               const struct patch *patch, struct scene_result *memory)
{
    const struct linalg *linalg = linalg_find(backend);
    double prior[NSPEC * NWAVE];
    const struct patch_system system = {linalg, patch, normal, prior, 11};
    struct patch_result result = result_in(memory);
    struct workspace work = {.bytes = dense_bytes(linalg, patch, 11)};
    enum solved solved;

    work.memory = memory_zeroed(work.bytes, 1);
    solver_prior(team_of_one(), NSPEC * NWAVE, normal->weight, (struct prior_rule){.unit = 1}, NULL, prior);
    solved = dense_solve(&system, work, &result);
    free(work.memory);
    return solved;
}

static void dense_solution_solves_and_decorrelates(void **state)
{
    struct scene *scene = make_scene();
    struct scene_result results[2] = {0}, *solution = &results[0];
    double prior[NSPEC * NWAVE];
    struct normal_equations normal;
    void *blocks = memory_zeroed(normal_equations_bytes(NSPEC, NWAVE, 9), 1);

    (void)state;
    normal_equations_place(&normal, NSPEC, NWAVE, 9, blocks);
    normal_equations_sum(&normal, &scene->patch, &scene->bundle, scene->scratch);
    assert_int_equal(solve_scene("ref", &normal, &scene->patch, &results[0]), SOLVED);
    assert_int_equal(solve_scene("lapack", &normal, &scene->patch, &results[1]), SOLVED);
    for (int i = 0; i < NSPEC * NWAVE; i++)
        assert_near(results[0].deconvolved[i], results[1].deconvolved[i],
                    1e-9 * (1 + fabs(solution->deconvolved[i])));
    for (int i = 0; i < 20; i++) {
        assert_near(results[0].flux[i], results[1].flux[i], 1e-9 * (1 + fabs(solution->flux[i])));
        assert_near(results[0].ivar[i], results[1].ivar[i], 1e-9 * (1 + solution->ivar[i]));
    }
    for (int i = 0; i < 2 * 11 * 10; i++)
        assert_near(results[0].resolution[i], results[1].resolution[i], 2e-7);
    solver_prior(team_of_one(), NSPEC * NWAVE, normal.weight, (struct prior_rule){.unit = 1}, NULL, prior);
    for (size_t i = 0; i < NSPEC * NWAVE; i++) { /* (M + prior) x = y */
        double sum = prior[i] * solution->deconvolved[i % NSPEC * NWAVE + i / NSPEC];

        for (size_t j = 0; j < NSPEC * NWAVE; j++) {
            sum += block_of(&normal, i / NSPEC, i % NSPEC, j / NSPEC, j % NSPEC) *
                   solution->deconvolved[j % NSPEC * NWAVE + j / NSPEC];
        }
        assert_near(sum, normal.y[i], 1e-9);
    }
    for (int i = 0; i < 20; i++) assert_true(solution->ivar[i] > 0);
    for (size_t s = 0; s < 2; s++) {
        const double *x = solution->deconvolved + (1 + s) * NWAVE;

        for (int row = 5; row < 15; row++) {
            double sum = 0, flux = 0;

            for (int k = 0; k < 11; k++) { /* R[row, column] = [k, column], column = row + 5 - k */
                int column = row + 5 - k;

                if (column < 5 || column >= 15) continue;
                sum += solution->resolution[(s * 11 + (size_t)k) * 10 + (size_t)(column - 5)];
                flux += solution->resolution[(s * 11 + (size_t)k) * 10 + (size_t)(column - 5)] * x[column];
            }
            if (row != 9 && row != 10) continue; /* their diagonals all lie within the core's columns */
            assert_near(sum, 1, 0.03);           /* what is cut off beyond 5 diagonals is small */
            assert_near(flux, solution->flux[s * 10 + (size_t)(row - 5)],
                        0.05 * (1 + fabs(solution->flux[s * 10 + (size_t)(row - 5)])));
        }
    }
    free(blocks);
    free_scene(scene);
}

static void singular_patch_is_refused(void **state)
{
    struct scene *scene = make_scene();
    struct scene_result memory = {0};
    struct normal_equations normal;
    void *blocks = memory_zeroed(normal_equations_bytes(NSPEC, NWAVE, 9), 1);

    (void)state;
    normal_equations_place(&normal, NSPEC, NWAVE, 9, blocks);
    normal_equations_sum(&normal, &scene->patch, &scene->bundle, scene->scratch);
    normal.block[0] = -1;
    assert_int_equal(solve_scene("ref", &normal, &scene->patch, &memory), SINGULAR);
    assert_int_equal(solve_scene("lapack", &normal, &scene->patch, &memory), SINGULAR);
    normal.block[0] = NAN;
    assert_int_equal(solve_scene("ref", &normal, &scene->patch, &memory), SINGULAR);
    assert_int_equal(solve_scene("lapack", &normal, &scene->patch, &memory), SINGULAR);
    free(blocks);
    free_scene(scene);
}

static void chi2pix_is_the_weighted_mean(void **state)
{
    struct scene *scene = make_scene();
    double deconvolved[NSPEC * NWAVE], chi2pix[20], *scratch = memory_zeroed(quality_bytes(NX * NY), 1);
    uint32_t random = 5;

    (void)state;
    for (int i = 0; i < NSPEC * NWAVE; i++) deconvolved[i] = 300 * uniform(&random);
    quality_chi2pix(&(struct quality){.patch = &scene->patch,
                                      .spots = &scene->spots,
                                      .pixels = &scene->pixels,
                                      .psferr = 0.05,
                                      .deconvolved = deconvolved,
                                      .scratch = scratch,
                                      .chi2pix = chi2pix});
    for (size_t bin = 0; bin < 20; bin++) {
        double sum = 0, weight = 0;

        for (int row = 0; row < NY - 3; row++) {
            for (int column = 0; column < NX; column++) {
                double a = projection(scene, column, row, 1 + bin / 10, 5 + bin % 10), model = 0;
                double w = scene->ivar[row * NX + column];

                if (a == 0 || w == 0) continue;
                for (size_t i = 0; i < NSPEC * NWAVE; i++) {
                    model += projection(scene, column, row, i / NWAVE, i % NWAVE) * deconvolved[i];
                }
                sum += a * pow(scene->image[row * NX + column] - model, 2) / (1 / w + pow(0.05 * model, 2));
                weight += a;
            }
        }
        assert_near(chi2pix[bin], sum / weight, 1e-9 * sum / weight);
    }
    free(scratch);
    free_scene(scene);
}

static void model_is_the_projected_flux_on_any_number_of_threads(void **state)
{
    struct scene *scene = make_scene();
    double flux[2 * 30], model[2][NX * NY] = {{0}};
    const struct light light = {{1, 2}, {4, 12}, flux, 30, 0.8};
    uint32_t random = 9;
    int threads = omp_get_max_threads();

    (void)state;
    for (int i = 0; i < 60; i++) flux[i] = 100 * uniform(&random) - 10;
    for (int run = 0; run < 2; run++) {
        omp_set_num_threads(1 + 2 * run);
        model_add(&scene->spots, &light, (struct span){0, NX}, NY, model[run]);
    }
    omp_set_num_threads(threads);
    assert_memory_equal(model[0], model[1], sizeof model[0]);
    for (int row = 0; row < NY; row++) {
        for (int column = 0; column < NX; column++) {
            double sum = 0;

            for (size_t i = 0; i < 24; i++) {
                sum +=
                    0.8 * flux[i / 12 * 30 + i % 12] * projection(scene, column, row, 1 + i / 12, 4 + i % 12);
            }
            assert_near(model[0][row * NX + column], sum, 1e-11);
        }
    }
    free_scene(scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spot_is_the_integral_of_its_definition),
        cmocka_unit_test(tail_adds_its_power_law),
        cmocka_unit_test(impossible_width_gives_an_empty_spot),
        cmocka_unit_test(corner_of_any_position_is_an_integer),
        cmocka_unit_test(normal_equations_are_those_of_the_projection),
        cmocka_unit_test(prior_follows_the_light),
        cmocka_unit_test(dense_solution_solves_and_decorrelates),
        cmocka_unit_test(singular_patch_is_refused),
        cmocka_unit_test(chi2pix_is_the_weighted_mean),
        cmocka_unit_test(model_is_the_projected_flux_on_any_number_of_threads),
    };

    return cmocka_run_group_tests_name("omp", tests, NULL, NULL);
}
