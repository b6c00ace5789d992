/* A frame on a device against the same on the host: all kernels, both solvers, batches that do not fit,
 * patches that fail there. Builds without offloading run the target regions on the host; builds with
 * UNSPOT_TEST_TEAMS in teams of real threads, as on a GPU, so that a missing wait shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <omp.h>

#include "base/minmax.h"
#include "base/team.h"
#include "exposure.h"
#include "near.h"
#include "omp/offload.h"
#include "simulate/synthetic_psf.h"

/* Device and host: the order of sums differs in teams; results hang on the inverse, whose condition
 * multiplies rounding by 1e4 at most. */
static double tolerance = 1e-9;
/* A GPU has an erf, an exp and a way to round multiply-adds of its own besides. In an ordinary frame nothing
 * is seen of it. Beside bins almost without light, where the square root multiplies rounding most, it was
 * 5.7e-7 in flux and 1.7e-7 in ivar on an H100; on a CPU 3e-8 and 1e-7, without fused multiply-adds. */
static const double tolerance_of_gpu = 2e-6;

#ifdef UNSPOT_TEST_TEAMS
enum { QUICK = 1 }; /* 64 threads on a few processors */
#else
enum { QUICK = 0 };
#endif

static struct device device;

/* Device 0 of a build that offloads, else the host as a device. */
static int choose_device(void **state)
{
    struct error error;
    struct member member = {0, 0};

    (void)state;
    if (omp_get_num_devices() > 0) {
        if (device_choose("0", 0, &device, &error) == STATUS_OK) {
            if (device.kind == DEVICE_GPU) tolerance = tolerance_of_gpu;
            return 0;
        }
        print_error("%s\n", error.text);
        return -1;
    }
    if (device_choose("host", 0, &device, &error) != STATUS_OK) return -1;
    device.kind = DEVICE_OFFLOAD;
    device.teams = QUICK ? 1 : 2;
#pragma omp target map(from : member)
    member = team_member();
    device.team_size = member.count;
    return 0;
}

static int forget_device(void **state)
{
    (void)state;
    offload_forget();
    return 0;
}

static struct extract_options options_for(const struct exposure *exposure)
{
    struct extract_options options = exposure_options(exposure);

    if (QUICK) { /* one patch or two */
        options.plan.wave_max = options.plan.wave_min + 0.8 * 11;
        options.plan.nwavestep = 6;
        options.plan.wavepad = 3;
        options.plan.spectra.count = 5;
        options.plan.spectra.first = 5;
    }
    return options;
}

static struct extract_options on_device(const struct extract_options *host)
{
    struct extract_options options = *host;

    options.device = device;
    options.device_linalg = linalg_find("cuda") ? linalg_find("cuda") : linalg_find("offload");
    assert_non_null(options.device_linalg);
    return options;
}

static void assert_frames_agree(const struct frame *a, const struct frame *b)
{
    size_t nbin = b->nspec * b->nwave;

    for (size_t i = 0; i < nbin; i++) {
        double sigma = b->ivar[i] > 0 ? 1 / sqrt(b->ivar[i]) : 0;

        assert_near(a->flux[i], b->flux[i], tolerance * (fabs(b->flux[i]) + sigma));
        assert_near(a->ivar[i], b->ivar[i], tolerance * b->ivar[i]);
        assert_near(a->chi2pix[i], b->chi2pix[i], tolerance * (1 + b->chi2pix[i]));
        assert_near(a->pixmask_fraction[i], b->pixmask_fraction[i], tolerance);
        assert_int_equal(a->mask[i], b->mask[i]);
    }
    for (size_t i = 0; i < nbin * b->ndiag; i++) { /* float32 */
        assert_near((double)a->resolution[i], (double)b->resolution[i], 1e-7);
    }
    assert_int_equal(!a->model, !b->model);
    for (size_t i = 0; b->model && i < b->model_nx * b->model_ny; i++) {
        assert_near(a->model[i], b->model[i], tolerance * (1 + fabs(b->model[i])));
    }
}

