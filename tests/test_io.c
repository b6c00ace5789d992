/* Files in, files out: what is read and written, and what is said when that fails. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include <dirent.h>
#include <fitsio.h>
#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "io/frame_file.h"
#include "io/image_file.h"
#include "io/keyword.h"
#include "io/output.h"
#include "io/psf_file.h"

enum { NX = 12, NY = 10, NPIX = NX * NY, NSPEC = 3, NWAVE = 20, NDIAG = 5, MASK_BITS = 767 };

static const char folder[] = "test_io.tmp.d";

/* ---- a folder for each test, which must hold no temporary file at its end ---- */

static int count_temporaries(void)
{
    DIR *listing = opendir(".");
    int count = 0;

    for (struct dirent *entry = readdir(listing); entry; entry = readdir(listing)) {
        count += strstr(entry->d_name, ".tmp") != NULL;
    }
    closedir(listing);
    return count;
}

static void empty_folder(void)
{
    DIR *listing = opendir(".");

    for (struct dirent *entry = readdir(listing); entry; entry = readdir(listing)) {
        if (unlink(entry->d_name) != 0) rmdir(entry->d_name); /* fails for . and .. */
    }
    closedir(listing);
}

static int setup(void **state)
{
    (void)state;
    mkdir(folder, 0777);
    if (chdir(folder) != 0) return -1;
    empty_folder();
    return 0;
}

