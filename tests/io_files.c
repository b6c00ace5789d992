/* What the tests of files share. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "io_files.h"

static const char folder[] = "test_io.tmp.d";

int count_temporaries(void)
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

int setup(void **state)
{
    (void)state;
    mkdir(folder, 0777);
    if (chdir(folder) != 0) return -1;
    empty_folder();
    return 0;
}

int teardown(void **state)
{
    int temporaries = count_temporaries();

    (void)state;
    empty_folder();
    if (chdir("..") != 0) return -1;
    rmdir(folder);
    return temporaries;
}

bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

const char *reference(const char *name)
{
    static char path[4096];
    const char *where = getenv("UNSPOT_REFERENCE");

    snprintf(path, sizeof path, "%s/%s", where ? where : "", name);
    if (where && exists(path)) return path;
    print_message("skipped: no file %s in $UNSPOT_REFERENCE\n", name);
    skip();
    return NULL;
}

void expect_error(enum status status, enum status expected, const struct error *error, const char *name,
                  const char *cause)
{
    if (status != expected || !strstr(error->text, name) || !strstr(error->text, cause)) {
        fail_msg("status %d, not %d; \"%s\" should name \"%s\" and \"%s\"", status, expected, error->text,
                 name, cause);
    }
    assert_null(strchr(error->text, '\n'));
}

void expect_ok(enum status status, const struct error *error)
{
    if (status != STATUS_OK) fail_msg("status %d: %s", status, error->text);
}

/* ---- files ---- */

fitsfile *create(const char *path)
{
    fitsfile *file = NULL;
    int fits = 0;

    unlink(path);
    fits_create_diskfile(&file, path, &fits);
    assert_int_equal(fits, 0);
    return file;
}

void finish(fitsfile *file)
{
    int fits = 0;

    fits_close_file(file, &fits);
    assert_int_equal(fits, 0);
}

void add_image(fitsfile *file, const char *name, int bitpix, int naxis, long ny, const double *pixel,
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

int compress_tables(const char *from, const char *to)
{
    fitsfile *in, *out;
    int count = 0, hdus = 0, fits = 0;

    fits_open_diskfile(&in, from, READONLY, &fits);
    remove(to);
    fits_create_diskfile(&out, to, &fits);
    fits_get_num_hdus(in, &hdus, &fits);
    for (int k = 1; k <= hdus && !fits; k++) {
        int type = 0, is_compressed = 0, ignored = 0, is_image = 0;

        fits_movabs_hdu(in, k, &type, &fits);
        is_image = type != BINARY_TBL || fits_is_compressed_image(in, &ignored);
        if (is_image)
            fits_copy_hdu(in, out, 0, &fits);
        else
            fits_compress_table(in, out, &fits);
        fits_read_key(out, TLOGICAL, "ZTABLE", &is_compressed, NULL, &ignored);
        count += is_compressed;
    }
    fits_close_file(in, &fits);
    fits_close_file(out, &fits);
    assert_int_equal(fits, 0);
    return count;
}

void flip_bit(const char *path, int hdu)
{
    LONGLONG data = 0, end = 0;
    unsigned char byte;
    fitsfile *file;
    FILE *bytes;
    int fits = 0;

    fits_open_diskfile(&file, path, READONLY, &fits);
    fits_movabs_hdu(file, hdu, NULL, &fits);
    fits_get_hduaddrll(file, NULL, &data, &end, &fits);
    fits_close_file(file, &fits);
    assert_int_equal(fits, 0);
    assert_true(end > data);
    bytes = fopen(path, "r+b");
    assert_non_null(bytes);
    fseek(bytes, (long)data + 40, SEEK_SET);
    assert_int_equal(fread(&byte, 1, 1, bytes), 1);
    byte ^= 1;
    fseek(bytes, (long)data + 40, SEEK_SET);
    assert_int_equal(fwrite(&byte, 1, 1, bytes), 1);
    assert_int_equal(fclose(bytes), 0);
}

void write_bytes(const char *path, const char *bytes, size_t count)
{
    FILE *file = fopen(path, "wb");

    fwrite(bytes, 1, count, file);
    fclose(file);
}

off_t size_of(const char *path)
{
    struct stat info = {0};

    stat(path, &info);
    return info.st_size;
}

int list_hdus(const char *path, char *list)
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

/* ---- what goes into them ---- */

static struct cards make_cards(const char *const *lines)
{
    struct cards cards = {0};

    while (lines[cards.count]) cards.count++;
    cards.text = malloc((cards.count + 1) * CARD_SIZE + 1);
    for (size_t i = 0; i < cards.count; i++)
        snprintf(cards.text + i * CARD_SIZE, CARD_SIZE + 1, "%-80s", lines[i]);
    return cards;
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

void make_preproc(struct preproc *preproc, int32_t *mask)
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

void write_preproc(const char *path)
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

void make_frame(struct frame *frame)
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

enum status write_frame(const char *path, const struct frame *frame, bool bare, struct error *error)
{
    struct cards header = make_cards(header_lines);
    struct table fibermap = make_fibermap(NSPEC);
    const double values[NSPEC * 3] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    const struct frame_scores scores = {.band = 'R', .window_min = 5800, .window_max = 7600, .value = values};
    struct keywords keywords = {.count = 0};
    struct frame_companions companions;
    char longer[301];
    enum status status;

    memset(longer, 'y', 300); /* with quotes wherever cards may be split */
    for (int i = 3; i < 300; i += 7) longer[i] = '\'';
    longer[300] = '\0';
    keyword_string(&keywords, "IN_PSF", "psf-r0.fits", "Input spectral PSF");
    keyword_string(&keywords, "IN_IMG", longer, "");
    keyword_integer(&keywords, "FIBERMIN", 3025, "");
    keyword_real(&keywords, "WAVESTEP", 0.1 + 0.2, "Wavelength step size [Angstroms]");
    companions = (struct frame_companions){.image_header = &header,
                                           .keywords = &keywords,
                                           .fibermap = bare ? NULL : &fibermap,
                                           .scores = bare ? NULL : &scores};
    status = frame_file_write(path, frame, &companions, error);
    free(header.text);
    table_free(&fibermap);
    return status;
}

static struct legendre make_series(size_t ncoef, double seed)
{
    struct legendre series = {.ncoef = ncoef, .wave_min = 5543.25, .wave_max = 7827};

    series.coef = memory_zeroed(NSPEC * ncoef, sizeof(double));
    for (size_t i = 0; i < NSPEC * ncoef; i++) series.coef[i] = seed + (double)i / 3;
    return series;
}

void make_psf(struct psf *psf, bool tail)
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
