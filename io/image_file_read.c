#include "io/image_file.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "io/internal/cards.h"
#include "io/internal/input_hdu.h"
#include "io/internal/quantisation.h"
#include "io/internal/read_array.h"
#include "io/internal/table.h"

enum { BLOCK_PIXELS = 1 << 18 }; /* 2 MiB of doubles, the only copy of pixels beside the result */

/* A pixel whose image is not finite is marked by this ivar until the real one is read. */
static const float BROKEN = -1;

/* One image HDU, to be read by blocks of whole rows. */
struct plane {
    struct input *input;
    const char *name;
    bool is_mask;
    size_t nx, ny, rows;
    double *block;  /* [rows][nx] */
    uint32_t *bits; /* [rows][nx], used for a mask only */
    struct quantisation quantisation;
};

/* Reads the rows from `row` on and gives their number of pixels. */
static enum status read_block(struct plane *plane, size_t row, size_t *count, struct error *error)
{
    double nan = NAN; /* so that CFITSIO turns BLANK into NaN */
    size_t rows = plane->ny - row < plane->rows ? plane->ny - row : plane->rows;
    int any_nan = 0, fits = 0; /* CFITSIO crashes when it cannot store any_nan */

    *count = rows * plane->nx;
    if (plane->is_mask) {
        fits = read_bits(plane->input, row * plane->nx, *count, plane->block, plane->bits);
    } else {
        fits_read_img(plane->input->file, TDOUBLE, (LONGLONG)(row * plane->nx + 1), (LONGLONG)*count, &nan,
                      plane->block, &any_nan, &fits);
    }
    if (fits) return input_fail(plane->input, plane->name, fits, error);
    return STATUS_OK;
}

static bool fits_float(double value)
{
    return isfinite((float)value);
}

static void take_image(const struct plane *plane, size_t first, size_t count, struct preproc *preproc)
{
    const double *value = plane->block;

    for (size_t i = 0; i < count; i++) {
        bool good = fits_float(value[i]);

        preproc->image[first + i] = good ? (float)value[i] : 0;
        preproc->ivar[first + i] = good ? 0 : BROKEN;
    }
}

static void take_ivar(const struct plane *plane, size_t first, size_t count, struct preproc *preproc)
{
    const double *value = plane->block;

    for (size_t i = 0; i < count; i++) {
        float *ivar = &preproc->ivar[first + i];

        const size_t pixel = first + i;
        const double zero = quantisation_of_zero(&plane->quantisation, pixel / plane->nx, pixel % plane->nx);

        if (zero > 0 && fabs(value[i]) <= zero) {
            preproc->nrounded++;
            if (*ivar == BROKEN) preproc->nbroken++;
            *ivar = 0;
        } else if (*ivar == BROKEN || !fits_float(value[i]) || value[i] < 0) {
            preproc->nbroken++;
            preproc->image[first + i] = 0;
            *ivar = 0;
        } else {
            *ivar = (float)value[i];
        }
    }
}

static void take_mask(const struct plane *plane, size_t first, size_t count, uint32_t bits,
                      struct preproc *preproc)
{
    for (size_t i = 0; i < count; i++) {
        if (plane->bits[i] & bits) preproc->ivar[first + i] = 0;
    }
}

enum plane_kind { PLANE_IMAGE, PLANE_IVAR, PLANE_MASK };

/* Reads the current HDU, whose shape is preproc's, into preproc. */
static enum status read_plane(struct input *input, const char *name, enum plane_kind kind, uint32_t bits,
                              struct preproc *preproc, struct error *error)
{
    struct plane plane = {.input = input,
                          .name = name,
                          .is_mask = kind == PLANE_MASK,
                          .nx = preproc->nx,
                          .ny = preproc->ny,
                          .rows = BLOCK_PIXELS / preproc->nx + 1};
    enum status status = STATUS_OK;
    size_t count;

    plane.block = memory_zeroed(plane.rows * plane.nx, sizeof(double));
    plane.bits = memory_zeroed(plane.is_mask ? plane.rows * plane.nx : 0, sizeof *plane.bits);
    if (!plane.block || !plane.bits) status = memory_error(error, "rows of the image");
    if (status == STATUS_OK && kind == PLANE_IVAR)
        status = quantisation_read(input, name, plane.nx, &plane.quantisation, error);
    for (size_t row = 0; row < plane.ny && status == STATUS_OK; row += plane.rows) {
        status = read_block(&plane, row, &count, error);
        if (status != STATUS_OK) break;
        if (kind == PLANE_IMAGE) take_image(&plane, row * plane.nx, count, preproc);
        if (kind == PLANE_IVAR) take_ivar(&plane, row * plane.nx, count, preproc);
        if (kind == PLANE_MASK) take_mask(&plane, row * plane.nx, count, bits, preproc);
    }
    free(plane.block);
    free(plane.bits);
    quantisation_free(&plane.quantisation);
    return status;
}

