/* Images: what is read and written, and what is said when that fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/image_file.h"
#include "io_files.h"

static bool has_card(const struct cards *cards, const char *start)
{
    for (size_t i = 0; i < cards->count; i++) {
        if (strncmp(cards->text + i * CARD_SIZE, start, strlen(start)) == 0) return true;
    }
    return false;
}

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
    char all[20 * CARD_SIZE + 1] = "";

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
    memcpy(all, got.header.text, CARD_SIZE);
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
        {FLOAT_IMG, BYTE_IMG, GZIP_2},   {FLOAT_IMG, ULONGLONG_IMG, 0},
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

static void add_table(fitsfile *file, const char *name, char *form)
{
    char column[] = "FIBER", *columns[] = {column}, *forms[] = {form};
    int fits = 0;

    fits_create_tbl(file, BINARY_TBL, 4, 1, columns, forms, NULL, name, &fits);
    assert_int_equal(fits, 0);
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

/* Bits above 31 count as bit 31, so that none is lost where all bits count; also the uppermost of 64. */
static void high_bits_of_masks_count(void **state)
{
    static const ULONGLONG bits[] = {0,          1ull << 3,  1ull << 31, 1ull << 32,
                                     1ull << 40, 1ull << 62, 1ull << 63};
    enum { COUNT = sizeof bits / sizeof bits[0] };
    long shape[] = {NX, NY}, first[] = {1, 1};

    (void)state;
    for (int is_signed = 0; is_signed < 2; is_signed++) {
        struct preproc got;
        struct error error;
        ULONGLONG pixels[NPIX] = {0};
        int fits = 0, count = COUNT - is_signed;
        fitsfile *file = create("t.fits");

        add_image(file, "IMAGE", FLOAT_IMG, 2, NY, NULL, 0);
        add_image(file, "IVAR", FLOAT_IMG, 2, NY, NULL, 0);
        fits_create_img(file, is_signed ? LONGLONG_IMG : ULONGLONG_IMG, 2, shape, &fits);
        fits_write_key_str(file, "EXTNAME", "MASK", NULL, &fits);
        memcpy(pixels, bits, (size_t)count * sizeof *pixels);
        fits_write_pix(file, TULONGLONG, first, NPIX, pixels, &fits);
        finish(file);
        assert_int_equal(fits, 0);
        expect_ok(preproc_read("t.fits", UINT32_MAX, &got, &error), &error);
        assert_int_equal(got.nmasked, count - 1);
        preproc_free(&got);
        expect_ok(preproc_read("t.fits", 1u << 31, &got, &error), &error);
        assert_int_equal(got.nmasked, count - 2);
        preproc_free(&got);
        expect_ok(preproc_read("t.fits", MASK_BITS, &got, &error), &error);
        assert_int_equal(got.nmasked, 1);
        preproc_free(&got);
    }
}

/* CFITSIO compresses tables only where they are large enough. */
static void compressed_fibermap_is_read(void **state)
{
    enum { ROWS = 5000, ROW_BYTES = 7 };
    struct preproc wrote, got;
    struct error error;
    int32_t mask[NPIX];

    (void)state;
    make_preproc(&wrote, mask);
    wrote.fibermap.nrows = ROWS;
    wrote.fibermap.rows = realloc(wrote.fibermap.rows, ROWS * ROW_BYTES);
    for (int row = 0; row < ROWS; row++)
        memcpy(wrote.fibermap.rows + row * ROW_BYTES,
               (char[]){0, 0, (char)(row >> 8), (char)row, 'S', 'K', 'Y'}, 7);
    expect_ok(preproc_write("p.fits", &wrote, mask, 3, &(struct keywords){0}, &error), &error);
    assert_int_equal(compress_tables("p.fits", "c.fits"), 1);
    expect_ok(preproc_read("c.fits", MASK_BITS, &got, &error), &error);
    assert_int_equal(got.fibermap.nrows, ROWS);
    assert_int_equal(got.fibermap.row_bytes, ROW_BYTES);
    assert_memory_equal(got.fibermap.rows, wrote.fibermap.rows, ROWS * ROW_BYTES);
    assert_true(got.fiber[4321] == 4321);
    assert_true(has_card(&got.fibermap.header, "TTYPE2  = 'OBJTYPE '           / Object type"));
    assert_false(has_card(&got.fibermap.header, "ZTABLE"));
    preproc_free(&got);
    preproc_free(&wrote);
}

/* A single bit of any HDU that is read; READNOISE is not. */
static void flipped_bits_are_seen(void **state)
{
    static const struct {
        int hdu;
        const char *name;
    } hdus[] = {{1, "IMAGE"}, {2, "IVAR"}, {3, "MASK"}, {5, "FIBERMAP"}, {4, NULL}};

    (void)state;
    for (size_t i = 0; i < sizeof hdus / sizeof hdus[0]; i++) {
        struct preproc got;
        struct error error = {.text = ""};
        enum status status;

        write_preproc("p.fits");
        flip_bit("p.fits", hdus[i].hdu);
        status = preproc_read("p.fits", MASK_BITS, &got, &error);
        if (hdus[i].name) {
            expect_error(status, STATUS_FORMAT, &error, "p.fits", hdus[i].name);
            assert_non_null(strstr(error.text, "do not fit its DATASUM"));
        } else {
            expect_ok(status, &error);
        }
        preproc_free(&got);
    }
}

/* Where a card was edited CHECKSUM is wrong and the data are right; and not every file has checksums. */
static void other_checksums_do_not_matter(void **state)
{
    struct preproc got;
    struct error error;
    fitsfile *file;
    int fits = 0;

    (void)state;
    write_preproc("p.fits");
    fits_open_diskfile(&file, "p.fits", READWRITE, &fits);
    fits_update_key_str(file, "OBSERVER", "someone else", NULL, &fits);
    fits_movabs_hdu(file, 2, NULL, &fits);
    fits_delete_key(file, "CHECKSUM", &fits);
    fits_delete_key(file, "DATASUM", &fits);
    fits_close_file(file, &fits);
    assert_int_equal(fits, 0);
    expect_ok(preproc_read("p.fits", MASK_BITS, &got, &error), &error);
    preproc_free(&got);
}

static void make_all_wrong(void)
{
    char variable[] = "1PJ(2)", text[] = "3A";
    fitsfile *file;

    mkdir("folder.fits", 0777);
    write_bytes("empty.fits", "", 0);
    write_bytes("text.fits", "These are no stars\n", 19);
    write_bytes("begun.fits", "SIMPLE  =                    T", 30);
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
        {"begun.fits", "truncated in its first header", STATUS_FORMAT},
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(preproc_round_trip),
        TEST(header_survives),
        TEST(preproc_types),
        TEST(broken_pixels),
        TEST(gzip_is_found),
        TEST(preproc_errors),
        TEST(high_bits_of_masks_count),
        TEST(compressed_fibermap_is_read),
        TEST(flipped_bits_are_seen),
        TEST(other_checksums_do_not_matter),
        TEST(unreadable_file),
        TEST(truncated_files),
        TEST(damaged_gzip),
    };

    return cmocka_run_group_tests_name("io_image", tests, NULL, NULL);
}
