/* The steps of one task of a batch: inputs, results, what is said about it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "batch/batch.h"
#include "io/verify.h"
#include "ranks/transfer.h"

/* The device that was chosen before the first frame. */
static enum status use_device(const struct batch *batch, struct session *session, struct error *error)
{
    if (strcmp(session->arguments->device, batch->device_wish) != 0) {
        return error_set(error, STATUS_USAGE, "--device %s: all tasks have one device, and the first's is %s",
                         session->arguments->device, batch->device_wish);
    }
    if (session->options.plan.whole_bundles && batch->device.kind != DEVICE_HOST) {
        return error_set(error, STATUS_USAGE, "--patch bundle: on the CPU only, and the device is %s",
                         batch->device.name);
    }
    session_use_device(session, &batch->device, batch->device_linalg);
    return STATUS_OK;
}

struct flight *flight_new(const struct batch *batch, long task)
{
    struct flight *flight = memory_zeroed(1, sizeof *flight);
    struct session *session;

    if (!flight) { /* a few kilobytes are missing: the end, and under a launcher of all ranks */
        log_error(&batch->log, "out of memory for task %ld", task + 1);
        abort();
    }
    session = &flight->session;
    flight->task = task;
    flight->status = tasks_arguments(&batch->tasks, (size_t)task, &flight->arguments, &flight->error);
    session->arguments = &flight->arguments;
    if (flight->status == STATUS_OK) flight->status = session_check(session, &flight->error);
    if (flight->status == STATUS_OK) flight->status = use_device(batch, session, &flight->error);
    progress_init(&session->progress, "never");
    session->log.level = batch->log.level == LOG_INFO ? LOG_WARNING : batch->log.level;
    snprintf(flight->about, sizeof flight->about, "%s",
             flight->arguments.output ? flight->arguments.output : "task");
    session->log.about = flight->about;
    return flight;
}

void flight_free(struct flight *flight)
{
    if (!flight) return;
    session_free(&flight->session);
    arguments_free(&flight->arguments);
    free(flight);
}

/* Whether the outputs that this task would write are there already. */
static bool is_complete(const struct batch *batch, const struct session *session)
{
    const struct arguments *arguments = session->arguments;
    struct keywords *keywords = memory_zeroed(1, sizeof *keywords);
    const char *outputs[2] = {arguments->output, arguments->model};
    static const char *const last_hdus[2] = {"CHI2PIX", "MODEL"};
    char why[512] = "there is no memory to check it";
    bool complete = keywords != NULL;

    if (keywords) extract_identity(session, keywords);
    for (int i = 0; i < 2 && complete; i++) {
        if (!outputs[i]) continue;
        verify_remove_leftovers(outputs[i]);
        complete = verify_output(outputs[i], last_hdus[i], keywords, why, sizeof why);
        if (complete &&
            (verify_is_older(outputs[i], arguments->input) || verify_is_older(outputs[i], arguments->psf))) {
            snprintf(why, sizeof why, "its inputs are younger");
            complete = false;
        }
        if (!complete) log_info(&batch->log, "%s: not taken as complete: %s", outputs[i], why);
    }
    free(keywords);
    return complete;
}

void flight_read(const struct batch *batch, struct flight *flight, struct events *events)
{
    struct session *session = &flight->session;
    double now = timing_now();

    if (flight->status == STATUS_OK) flight->status = session_read_psf(session, &flight->error);
    if (flight->status == STATUS_OK) flight->status = session_fit(session, &flight->error);
    if (flight->status == STATUS_OK && batch->options.resume)
        flight->is_complete = is_complete(batch, session);
    if (!flight->is_complete) {
        if (flight->status == STATUS_OK) flight->status = session_check_outputs(session, &flight->error);
        if (flight->status == STATUS_OK) flight->status = session_read_image(session, &flight->error);
        if (flight->status == STATUS_OK) flight->status = extract_select_fibers(session, &flight->error);
    }
    events_add(events, EVENT_READ, now, (int)flight->task);
}

/* A line for the summary; without memory it is missing there, but it is in the log. */
static void add_failure(struct tally *tally, const char *line)
{
    size_t length = strlen(line);
    char *failures = realloc(tally->failures, tally->failures_size + length + 2);

    if (!failures) return;
    tally->failures = failures;
    memcpy(failures + tally->failures_size, line, length);
    memcpy(failures + tally->failures_size + length, "\n", 2);
    tally->failures_size += length + 1;
}