/* Extracts on both and compares; returns the device's counts. */
static struct timing assert_device_agrees(const struct exposure *exposure, const struct extract_options *host)
{
    struct extract_options there = on_device(host);
    struct timing timing[2];
    struct frame a = exposure_extract(exposure, &there, &timing[0]);
    struct frame b = exposure_extract(exposure, host, &timing[1]);

    assert_int_equal(b.model != NULL, host->model);
    assert_frames_agree(&a, &b);
    assert_int_equal(timing[0].ndense, timing[1].ndense);
    assert_int_equal(timing[0].nregularised, timing[1].nregularised);
    assert_int_equal(timing[0].nunsolved, timing[1].nunsolved);
    frame_free(&a);
    frame_free(&b);
    return timing[0];
}

static void masked_pixels(void **state)
{
    struct exposure exposure;
    struct extract_options options;

    (void)state;
    exposure_simulate(&exposure, 'r', 6500);
    exposure_mask(&exposure, 2, 6506, 1, 0);  /* a column through a fiber's trace */
    exposure_mask(&exposure, 8, 6506, 17, 0); /* a fiber without a usable pixel */
    exposure_mask(&exposure, 5, 6510, 30, 5); /* dead blocks */
    exposure_mask(&exposure, 15, 6540, 30, 35);
    options = options_for(&exposure);
    options.model = true;
    assert_int_equal(assert_device_agrees(&exposure, &options).nrepeated, 0);
    exposure_drop(&exposure);
}

/* Wavelengths that are off the CCD: patches without light, spots cut by the edge. */
static void edge_of_the_ccd(void **state)
{
    struct exposure exposure;
    struct extract_options options;

    (void)state;
    exposure_simulate(&exposure, 'z', 9700);
    options = options_for(&exposure);
    if (QUICK) options.plan.wave_min = 9780, options.plan.wave_max = 9780 + 0.8 * 11;
    assert_device_agrees(&exposure, &options);
    exposure_drop(&exposure);
}

static void dense_solver(void **state)
{
    struct exposure exposure;
    struct extract_options options;

    (void)state;
    exposure_simulate(&exposure, 'b', 5000);
    options = options_for(&exposure);
    options.solver = SOLVER_DENSE;
    options.regularize = 1e-3;
    options.plan.spectra.count = 5;
    assert_device_agrees(&exposure, &options);
    exposure_drop(&exposure);
}

/* Spots so wide that S_s is cut where it matters: a wider band, then the dense solver. */
static void imprecise_patches(void **state)
{
    struct exposure exposure;
    struct extract_options options;

    (void)state;
    exposure_simulate(&exposure, 'r', 6500);
    for (size_t s = 5; s < 10; s++) exposure.psf.sigmay.coef[s * exposure.psf.sigmay.ncoef] *= 1.7;
    for (size_t s = 5; s < 10; s++) exposure.psf.sigmax.coef[s * exposure.psf.sigmax.ncoef] *= 2.5;
    options = options_for(&exposure);
    if (QUICK) options.plan.wavepad = 10; /* so that there is something to cut */
    assert_true(assert_device_agrees(&exposure, &options).ndense > 0 || QUICK);
    exposure_drop(&exposure);
}

/* Part of a subbundle is asked for, and only a spectrum of its core that is not cannot be solved precisely:
 * the others go to the dense solver with it, as they do when all are asked for. */
static void imprecise_neighbour(void **state)
{
    struct exposure exposure;
    struct extract_options options;

    (void)state;
    exposure_simulate(&exposure, 'r', 6500);
    exposure.psf.sigmay.coef[9 * exposure.psf.sigmay.ncoef] *= 1.7;
    exposure.psf.sigmax.coef[9 * exposure.psf.sigmax.ncoef] *= 2.5;
    options = options_for(&exposure);
    options.plan.wave_max = options.plan.wave_min + 0.8 * 24;
    options.plan.nwavestep = QUICK ? 6 : 25;
    options.plan.spectra.first = 5;
    options.plan.spectra.count = 2;
    assert_true(assert_device_agrees(&exposure, &options).ndense > 0 || QUICK);
    exposure_drop(&exposure);
}

