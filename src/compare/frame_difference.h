/* How two frames of the same exposure differ. */
#ifndef UNSPOT_COMPARE_FRAME_DIFFERENCE_H
#define UNSPOT_COMPARE_FRAME_DIFFERENCE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/frame.h"
#include "base/status.h"

/* Limits; what they mean is said at enum quantity. */
struct tolerances {
    double flux, flux_relative;
    double ivar;
    double resolution;
    double chi2pix;
    double pixmask;
    bool strict_mask;
};

/* The limits within which an extraction has to agree with gpu_specter: they leave room for another order of
 * arithmetic, and 2e-7 for the rounding of the files' float32. */
struct tolerances tolerances_default(void);

/* Differences of frames a and b, over the bins in which both have ivar > 0 unless said otherwise. */
enum quantity {
    QUANTITY_FLUX, /* |a - b| sqrt(ivar of b), in sigma; limit: flux + flux_relative |flux| sqrt(ivar) */
    QUANTITY_IVAR, /* |a - b| / ivar of b */
    QUANTITY_RESOLUTION, /* |a - b| in rows of R whose bin has ivar > 0 in both */
    QUANTITY_CHI2PIX,    /* |a - b| / larger of both */
    QUANTITY_PIXMASK,    /* |a - b| of pixmask_fraction, all bins */
    QUANTITY_LOST,  /* bins with ivar 0 in one frame and, in the other, an ivar worth something: above 1e-4
                       of that spectrum's median; limit 0 */
    QUANTITY_EMPTY, /* bins with ivar 0 in one frame and not in the other; limit 0 when strict_mask */
    QUANTITY_MASK,  /* bins with different masks, all bins; limit 0 when strict_mask */
    QUANTITY_COUNT
};

struct difference {
    bool available;        /* false: one of the frames has no such data */
    bool limited;          /* false: shown only, never a failure */
    size_t count;          /* values compared; the three that count bins: bins that differ */
    double largest;        /* NaN counts as infinite */
    double median;         /* 0 for those that count bins */
    double excess;         /* largest ratio of value to limit; above 1 the frames differ */
    size_t spectrum, wave; /* of the PSF, and index of the bin: where the excess is */
};

struct frame_difference {
    size_t nspec, nwave; /* compared */
    struct difference quantity[QUANTITY_COUNT];
};

/* A name for tables and error texts, "flux". */
const char *quantity_name(enum quantity quantity);

/* Compares every spectrum of a with the same spectrum (specmin + row) of b. STATUS_MISMATCH: b lacks one of
 * them, or the wavelengths differ by more than 1e-6 Angstrom, or the sizes of the resolution matrices differ.
 */
enum status frame_difference(const struct frame *a, const struct frame *b,
                             const struct tolerances *tolerances, struct frame_difference *difference,
                             struct error *error);

/* The quantity with the largest excess above 1, or QUANTITY_COUNT when the frames agree. */
enum quantity frame_difference_worst(const struct frame_difference *difference);

#endif