static int teardown(void **state)
{
    int temporaries = count_temporaries();

    (void)state;
    empty_folder();
    if (chdir("..") != 0) return -1;
    rmdir(folder);
    return temporaries;
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static const char *reference(const char *name)
{
    static char path[4096];
    const char *where = getenv("UNSPOT_REFERENCE");

    snprintf(path, sizeof path, "%s/%s", where ? where : "", name);
    if (where && exists(path)) return path;
    print_message("skipped: no file %s in $UNSPOT_REFERENCE\n", name);
    skip();
    return NULL;
}

/* The call must fail so, with both texts in its message. */
static void expect_error(enum status status, enum status expected, const struct error *error,
                         const char *name, const char *cause)
{
    if (status != expected || !strstr(error->text, name) || !strstr(error->text, cause)) {
        fail_msg("status %d, not %d; \"%s\" should name \"%s\" and \"%s\"", status, expected, error->text,
                 name, cause);
    }
    assert_null(strchr(error->text, '\n'));
}

static void expect_ok(enum status status, const struct error *error)
{
    if (status != STATUS_OK) fail_msg("status %d: %s", status, error->text);
}

/* ---- inputs made by hand ---- */

static struct cards make_cards(const char *const *lines)
{
    struct cards cards = {0};

    while (lines[cards.count]) cards.count++;
    cards.text = malloc(cards.count * 80 + 81);
    for (size_t i = 0; i < cards.count; i++) snprintf(cards.text + i * 80, 81, "%-80s", lines[i]);
    return cards;
}

static bool has_card(const struct cards *cards, const char *start)
{
    for (size_t i = 0; i < cards->count; i++) {
        if (strncmp(cards->text + i * 80, start, strlen(start)) == 0) return true;
    }
    return false;
}

static const char *const header_lines[] = {
    "SIMPLE  =                    T / file does conform to FITS standard",
    "COMMENT   FITS (Flexible Image Transport System) format is defined in 'Astronomy",
    "NAXIS   =                    0",
    "CAMERA  = 'R0      '           / Which Camera",
    "FLAVOR  = 'science '",
    "ZD      =                 30.5 / zenith distance, not a compression keyword",
    "LONG    = 'a string that is much too long for one card of eighty characters &'",
    "CONTINUE  'and goes on here' / comment",
    "IN_PSF  = 'a long name that a keyword gives anew, so that its second card go&'",
    "CONTINUE  'es too'",
    "HISTORY made by hand",
    "COMMENT a comment of the exposure",
    "BUNIT   = 'adu     '",
    "BZERO   =                32768",
    "CHECKSUM= 'abc     '",
    NULL,
};

static const char *const fibermap_lines[] = {
    "TFIELDS =                    2",
    "TTYPE1  = 'FIBER   '           / Fiber ID on the CCDs",
    "TFORM1  = 'J       '",
    "TTYPE2  = 'OBJTYPE '           / Object type",
    "TFORM2  = '3A      '",
    "TILEID  =                80605 / of the fibermap",
    NULL,
};

static struct table make_fibermap(size_t nrows)
{
    struct table table = {.header = make_cards(fibermap_lines), .row_bytes = 7, .nrows = nrows};

    table.rows = calloc(nrows, 7);
    for (size_t row = 0; row < nrows; row++)
        memcpy(table.rows + row * 7, (char[]){0, 0, 1, (char)row, 'S', 'K', 'Y'}, 7);
    return table;
}

static void make_preproc(struct preproc *preproc, int32_t *mask)
{
    *preproc = (struct preproc){.nx = NX, .ny = NY, .header = make_cards(header_lines)};
    preproc->fibermap = make_fibermap(5);
    preproc->image = memory_zeroed(NPIX, sizeof(float));
    preproc->ivar = memory_zeroed(NPIX, sizeof(float));
    for (int i = 0; i < NPIX; i++) {
        preproc->image[i] = (float)i - 0.25F;
        preproc->ivar[i] = 1.0F / (float)(i + 1);
        mask[i] = i == 7 ? 16 : i == 8 ? 256 : 0;
    }
}

static void write_preproc(const char *path)
{
    struct preproc preproc;
    struct keywords keywords = {.count = 0};
    struct error error;
    int32_t mask[NPIX];

    make_preproc(&preproc, mask);
    keyword_string(&keywords, "IN_PSF", "psf.fits", "input PSF");
    expect_ok(preproc_write(path, &preproc, mask, 2.5, &keywords, &error), &error);
    preproc_free(&preproc);
}

/* One image HDU of NX x ny pixels: pixel[0..count-1], then ones. */
static void add_image(fitsfile *file, const char *name, int bitpix, int naxis, long ny, const double *pixel,
                      int count)
{
    long axes[3] = {NX, ny, 1};
    double values[NX * (NY + 1)];
    float floats[NX * (NY + 1)];
    short shorts[NX * (NY + 1)];
    int fits = 0;

    for (int i = 0; i < NX * (NY + 1); i++) {
        values[i] = i < count ? pixel[i] : 1;
        floats[i] = bitpix == FLOAT_IMG ? (float)values[i] : 0;
        shorts[i] = bitpix == SHORT_IMG ? (short)values[i] : 0;
    }
    fits_create_img(file, bitpix, naxis, axes, &fits);
    if (name) fits_write_key_str(file, "EXTNAME", name, NULL, &fits);
    if (naxis == 0) return;
    if (bitpix == FLOAT_IMG) { /* compressed images are written from their own type only */
        fits_write_img(file, TFLOAT, 1, NX * ny, floats, &fits);
    } else if (bitpix == SHORT_IMG) {
        fits_write_img(file, TSHORT, 1, NX * ny, shorts, &fits);
    } else {
        fits_write_img(file, TDOUBLE, 1, NX * ny, values, &fits);
    }
    if (fits) fits_report_error(stderr, fits);
    assert_int_equal(fits, 0);
}

static void add_table(fitsfile *file, const char *name, char *form)
{
    char column[] = "FIBER", *columns[] = {column}, *forms[] = {form};
    int fits = 0;

    fits_create_tbl(file, BINARY_TBL, 4, 1, columns, forms, NULL, name, &fits);
    assert_int_equal(fits, 0);
}

static fitsfile *create(const char *path)
{
    fitsfile *file = NULL;
    int fits = 0;

    unlink(path);
    fits_create_diskfile(&file, path, &fits);
    assert_int_equal(fits, 0);
    return file;
}

static void finish(fitsfile *file)
{
    int fits = 0;

    fits_close_file(file, &fits);
    assert_int_equal(fits, 0);
}

static void write_bytes(const char *path, const char *bytes, size_t count)
{
    FILE *file = fopen(path, "wb");

    fwrite(bytes, 1, count, file);
    fclose(file);
}

static off_t size_of(const char *path)
{
    struct stat info = {0};

    stat(path, &info);
    return info.st_size;
}

/* ---- keywords and outputs ---- */

static void keywords_are_clean(void **state)
{
    struct keywords keywords = {.count = 0};
    char longer[1000];

    (void)state;
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    keyword_string(&keywords, "in.psf-longer", "a\nb\xc3\xa4", NULL);
    keyword_string(&keywords, "LONG", longer, longer);
    keyword_real(&keywords, "BAD", NAN, "");
    keyword_integer(&keywords, "LONG2", 5, "x");
    keyword_integer(&keywords, "LONG2", 6, "again");
    assert_int_equal(keywords.count, 4);
    assert_string_equal(keywords.list[0].name, "IN_PSF-L");
    assert_string_equal(keywords.list[0].string, "a?b??");
    assert_int_equal(strlen(keywords.list[1].string), 511);
    assert_int_equal(strlen(keywords.list[1].comment), 47);
    assert_int_equal(keywords.list[2].type, KEYWORD_STRING);
    assert_int_equal(keywords.list[3].integer, 6);
    for (int i = 0; i < 100; i++) {
        char name[9];

        snprintf(name, sizeof name, "K%d", i);
        keyword_integer(&keywords, name, i, "");
    }
    assert_int_equal(keywords.count, KEYWORDS_MAX);
}

static void output_appears_whole(void **state)
{
    static const char *const names[] = {"plain.fits", "packed.fits.gz", "~odd name[1](2)+3!.fits",
                                        " blank.fits"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct output output;
        struct error error;

        write_bytes(names[i], "old", 3);
        expect_ok(output_check(names[i], &error), &error);
        assert_int_equal(count_temporaries(), 0);
        expect_ok(output_begin(&output, names[i], &error), &error);
        write_bytes(output.temporary, "new content", 11);
        assert_int_equal(size_of(names[i]), 3);
        expect_ok(output_commit(&output, &error), &error);
        assert_int_equal(count_temporaries(), 0);
        if (i == 1) {
            FILE *file = fopen(names[i], "rb");

            assert_int_equal(fgetc(file), 0x1f);
            fclose(file);
        } else {
            assert_int_equal(size_of(names[i]), 11);
        }
    }
}

static void output_is_abandoned(void **state)
{
    struct output output[3];
    struct error error;

    (void)state;
    for (int i = 0; i < 3; i++) {
        char name[32];

        snprintf(name, sizeof name, "%d.fits.gz", i);
        expect_ok(output_begin(&output[i], name, &error), &error);
        write_bytes(output[i].temporary, "x", 1);
    }
    assert_int_equal(count_temporaries(), 3);
    output_abandon(&output[1]);
    assert_int_equal(count_temporaries(), 2);
    output_abandon_all(); /* as a signal handler does */
    assert_int_equal(count_temporaries(), 0);
    expect_error(output_commit(&output[0], &error), STATUS_IO, &error, "0.fits.gz", "No such file");
    output_abandon(&output[2]);
    assert_false(exists("0.fits.gz"));
}

static void output_is_refused(void **state)
{
    static const struct {
        const char *path, *cause;
        enum status status;
    } cases[] = {
        {"", "empty", STATUS_USAGE},
        {"nowhere/out.fits", "there is no directory ./nowhere/", STATUS_IO},
        {"folder", "is a directory", STATUS_IO},
        {"new/", "there is no directory", STATUS_IO},
        {"/dev/null", "not a regular file", STATUS_IO},
        {"/proc/out.fits", "cannot write", STATUS_IO},
    };

    (void)state;
    mkdir("folder", 0777);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error error;

        expect_error(output_check(cases[i].path, &error), cases[i].status, &error, cases[i].path,
                     cases[i].cause);
    }
}

