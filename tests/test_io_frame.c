/* Frames, truth and models: what is read and written, and what is said when that fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "io/frame_file.h"
#include "io/image_file.h"
#include "io/truth_file.h"
#include "io_files.h"

static bool same_as_float(const double *a, const double *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (a[i] != (double)(float)b[i]) return false;
    }
    return true;
}

static void frame_round_trip(void **state)
{
    static const char *const names[] = {"frame.fits", "frame.fits.gz", "frame[0].fits"};
    const size_t n = NSPEC * NWAVE;

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct frame wrote, got;
        struct error error;

        make_frame(&wrote);
        expect_ok(write_frame(names[i], &wrote, i == 2, &error), &error);
        expect_ok(frame_file_read(names[i], &got, &error), &error);
        assert_true(got.nspec == NSPEC && got.nwave == NWAVE && got.ndiag == NDIAG);
        assert_int_equal(got.specmin, 25);
        assert_true(got.wave_min == 5760 && fabs(got.wave_step - 0.8) < 1e-12);
        assert_true(same_as_float(got.flux, wrote.flux, n) && same_as_float(got.ivar, wrote.ivar, n));
        assert_true(same_as_float(got.chi2pix, wrote.chi2pix, n));
        assert_memory_equal(got.mask, wrote.mask, n * sizeof(uint32_t));
        assert_memory_equal(got.wave, wrote.wave, NWAVE * sizeof(double));
        assert_memory_equal(got.resolution, wrote.resolution, n * NDIAG * sizeof(float));
        assert_null(got.pixmask_fraction);
        frame_free(&got);
        frame_free(&wrote);
    }
}

static void files_are_laid_out(void **state)
{
    static const char layout[] = "FLUX -32 2;IVAR -32 2;MASK 32 2;WAVELENGTH -64 1;RESOLUTION -32 3;"
                                 "FIBERMAP 8 2;CHI2PIX -32 2;SCORES 8 2;";
    char list[1024], value[FLEN_VALUE], comment[FLEN_COMMENT], *text;
    struct frame frame;
    struct error error;
    fitsfile *file;
    int fits = 0;

    (void)state;
    make_frame(&frame);
    expect_ok(write_frame("frame.fits", &frame, false, &error), &error);
    assert_int_equal(list_hdus("frame.fits", list), 0);
    assert_string_equal(list, layout);
    fits_open_diskfile(&file, "frame.fits", READONLY, &fits);
    fits_read_key_str(file, "BUNIT", value, NULL, &fits);
    assert_string_equal(value, "electron/Angstrom");
    fits_read_key_str(file, "CAMERA", value, NULL, &fits);
    assert_string_equal(value, "r0");
    fits_read_keyword(file, "WAVESTEP", value, NULL, &fits);
    assert_string_equal(value, "0.30000000000000004");
    fits_read_key_longstr(file, "LONG", &text, NULL, &fits);
    assert_string_equal(text,
                        "a string that is much too long for one card of eighty characters and goes on here");
    fits_free_memory(text, &fits);
    fits_read_key_longstr(file, "IN_IMG", &text, NULL, &fits);
    assert_int_equal(strlen(text), 300);
    assert_true(text[3] == '\'' && text[4] == 'y' && text[297] == '\'');
    fits_free_memory(text, &fits);
    fits_movabs_hdu(file, 3, NULL, &fits);
    fits_read_keyword(file, "BZERO", value, NULL, &fits);
    assert_string_equal(value, "2147483648");
    fits_movabs_hdu(file, 8, NULL, &fits);
    fits_read_keyword(file, "TTYPE2", value, comment, &fits);
    assert_string_equal(value, "'MEDIAN_RAW_COUNT_R'");
    assert_string_equal(comment, "median counts/A in wave. range 5800,7600A");
    fits_close_file(file, &fits);
    assert_int_equal(fits, 0);
    expect_ok(model_write("model.fits", &frame, NULL, NULL, &error), &error);
    assert_int_equal(list_hdus("model.fits", list), 0);
    assert_string_equal(list, "MODEL -64 2;");
    write_preproc("p.fits.gz");
    assert_int_equal(list_hdus("p.fits.gz", list), 0);
    assert_string_equal(list, "IMAGE -32 2;IVAR -32 2;MASK 32 2;READNOISE -32 2;FIBERMAP 8 2;");
    write_preproc("p.fits");
    assert_int_equal(list_hdus("p.fits", list), 0);
    frame_free(&frame);
}

static void nothing_infinite_is_written(void **state)
{
    struct frame frame;
    struct error error;
    double *planes[4];
    static const char *const names[] = {"HDU FLUX", "HDU IVAR", "HDU CHI2PIX", "HDU WAVELENGTH"};
    static const double values[] = {NAN, INFINITY, 1e39, -INFINITY};

    (void)state;
    make_frame(&frame);
    planes[0] = frame.flux, planes[1] = frame.ivar, planes[2] = frame.chi2pix, planes[3] = frame.wave;
    for (int i = 0; i < 4; i++) {
        double good = planes[i][13];

        planes[i][13] = values[i];
        expect_error(write_frame("nan.fits", &frame, false, &error), STATUS_NUMERIC, &error, "nan.fits",
                     names[i]);
        planes[i][13] = good;
    }
    frame.resolution[5] = NAN;
    expect_error(write_frame("nan.fits", &frame, false, &error), STATUS_NUMERIC, &error, "nan.fits",
                 "HDU RESOLUTION");
    frame.model[5] = NAN;
    expect_error(model_write("nan.fits", &frame, NULL, NULL, &error), STATUS_NUMERIC, &error, "nan.fits",
                 "HDU MODEL");
    assert_false(exists("nan.fits"));
    assert_int_equal(count_temporaries(), 0);
    frame_free(&frame);
}

/* A small frame whose HDU of this name is another one, or absent for bitpix 0 */
struct variant {
    const char *name;
    int bitpix, naxis;
    long axes[3];
    const char *cause; /* NULL: it can be read */
};