/* More diagonals of R than the banded solver can do. */
static void tall_spots(void **state)
{
    struct exposure exposure;
    struct extract_options options;

    (void)state;
    exposure_simulate(&exposure, 'r', 6500);
    exposure.psf.hsizey = 33;
    options = options_for(&exposure);
    options.plan.wave_max = options.plan.wave_min + 0.8 * 11;
    options.plan.nwavestep = 12;
    options.plan.wavepad = QUICK ? 3 : 12;
    options.plan.spectra.count = 5;
    assert_int_equal(assert_device_agrees(&exposure, &options).ndense, 1);
    exposure_drop(&exposure);
}

/* Spots of the largest size, with tails. */
static void largest_spots(void **state)
{
    struct exposure exposure;
    struct extract_options options;
    struct error error;

    (void)state;
    if (QUICK) skip();
    exposure_simulate(&exposure, 'r', 6500);
    psf_free(&exposure.psf);
    assert_int_equal(synthetic_psf('r', EXPOSURE_NSPEC, true, &exposure.psf, &error), STATUS_OK);
    exposure.psf.hsizex = exposure.psf.hsizey = 64;
    options = options_for(&exposure);
    options.model = true;
    options.plan.wave_max = options.plan.wave_min + 0.8 * 3;
    options.plan.nwavestep = 4;
    options.plan.wavepad = 2;
    options.plan.bundlesize = 3;
    options.plan.spectra.count = 3;
    assert_int_equal(assert_device_agrees(&exposure, &options).nrepeated, 0);
    exposure_drop(&exposure);
}

/* Frames of one wavelength or one spectrum, bundles of different sizes, more subbundles than spectra, a
 * bundle off the CCD. */
static void odd_frames(void **state)
{
    static const struct {
        size_t nwave, nwavestep, wavepad, specmin, nspec, bundlesize, nsubbundles;
    } cases[] = {
        {1, 1, 0, 7, 3, 25, 5},   {1, 50, 10, 0, 25, 25, 5}, {7, 3, 2, 3, 1, 1, 1},
        {5, 5, 4, 0, 25, 10, 40}, {9, 4, 6, 6, 13, 7, 2},
    };
    struct exposure exposure;

    (void)state;
    exposure_simulate(&exposure, 'r', 6500);
    for (size_t s = 20; s < 25; s++) exposure.psf.x.coef[s * exposure.psf.x.ncoef] += 5000;
    for (size_t k = 0; k < (QUICK ? 1 : sizeof cases / sizeof cases[0]); k++) {
        struct extract_options options = exposure_options(&exposure);

        options.model = true;
        options.plan.wave_max = options.plan.wave_min + 0.8 * (double)(cases[k].nwave - 1);
        options.plan.nwavestep = cases[k].nwavestep;
        options.plan.wavepad = cases[k].wavepad;
        options.plan.spectra.first = cases[k].specmin;
        options.plan.spectra.count = cases[k].nspec;
        options.plan.bundlesize = cases[k].bundlesize;
        options.plan.nsubbundles = cases[k].nsubbundles;
        assert_device_agrees(&exposure, &options);
    }
    exposure_drop(&exposure);
}

static void copy_fiber(struct legendre *series)
{
    memcpy(series->coef + 7 * series->ncoef, series->coef + 6 * series->ncoef,
           series->ncoef * sizeof(double));
}

/* Two fibers with the same spots cannot be told apart. */
static void singular_patches(void **state)
{
    struct exposure exposure;
    struct extract_options options;
    struct timing timing;

    (void)state;
    exposure_simulate(&exposure, 'r', 6500);
    copy_fiber(&exposure.psf.x);
    copy_fiber(&exposure.psf.y);
    copy_fiber(&exposure.psf.sigmax);
    copy_fiber(&exposure.psf.sigmay);
    for (size_t k = 0; k < (exposure.psf.degx + 1) * (exposure.psf.degy + 1); k++) {
        copy_fiber(&exposure.psf.gh[k]);
    }
    options = options_for(&exposure);
    timing = assert_device_agrees(&exposure, &options);
    assert_true(timing.nrepeated > 0);
    assert_int_equal(timing.nrepeated, timing.nregularised);
    exposure_drop(&exposure);
}

