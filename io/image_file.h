/* Reads and writes two-dimensional CCD images: pre-processed exposures and models of them. */
#ifndef UNSPOT_IO_IMAGE_FILE_H
#define UNSPOT_IO_IMAGE_FILE_H

#include <stdint.h>

#include "base/frame.h"
#include "base/status.h"
#include "io/keyword.h"

/* Reads the HDUs IMAGE (electrons) and IVAR, and MASK and FIBERMAP where they are present, of a .fits,
 * .fits.gz or .fits.fz file; pixels may have any numeric type. A pixel's ivar becomes 0 where MASK has any of
 * mask_bits. Where image or ivar is NaN or infinite, or ivar is negative, both become 0. So does an ivar that
 * the file's lossy compression cannot tell from 0. STATUS_IO when the
 * file cannot be read, STATUS_FORMAT when an HDU is missing or has another shape than IMAGE. The caller
 * releases *preproc with preproc_free(), whatever the status. */
enum status preproc_read(const char *path, uint32_t mask_bits, struct preproc *preproc, struct error *error);

/* Writes the HDUs IMAGE and IVAR (float32), MASK (int32), READNOISE (float32, with the same value, in
 * electrons, for all pixels) and, where it has a header, FIBERMAP, with checksums. mask[ny][nx] holds bits of
 * desispec's ccdmask; it is tile-compressed by rows with RICE_1 unless path ends in .gz, as then the whole
 * file is gzipped. The header of IMAGE gets the cards of preproc->header, then the keywords. STATUS_NUMERIC
 * when a number is not finite, STATUS_IO when the file cannot be written; path is then left as it was. */
enum status preproc_write(const char *path, const struct preproc *preproc, const int32_t *mask,
                          double readnoise, const struct keywords *keywords, struct error *error);

/* Writes frame->model as HDU MODEL (float64 [ny][nx], electrons), with the header of the image that it models
 * and then the keywords. The errors are those of preproc_write(). */
enum status model_write(const char *path, const struct frame *frame, const struct cards *header,
                        const struct keywords *keywords, struct error *error);

#endif
