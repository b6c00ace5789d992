#include "io/image_file.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "io/internal/cards.h"
#include "io/internal/sink.h"

/* As a compressed image by rows, like DESI's. */
static void write_compressed_mask(struct sink *sink, const struct array *mask)
{
    LONGLONG axes[2] = {(LONGLONG)mask->shape[1], (LONGLONG)mask->shape[0]};
    long tile[2] = {(long)mask->shape[1], 1};
    int fits = 0;

    if (sink->status != STATUS_OK) return;
    sink_begin_hdu(sink, mask->name);
    fits_set_compression_type(sink->file, RICE_1, &fits);
    fits_set_tile_dim(sink->file, 2, tile, &fits);
    fits_create_imgll(sink->file, mask->bitpix, 2, axes, &fits);
    fits_write_key_str(sink->file, "EXTNAME", mask->name, NULL, &fits);
    sink_note(sink, fits);
    sink_data(sink, mask);
    sink_end_hdu(sink);
    if (sink->status != STATUS_OK) return;
    fits_set_compression_type(sink->file, 0, &fits);
    sink_note(sink, fits);
}

static void write_mask(struct sink *sink, const char *path, const struct array *mask)
{
    size_t length = strlen(path);

    if (length > 3 && strcmp(path + length - 3, ".gz") == 0) {
        sink_image(sink, mask, NULL, NULL);
    } else {
        write_compressed_mask(sink, mask);
    }
}

enum status preproc_write(const char *path, const struct preproc *preproc, const int32_t *mask,
                          double readnoise, const struct keywords *keywords, struct error *error)
{
    size_t nx = preproc->nx, ny = preproc->ny;
    struct array array = {.name = "IMAGE",
                          .bitpix = FLOAT_IMG,
                          .type = TFLOAT,
                          .naxis = 2,
                          .shape = {ny, nx},
                          .data = preproc->image};
    struct sink sink;
    float *noise = memory_zeroed(nx * ny, sizeof *noise);

    if (!noise) return memory_error(error, "read noise");
    for (size_t i = 0; i < nx * ny; i++) noise[i] = (float)readnoise;
    sink_open(&sink, path, error);
    sink_image(&sink, &array, &preproc->header, keywords);
    array.name = "IVAR";
    array.data = preproc->ivar;
    sink_image(&sink, &array, NULL, NULL);
    write_mask(
        &sink, path,
        &(struct array){
            .name = "MASK", .bitpix = LONG_IMG, .type = TINT, .naxis = 2, .shape = {ny, nx}, .data = mask});
    array.name = "READNOISE";
    array.data = noise;
    sink_image(&sink, &array, NULL, NULL);
    sink_table(&sink, "FIBERMAP", &preproc->fibermap);
    free(noise);
    return sink_close(&sink);
}

enum status model_write(const char *path, const struct frame *frame, const struct cards *header,
                        const struct keywords *keywords, struct error *error)
{
    const struct array array = {.name = "MODEL",
                                .bitpix = DOUBLE_IMG,
                                .type = TDOUBLE,
                                .naxis = 2,
                                .shape = {frame->model_ny, frame->model_nx},
                                .data = frame->model};
    struct sink sink;

    sink_open(&sink, path, error);
    sink_image(&sink, &array, header, keywords);
    return sink_close(&sink);
}