/* What an image and its weights take of a device's memory, of which nine tenths are used. */
static size_t pixel_bytes(const struct exposure *exposure)
{
    return exposure->image.nx * exposure->image.ny * 2 * sizeof(float) * 10 / 9;
}

/* Little memory: batches of one bundle, chunks of few patches; the same bits. */
static void little_memory(void **state)
{
    struct exposure exposure;
    struct extract_options options, small, large;
    struct timing timing[2];
    struct frame a, b;

    (void)state;
    exposure_simulate(&exposure, 'r', 6500);
    options = options_for(&exposure);
    options.plan.bundlesize = 5; /* several bundles */
    large = small = on_device(&options);
    large.device.teams = small.device.teams = min_size(device.teams, 4); /* each has a scratch */
    large.device.memory_limit = (size_t)4 << 30;
    small.device.memory_limit = pixel_bytes(&exposure) + ((size_t)28 << 20);
    a = exposure_extract(&exposure, &small, &timing[0]);
    b = exposure_extract(&exposure, &large, &timing[1]);
    if (!QUICK && device.kind != DEVICE_GPU) /* how much fits on a GPU depends on its teams' scratch */
        assert_true(timing[0].stage[STAGE_COPY].count > timing[1].stage[STAGE_COPY].count);
    assert_memory_equal(a.flux, b.flux, a.nspec * a.nwave * sizeof(double));
    assert_memory_equal(a.ivar, b.ivar, a.nspec * a.nwave * sizeof(double));
    assert_memory_equal(a.resolution, b.resolution, a.nspec * a.nwave * a.ndiag * sizeof(float));
    frame_free(&a);
    frame_free(&b);
    exposure_drop(&exposure);
}

/* One bundle, the arena for some of its patches: several chunks of a shape. */
static void little_arena(void **state)
{
    struct exposure exposure;
    struct extract_options options, small, large;
    struct timing timing[2];
    struct frame a, b;

    (void)state;
    if (QUICK) skip();
    exposure_simulate(&exposure, 'r', 6500);
    options = options_for(&exposure);
    large = small = on_device(&options);
    large.device.teams = small.device.teams = 1; /* each has a scratch */
    large.device.memory_limit = (size_t)4 << 30;
    small.device.memory_limit = pixel_bytes(&exposure) + ((size_t)18 << 20);
    a = exposure_extract(&exposure, &small, &timing[0]);
    b = exposure_extract(&exposure, &large, &timing[1]);
    assert_true(timing[0].stage[STAGE_SPOTS].count == timing[1].stage[STAGE_SPOTS].count);
    assert_true(timing[0].stage[STAGE_COPY].count > timing[1].stage[STAGE_COPY].count);
    assert_memory_equal(a.flux, b.flux, a.nspec * a.nwave * sizeof(double));
    assert_memory_equal(a.ivar, b.ivar, a.nspec * a.nwave * sizeof(double));
    frame_free(&a);
    frame_free(&b);
    exposure_drop(&exposure);
}

/* Whether this much memory is enough. */
static bool fits(const struct exposure *exposure, struct extract_options *options, size_t bytes)
{
    struct timing timing;
    struct error error = {.status = STATUS_OK};
    struct frame frame;
    enum status status;

    options->device.memory_limit = bytes;
    status = try_to_extract(&exposure->image, &exposure->psf, options, &frame, &timing, &error);
    frame_free(&frame);
    assert_true(status == STATUS_OK || strstr(error.text, "not enough memory for a frame"));
    return status == STATUS_OK;
}

