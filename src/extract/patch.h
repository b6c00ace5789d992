/* One patch of a frame, from its normal equations to its bins in the frame: what a thread does. Private to
 * extract/. */
#ifndef UNSPOT_EXTRACT_PATCH_H
#define UNSPOT_EXTRACT_PATCH_H

#include "extract/job.h"

/* Extracts one patch of a bundle whose spots and overlaps are there, and puts what is kept into the frame. */
void extract_patch(struct worker *worker, const struct job *job, const struct planned_bundle *bundle,
                   const struct planned_patch *planned);

/* What became of a patch. */
enum outcome {
    EXTRACTED,
    REGULARISED, /* solved after all, with a stronger prior */
    UNSOLVED,
    EMPTY, /* no pixel of it can be used */
};

/* A patch as it goes into the frame. */
struct extracted {
    enum outcome outcome;
    const struct patch_result *result;
    const double *pixmask_fraction; /* of the bundle's spots, see struct overlaps */
    const bool *off_ccd;
};

/* Puts one core spectrum of a patch into the frame; spec must be one that is kept. */
void store_spectrum(const struct job *job, const struct planned_patch *planned,
                    const struct extracted *extracted, size_t spec);

#endif
