#include "extract/write.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "extract/scores.h"
#include "io/frame_file.h"
#include "io/image_file.h"
#include "run/options.h"
#include "run/provenance.h"
#include "run/version.h"

/* Puts the options on which the numbers depend into one line. Equal lines and equal
 * inputs give equal frames, and options that differ give lines that differ. */
static void describe_options(const struct session *session, char *text, size_t size)
{
    const struct plan_options *plan = &session->options.plan;
    const struct arguments *arguments = session->arguments;
    char wave_min[OPTIONS_NUMBER], wave_max[OPTIONS_NUMBER], wave_step[OPTIONS_NUMBER],
        pixpad[OPTIONS_NUMBER], regularize[OPTIONS_NUMBER], psferr[OPTIONS_NUMBER];

    snprintf(
        text, size,
        "wavelength=%s,%s,%s specmin=%zu nspec=%zu bundlesize=%zu nsubbundles=%zu nwavestep=%zu wavepad=%zu "
        "pixpad-frac=%s regularize=%s psferr=%s maskbits=%d bad2dfit=%s patch=%s solver=%s",
        options_number(plan->wave_min, wave_min), options_number(plan->wave_max, wave_max),
        options_number(plan->wave_step, wave_step), session->psf.fibermin + plan->spectra.first,
        plan->spectra.count, plan->bundlesize, plan->nsubbundles, plan->nwavestep, plan->wavepad,
        options_number(plan->pixpad_frac, pixpad), options_number(session->options.regularize, regularize),
        options_number(session->options.psferr, psferr), arguments->maskbits, arguments->bad2dfit,
        arguments->patch, arguments->solver);
}

void session_identity(const struct session *session, struct keywords *keywords)
{
    char options[1024];

    describe_options(session, options, sizeof options);
    keyword_string(keywords, "SPECTER", "unspot " UNSPOT_VERSION, "Extraction program");
    keyword_string(keywords, "IN_PSF", session->arguments->psf, "Input spectral PSF");
    keyword_string(keywords, "IN_IMG", session->arguments->input, "Input image");
    keyword_string(keywords, "EXTROPTS", options, "");
}

static void make_keywords(const struct session *session, struct keywords *keywords)
{
    const struct frame *frame = &session->frame;
    const struct extract_options *used = &session->options;
    const struct linalg *linalg = used->device_linalg ? used->device_linalg : used->linalg;

    keywords->count = 0;
    keyword_integer(keywords, "NSPEC", (long long)frame->nspec, "Number of spectra");
    keyword_real(keywords, "WAVEMIN", frame->wave[0], "First wavelength [Angstroms]");
    keyword_real(keywords, "WAVEMAX", frame->wave[frame->nwave - 1], "Last wavelength [Angstroms]");
    keyword_real(keywords, "WAVESTEP", frame->wave_step, "Wavelength step size [Angstroms]");
    session_identity(session, keywords);
    if (session->psf.original[0]) {
        keyword_string(keywords, "ORIG_PSF", session->psf.original, "PSF that IN_PSF was made from");
    }
    keyword_integer(keywords, "FIBERMIN", (long long)session->fibers.fibermin, "First fiber");
    keyword_string(keywords, "DEVICE", session->timing.device, "Device of the extraction");
    keyword_string(keywords, "BACKEND", session->timing.backend, "Linear algebra of the extraction");
    keyword_integer(keywords, "NREGPTCH", (long long)session->timing.nregularised,
                    "Patches that were regularised");
    keyword_integer(keywords, "NDNSPTCH", (long long)session->timing.ndense,
                    "Patches left to the dense solver");
    keyword_integer(keywords, "NHSTPTCH", (long long)session->timing.nrepeated,
                    "Patches that the device left to the host");
    keyword_integer(keywords, "NBADPTCH", (long long)session->timing.nunsolved, "Patches without a solution");
    provenance_dependencies(keywords, &session->preproc.header,
                            session->timing.cuda[0] ? session->timing.cuda : linalg_description(linalg));
}

/* A frame without data is written like any other, but not without a word. */
static void warn_of_no_data(const struct session *session)
{
    const struct frame *frame = &session->frame;

    for (size_t i = 0; i < frame->nspec * frame->nwave; i++) {
        if (frame->ivar[i] > 0) return;
    }
    log_warning(
        &session->log,
        "no bin has data: all of them lie off the CCD or on unusable pixels, or the PSF is empty there");
}

static enum status write_frame(const struct session *session, const struct keywords *keywords,
                               struct error *error)
{
    const struct frame *frame = &session->frame;
    struct frame_scores scores;
    double *value = memory_zeroed(frame->nspec, FRAME_SCORES * sizeof(double));
    enum status status;
    size_t count = 0;

    if (!value) return memory_error(error, "scores");
    status = scores_compute(frame, value, &scores, &count, error);
    if (status == STATUS_OK && count == 0) {
        log_warning(&session->log, "no wavelength lies in the scores' window %g to %g: SCORES is left out",
                    scores.window_min, scores.window_max);
    }
    if (status == STATUS_OK) {
        const struct frame_companions companions = {.image_header = &session->preproc.header,
                                                    .keywords = keywords,
                                                    .fibermap = &session->fibers.rows,
                                                    .scores = count > 0 ? &scores : NULL};

        status = frame_file_write(session->arguments->output, frame, &companions, error);
    }
    free(value);
    return status;
}

enum status session_write(struct session *session, struct error *error)
{
    const struct arguments *arguments = session->arguments;
    struct keywords *keywords = memory_zeroed(1, sizeof *keywords);
    double now;
    enum status status;

    if (!keywords) return memory_error(error, "keywords");
    now = timing_start(STAGE_WRITE);
    make_keywords(session, keywords);
    warn_of_no_data(session);
    log_info(&session->log, "writing %s", arguments->output);
    status = write_frame(session, keywords, error);
    if (status == STATUS_OK && arguments->model) {
        log_info(&session->log, "writing the model image %s", arguments->model);
        status = model_write(arguments->model, &session->frame, &session->preproc.header, keywords, error);
    }
    timing_add_file(&session->timing, STAGE_WRITE, arguments->output);
    if (arguments->model) timing_add_file(&session->timing, STAGE_WRITE, arguments->model);
    timing_add(&session->timing, STAGE_WRITE, now, arguments->model ? 2 : 1);
    free(keywords);
    return status;
}
