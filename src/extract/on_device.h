/* The patches of a frame on a device. Private to extract_frame.c. */
#ifndef UNSPOT_EXTRACT_ON_DEVICE_H
#define UNSPOT_EXTRACT_ON_DEVICE_H

#include "extract/patch.h"

/* Extracts all bundles of the plan on options->device: batches of bundles that fit into its memory, their
 * patches in chunks of one shape. What the banded solver cannot do precisely goes to the dense one there;
 * patches that fail there too are repeated on the host, where they may be regularised. Results are those of
 * the host to rounding. */
enum status extract_on_device(struct job *job, struct timing *timing, struct error *error);

/* What solves dense systems on the device: cuSOLVER and cuBLAS where they are, opened now, else `linalg`,
 * which copies them to the host and back, after a warning (once). */
const struct linalg *extract_dense_linalg(const struct device *device, const struct linalg *linalg,
                                          const struct log *log);

#endif
