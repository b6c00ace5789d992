/* PSFs: what is read and written, and what is said when that fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "io/psf_file.h"
#include "io_files.h"

static void expect_series(const struct legendre *got, const struct legendre *wrote)
{
    assert_int_equal(got->ncoef, wrote->ncoef);
    assert_true(got->wave_min == wrote->wave_min && got->wave_max == wrote->wave_max);
    assert_memory_equal(got->coef, wrote->coef, NSPEC * wrote->ncoef * sizeof(double));
}

static void psf_round_trip(void **state)
{
    static const char *const names[] = {"psf.fits", "psf[x].fits.gz"};
    char list[256];

    (void)state;
    for (int tail = 0; tail < 2; tail++) {
        struct psf wrote, got;
        struct error error;

        make_psf(&wrote, tail);
        expect_ok(psf_file_write(names[tail], &wrote, &error), &error);
        expect_ok(psf_file_read(names[tail], &got, &error), &error);
        assert_true(got.nspec == NSPEC && got.nx == 4114 && got.ny == 4128 && got.hsizex == 8 &&
                    got.hsizey == 5);
        assert_true(got.degx == 2 && got.degy == 1 && got.psferr == 0.04 && got.has_tail == tail);
        assert_true(got.wave_min == 5543.25 && got.wave_max == 7828);
        assert_string_equal(got.camera, "z3");
        assert_string_equal(got.original, "/somewhere/psf.fits");
        expect_series(&got.x, &wrote.x);
        expect_series(&got.y, &wrote.y);
        expect_series(&got.sigmax, &wrote.sigmax);
        expect_series(&got.sigmay, &wrote.sigmay);
        for (int k = 0; k < 6; k++) expect_series(&got.gh[k], &wrote.gh[k]);
        for (int k = 0; k < TAIL_COUNT && tail; k++) expect_series(&got.tail[k], &wrote.tail[k]);
        if (!tail) assert_null(got.tail[0].coef);
        psf_free(&got);
        psf_free(&wrote);
    }
    assert_int_equal(list_hdus(names[0], list), 0);
    assert_string_equal(list, "XTRACE -64 2;YTRACE -64 2;PSF 8 2;");
}

static void psf_is_refused_for_writing(void **state)
{
    struct psf psf;
    struct error error;

    (void)state;
    make_psf(&psf, true);
    psf.tail[TAIL_INDEX].wave_max += 1;
    expect_error(psf_file_write("psf.fits", &psf, &error), STATUS_FORMAT, &error, "psf.fits",
                 "TAILINDE differs");
    psf.tail[TAIL_INDEX].wave_max -= 1;
    psf.gh[3].coef[2] = NAN;
    expect_error(psf_file_write("psf.fits", &psf, &error), STATUS_NUMERIC, &error, "psf.fits", "GH-1-1");
    psf.gh[3].coef[2] = 0;
    psf.x.coef[3] = INFINITY;
    expect_error(psf_file_write("psf.fits", &psf, &error), STATUS_NUMERIC, &error, "psf.fits", "HDU XTRACE");
    assert_false(exists("psf.fits"));
    psf_free(&psf);
}

/* How to spoil a good PSF file: HDU number, then a card to replace, or a row to rename, or a number to set */
static const struct spoil {
    int hdu;
    const char *card, *row, *column;
    const char *cause; /* NULL: it is still fine */
} spoils[] = {
    {1, "PSFTYPE = 'SPOTGRID'", NULL, NULL, "PSFTYPE SPOTGRID is not supported; GAUSS-HERMITE"},
    {1, "PSFVER  = '4'", NULL, NULL, "PSFVER \"4\" is not supported"},
    {1, "PSFVER  = '3       '", NULL, NULL, NULL},
    {1, "-PSFTYPE", NULL, NULL, "not a PSF file"},
    {1, "-WAVEMIN", NULL, NULL, "keyword WAVEMIN of HDU XTRACE is missing"},
    {1, "WAVEMIN = 9000.0", NULL, NULL, "XTRACE: the range from WAVEMIN 9000 to WAVEMAX 7827 is empty"},
    {1, "EXTNAME = 'XT'", NULL, NULL, "no HDU XTRACE (it has: XT, YTRACE, PSF)"},
    {2, "EXTNAME = 'YT'", NULL, NULL, "no HDU YTRACE"},
    {3, "EXTNAME = 'SPF'", NULL, NULL, "no HDU PSF (it has: XTRACE, YTRACE, SPF)"},
    {2, "EXTNAME = 'PSF'", NULL, NULL, "HDU PSF is an image, not a binary table"},
    {3, "-NPIX_X", NULL, NULL, "keyword NPIX_X of HDU PSF is missing"},
    {3, "NPIX_Y  = 'many'", NULL, NULL, "keyword NPIX_Y of HDU PSF is not a number"},
    {3, "HSIZEX  = 0", NULL, NULL, "HSIZEX is 0, not in 1 to 64"},
    {3, "HSIZEY  = 65", NULL, NULL, "HSIZEY is 65, not in 1 to 64"},
    {3, "GHDEGX  = 21", NULL, NULL, "GHDEGX is 21, not in 0 to 20"},
    {3, "GHDEGY  = -1", NULL, NULL, "GHDEGY is -1, not in 0 to 20"},
    {3, "GHDEGX  = 5", NULL, NULL, NULL}, /* the new terms count as zero */
    {3, "LEGDEG  = 2", NULL, NULL, "does not fit LEGDEG 2"},
    {3, "FIBERMAX= 1", NULL, NULL, "does not fit LEGDEG 3, FIBERMIN 0, FIBERMAX 1"},
    {3, "CAMERA  = '''R0      '''", NULL, NULL, NULL},
    {3, "-PSFERR", NULL, NULL, NULL},
    {3, "TTYPE2  = 'COEF'", NULL, NULL, "no column COEFF"},
    {3, "TTYPE1  = 'COEFF'", NULL, NULL, "no column PARAM"},
    {3, NULL, "GHSIGX", "PARAM", "no row GHSIGX in the column PARAM"},
    {3, NULL, "GH-0-0", "PARAM", "no row GH-0-0"},
    {3, NULL, "GH-1-1", "PARAM", NULL},
    {3, NULL, "TAILAMP", "PARAM", NULL},
    {3, NULL, "TAILCORE", "PARAM", "no row TAILCORE"},
};

