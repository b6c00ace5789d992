/* The patches of the bundles that are on a device, and the attempts to solve them
 * there. Private to extract/. */
#ifndef UNSPOT_EXTRACT_DEVICE_PATCHES_H
#define UNSPOT_EXTRACT_DEVICE_PATCHES_H

#include "extract/attempts.h"
#include "extract/job.h"
#include "omp/offload.h"

/* Whether a patch is still to be solved, and by whom. */
enum pending_state { PENDING, ON_HOST, DONE };

struct pending_patch {
    const struct planned_patch *planned;
    unsigned bundle; /* number among the bundles on the device */
    enum pending_state state;
    struct attempt attempt; /* the next one */
    bool is_empty;          /* no pixel of it can be used */
    bool *done;             /* [core spec] solved, and stored where it is kept */
};

/* The bundles that are on the device at a time. */
struct bundle_load {
    struct job *job;
    struct offload *offload;
    struct timing *timing;
    struct span bundles;           /* of the plan */
    struct pending_patch *pending; /* [npending] all patches of these bundles */
    size_t npending;
    size_t wave_halfwidth; /* of all banded systems: the largest that one of them needs */

    bool *done;                  /* [npending][core spec] */
    struct pending_patch **todo; /* [npending] those of one attempt, sorted by shape */
    struct patch *patch;         /* [npending] what the device is told of them */
    unsigned *patch_bundle;      /* [npending] */
};

/* Memory for the patches of a plan. The caller releases it with bundle_load_free(), whatever the status. */
enum status bundle_load_alloc(struct bundle_load *load, struct error *error);
void bundle_load_free(struct bundle_load *load);

/* Bytes on the device that patches of this plan need: the least that will do for any one of them, and what
 * all of them would take at once. SIZE_MAX as the least when a patch is too large for any solver. */
void device_patches_bytes(const struct job *job, size_t *least, size_t *most);

/* Makes attempts at all patches of load->bundles, whose spots and overlaps are on the device, and stores the
 * results. What is left is ON_HOST. False when the device fails. */
bool device_patches_solve(struct bundle_load *load);

/* What solves dense systems on the device: cuSOLVER and cuBLAS where they are, opened now, else `linalg`,
 * which copies them to the host and back, after a warning (once). */
const struct linalg *device_dense_linalg(const struct device *device, const struct linalg *linalg,
                                         const struct log *log);

#endif