/* ---- preproc ---- */

static void preproc_round_trip(void **state)
{
    static const char *const names[] = {"p.fits",    "p.fits.gz",   "p.fits.fz",
                                        "a[1].fits", "b+c(2).fits", "!d.fits"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct preproc wrote, got;
        struct error error;
        int32_t mask[NPIX];

        make_preproc(&wrote, mask);
        write_preproc(names[i]);
        assert_int_equal(count_temporaries(), 0);
        expect_ok(preproc_read(names[i], MASK_BITS, &got, &error), &error);
        assert_int_equal(got.nx, NX);
        assert_int_equal(got.ny, NY);
        assert_memory_equal(got.image, wrote.image, NPIX * sizeof(float));
        assert_int_equal(got.nmasked, 1);
        assert_int_equal(got.nbroken, 0);
        wrote.ivar[7] = 0;
        assert_memory_equal(got.ivar, wrote.ivar, NPIX * sizeof(float));
        assert_int_equal(got.fibermap.nrows, 5);
        assert_int_equal(got.fibermap.row_bytes, 7);
        assert_memory_equal(got.fibermap.rows, wrote.fibermap.rows, 35);
        assert_true(has_card(&got.fibermap.header, "TTYPE2  = 'OBJTYPE '           / Object type"));
        assert_true(has_card(&got.fibermap.header, "TILEID  =                80605 / of the fibermap"));
        preproc_free(&got);
        expect_ok(preproc_read(names[i], 256 | 16, &got, &error), &error);
        assert_int_equal(got.nmasked, 2);
        preproc_free(&got);
        preproc_free(&wrote);
    }
}

