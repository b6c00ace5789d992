/* The work on one frame: what all threads of it share, and what each thread has of its own. Private to
 * extract/. */
#ifndef UNSPOT_EXTRACT_JOB_H
#define UNSPOT_EXTRACT_JOB_H

#include "extract/extraction.h"
#include "extract/plan.h"
#include "omp/bundle_solver.h"
#include "omp/model.h"
#include "omp/overlaps.h"
#include "omp/patch.h"
#include "omp/solver.h"
#include "omp/spots.h"
#include "run/timing.h"

/* What one thread needs for any patch of the plan; allocated once a frame. */
struct worker {
    void *normal_equations;  /* normal_equations_bytes() */
    double *prior;           /* [wave][spec] */
    double *scratch;         /* normal_equations_scratch_size() */
    double *exact;           /* [ndiag][core wave] of one spectrum's resolution, in double */
    double *pixels;          /* quality_bytes() */
    struct workspace solver; /* for any attempt */
    struct patch_result result;
    struct timing timing;
};

/* What all threads share. Only frame is written to, each patch its own part of it. */
struct job {
    struct extraction in;
    struct plan plan;
    struct pixels pixels;
    struct prior_rule prior;
    struct spots spots;                 /* of the current bundle, on the host */
    struct overlaps overlaps;           /* of these spots */
    struct bundle_solver bundle_solver; /* where bundles are solved as one system */
    bool bundle_is_solved;              /* the current one, in bundle_solver */
    struct worker *workers;             /* [nworker] */
    int nworker;
    struct frame *frame;
    double *strip; /* [row][column of the bundle]: the model of one bundle */
};

/* Plans the frame, and allocates it and what is needed wherever patches are solved. The caller releases *job
 * with job_free(), and the frame with frame_free(), whatever the status. */
enum status job_begin(struct job *job, const struct extraction *in, struct frame *frame, struct error *error);
void job_free(struct job *job);

/* The light of a bundle's spectra that are kept, for the model image. */
struct light job_light(const struct job *job, const struct planned_bundle *bundle);

/* Allocates what the host needs to extract bundles: spots, overlaps, workers. */
enum status job_alloc_host(struct job *job, struct error *error);

/* Evaluates the spots of a bundle and sums their overlaps, on the host. */
void job_evaluate_bundle(struct job *job, const struct planned_bundle *bundle, struct timing *timing);

#endif
