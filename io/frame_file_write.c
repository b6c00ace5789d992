#include "io/frame_file.h"

#include <stdio.h>

#include "io/internal/output_stream.h"
#include "io/internal/table.h"

static void write_scores(struct output_stream *stream, const struct frame_scores *scores, size_t nspec)
{
    static const char *const stem[FRAME_SCORES] = {"SUM_RAW_COUNT", "MEDIAN_RAW_COUNT", "MEDIAN_RAW_SNR"};
    static const char *const what[FRAME_SCORES] = {"sum counts", "median counts/A", "median SNR/sqrt(A)"};
    char name[FRAME_SCORES][32], unit_d[] = "D", keyword[16], comment[64];
    char *names[FRAME_SCORES] = {name[0], name[1], name[2]}, *types[FRAME_SCORES] = {unit_d, unit_d, unit_d};
    int fits = 0;

    if (stream->status != STATUS_OK) return;
    output_stream_begin_hdu(stream, "SCORES");
    output_stream_require_finite(stream, scores->value, nspec * FRAME_SCORES);
    if (stream->status != STATUS_OK) return;
    for (int i = 0; i < FRAME_SCORES; i++) snprintf(name[i], sizeof name[i], "%s_%c", stem[i], scores->band);
    fits_create_tbl(stream->file, BINARY_TBL, (LONGLONG)nspec, FRAME_SCORES, names, types, NULL, "SCORES",
                    &fits);
    for (int i = 0; i < FRAME_SCORES; i++) {
        snprintf(keyword, sizeof keyword, "TTYPE%d", i + 1);
        snprintf(comment, sizeof comment, "%s in wave. range %g,%gA", what[i], scores->window_min,
                 scores->window_max);
        fits_modify_comment(stream->file, keyword, comment, &fits);
    }
    for (size_t spec = 0; spec < nspec; spec++) {
        for (int i = 0; i < FRAME_SCORES; i++) {
            double value = scores->value[spec * FRAME_SCORES + (size_t)i];

            fits_write_col(stream->file, TDOUBLE, i + 1, (LONGLONG)spec + 1, 1, 1, &value, &fits);
        }
    }
    output_stream_note(stream, fits);
    output_stream_end_hdu(stream);
}

static enum status check_frame(const char *path, const struct frame *frame, const struct table *fibermap,
                               struct error *error)
{
    if (frame->nspec == 0 || frame->nwave == 0) {
        return error_set(error, STATUS_MISMATCH, "%s: not written: the frame is empty", path);
    }
    if (fibermap && fibermap->header.count > 0 && fibermap->nrows != frame->nspec) {
        return error_set(error, STATUS_MISMATCH, "%s: not written: FIBERMAP has %zu rows for %zu spectra",
                         path, fibermap->nrows, frame->nspec);
    }
    return STATUS_OK;
}

/* Writes an array with the shape [spec][wave], or with its own shape when naxis is not 0. An array that the
 * frame lacks is left out. */
static void write_array(struct output_stream *stream, const struct frame *frame, struct array array)
{
    if (!array.data) return;
    if (array.naxis == 0) {
        array.naxis = 2;
        array.shape[0] = frame->nspec;
        array.shape[1] = frame->nwave;
    }
    output_stream_image(stream, &array, NULL, NULL);
}

enum status frame_file_write(const char *path, const struct frame *frame,
                             const struct frame_companions *companions, struct error *error)
{
    const struct table *fibermap = companions->fibermap;
    const size_t nspec = frame->nspec, nwave = frame->nwave;
    const struct array flux = {"FLUX", "electron/Angstrom", FLOAT_IMG,  TDOUBLE,
                               2,      {nspec, nwave},      frame->flux};
    enum status status = check_frame(path, frame, fibermap, error);
    struct output_stream stream;

    if (status != STATUS_OK) return status;
    output_stream_open(&stream, path, error);
    output_stream_image(&stream, &flux, companions->image_header, companions->keywords);
    write_array(&stream, frame, (struct array){"IVAR", NULL, FLOAT_IMG, TDOUBLE, 0, {0}, frame->ivar});
    write_array(&stream, frame, (struct array){"MASK", NULL, ULONG_IMG, TUINT, 0, {0}, frame->mask});
    write_array(&stream, frame,
                (struct array){"WAVELENGTH", "Angstrom", DOUBLE_IMG, TDOUBLE, 1, {nwave}, frame->wave});
    write_array(
        &stream, frame,
        (struct array){
            "RESOLUTION", NULL, FLOAT_IMG, TFLOAT, 3, {nspec, frame->ndiag, nwave}, frame->resolution});
    if (fibermap) table_write(&stream, "FIBERMAP", fibermap);
    write_array(&stream, frame, (struct array){"CHI2PIX", NULL, FLOAT_IMG, TDOUBLE, 0, {0}, frame->chi2pix});
    if (companions->scores) write_scores(&stream, companions->scores, nspec);
    return output_stream_close(&stream);
}