static void spoil_file(const char *path, const struct spoil *spoil)
{
    char name[9] = "", *cell = name, other[] = "OTHER   ", *others = other, param[] = "PARAM",
         coeff[] = "COEFF";
    double bad = NAN;
    int column = 0, fits = 0;
    fitsfile *file;

    fits_open_diskfile(&file, path, READWRITE, &fits);
    fits_movabs_hdu(file, spoil->hdu, NULL, &fits);
    if (spoil->card && spoil->card[0] == '-') fits_delete_key(file, spoil->card + 1, &fits);
    if (spoil->card && spoil->card[0] != '-') {
        char key[9];

        snprintf(key, sizeof key, "%.8s", spoil->card);
        if (strchr(key, ' ')) *strchr(key, ' ') = '\0';
        fits_update_card(file, key, spoil->card, &fits);
    }
    if (!spoil->row && spoil->column) fits_write_img(file, TDOUBLE, 3, 1, &bad, &fits);
    for (int row = 1; spoil->row && strcmp(name, spoil->row) != 0 && !fits; row++) {
        fits_get_colnum(file, CASEINSEN, param, &column, &fits);
        fits_read_col_str(file, column, row, 1, 1, NULL, &cell, NULL, &fits);
        if (strcmp(name, spoil->row) != 0) continue;
        if (strcmp(spoil->column, "PARAM") == 0)
            fits_write_col(file, TSTRING, column, row, 1, 1, &others, &fits);
        fits_get_colnum(file, CASEINSEN, coeff, &column, &fits);
        if (strcmp(spoil->column, "COEFF") == 0)
            fits_write_col(file, TDOUBLE, column, row, 6, 1, &bad, &fits);
    }
    fits_write_chksum(file, &fits);
    fits_close_file(file, &fits);
    if (fits) fits_report_error(stderr, fits);
    assert_int_equal(fits, 0);
}

/* Makes a coefficient of every trace infinite. */
static void break_traces(const char *path)
{
    double bad = -INFINITY;
    long shape[2];
    int fits = 0;
    fitsfile *file;

    fits_open_diskfile(&file, path, READWRITE, &fits);
    fits_movabs_hdu(file, 2, NULL, &fits);
    fits_get_img_size(file, 2, shape, &fits);
    for (long s = 0; s < shape[1] && !fits; s++)
        fits_write_img(file, TDOUBLE, s * shape[0] + 1, 1, &bad, &fits);
    fits_write_chksum(file, &fits);
    fits_close_file(file, &fits);
    assert_int_equal(fits, 0);
}