static void header_survives(void **state)
{
    struct preproc got;
    struct error error;
    char all[20 * 80 + 1] = "";

    (void)state;
    write_preproc("p.fits");
    expect_ok(preproc_read("p.fits", MASK_BITS, &got, &error), &error);
    assert_true(has_card(&got.header, "CAMERA  = 'r0      '           / Which Camera"));
    assert_true(has_card(&got.header, "ZD      =                 30.5"));
    assert_true(has_card(&got.header, "LONG    = 'a string that"));
    assert_true(has_card(&got.header, "CONTINUE  'and goes on here' / comment"));
    assert_true(has_card(&got.header, "HISTORY made by hand"));
    assert_true(has_card(&got.header, "COMMENT a comment of the exposure"));
    assert_true(has_card(&got.header, "BUNIT   = 'adu     '"));
    assert_true(has_card(&got.header, "IN_PSF  = 'psf.fits'           / input PSF"));
    assert_false(has_card(&got.header, "IN_PSF  = 'a long"));
    assert_false(has_card(&got.header, "CONTINUE  'es too'"));
    assert_false(has_card(&got.header, "COMMENT   FITS (Flex"));
    assert_false(has_card(&got.header, "BZERO"));
    memcpy(all, got.header.text, 80);
    assert_string_equal(strtok(all, " "), "SIMPLE");
    preproc_free(&got);
}

/* All pixel types, compressed or not, IMAGE first or not. */
static void preproc_types(void **state)
{
    static const struct {
        int image, mask, compression;
    } cases[] = {
        {FLOAT_IMG, LONG_IMG, 0},        {DOUBLE_IMG, BYTE_IMG, 0},
        {SHORT_IMG, SHORT_IMG, 0},       {LONG_IMG, USHORT_IMG, 0},
        {LONGLONG_IMG, LONGLONG_IMG, 0}, {USHORT_IMG, ULONG_IMG, 0},
        {BYTE_IMG, SBYTE_IMG, 0},        {FLOAT_IMG, LONG_IMG, GZIP_1},
        {SHORT_IMG, SHORT_IMG, GZIP_1},  {SHORT_IMG, SHORT_IMG, HCOMPRESS_1},
        {FLOAT_IMG, BYTE_IMG, GZIP_2},
    };
    static const double image[] = {3, 5, 7, 9}, mask[] = {0, 1, 64, 0};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct preproc got;
        struct error error;
        int fits = 0;
        fitsfile *file = create("t.fits");

        add_image(file, "MASK", cases[i].mask, 2, NY, mask, 4); /* an order that nobody promised */
        if (cases[i].compression) fits_set_compression_type(file, cases[i].compression, &fits);
        if (cases[i].image < 0) fits_set_quantize_level(file, 0, &fits); /* lossless */
        add_image(file, "IMAGE", cases[i].image, 2, NY, image, 4);
        fits_write_history(file, "compressed or not", &fits);
        fits_set_compression_type(file, 0, &fits);
        add_image(file, "IVAR", FLOAT_IMG, 2, NY, NULL, 0);
        finish(file);
        expect_ok(preproc_read("t.fits", MASK_BITS, &got, &error), &error);
        assert_true(got.image[1] == 5 && got.image[3] == 9 && got.image[4] == 1);
        assert_int_equal(got.nmasked, NPIX - 2); /* the others are 1 */
        assert_true(got.ivar[0] == 1);
        assert_true(has_card(&got.header, "HISTORY compressed or not"));
        assert_false(has_card(&got.header, "ZBITPIX"));
        assert_false(has_card(&got.header, "TFORM1"));
        assert_int_equal(got.fibermap.header.count, 0);
        preproc_free(&got);
    }
}