static void report_failure(const struct batch *batch, const struct flight *flight, struct tally *tally)
{
    char line[1400];

    snprintf(line, sizeof line, "%s:%zu: no %s: %s", batch->tasks.name, batch->tasks.list[flight->task].line,
             flight->about, flight->is_dropped ? "stopped by a signal" : flight->error.text);
    log_error(&batch->log, "%s", line);
    add_failure(tally, line);
}

static void report_frame(const struct batch *batch, const struct flight *flight)
{
    const struct timing *timing = &flight->session.timing;

    log_info(&batch->log, "frame %ld of %zu, %s: %zu spectra x %zu wavelengths, extracted in %.2f s",
             flight->task + 1, batch->tasks.count, flight->about, flight->session.frame.nspec,
             flight->session.frame.nwave, timing->extract_seconds);
    if (timing->nregularised + timing->nunsolved > 0) {
        log_warning(&batch->log, "%s: %zu of %zu patches were regularised, %zu have no solution",
                    flight->about, timing->nregularised, timing->npatch, timing->nunsolved);
    }
}

void flight_write(const struct batch *batch, struct flight *flight, struct tally *tally,
                  struct events *events)
{
    struct session *session = &flight->session;
    double now = timing_now();

    if (flight->status == STATUS_OK && !flight->is_complete && !flight->is_dropped) {
        flight->status = extract_write(session, &flight->error);
        events_add(events, EVENT_WRITE, now, (int)flight->task);
    }
    if (flight->status != STATUS_OK || flight->is_dropped) {
        report_failure(batch, flight, tally);
        *(flight->is_dropped ? &tally->dropped : &tally->failed) += 1;
    } else if (flight->is_complete) {
        log_info(&batch->log, "frame %ld of %zu, %s: complete, skipped", flight->task + 1, batch->tasks.count,
                 flight->about);
        tally->skipped++;
    } else {
        report_frame(batch, flight);
        timing_merge(&tally->timing, &session->timing);
        tally->timing.extract_seconds += session->timing.extract_seconds;
        tally->written++;
    }
    flight_free(flight);
}

static void transfer_state(struct transfer *transfer, struct flight *flight)
{
    transfer_bytes(transfer, &flight->status, sizeof flight->status);
    transfer_bytes(transfer, &flight->error, sizeof flight->error);
    transfer_bytes(transfer, &flight->is_complete, sizeof flight->is_complete);
    transfer_bytes(transfer, &flight->is_dropped, sizeof flight->is_dropped);
}

static void note_memory(const struct transfer *transfer, struct flight *flight)
{
    if (transfer->out_of_memory) flight->status = memory_error(&flight->error, "frame, on its way");
}

void flight_transfer_inputs(struct transfer *transfer, struct flight *flight)
{
    struct session *session = &flight->session;

    transfer_state(transfer, flight);
    if (flight->status != STATUS_OK || flight->is_complete) return;
    transfer_psf(transfer, &session->psf);
    transfer_pixels(transfer, &session->preproc);
    transfer_cards(transfer, &session->preproc.header);
    transfer_table(transfer, &session->fibermap);
    transfer_bytes(transfer, &session->fibermin, sizeof session->fibermin);
    transfer_bytes(transfer, session->timing.stage, sizeof session->timing.stage);
    note_memory(transfer, flight);
}

/* What extract_write() needs. The pointers among options and timing are those that session_check() gave the
 * receiving side. */
void flight_transfer_results(struct transfer *transfer, struct flight *flight)
{
    struct session *session = &flight->session;
    const struct linalg *linalg = session->options.linalg, *device_linalg = session->options.device_linalg;
    struct device device;
    const char *solver = session->arguments->solver;

    transfer_state(transfer, flight);
    if (flight->status != STATUS_OK || flight->is_complete || flight->is_dropped) return;
    transfer_bytes(transfer, &session->options, sizeof session->options);
    transfer_bytes(transfer, &session->timing, sizeof session->timing);
    device = session->options.device; /* the other rank's: it did the work */
    session->options.linalg = linalg;
    session_use_device(session, &device, device_linalg);
    session->timing.solver = solver;
    session_name_linalg(session);
    transfer_bytes(transfer, session->psf.original, sizeof session->psf.original);
    transfer_cards(transfer, &session->preproc.header);
    transfer_table(transfer, &session->fibermap);
    transfer_bytes(transfer, &session->fibermin, sizeof session->fibermin);
    transfer_frame(transfer, &session->frame);
    note_memory(transfer, flight);
}
