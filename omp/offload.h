/* The patch work of a frame on a device: the same kernels as on the host, many to a launch.
 *
 * The image and the PSF's coefficients go to the device once a frame. Then bundles are taken as many at a
 * time as fit: their spots and overlaps stay on the device, their patches are solved in chunks of one shape,
 * and only results come back. All functions are called by one thread; pointers in these structs, but for
 * those named host..., are the device's. */
#ifndef UNSPOT_OMP_OFFLOAD_H
#define UNSPOT_OMP_OFFLOAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"
#include "base/status.h"
#include "device/device.h"
#include "linalg/linalg.h"
#include "omp/model.h"
#include "omp/overlaps.h"
#include "omp/patch.h"
#include "omp/spots.h"

/* The largest of each that a frame has. */
struct offload_sizes {
    size_t nbundle;
    struct bundle_sizes bundle; /* of the largest */
    size_t arena_least; /* bytes for patches: what the largest patch, offload_patch_bytes(), and the model
                           image, offload_model_bytes(), need at least */
    size_t arena_most;  /* bytes that all patches of the frame need at once */
};

/* What a frame on a device is opened with. */
struct offload_frame {
    const struct device *device;
    const struct linalg *linalg; /* a back-end of that device */
    struct offload_sizes sizes;
    const struct pixels *pixels; /* of the host; they stay until offload_close() */
    const struct spots *psf;     /* the PSF's coefficients, as spots_alloc() arranged them; no spots */
};

struct offload {
    const struct device *device;
    const struct linalg *linalg;
    struct offload_sizes sizes;
    struct pixels pixels;
    struct spots spots;  /* the PSF of the frame; no spots */
    size_t bundles_held; /* at a time */

    struct spots *host_bundle_spots; /* [bundles_held] with pointers into what follows */
    struct overlaps *host_bundle_overlaps;
    double *host_pixmask_fraction; /* [bundle][sizes.bundle.nspec][sizes.bundle.nwave] see struct overlaps */
    bool *host_off_ccd;

    float *image, *ivar;
    struct pixels host_pixels; /* what a thread of its own copies there, beside the first kernels */
    pthread_t copier;
    bool is_copying, is_copied; /* the latter is the copier's until it is awaited */
    char *psf;
    struct spots *bundle_spots; /* the same on the device */
    struct overlaps *bundle_overlaps;
    double *values; /* of all spots */
    int *corners;
    double *sums, *y, *weight, *pixmask_fraction;
    bool *off_ccd;

    struct spot_scratch *spot_scratch;     /* [teams] */
    double *overlap_scratch, *team_shared; /* [teams][offload_overlap_scratch()], [teams][TEAM_SIZE] */
    char *arena;                           /* for chunks of patches */
    size_t arena_bytes;
};

/* Copies the PSF's coefficients to the device, begins to copy the pixels, and divides the device's free
 * memory, of which it takes no more than is of use. STATUS_DEVICE when it is not enough for one bundle and
 * one patch. The caller releases *offload with offload_close(), whatever the status; the memory stays for the
 * next frame, one frame at a time, until offload_forget(). *offload must not move. */
enum status offload_open(struct offload *offload, const struct offload_frame *frame, struct error *error);
void offload_close(struct offload *offload);
void offload_forget(void);

/* Waits until the pixels are there, which all but spots and models need; false when they did not get there.
 */
bool offload_await_pixels(struct offload *offload);

/* Evaluates spots and overlaps of bundles, at most bundles_held, each of a range of spectra of the PSF, at
 * wavelengths wave_min + i wave_step (Angstrom), and fills offload->host_pixmask_fraction and host_off_ccd.
 * False when the device fails. */
bool offload_spots(struct offload *offload, const struct span *bundle, size_t nbundle, double wave_min,
                   double wave_step);
bool offload_overlaps(struct offload *offload, size_t nbundle);

/* Patches that are solved together: of one shape, but anywhere on the CCD, of any of the bundles held. Their
 * own bands may be smaller than the shape's: the blocks of M beyond are 0 then, which changes no bit of the
 * results. */
struct offload_shape {
    size_t nspec, nwave;
    size_t wave_halfwidth; /* of M: no less than any patch's, no more than sizes.bundle.wave_halfwidth */
    size_t core_nspec, core_nwave;
    size_t npix;  /* of the largest */
    size_t ndiag; /* of R */
    bool wide;    /* the banded solver's second attempt, see banded.h */
    bool dense;   /* the dense solver */
};

/* Patches that are solved together, of bundles bundle[npatch] of those held, in the order of their
 * wave_halfwidth. */
struct offload_patches {
    struct offload_shape shape;
    size_t npatch;
    const struct patch *patch; /* [npatch] */
    const unsigned *bundle;    /* [npatch] */
    double regularize, psferr;
};

/* What came of them. The arrays are the host's, until the next patches are solved. */
struct offload_results {
    struct patch_result patch; /* of each patch one after another; deconvolved stays on the device */
    double *largest;           /* [npatch] largest weight; 0: an empty patch */
    int *solved;               /* [npatch] 0: singular */
    int *precise;              /* [npatch][core spec] whether this spectrum counts */
    void *memory;              /* of all these arrays */
    double normal_seconds, solve_seconds, quality_seconds, copy_seconds;
};

/* Bytes on a device for one patch; SIZE_MAX: impossible. */
size_t offload_patch_bytes(const struct device *device, const struct linalg *linalg,
                           const struct offload_shape *shape);

/* How many patches of this shape to solve at a time: all that are wanted or, of those that fit into the
 * arena, what keeps all teams at work; at least 1 where sizes.arena_least is enough. */
size_t offload_patches_held(const struct offload *offload, const struct offload_shape *shape, size_t wanted);

/* Solves the patches and fills *results. False when the device fails. */
bool offload_solve(struct offload *offload, const struct offload_patches *patches,
                   struct offload_results *results);

/* Bytes that offload_model() needs, for width columns. */
size_t offload_model_bytes(size_t nspec, size_t nwave, size_t width, size_t ny);

/* The light of spectra of bundle number `bundle` of those held, see model_add(); light->flux is the host's,
 * and its stride is wavelengths.count. host_strip[ny][columns.count] begins at column columns.first of the
 * CCD. False when the device fails. */
bool offload_model(struct offload *offload, size_t bundle, const struct light *light, struct span columns,
                   double *host_strip);

/* Private to omp/offload*.c */

/* Teams for so many spots, patches, ... */
int offload_teams(const struct offload *offload, size_t count);

/* Doubles of one team's overlap_scratch: that of a single member, or [LANE_EXCHANGE] and each part's sums. */
size_t offload_overlap_scratch(const struct offload_sizes *sizes, const struct spots *spots);

#endif