static void broken_pixels(void **state)
{
    static const double image[] = {1, NAN, INFINITY, 2, 3, 1e300, 4},
                        ivar[] = {1, 1, 1, NAN, -1, 1, INFINITY};
    struct preproc got;
    struct error error;
    fitsfile *file = create("b.fits");

    (void)state;
    add_image(file, NULL, DOUBLE_IMG, 2, NY, image, 7); /* a first HDU without a name is the image */
    add_image(file, "IVAR", DOUBLE_IMG, 2, NY, ivar, 7);
    finish(file);
    expect_ok(preproc_read("b.fits", MASK_BITS, &got, &error), &error);
    assert_int_equal(got.nbroken, 6);
    assert_int_equal(got.nmasked, 6);
    for (int i = 0; i < NPIX; i++) {
        bool good = i == 0 || i > 6;

        assert_true(got.image[i] == (good ? 1 : 0) && got.ivar[i] == (good ? 1 : 0));
    }
    preproc_free(&got);
}

static void gzip_is_found(void **state)
{
    struct preproc got;
    struct error error;

    (void)state;
    write_preproc("one.fits.gz");
    write_preproc("two.fits");
    expect_ok(preproc_read("one.fits", 0, &got, &error), &error);
    preproc_free(&got);
    expect_ok(preproc_read("two.fits.gz", 0, &got, &error), &error);
    preproc_free(&got);
    rename("one.fits.gz", "three.fits"); /* the content decides, not the name */
    expect_ok(preproc_read("three.fits", 0, &got, &error), &error);
    preproc_free(&got);
}

/* An image file with one thing wrong; ivar, mask: bitpix, 0 for none */
static void make_wrong(const char *path, int naxis, int ivar, long ivar_ny, int mask, long mask_ny)
{
    fitsfile *file = create(path);

    add_image(file, "IMAGE", FLOAT_IMG, naxis, NY, NULL, 0);
    if (ivar) add_image(file, "IVAR", ivar, 2, ivar_ny, NULL, 0);
    if (mask) add_image(file, "MASK", mask, 2, mask_ny, NULL, 0);
    finish(file);
}

static void make_all_wrong(void)
{
    char variable[] = "1PJ(2)", text[] = "3A";
    fitsfile *file;

    mkdir("folder.fits", 0777);
    write_bytes("empty.fits", "", 0);
    write_bytes("text.fits", "These are no stars\n", 19);
    write_bytes("stub.fits", "SIMPLE  =                    T", 30);
    make_wrong("3d.fits", 3, FLOAT_IMG, NY, 0, 0);
    make_wrong("0d.fits", 0, FLOAT_IMG, NY, 0, 0);
    make_wrong("noivar.fits", 2, 0, 0, SHORT_IMG, NY);
    make_wrong("ivarshape.fits", 2, FLOAT_IMG, NY + 1, 0, 0);
    make_wrong("maskshape.fits", 2, FLOAT_IMG, NY, LONG_IMG, NY - 1);
    make_wrong("maskfloat.fits", 2, FLOAT_IMG, NY, FLOAT_IMG, NY);
    file = create("noimage.fits");
    add_image(file, "IVAR", FLOAT_IMG, 2, NY, NULL, 0);
    add_table(file, "IMAGE2", text);
    finish(file);
    file = create("table.fits");
    add_table(file, "IMAGE", text);
    finish(file);
    make_wrong("variable.fits", 2, FLOAT_IMG, NY, 0, 0);
    fits_open_diskfile(&file, "variable.fits", READWRITE, &(int){0});
    fits_movabs_hdu(file, 2, NULL, &(int){0});
    add_table(file, "FIBERMAP", variable);
    finish(file);
    file = create("fibermap.fits");
    add_image(file, "IMAGE", FLOAT_IMG, 2, NY, NULL, 0);
    add_image(file, "IVAR", FLOAT_IMG, 2, NY, NULL, 0);
    add_image(file, "FIBERMAP", FLOAT_IMG, 2, NY, NULL, 0);
    finish(file);
}

