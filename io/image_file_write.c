#include "io/image_file.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "io/internal/output_stream.h"
#include "io/internal/table.h"

/* Writes the mask as an image that is tile-compressed by rows, as DESI's files have it. */
static void write_compressed_mask(struct output_stream *stream, const struct array *mask)
{
    LONGLONG axes[2] = {(LONGLONG)mask->shape[1], (LONGLONG)mask->shape[0]};
    long tile[2] = {(long)mask->shape[1], 1};
    int fits = 0;

    if (stream->status != STATUS_OK) return;
    output_stream_begin_hdu(stream, mask->name);
    fits_set_compression_type(stream->file, RICE_1, &fits);
    fits_set_tile_dim(stream->file, 2, tile, &fits);
    fits_create_imgll(stream->file, mask->bitpix, 2, axes, &fits);
    fits_write_key_str(stream->file, "EXTNAME", mask->name, NULL, &fits);
    output_stream_note(stream, fits);
    output_stream_data(stream, mask);
    output_stream_end_hdu(stream);
    if (stream->status != STATUS_OK) return;
    fits_set_compression_type(stream->file, 0, &fits);
    output_stream_note(stream, fits);
}

static void write_mask(struct output_stream *stream, const char *path, const struct array *mask)
{
    size_t length = strlen(path);

    if (length > 3 && strcmp(path + length - 3, ".gz") == 0) {
        output_stream_image(stream, mask, NULL, NULL);
    } else {
        write_compressed_mask(stream, mask);
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
    struct output_stream stream;
    float *noise = memory_zeroed(nx * ny, sizeof *noise);

    if (!noise) return memory_error(error, "read noise");
    for (size_t i = 0; i < nx * ny; i++) noise[i] = (float)readnoise;
    output_stream_open(&stream, path, error);
    output_stream_image(&stream, &array, &preproc->header, keywords);
    array.name = "IVAR";
    array.data = preproc->ivar;
    output_stream_image(&stream, &array, NULL, NULL);
    write_mask(
        &stream, path,
        &(struct array){
            .name = "MASK", .bitpix = LONG_IMG, .type = TINT, .naxis = 2, .shape = {ny, nx}, .data = mask});
    array.name = "READNOISE";
    array.data = noise;
    output_stream_image(&stream, &array, NULL, NULL);
    table_write(&stream, "FIBERMAP", &preproc->fibermap);
    free(noise);
    return output_stream_close(&stream);
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
    struct output_stream stream;

    output_stream_open(&stream, path, error);
    output_stream_image(&stream, &array, header, keywords);
    return output_stream_close(&stream);
}