static void too_little_memory(void **state)
{
    struct extract_options options;
    struct exposure exposure;

    (void)state;
    exposure_simulate(&exposure, 'r', 6500);
    options = options_for(&exposure);
    options = on_device(&options);
    assert_false(fits(&exposure, &options, 1 << 20));
    assert_false(fits(&exposure, &options, pixel_bytes(&exposure) + (1 << 20)));
    exposure_drop(&exposure);
}

/* Systems that are too large for the dense solver are none for the banded one. */
static void large_patch(void **state)
{
    struct exposure exposure;
    struct extract_options options;

    (void)state;
    if (QUICK) skip();
    exposure_simulate(&exposure, 'r', 6500);
    options = options_for(&exposure);
    options.plan.wave_min = 6200;
    options.plan.wave_max = 6200 + 0.8 * 1299;
    options.plan.nwavestep = 1300;
    options.plan.nsubbundles = 1;
    assert_int_equal(assert_device_agrees(&exposure, &options).nrepeated, 0);
    exposure_drop(&exposure);
}

/* Small bundles and large patches: what is enough for one bundle is enough for two, one after the other. */
static void enough_memory(void **state)
{
    struct exposure exposure;
    struct extract_options one, two;
    size_t bytes;

    (void)state;
    if (QUICK) skip();
    exposure_simulate(&exposure, 'r', 6500);
    two = options_for(&exposure);
    two.plan.nwavestep = EXPOSURE_NWAVE;
    two.plan.wavepad = 24;
    two.plan.bundlesize = 12;
    two.plan.nsubbundles = 1;
    two.plan.spectra.count = 24;
    two = on_device(&two);
    one = two;
    one.plan.spectra.count = 12;
    bytes = pixel_bytes(&exposure) + ((size_t)40 << 20);
    while (!fits(&exposure, &one, bytes)) bytes += 1 << 20;
    assert_true(fits(&exposure, &two, bytes));
    exposure_drop(&exposure);
}

/* Resident pages of this process. */
static long resident(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    long size, pages = -1;

    assert_non_null(file);
    assert_int_equal(fscanf(file, "%ld %ld", &size, &pages), 2);
    fclose(file);
    return pages;
}

/* A hundred frames in a row: memory stays where it was after the first ten, here and on the device. */
static void no_leaks(void **state)
{
    enum { FRAMES = QUICK ? 3 : 100, FIRST = QUICK ? 1 : 10, ALLOWED = 16 << 20 };
    struct exposure exposure;
    struct extract_options options;
    size_t there = 0;
    long here = 0;

    (void)state;
    exposure_simulate(&exposure, 'r', 6500);
    options = options_for(&exposure);
    options.plan.wave_max = options.plan.wave_min + 0.8 * 9;
    options.plan.spectra.count = 5;
    options.plan.nwavestep = 10;
    options = on_device(&options);
    for (int i = 0; i < FRAMES; i++) {
        struct timing timing;
        struct frame frame = exposure_extract(&exposure, &options, &timing);

        frame_free(&frame);
        if (i + 1 != FIRST) continue;
        here = resident();
        there = device_memory_free(&device, 0);
    }
    assert_true((resident() - here) * sysconf(_SC_PAGESIZE) < ALLOWED);
    if (device.kind == DEVICE_GPU) assert_int_equal(device_memory_free(&device, 0), there);
    exposure_drop(&exposure);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masked_pixels),
        cmocka_unit_test(edge_of_the_ccd),
        cmocka_unit_test(dense_solver),
        cmocka_unit_test(imprecise_patches),
        cmocka_unit_test(imprecise_neighbour),
        cmocka_unit_test(tall_spots),
        cmocka_unit_test(largest_spots),
        cmocka_unit_test(odd_frames),
        cmocka_unit_test(singular_patches),
        cmocka_unit_test(little_memory),
        cmocka_unit_test(little_arena),
        cmocka_unit_test(too_little_memory),
        cmocka_unit_test(enough_memory),
        cmocka_unit_test(large_patch),
        cmocka_unit_test(no_leaks),
    };

    return cmocka_run_group_tests_name("offload", tests, choose_device, forget_device);
}
