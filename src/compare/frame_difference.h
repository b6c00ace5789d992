/* How two frames of the same exposure differ. */
#ifndef UNSPOT_COMPARE_FRAME_DIFFERENCE_H
#define UNSPOT_COMPARE_FRAME_DIFFERENCE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/frame.h"
#include "base/status.h"

/* The limits of the differences; enum quantity says what they mean and in which unit. */
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

/* The differences of frames a and b. They are taken over the bins in which both have ivar > 0, unless said
 * otherwise. */
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

/* How two frames differ in one quantity. */
struct difference {
    bool available;        /* false when one of the frames has no such data */
    bool limited;          /* false when it is only shown and never a failure */
    size_t count;          /* how many values were compared; for the three that count bins, how many differ */
    double largest;        /* NaN counts as infinite */
    double median;         /* 0 for those that count bins */
    double excess;         /* largest ratio of value to limit; above 1 the frames differ */
    size_t spectrum, wave; /* where the excess is: spectrum of the PSF, and index of the bin */
};

struct frame_difference {
    size_t nspec, nwave; /* how many were compared */
    struct difference quantity[QUANTITY_COUNT];
};

/* A name for tables and error texts, "flux". */
const char *quantity_name(enum quantity quantity);

/* Compares every spectrum of a with the same spectrum (specmin + row) of b. STATUS_MISMATCH when b lacks one
 * of them, the wavelengths differ by more than 1e-6 Angstrom, or the resolution matrices have different
 * sizes. The text does not name the files, which only the caller knows. */
enum status frame_difference(const struct frame *a, const struct frame *b,
                             const struct tolerances *tolerances, struct frame_difference *difference,
                             struct error *error);

/* The quantity with the largest excess above 1, or QUANTITY_COUNT when the frames agree. */
enum quantity frame_difference_worst(const struct frame_difference *difference);

#endif