static void preproc_errors(void **state)
{
    static const struct {
        const char *path, *cause;
        enum status status;
    } cases[] = {
        {"missing.fits", "no such file", STATUS_IO},
        {"folder.fits", "is a directory", STATUS_IO},
        {"text.fits/x.fits", "Not a directory", STATUS_IO},
        {"/dev/null", "not a regular file", STATUS_IO},
        {"empty.fits", "is empty", STATUS_FORMAT},
        {"text.fits", "not a FITS file", STATUS_FORMAT},
        {"stub.fits", "truncated in its first header", STATUS_FORMAT},
        {"3d.fits", "HDU IMAGE has 3 dimensions, not 2", STATUS_FORMAT},
        {"0d.fits", "HDU IMAGE has 0 dimensions, not 2", STATUS_FORMAT},
        {"noivar.fits", "no HDU IVAR (it has: IMAGE, MASK)", STATUS_FORMAT},
        {"noimage.fits", "no HDU IMAGE (it has: IVAR, IMAGE2)", STATUS_FORMAT},
        {"ivarshape.fits", "HDU IVAR has 12 x 11 pixels, IMAGE has 12 x 10", STATUS_FORMAT},
        {"maskshape.fits", "HDU MASK has 12 x 9 pixels, IMAGE has 12 x 10", STATUS_FORMAT},
        {"maskfloat.fits", "HDU MASK holds floating-point numbers", STATUS_FORMAT},
        {"table.fits", "HDU IMAGE is a table, not an image", STATUS_FORMAT},
        {"variable.fits", "column FIBER of HDU FIBERMAP has entries of variable length", STATUS_FORMAT},
        {"fibermap.fits", "HDU FIBERMAP is an image, not a binary table", STATUS_FORMAT},
    };

    (void)state;
    make_all_wrong();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct preproc got;
        struct error error = {.text = ""};

        expect_error(preproc_read(cases[i].path, MASK_BITS, &got, &error), cases[i].status, &error,
                     cases[i].path, cases[i].cause);
        preproc_free(&got);
    }
}

static void unreadable_file(void **state)
{
    struct preproc got;
    struct error error = {.text = ""};

    (void)state;
    if (geteuid() == 0) {
        print_message("skipped: root may read every file\n");
        skip();
    }
    write_preproc("secret.fits");
    chmod("secret.fits", 0);
    expect_error(preproc_read("secret.fits", 0, &got, &error), STATUS_IO, &error, "secret.fits",
                 "Permission denied");
    preproc_free(&got);
}

/* Every truncation is an error, in whatever HDU it is; by the header's blocks and odd lengths too. */
static void truncated_files(void **state)
{
    static const char *const names[] = {"cut.fits", "cut.fits.gz"};

    (void)state;
    for (int n = 0; n < 2; n++) {
        off_t size, step;

        write_preproc(names[n]);
        size = size_of(names[n]);
        step = n == 0 ? 1440 : size / 40;
        for (off_t cut = size - 1; cut > 12; cut -= cut == size - 1 ? step - 1 : step) {
            struct preproc got;
            struct error error = {.text = ""};
            enum status status;

            if (n == 0 && (cut % 2880) == 0 && cut < size)
                cut -= 7; /* whole HDUs may be missing: see below */
            assert_int_equal(truncate(names[n], cut), 0);
            status = preproc_read(names[n], MASK_BITS, &got, &error);
            if (status == STATUS_OK)
                fail_msg("%s cut to %ld of %ld bytes is read", names[n], (long)cut, (long)size);
            if (!strstr(error.text, "truncated") || !strstr(error.text, names[n])) fail_msg("%s", error.text);
            preproc_free(&got);
        }
    }
}

static void damaged_gzip(void **state)
{
    struct preproc got;
    struct error error = {.text = ""};
    FILE *file;

    (void)state;
    write_preproc("d.fits.gz");
    file = fopen("d.fits.gz", "r+b");
    fseek(file, size_of("d.fits.gz") / 2, SEEK_SET);
    fwrite("\0\0\0\0\0\0\0\0", 1, 8, file);
    fclose(file);
    expect_error(preproc_read("d.fits.gz", 0, &got, &error), STATUS_IO, &error, "d.fits.gz", "damaged gzip");
    preproc_free(&got);
}

/* ---- frames, truth, models ---- */

