/* The patches of a frame on a device. Private to extract/. */
#ifndef UNSPOT_EXTRACT_ON_DEVICE_H
#define UNSPOT_EXTRACT_ON_DEVICE_H

#include "extract/job.h"

/* Extracts all bundles of the plan on options->device: as many bundles at a time as its memory holds, their
 * patches in chunks of one shape. What the banded solver cannot do precisely goes to the dense one there;
 * patches that fail there too are repeated on the host, where they may be regularised. Results are those of
 * the host to rounding. STATUS_DEVICE when the device fails. */
enum status extract_on_device(struct job *job, struct timing *timing, struct error *error);

#endif
