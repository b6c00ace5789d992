/* Keywords; outputs that appear whole or not at all, whatever is written and however full the disk is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/keyword.h"
#include "io/output.h"
#include "io_files.h"

static void keywords_are_clean(void **state)
{
    static struct keywords keywords;
    static char longer[4096];

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
    assert_string_equal(keywords.list[0].string, "a%0Ab%C3%A4");
    assert_string_equal(keywords.list[1].string, longer);
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

/* Texts that differ, by bytes that a card cannot hold or does not keep, have strings that differ. */
static void strings_are_escaped(void **state)
{
    static const char *const texts[][2] = {
        {"plain-r0_1.fits.gz", "plain-r0_1.fits.gz"},
        {"it's 'quoted' & more", "it's 'quoted' & more"},
        {" a b ", " a b%20"},
        {"a b", "a b"},
        {"a&", "a%26"},
        {"a&b", "a&b"},
        {"100%", "100%25"},
        {"\xc3\xa4", "%C3%A4"},
        {"\xc3\xb6", "%C3%B6"},
        {"%C3%B6", "%25C3%25B6"},
        {"\t\x7f", "%09%7F"},
        {"", ""},
        {" ", "%20"},
    };
    static struct keywords keywords;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        keyword_string(&keywords, "TEXT", texts[i][0], "");
        assert_string_equal(keywords.list[0].string, texts[i][1]);
    }
    assert_int_equal(keywords.count, 1);
}

/* Three names of the greatest length, all of whose bytes are escaped, are not cut. */
static void long_strings_are_whole(void **state)
{
    static struct keywords keywords;
    static char name[4096];

    (void)state;
    memset(name, '\xff', sizeof name - 1);
    for (int i = 0; i < 3; i++) {
        keyword_string(&keywords, (const char *[]){"A", "B", "C"}[i], name, "");
        assert_int_equal(strlen(keywords.list[i].string), 3 * 4095);
    }
    assert_int_equal(strspn(keywords.list[0].string, "%F"), 3 * 4095);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(keywords_are_clean),
        TEST(strings_are_escaped),
        TEST(long_strings_are_whole),
        TEST(output_appears_whole),
        TEST(output_is_abandoned),
        TEST(output_is_refused),
        TEST(full_disk),
        TEST(missing_folder),
    };

    return cmocka_run_group_tests_name("io_output", tests, NULL, NULL);
}