static void make_frame(struct frame *frame)
{
    const size_t n = NSPEC * NWAVE;

    *frame = (struct frame){.specmin = 25,
                            .nspec = NSPEC,
                            .nwave = NWAVE,
                            .ndiag = NDIAG,
                            .wave_min = 5760,
                            .wave_step = 0.8,
                            .model_nx = NX,
                            .model_ny = NY};
    frame->wave = memory_zeroed(NWAVE, sizeof(double));
    frame->flux = memory_zeroed(n, sizeof(double));
    frame->ivar = memory_zeroed(n, sizeof(double));
    frame->mask = memory_zeroed(n, sizeof(uint32_t));
    frame->resolution = memory_zeroed(n * NDIAG, sizeof(float));
    frame->pixmask_fraction = memory_zeroed(n, sizeof(double));
    frame->chi2pix = memory_zeroed(n, sizeof(double));
    frame->model = memory_zeroed(NPIX, sizeof(double));
    for (size_t i = 0; i < NWAVE; i++) frame->wave[i] = 5760 + 0.8 * (double)i;
    for (size_t i = 0; i < n; i++) {
        frame->flux[i] = 1.0 / ((double)i - 7.5);
        frame->ivar[i] = (double)i;
        frame->mask[i] = i == 0 ? SPECMASK_NODATA : i == 1 ? 0x80000000u : 0;
        frame->chi2pix[i] = 1 + 0.125 * (double)i;
    }
    for (size_t i = 0; i < n * NDIAG; i++) frame->resolution[i] = (float)i / 3;
    for (size_t i = 0; i < NPIX; i++) frame->model[i] = (double)i / 7;
}

static enum status write_frame(const char *path, const struct frame *frame, bool bare, struct error *error)
{
    struct cards header = make_cards(header_lines);
    struct table fibermap = make_fibermap(NSPEC);
    const double values[NSPEC * 3] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    const struct frame_scores scores = {.band = 'R', .window_min = 5800, .window_max = 7600, .value = values};
    struct keywords keywords = {.count = 0};
    char longer[301];
    enum status status;

    memset(longer, 'y', 300); /* with quotes wherever cards may be split */
    for (int i = 3; i < 300; i += 7) longer[i] = '\'';
    longer[300] = '\0';
    keyword_string(&keywords, "IN_PSF", "psf-r0.fits", "Input spectral PSF");
    keyword_string(&keywords, "IN_IMG", longer, "");
    keyword_integer(&keywords, "FIBERMIN", 3025, "");
    keyword_real(&keywords, "WAVESTEP", 0.1 + 0.2, "Wavelength step size [Angstroms]");
    status = frame_file_write(path, frame, &header, bare ? NULL : &fibermap, bare ? NULL : &scores, &keywords,
                              error);
    free(header.text);
    table_free(&fibermap);
    return status;
}

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

