/* The patches of a frame solved on a device, by the same kernels as on the host, many patches to a launch.
 *
 * The image and the coefficients of the PSF are copied to the device once a frame. Then as many bundles are
 * taken at a time as fit: their spots and overlaps stay on the device, their patches are solved in chunks of
 * one shape, and only the results come back. All functions are called by one thread. Pointers in these
 * structures are the device's, except where a name begins with host or a comment says so. */
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
#include "omp/solver.h"
#include "omp/spots.h"

/* The sizes of a frame. */
struct offload_sizes {
    size_t nbundle;
    struct bundle_sizes bundle; /* of the largest bundle */
    size_t arena_least;         /* bytes that the largest patch, offload_patch_bytes(), and the model image,
                                   offload_model_bytes(), need at least */
    size_t arena_most;          /* bytes that all patches of the frame need at once */
};

/* What offload_open() is given. The pointers are the host's. */
struct offload_frame {
    const struct device *device;
    const struct linalg *linalg; /* a back-end of that device */
    struct offload_sizes sizes;
    const struct pixels *pixels; /* they must stay until offload_close() */
    const struct spots *psf;     /* the PSF's coefficients as spots_alloc() arranged them; no spots */
};

/* A frame on the device. In the arrays below [bundle] has bundles_held elements, and [spec] and [wave] have
 * sizes.bundle.nspec and sizes.bundle.nwave, also for bundles that have fewer spectra. */
struct offload {
    const struct device *device; /* the host's */
    const struct linalg *linalg; /* the host's */
    struct offload_sizes sizes;
    struct pixels pixels;
    struct spots spots;  /* the PSF of the frame, without spots */
    size_t bundles_held; /* at a time */

    struct spots *host_bundle_spots;       /* [bundle] with pointers into the device's arrays below */
    struct overlaps *host_bundle_overlaps; /* [bundle], likewise */
    double *host_pixmask_fraction;         /* [bundle][spec][wave] see struct overlaps */
    bool *host_off_ccd;                    /* [bundle][spec][wave] see struct overlaps */

    float *image, *ivar;        /* [ny][nx] see struct pixels */
    struct pixels host_pixels;  /* what a thread of its own copies there while the first kernels run */
    pthread_t copier;           /* that thread */
    bool is_copying, is_copied; /* is_copied is written by the copier until it has been awaited */
    char *psf;                  /* the coefficients to which spots.table points */

    struct spots *bundle_spots;       /* [bundle] copies of host_bundle_spots */
    struct overlaps *bundle_overlaps; /* [bundle] copies of host_bundle_overlaps */
    double *values;                   /* [bundle][pad, spots, pad]: `memory` of struct spots */
    int *corners;                     /* [bundle][column, row][spec][wave] see struct spots */
    double *sums;                     /* [bundle][spec][wave][overlaps_pairs()] see struct overlaps */
    double *y, *weight;               /* [bundle][spec][wave] see struct overlaps */
    double *pixmask_fraction;         /* [bundle][spec][wave] see struct overlaps */
    bool *off_ccd;                    /* [bundle][spec][wave] see struct overlaps */

    struct spot_scratch *spot_scratch; /* [teams] */
    double *overlap_scratch;           /* [teams][offload_overlap_scratch()] */
    double *team_shared;               /* [teams][TEAM_SIZE] */
    char *arena;                       /* [arena_bytes] for chunks of patches and for model images */
    size_t arena_bytes;
};

/* Copies the coefficients of the PSF to the device, begins to copy the pixels, and divides the free memory of
 * the device, of which it takes no more than is of use. STATUS_DEVICE when the memory does not suffice for
 * one bundle and one patch, or when the device takes no data. The caller releases *offload with
 * offload_close(), whatever the status. The memory stays allocated for the next frame until offload_forget();
 * one frame can be open at a time. *offload must not be moved while it is open. */
enum status offload_open(struct offload *offload, const struct offload_frame *frame, struct error *error);
void offload_close(struct offload *offload);
void offload_forget(void);

/* Waits until the pixels are on the device; false when they could not be copied. Every function but
 * offload_spots() and offload_model() needs the pixels. */