static void psf_errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof spoils / sizeof spoils[0]; i++) {
        struct psf psf;
        struct error error = {.text = ""};
        enum status status;

        make_psf(&psf, true);
        expect_ok(psf_file_write("psf.fits", &psf, &error), &error);
        psf_free(&psf);
        spoil_file("psf.fits", &spoils[i]);
        status = psf_file_read("psf.fits", &psf, &error);
        if (spoils[i].cause) {
            expect_error(status, STATUS_FORMAT, &error, "psf.fits", spoils[i].cause);
        } else {
            expect_ok(status, &error);
        }
        if (spoils[i].card && strstr(spoils[i].card, "CAMERA")) assert_string_equal(psf.camera, "R0");
        if (spoils[i].card && strstr(spoils[i].card, "PSFERR")) assert_true(psf.psferr == 0.01);
        if (spoils[i].row && strcmp(spoils[i].row, "GH-1-1") == 0) assert_true(psf.gh[3].coef[0] == 0);
        if (spoils[i].row && strcmp(spoils[i].row, "TAILAMP") == 0) assert_false(psf.has_tail);
        psf_free(&psf);
    }
}

static bool is_all(const double *values, size_t n, double value)
{
    for (size_t i = 0; i < n; i++) {
        if (values[i] != value) return false;
    }
    return true;
}

/* Whether a series is what was written, but for spectrum `broken`. */
static bool is_kept(const struct legendre *got, const struct legendre *wrote, size_t broken)
{
    bool same = true;

    for (size_t i = 0; i < NSPEC * got->ncoef; i++)
        same &= i / got->ncoef == broken || got->coef[i] == wrote->coef[i];
    return same;
}

static const double *spectrum_of(const struct legendre *series, size_t spectrum)
{
    return series->coef + spectrum * series->ncoef;
}

/* Fails unless spectrum `broken` is dark and on the traces that these two spectra had, and the others are as
 * they were. */
static void check_broken(const struct psf *got, const struct psf *wrote, size_t broken, size_t on_x,
                         size_t on_y)
{
    for (size_t s = 0; s < NSPEC; s++) assert_int_equal(got->broken[s], s == broken);
    assert_true(is_kept(&got->x, &wrote->x, broken) && is_kept(&got->y, &wrote->y, broken));
    assert_true(is_kept(&got->sigmax, &wrote->sigmax, broken) && is_kept(&got->gh[3], &wrote->gh[3], broken));
    assert_true(is_kept(&got->tail[2], &wrote->tail[2], broken));
    assert_true(is_all(spectrum_of(&got->sigmax, broken), got->sigmax.ncoef, 0));
    assert_true(is_all(spectrum_of(&got->sigmay, broken), got->sigmay.ncoef, 0));
    assert_true(is_all(spectrum_of(&got->gh[3], broken), got->gh[3].ncoef, 0));
    assert_memory_equal(spectrum_of(&got->x, broken), spectrum_of(&wrote->x, on_x),
                        got->x.ncoef * sizeof(double));
    assert_memory_equal(spectrum_of(&got->y, broken), spectrum_of(&wrote->y, on_y),
                        got->y.ncoef * sizeof(double));
}

static void broken_spectrum_is_dark(void **state)
{
    static const struct spoil breaks[] = {
        {3, NULL, "GHSIGX", "COEFF", NULL},  {3, NULL, "GH-1-1", "COEFF", NULL},
        {3, NULL, "TAILAMP", "COEFF", NULL}, {3, NULL, "TAILINDE", "COEFF", NULL},
        {1, NULL, NULL, "IMAGE", NULL},      {2, NULL, NULL, "IMAGE", NULL}};
    struct psf wrote;
    struct error error;

    (void)state;
    make_psf(&wrote, true);
    for (size_t i = 0; i < sizeof breaks / sizeof breaks[0]; i++) {
        struct psf got;

        expect_ok(psf_file_write("psf.fits", &wrote, &error), &error);
        spoil_file("psf.fits", &breaks[i]);
        expect_ok(psf_file_read("psf.fits", &got, &error), &error);
        check_broken(&got, &wrote, breaks[i].row ? 1 : 0, breaks[i].row || breaks[i].hdu == 1,
                     breaks[i].row || breaks[i].hdu == 2);
        psf_free(&got);
    }
    psf_free(&wrote);
}