/* Lists "NAME BITPIX NAXIS;" of all HDUs; counts bad checksums, absent ones too. */
static int list_hdus(const char *path, char *list)
{
    fitsfile *file;
    int fits = 0, count = 0, bad = 0;

    list[0] = '\0';
    fits_open_diskfile(&file, path, READONLY, &fits);
    fits_get_num_hdus(file, &count, &fits);
    for (int i = 1; i <= count && !fits; i++) {
        char name[FLEN_VALUE], naxis[FLEN_VALUE], bitpix[FLEN_VALUE];
        int data, hdu;

        fits_movabs_hdu(file, i, NULL, &fits);
        fits_read_key_str(file, "EXTNAME", name, NULL, &fits);
        fits_read_keyword(file, "BITPIX", bitpix, NULL, &fits);
        fits_read_keyword(file, "NAXIS", naxis, NULL, &fits);
        fits_verify_chksum(file, &data, &hdu, &fits);
        sprintf(list + strlen(list), "%s %s %s;", name, bitpix, naxis);
        bad += data != 1 || hdu != 1;
    }
    fits_close_file(file, &fits);
    assert_int_equal(fits, 0);
    return bad;
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

/* ---- PSFs ---- */

static struct legendre make_series(size_t ncoef, double seed)
{
    struct legendre series = {.ncoef = ncoef, .wave_min = 5543.25, .wave_max = 7827};

    series.coef = memory_zeroed(NSPEC * ncoef, sizeof(double));
    for (size_t i = 0; i < NSPEC * ncoef; i++) series.coef[i] = seed + (double)i / 3;
    return series;
}

static void make_psf(struct psf *psf, bool tail)
{
    *psf = (struct psf){.nspec = NSPEC,
                        .nx = 4114,
                        .ny = 4128,
                        .hsizex = 8,
                        .hsizey = 5,
                        .degx = 2,
                        .degy = 1,
                        .psferr = 0.04,
                        .wave_min = 5543.25,
                        .wave_max = 7828,
                        .has_tail = tail,
                        .camera = "z3",
                        .original = "/somewhere/psf.fits"};
    psf->x = make_series(7, 1000);
    psf->y = make_series(6, 2000);
    psf->y.wave_max = 7828;
    psf->sigmax = make_series(4, 1);
    psf->sigmay = make_series(4, 2);
    psf->gh = memory_zeroed(6, sizeof *psf->gh);
    for (int k = 0; k < 6; k++) psf->gh[k] = make_series(4, 10 + k);
    for (int k = 0; k < TAIL_COUNT && tail; k++) psf->tail[k] = make_series(4, 20 + k);
}

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
    {3, NULL, "GHSIGY", "COEFF", "GHSIGY: a coefficient of spectrum 1 is not finite"},
    {1, NULL, NULL, "IMAGE", "XTRACE: a coefficient of spectrum 0 is not finite"},
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
    fits_close_file(file, &fits);
    if (fits) fits_report_error(stderr, fits);
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

/* ---- the reference files ---- */

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

/* ---- full disks ---- */

static enum status write_kind(int kind, const char *path, struct error *error)
{
    enum status status = STATUS_USAGE;
    struct preproc preproc;
    int32_t mask[NPIX];
    struct frame frame;
    struct psf psf;

    make_preproc(&preproc, mask);
    make_frame(&frame);
    make_psf(&psf, true);
    if (kind == 0) status = preproc_write(path, &preproc, mask, 2.5, NULL, error);
    if (kind == 1) status = write_frame(path, &frame, false, error);
    if (kind == 2) status = psf_file_write(path, &psf, error);
    if (kind == 3) status = model_write(path, &frame, &preproc.header, NULL, error);
    preproc_free(&preproc);
    frame_free(&frame);
    psf_free(&psf);
    return status;
}

/* At whatever byte the disk is full: an error that says so, no file, no temporary file. */
static void full_disk(void **state)
{
    static const char *const names[] = {"full.fits", "full.fits.gz"};
    struct rlimit old, limit;
    struct error error;

    (void)state;
    getrlimit(RLIMIT_FSIZE, &old);
    signal(SIGXFSZ, SIG_IGN);
    for (int i = 0; i < 8; i++) {
        const char *name = names[i % 2];
        off_t size, step;

        expect_ok(write_kind(i / 2, name, &error), &error);
        size = size_of(name);
        step = size / 12;
        unlink(name);
        for (off_t bytes = size - 1; bytes > 0; bytes -= step) {
            enum status status;

            limit = old;
            limit.rlim_cur = (rlim_t)bytes;
            setrlimit(RLIMIT_FSIZE, &limit);
            status = write_kind(i / 2, name, &error);
            setrlimit(RLIMIT_FSIZE, &old);
            if (status == STATUS_OK)
                fail_msg("%s (%d) written in %ld of %ld bytes", name, i / 2, (long)bytes, (long)size);
            expect_error(status, STATUS_IO, &error, name, "File too large");
            assert_false(exists(name));
            assert_int_equal(count_temporaries(), 0);
        }
    }
    signal(SIGXFSZ, SIG_DFL);
}

static void missing_folder(void **state)
{
    struct error error;

    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        expect_error(write_kind(kind, "none/x.fits", &error), STATUS_IO, &error, "none/x.fits",
                     "no directory");
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(keywords_are_clean),
        TEST(output_appears_whole),
        TEST(output_is_abandoned),
        TEST(output_is_refused),
        TEST(preproc_round_trip),
        TEST(header_survives),
        TEST(preproc_types),
        TEST(broken_pixels),
        TEST(gzip_is_found),
        TEST(preproc_errors),
        TEST(unreadable_file),
        TEST(truncated_files),
        TEST(damaged_gzip),
        TEST(frame_round_trip),
        TEST(files_are_laid_out),
        TEST(frame_errors),
        TEST(truth_round_trip),
        TEST(psf_round_trip),
        TEST(psf_errors),
        TEST(reference_psf_v3),
        TEST(reference_psf_v2),
        TEST(reference_frame),
        TEST(full_disk),
        TEST(missing_folder),
        TEST(nothing_infinite_is_written),
        TEST(psf_is_refused_for_writing),
    };

    return cmocka_run_group_tests_name("io", tests, NULL, NULL);
}