/* Moves to the HDU IMAGE, or to a first HDU without a name. */
static enum status find_image(struct input *input, struct error *error)
{
    char extname[FLEN_VALUE];
    bool found;
    int naxis = 0, fits = 0;
    enum status status = input_find(input, "IMAGE", &found, error);

    if (status != STATUS_OK || found) return status;
    fits_movabs_hdu(input->file, 1, NULL, &fits);
    fits_get_img_dim(input->file, &naxis, &fits);
    if (fits) return input_fail(input, "0", fits, error);
    input_text(input, "EXTNAME", extname, sizeof extname);
    if (naxis > 0 && !extname[0]) return STATUS_OK;
    return input_require(input, "IMAGE", error); /* which fails, with a text that lists the HDUs */
}

static enum status read_image(struct input *input, struct preproc *preproc, struct error *error)
{
    size_t shape[2];
    enum status status = find_image(input, error);

    if (status == STATUS_OK) status = input_image(input, "IMAGE", 2, shape, error);
    if (status == STATUS_OK) status = cards_read(input, "IMAGE", &preproc->header, error);
    if (status != STATUS_OK) return status;
    preproc->ny = shape[0];
    preproc->nx = shape[1];
    preproc->image = memory_zeroed(preproc->nx * preproc->ny, sizeof *preproc->image);
    preproc->ivar = memory_zeroed(preproc->nx * preproc->ny, sizeof *preproc->ivar);
    if (!preproc->image || !preproc->ivar) return memory_error(error, "image");
    return read_plane(input, "IMAGE", PLANE_IMAGE, 0, preproc, error);
}

/* Checks that the current HDU, called name, has the shape of the image. */
static enum status same_shape(struct input *input, const char *name, const struct preproc *preproc,
                              struct error *error)
{
    size_t shape[2];
    enum status status = input_image(input, name, 2, shape, error);

    if (status == STATUS_OK && (shape[0] != preproc->ny || shape[1] != preproc->nx)) {
        status = error_set(error, STATUS_FORMAT, "%s: HDU %s has %zu x %zu pixels, IMAGE has %zu x %zu",
                           input->path, name, shape[1], shape[0], preproc->nx, preproc->ny);
    }
    return status;
}

static enum status read_mask(struct input *input, uint32_t bits, struct preproc *preproc, struct error *error)
{
    bool found;
    enum status status = input_find(input, "MASK", &found, error);

    if (status != STATUS_OK || !found) return status;
    status = same_shape(input, "MASK", preproc, error);
    if (status == STATUS_OK) status = input_integers(input, "MASK", error);
    if (status == STATUS_OK) status = read_plane(input, "MASK", PLANE_MASK, bits, preproc, error);
    return status;
}

static enum status read_fibermap(struct input *input, struct preproc *preproc, struct error *error)
{
    bool found;
    enum status status = input_find(input, "FIBERMAP", &found, error);

    if (status != STATUS_OK || !found) return status;
    status = table_read(input, "FIBERMAP", &preproc->fibermap, error);
    if (status == STATUS_OK)
        status = table_integers(input, "FIBERMAP", "FIBER", preproc->fibermap.nrows, &preproc->fiber, error);
    input_return(input);
    return status;
}

enum status preproc_read(const char *path, uint32_t mask_bits, struct preproc *preproc, struct error *error)
{
    struct input input;
    enum status status = input_open(path, &input, error);

    *preproc = (struct preproc){0};
    if (status == STATUS_OK) status = read_image(&input, preproc, error);
    if (status == STATUS_OK) status = input_require(&input, "IVAR", error);
    if (status == STATUS_OK) status = same_shape(&input, "IVAR", preproc, error);
    if (status == STATUS_OK) status = read_plane(&input, "IVAR", PLANE_IVAR, 0, preproc, error);
    if (status == STATUS_OK) status = read_mask(&input, mask_bits, preproc, error);
    if (status == STATUS_OK) status = read_fibermap(&input, preproc, error);
    input_close(&input);
    for (size_t i = 0; status == STATUS_OK && i < preproc->nx * preproc->ny; i++) {
        preproc->nmasked += preproc->ivar[i] == 0;
    }
    return status;
}