/* A single bit of any HDU that is read. */
static void flipped_bits_are_seen(void **state)
{
    static const char *const names[] = {"XTRACE", "YTRACE", "PSF"};
    struct psf psf;
    struct error error;

    (void)state;
    for (int hdu = 0; hdu < 3; hdu++) {
        make_psf(&psf, true);
        expect_ok(psf_file_write("psf.fits", &psf, &error), &error);
        psf_free(&psf);
        flip_bit("psf.fits", hdu + 1);
        expect_error(psf_file_read("psf.fits", &psf, &error), STATUS_FORMAT, &error, "psf.fits", names[hdu]);
        assert_non_null(strstr(error.text, "DATASUM"));
        psf_free(&psf);
    }
}

static void all_spectra_broken(void **state)
{
    struct psf psf;
    struct error error;

    (void)state;
    make_psf(&psf, false);
    expect_ok(psf_file_write("psf.fits", &psf, &error), &error);
    psf_free(&psf);
    break_traces("psf.fits");
    expect_error(psf_file_read("psf.fits", &psf, &error), STATUS_FORMAT, &error, "psf.fits",
                 "every spectrum has a coefficient that is not finite");
    psf_free(&psf);
}

static void reference_psf_v3(void **state)
{
    struct psf psf;
    struct error error;

    (void)state;
    expect_ok(psf_file_read(reference("psf-r0.fits"), &psf, &error), &error);
    assert_true(psf.nspec == 500 && psf.nx == 4114 && psf.ny == 4128 && psf.hsizex == 8 && psf.hsizey == 5);
    assert_true(psf.degx == 6 && psf.degy == 6 && psf.x.ncoef == 7 && psf.sigmax.ncoef == 4);
    assert_true(psf.wave_min == 5543 && psf.wave_max == 7827 && psf.x.wave_max == 7826);
    assert_false(psf.has_tail);
    assert_string_equal(psf.camera, "r0");
    assert_true(psf.gh[0].coef[0] == 1 && psf.psferr == 0.01);
    psf_free(&psf);
}

static void reference_psf_v2(void **state)
{
    struct psf psf;
    struct error error;

    (void)state;
    expect_ok(psf_file_read(reference("psf-gausshermite-v2.fits"), &psf, &error), &error);
    assert_true(psf.nspec == 25 && psf.hsizex == 14 && psf.hsizey == 8 && psf.degx == 8 && psf.degy == 8);
    assert_true(psf.has_tail && psf.x.ncoef == 8 && psf.camera[0] == '\0');
    assert_true(psf.wave_min == 5564 && psf.wave_max == 7805);
    assert_true(fabs(psf.sigmax.coef[0] - 1.11686953) < 1e-8);
    psf_free(&psf);
}

/* PSF tables of both kinds, compressed: the same PSF. */
static void compressed_tables_are_read(void **state)
{
    static const char *const names[] = {"psf-r0.fits", "psf-gausshermite-v2.fits"};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct psf psf, packed;
        struct error error;

        expect_ok(psf_file_read(reference(names[i]), &psf, &error), &error);
        assert_int_equal(compress_tables(reference(names[i]), "packed.fits"), 1);
        expect_ok(psf_file_read("packed.fits", &packed, &error), &error);
        assert_int_equal(packed.nspec, psf.nspec);
        assert_int_equal(packed.hsizey, psf.hsizey);
        assert_string_equal(packed.camera, psf.camera);
        assert_memory_equal(packed.x.coef, psf.x.coef, psf.nspec * psf.x.ncoef * sizeof(double));
        assert_memory_equal(packed.sigmay.coef, psf.sigmay.coef,
                            psf.nspec * psf.sigmay.ncoef * sizeof(double));
        assert_memory_equal(packed.gh[8].coef, psf.gh[8].coef, psf.nspec * psf.gh[8].ncoef * sizeof(double));
        psf_free(&psf);
        psf_free(&packed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(psf_round_trip),
        TEST(psf_errors),
        TEST(broken_spectrum_is_dark),
        TEST(all_spectra_broken),
        TEST(flipped_bits_are_seen),
        TEST(reference_psf_v3),
        TEST(reference_psf_v2),
        TEST(compressed_tables_are_read),
        TEST(psf_is_refused_for_writing),
    };

    return cmocka_run_group_tests_name("io_psf", tests, NULL, NULL);
}
