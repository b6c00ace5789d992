/* Reads and writes two-dimensional CCD images: pre-processed exposures and models of them. */
#ifndef UNSPOT_IO_IMAGE_FILE_H
#define UNSPOT_IO_IMAGE_FILE_H

#include <stdint.h>

#include "base/frame.h"
#include "base/status.h"
#include "io/keyword.h"

/* Reads the HDUs IMAGE and IVAR, and MASK and FIBERMAP where present, of a .fits, .fits.gz or .fits.fz file,
 * of any numeric type. IVAR becomes 0 where MASK has any bit of mask_bits set and where image or ivar is NaN,
 * infinite or (ivar) negative; such image pixels become 0. The caller releases *preproc with preproc_free(),
 * whatever the status. */
enum status preproc_read(const char *path, uint32_t mask_bits, struct preproc *preproc, struct error *error);

/* Writes IMAGE, IVAR (float32), MASK (int32, tile-compressed RICE_1 by rows when the name does not end in
 * .gz), READNOISE (float32, constant readnoise) and FIBERMAP (when it has a header), with checksums.
 * mask[ny][nx] are ccdmask bits. The IMAGE header gets preproc->header's cards, then the keywords. */
enum status preproc_write(const char *path, const struct preproc *preproc, const int32_t *mask,
                          double readnoise, const struct keywords *keywords, struct error *error);

/* Writes a model image: HDU MODEL, float64, with the header of the image it models and the keywords. */
enum status model_write(const char *path, const struct frame *frame, const struct cards *header,
                        const struct keywords *keywords, struct error *error);

#endif