static void make_variant(const char *path, const struct variant *variant)
{
    static const struct variant base[] = {{"FLUX", DOUBLE_IMG, 2, {4, 2}, NULL},
                                          {"IVAR", FLOAT_IMG, 2, {4, 2}, NULL},
                                          {"WAVELENGTH", DOUBLE_IMG, 1, {4}, NULL}};
    const double seven[] = {7, 8};
    fitsfile *file = create(path);
    bool done = false;
    int fits = 0;

    for (int i = 0; i < 4; i++) {
        bool same = i < 3 && strcmp(base[i].name, variant->name) == 0;
        const struct variant *hdu = same || i == 3 ? variant : &base[i];

        if ((i == 3 && done) || hdu->bitpix == 0) continue;
        fits_create_img(file, hdu->bitpix, hdu->naxis, (long *)(uintptr_t)hdu->axes, &fits);
        fits_write_key_str(file, "EXTNAME", hdu->name, NULL, &fits);
        if (strcmp(hdu->name, "SPECTRA") == 0) {
            fits_write_img(file, TDOUBLE, 1, 2, (void *)(uintptr_t)seven, &fits);
        }
        done = done || same;
    }
    finish(file);
    assert_int_equal(fits, 0);
}

static void frame_errors(void **state)
{
    static const struct variant cases[] = {
        {"IVAR", 0, 0, {0}, "no HDU IVAR (it has: FLUX, WAVELENGTH)"},
        {"WAVELENGTH", 0, 0, {0}, "no HDU WAVELENGTH (it has: FLUX, IVAR)"},
        {"FLUX", 0, 0, {0}, "no HDU FLUX (it has: IVAR, WAVELENGTH)"},
        {"FLUX", DOUBLE_IMG, 3, {4, 2, 2}, "HDU FLUX has 3 dimensions, not 2"},
        {"IVAR",
         DOUBLE_IMG,
         2,
         {4, 3},
         "HDU IVAR does not fit the first HDU: length 3, not 2, in dimension 2"},
        {"WAVELENGTH", DOUBLE_IMG, 1, {5}, "HDU WAVELENGTH does not fit the first HDU"},
        {"MASK", FLOAT_IMG, 2, {4, 2}, "HDU MASK holds floating-point"},
        {"MASK", SHORT_IMG, 2, {4, 2}, NULL},
        {"RESOLUTION", FLOAT_IMG, 3, {4, 4, 2}, "an odd number is needed"},
        {"RESOLUTION", FLOAT_IMG, 3, {4, 5, 3}, "HDU RESOLUTION does not fit the first HDU"},
        {"RESOLUTION", FLOAT_IMG, 2, {4, 2}, "HDU RESOLUTION has 2 dimensions, not 3"},
        {"CHI2PIX", FLOAT_IMG, 2, {3, 2}, "HDU CHI2PIX does not fit the first HDU"},
        {"PIXMASKFRAC", FLOAT_IMG, 2, {4, 2}, NULL},
        {"SPECTRA", LONG_IMG, 1, {3}, "HDU SPECTRA does not fit the first HDU"},
        {"SPECTRA", LONG_IMG, 1, {2}, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct frame frame;
        struct error error = {.text = ""};
        enum status status;

        make_variant("f.fits", &cases[i]);
        status = frame_file_read("f.fits", &frame, &error);
        if (cases[i].cause) {
            expect_error(status, STATUS_FORMAT, &error, "f.fits", cases[i].cause);
        } else {
            expect_ok(status, &error);
            assert_int_equal(frame.specmin, strcmp(cases[i].name, "SPECTRA") == 0 ? 7 : 0);
        }
        frame_free(&frame);
    }
}

static void truth_round_trip(void **state)
{
    double wave[4] = {1, 2, 3, 4}, flux[8] = {1e300, 1, 2, 3, 4, 5, 6, 7};
    int32_t spectrum[2] = {225, 3};
    const struct truth wrote = {.nspec = 2, .nwave = 4, .wave = wave, .flux = flux, .spectrum = spectrum};
    struct truth got;
    struct error error;
    fitsfile *file;

    (void)state;
    expect_ok(truth_file_write("truth.fits.gz", &wrote, NULL, &error), &error);
    expect_ok(truth_file_read("truth.fits.gz", &got, &error), &error);
    assert_true(got.nspec == 2 && got.nwave == 4);
    assert_memory_equal(got.wave, wave, sizeof wave);
    assert_memory_equal(got.flux, flux, sizeof flux);
    assert_memory_equal(got.spectrum, spectrum, sizeof spectrum);
    truth_free(&got);
    file = create("t.fits");
    add_image(file, "TRUEFLUX", DOUBLE_IMG, 2, 2, NULL, 0);
    expect_error((finish(file), truth_file_read("t.fits", &got, &error)), STATUS_FORMAT, &error, "t.fits",
                 "no HDU WAVELENGTH");
    truth_free(&got);
    file = create("t.fits");
    add_image(file, "TRUEFLUX", DOUBLE_IMG, 2, 2, NULL, 0);
    add_image(file, "WAVELENGTH", DOUBLE_IMG, 1, 1, NULL, 0);
    finish(file);
    expect_ok(truth_file_read("t.fits", &got, &error), &error);
    assert_true(got.spectrum[0] == 0 && got.spectrum[1] == 1);
    truth_free(&got);
}

static void reference_frame(void **state)
{
    struct frame frame;
    struct error error;

    (void)state;
    expect_ok(frame_file_read(reference("frame-desispec-layout.fits"), &frame, &error), &error);
    assert_true(frame.nspec == 25 && frame.nwave == 51 && frame.ndiag == 11 && frame.specmin == 0);
    assert_true(frame.wave_min == 6000 && fabs(frame.wave_step - 0.8) < 1e-9 && frame.mask && frame.chi2pix);
    frame_free(&frame);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(frame_round_trip), TEST(files_are_laid_out), TEST(frame_errors),
        TEST(truth_round_trip), TEST(reference_frame),    TEST(nothing_infinite_is_written),
    };

    return cmocka_run_group_tests_name("io_frame", tests, NULL, NULL);
}