bool offload_await_pixels(struct offload *offload);

/* Evaluates the spots of nbundle bundles, at most bundles_held, at wavelengths wave_min + i wave_step
 * (Angstrom), i = 0 ... sizes.bundle.nwave - 1. bundle[nbundle]: the spectra of the PSF that each has. False
 * when the device fails. */
bool offload_spots(struct offload *offload, const struct span *bundle, size_t nbundle, double wave_min,
                   double wave_step);

/* Sums the overlaps of these spots, and fills offload->host_pixmask_fraction and host_off_ccd. False when the
 * device fails. */
bool offload_overlaps(struct offload *offload, size_t nbundle);

/* The common shape of patches that are solved together. They may lie anywhere on the CCD and belong to any of
 * the bundles held. The wave_halfwidth of a patch may be smaller than the shape's: the blocks of M beyond it
 * are then 0, which changes no bit of the results. */
struct offload_shape {
    size_t nspec, nwave;   /* padding included */
    size_t wave_halfwidth; /* of M: no less than any patch's, no more than sizes.bundle.wave_halfwidth */
    size_t core_nspec, core_nwave; /* of the core */
    size_t npix;                   /* the most pixels of a patch */
    size_t ndiag;                  /* diagonals of R */
    bool wide;                     /* banded_solve_wide() instead of banded_solve() */
    bool dense;                    /* the dense solver */
};

/* Patches that are solved together, in ascending order of their wave_halfwidth. The arrays are the host's. */
struct offload_patches {
    struct offload_shape shape;
    size_t npatch;
    const struct patch *patch; /* [npatch] */
    const unsigned *bundle;    /* [npatch] the number of each patch's bundle among those held */
    struct prior_rule prior;
    double psferr; /* fractional error of the PSF, see omp/quality.h */
};

/* The results of patches that were solved together. The arrays are the host's and last until the next patches
 * are solved. */
struct offload_results {
    struct patch_result patch; /* its arrays, one patch after another; deconvolved stays on the device */
    double *largest;           /* [npatch] largest weight φ of the patch; 0: it has no usable pixel */
    int *solved;               /* [npatch] 0: the system is singular */
    int *precise;              /* [npatch][core spec] 0: this spectrum is not precise */
    void *memory;              /* that all these arrays are in */
    double normal_equations_seconds, solve_seconds, quality_seconds, copy_seconds;
};

/* Bytes of the arena for one patch; SIZE_MAX when it is larger than the linear algebra can do. */
size_t offload_patch_bytes(const struct device *device, const struct linalg *linalg,
                           const struct offload_shape *shape);

/* How many patches of this shape to solve at a time: all that are wanted if they fit into the arena, else as
 * many as fit, in whole rounds of the device's teams where there is more than one round. It is at least 1
 * where sizes.arena_least suffices. */
size_t offload_patches_held(const struct offload *offload, const struct offload_shape *shape, size_t wanted);

/* Solves the patches and fills *results. False when the device fails or memory for the results is missing. */
bool offload_solve(struct offload *offload, const struct offload_patches *patches,
                   struct offload_results *results);

/* Bytes of the arena that offload_model() needs for nspec x nwave spots and `width` columns of ny rows. */
size_t offload_model_bytes(size_t nspec, size_t nwave, size_t width, size_t ny);

/* Sets host_strip[ny][columns.count] to the light of spectra of bundle number `bundle` of those held, as
 * model_add() adds it to an image. The strip begins at column columns.first of the CCD. light->flux is the
 * host's, and light->stride must be light->wavelengths.count. False when the device fails. */
bool offload_model(struct offload *offload, size_t bundle, const struct light *light, struct span columns,
                   double *host_strip);

/* The following two are for omp/device alone. */

/* How many teams to start for `count` spots, patches or other things to do. */
int offload_teams(const struct offload *offload, size_t count);

/* Doubles of one team's overlap_scratch: what overlaps_of_spot() needs and the overlaps of a spot, or
 * LANE_EXCHANGE numbers and the overlaps of a spot for each part of the team, whichever is more. */
size_t offload_overlap_scratch(const struct offload_sizes *sizes, const struct spots *spots);

#endif
