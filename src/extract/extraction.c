#include "extract/extraction.h"

#include <stdint.h>

#include "base/grid.h"
#include "base/memory.h"

enum status extraction_frame_alloc(struct frame *frame, const struct extract_options *options,
                                   const struct psf *psf, struct span columns, size_t ny, struct error *error)
{
    const struct plan_options *plan = &options->plan;
    size_t nwave = wavelength_count(plan->wave_min, plan->wave_max, plan->wave_step);
    size_t nbin = plan->spectra.count * nwave;

    *frame = (struct frame){.specmin = plan->spectra.first,
                            .nspec = plan->spectra.count,
                            .nwave = nwave,
                            .ndiag = 2 * psf->hsizey + 1,
                            .wave_min = plan->wave_min,
                            .wave_step = plan->wave_step};
    frame->wave = memory_zeroed(nwave, sizeof(double));
    /* These are not set to 0: each bin belongs to one patch, and is stored by the thread that solves it. */
    frame->flux = memory_raw(nbin, sizeof(double));
    frame->ivar = memory_raw(nbin, sizeof(double));
    frame->mask = memory_raw(nbin, sizeof(uint32_t));
    frame->resolution = memory_raw(nbin, frame->ndiag * sizeof(float));
    frame->pixmask_fraction = memory_raw(nbin, sizeof(double));
    frame->chi2pix = memory_raw(nbin, sizeof(double));
    if (options->model) {
        frame->model_column = columns.first;
        frame->model_nx = columns.count;
        frame->model_ny = ny;
        frame->model = memory_zeroed(frame->model_nx * frame->model_ny, sizeof(double));
    }
    if (!frame->wave || !frame->flux || !frame->ivar || !frame->mask || !frame->resolution ||
        !frame->pixmask_fraction || !frame->chi2pix || (options->model && !frame->model)) {
        return memory_error(error, "frame");
    }
    for (size_t i = 0; i < nwave; i++) frame->wave[i] = plan->wave_min + (double)i * plan->wave_step;
    return STATUS_OK;
}
