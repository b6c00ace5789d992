/* What the tests of files share: a folder for each test, files made by hand, and what goes into them. */
#ifndef UNSPOT_TESTS_IO_FILES_H
#define UNSPOT_TESTS_IO_FILES_H

#include <fitsio.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/frame.h"
#include "base/psf.h"
#include "base/status.h"
#include "io/frame_file.h"
#include "io/image_file.h"
#include "io/psf_file.h"

enum { NX = 12, NY = 10, NPIX = NX * NY, NSPEC = 3, NWAVE = 20, NDIAG = 5, MASK_BITS = 767 };

/* A folder for each test, which must hold no temporary file at its end. */
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int setup(void **state);
int teardown(void **state);

int count_temporaries(void); /* in the folder of this test */
bool exists(const char *path);

/* The path of a file of $UNSPOT_REFERENCE; skips the test when there is none. */
const char *reference(const char *name);

/* The call must fail so, with both texts in its message. */
void expect_error(enum status status, enum status expected, const struct error *error, const char *name,
                  const char *cause);
void expect_ok(enum status status, const struct error *error);

fitsfile *create(const char *path); /* anew */
void finish(fitsfile *file);

/* One image HDU of NX x ny pixels: pixel[0..count-1], then ones. */
void add_image(fitsfile *file, const char *name, int bitpix, int naxis, long ny, const double *pixel,
               int count);

/* Copies a file with its tables compressed, as fpack -table does; returns how many are. */
int compress_tables(const char *from, const char *to);

/* Flips the lowest bit of the 40th byte of an HDU's data, or of its last one; hdu counts from 1. */
void flip_bit(const char *path, int hdu);

void write_bytes(const char *path, const char *bytes, size_t count);
off_t size_of(const char *path);

/* Lists "NAME BITPIX NAXIS;" of all HDUs; counts bad checksums, absent ones too. */
int list_hdus(const char *path, char *list);

/* mask: NPIX pixels, two of them not 0 */
void make_preproc(struct preproc *preproc, int32_t *mask);
void write_preproc(const char *path);

void make_frame(struct frame *frame);

/* bare: without FIBERMAP and SCORES */
enum status write_frame(const char *path, const struct frame *frame, bool bare, struct error *error);

void make_psf(struct psf *psf, bool tail);

#endif
