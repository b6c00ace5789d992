/* One patch of a frame, from its normal equations to its bins in the frame: what a thread does. Private to
 * extract_frame.c. */
#ifndef UNSPOT_EXTRACT_PATCH_H
#define UNSPOT_EXTRACT_PATCH_H

#include "extract/frame.h"
#include "omp/bundle_solver.h"
#include "omp/overlaps.h"
#include "omp/patch.h"
#include "omp/spots.h"

/* What one thread needs for any patch of the plan; allocated once a frame. */
struct worker {
    void *normal;    /* normal_equations_bytes() */
    double *prior;   /* [wave][spec] */
    double *scratch; /* normal_equations_scratch_size() */
    struct solution solution;
    float *resolution; /* the solution's, as files hold it */
    double *chi2pix;   /* [core spec][core wave] */
    double *pixels;    /* quality_bytes() */
    void *solver;
    size_t solver_bytes;
    struct timing timing;
};

/* What all threads share; only frame is written to, each patch its own part. */
struct job {
    const struct preproc *preproc;
    const struct psf *psf;
    const struct extract_options *options;
    const struct log *log;
    struct progress *progress;
    struct plan plan;
    struct pixels pixels;
    struct spots spots;
    struct overlaps overlaps;
    struct bundle_solver bundle_solver; /* where bundles are solved as one system */
    bool bundle_is_solved;              /* the current one, in whole */
    struct worker *workers;             /* [nworker] */
    int nworker;
    struct frame *frame;
    double *strip; /* [row][column of the bundle]: its model */
};

/* Memory for any patch of the plan; released with worker_free(), whatever the status. */
enum status worker_alloc(struct worker *worker, const struct job *job, struct error *error);
void worker_free(struct worker *worker);

/* Extracts one patch of a bundle whose spots and overlaps are there, and puts what is kept into the frame. */
void extract_patch(struct worker *worker, const struct job *job, const struct planned_bundle *bundle,
                   const struct planned_patch *planned);

/* Memory to extract bundles on the host: spots, overlaps, workers. Released with the job. */
enum status job_alloc_host(struct job *job, struct error *error);

/* Spots and overlaps of a bundle, on the host. */
void job_evaluate_bundle(struct job *job, const struct planned_bundle *bundle, struct timing *timing);

/* What became of a patch. */
enum outcome { EXTRACTED, REGULARISED, UNSOLVED, EMPTY };

struct patch_result {
    enum outcome outcome;
    const double *flux, *ivar, *chi2pix; /* [core spec][core wave], per bin */
    const float *resolution;             /* [core spec][ndiag][core wave]: as files hold it */
    const double *pixmask_fraction;      /* of the bundle's spots, see struct overlaps */
    const bool *off_ccd;
};

/* Puts one core spectrum of a patch into the frame; spec must be one that is kept. */
void store_spectrum(const struct job *job, const struct planned_patch *planned,
                    const struct patch_result *result, size_t spec);

#endif
