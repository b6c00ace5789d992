#include "io/frame_file.h"

#include <stdlib.h>

#include "io/internal/input_hdu.h"
#include "io/internal/read_array.h"

/* Finds which spectra the rows hold: all from FIBERMIN on, which counts the fibers of all cameras of a kind,
 * or those that an HDU SPECTRA lists. */
static enum status read_spectra(struct input *input, struct frame *frame, struct error *error)
{
    struct wanted spectra = {.name = "SPECTRA", .type = TINT, .naxis = 1, .shape = {frame->nspec}};
    long long fibermin = 0;
    void *list = NULL;
    struct error ignored;
    enum status status = input_require(input, "FLUX", error);

    if (status != STATUS_OK) return status;
    if (input_integer(input, "FLUX", "FIBERMIN", &fibermin, &ignored) == STATUS_OK) {
        if (fibermin >= 0) frame->specmin = (size_t)fibermin % FIBERS_PER_PETAL;
        return STATUS_OK;
    }
    status = read_array(input, &spectra, true, &list, error);
    frame->spectrum = list;
    if (frame->spectrum) frame->specmin = (size_t)frame->spectrum[0];
    return status;
}

static enum status read_resolution(struct input *input, struct frame *frame, struct error *error)
{
    struct wanted wanted = {
        .name = "RESOLUTION", .type = TFLOAT, .naxis = 3, .shape = {frame->nspec, 0, frame->nwave}};
    void *data = NULL;
    enum status status = read_array(input, &wanted, true, &data, error);

    frame->resolution = data;
    if (status != STATUS_OK || !data) return status;
    frame->ndiag = wanted.shape[1];
    if (frame->ndiag % 2 == 0) {
        return error_set(error, STATUS_FORMAT,
                         "%s: HDU RESOLUTION has %zu diagonals, an odd number is needed", input->path,
                         frame->ndiag);
    }
    return STATUS_OK;
}

static enum status read_wave(struct input *input, struct frame *frame, struct error *error)
{
    struct wanted wanted = {.name = "WAVELENGTH", .type = TDOUBLE, .naxis = 1, .shape = {frame->nwave}};
    void *data = NULL;
    enum status status = read_array(input, &wanted, false, &data, error);
    size_t last = frame->nwave - 1;

    frame->wave = data;
    if (status != STATUS_OK) return status;
    frame->wave_min = frame->wave[0];
    frame->wave_step = last > 0 ? (frame->wave[last] - frame->wave[0]) / (double)last : 0;
    return STATUS_OK;
}

/* Describes an HDU that holds a number for each bin of the frame, [spec][wave]. */
static struct wanted bins_of(const struct frame *frame, const char *name, int type)
{
    return (struct wanted){.name = name, .type = type, .naxis = 2, .shape = {frame->nspec, frame->nwave}};
}

static enum status read_bins(struct input *input, struct wanted wanted, bool optional, void **data,
                             struct error *error)
{
    return read_array(input, &wanted, optional, data, error);
}

static enum status read_arrays(struct input *input, struct frame *frame, struct error *error)
{
    struct wanted flux = {.name = "FLUX", .type = TDOUBLE, .naxis = 2};
    void *data = NULL;
    enum status status = read_array(input, &flux, false, &data, error);

    frame->flux = data;
    if (status != STATUS_OK) return status;
    frame->nspec = flux.shape[0];
    frame->nwave = flux.shape[1];
    status = read_bins(input, bins_of(frame, "IVAR", TDOUBLE), false, &data, error);
    frame->ivar = data;
    if (status != STATUS_OK) return status;
    status = read_bins(input, bins_of(frame, "MASK", TUINT), true, &data, error);
    frame->mask = data;
    if (status != STATUS_OK) return status;
    status = read_bins(input, bins_of(frame, "CHI2PIX", TDOUBLE), true, &data, error);
    frame->chi2pix = data;
    if (status != STATUS_OK) return status;
    status = read_bins(input, bins_of(frame, "PIXMASKFRAC", TDOUBLE), true, &data, error);
    frame->pixmask_fraction = data;
    if (status == STATUS_OK) status = read_wave(input, frame, error);
    if (status == STATUS_OK) status = read_resolution(input, frame, error);
    if (status == STATUS_OK) status = read_spectra(input, frame, error);
    return status;
}

enum status frame_file_read(const char *path, struct frame *frame, struct error *error)
{
    struct input input;
    enum status status = input_open(path, &input, error);

    *frame = (struct frame){0};
    if (status == STATUS_OK) status = read_arrays(&input, frame, error);
    input_close(&input);
    return status;
}
