#include "batch/work_item.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "extract/write.h"
#include "io/verify.h"

/* Takes the device that was chosen before the first frame. STATUS_USAGE when this task
 * asks for another one. */
static enum status use_device(const struct batch *batch, struct session *session, struct error *error)
{
    if (strcmp(session->arguments->device, batch->device_request) != 0) {
        return error_set(error, STATUS_USAGE, "--device %s: all tasks have one device, and the first's is %s",
                         session->arguments->device, batch->device_request);
    }
    if (session->options.plan.whole_bundles && batch->device.kind != DEVICE_HOST) {
        return error_set(error, STATUS_USAGE, "--patch bundle: on the CPU only, and the device is %s",
                         batch->device.name);
    }
    session_use_device(session, &batch->device, batch->device_linalg);
    return STATUS_OK;
}

struct work_item *work_item_new(const struct batch *batch, long task)
{
    struct work_item *item = memory_zeroed(1, sizeof *item);
    struct session *session;

    if (!item) { /* The program cannot go on; a launcher ends the other ranks with it. */
        log_error(&batch->log, "out of memory for task %ld", task + 1);
        abort();
    }
    session = &item->session;
    item->task = task;
    session->arguments = &item->arguments; /* also where they are wrong */
    item->status = tasks_arguments(&batch->tasks, (size_t)task, &item->arguments, &item->error);
    if (item->status == STATUS_OK) item->status = session_begin(session, &item->arguments, &item->error);
    if (item->status == STATUS_OK) item->status = use_device(batch, session, &item->error);
    progress_init(&session->progress, "never");
    session->log.level = batch->log.level == LOG_INFO ? LOG_WARNING : batch->log.level;
    snprintf(item->about, sizeof item->about, "%s", item->arguments.output ? item->arguments.output : "task");
    session->log.about = item->about;
    return item;
}

void work_item_free(struct work_item *item)
{
    if (!item) return;
    session_free(&item->session);
    arguments_free(&item->arguments);
    free(item);
}

/* Whether an earlier run has written what this task would write; if not, the log says why. */
static bool is_complete(const struct batch *batch, const struct session *session)
{
    const struct arguments *arguments = session->arguments;
    struct keywords *keywords = memory_zeroed(1, sizeof *keywords);
    const char *outputs[2] = {arguments->output, arguments->model};
    static const char *const last_hdus[2] = {"CHI2PIX", "MODEL"};
    char why[512] = "there is no memory to check it";
    bool complete = keywords != NULL;

    if (keywords) session_identity(session, keywords);
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

void work_item_read(const struct batch *batch, struct work_item *item, struct events *events)
{
    struct session *session = &item->session;
    double now = timing_now();

    if (item->status == STATUS_OK) item->status = session_read_psf(session, &item->error);
    if (item->status == STATUS_OK) item->status = session_fit(session, &item->error);
    if (item->status == STATUS_OK && batch->options->resume) item->is_complete = is_complete(batch, session);
    if (!item->is_complete) {
        if (item->status == STATUS_OK) item->status = session_check_outputs(session, &item->error);
        if (item->status == STATUS_OK) item->status = session_read_image(session, &item->error);
        if (item->status == STATUS_OK) item->status = session_select_fibers(session, &item->error);
    }
    events_add(events, EVENT_READ, now, (int)item->task);
}

/* Keeps a line for the summary. Where there is no memory for it the summary lacks it, but the log has it. */
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

static void report_failure(const struct batch *batch, const struct work_item *item, struct tally *tally)
{
    char line[1400];

    snprintf(line, sizeof line, "%s:%zu: no %s: %s", batch->tasks.name, batch->tasks.list[item->task].line,
             item->about, item->is_dropped ? "stopped by a signal" : item->error.text);
    log_error(&batch->log, "%s", line);
    add_failure(tally, line);
}

static void report_frame(const struct batch *batch, const struct work_item *item)
{
    const struct timing *timing = &item->session.timing;

    log_info(&batch->log, "frame %ld of %zu, %s: %zu spectra x %zu wavelengths, extracted in %.2f s",
             item->task + 1, batch->tasks.count, item->about, item->session.frame.nspec,
             item->session.frame.nwave, timing->extract_seconds);
    if (timing->nregularised + timing->nunsolved > 0) {
        log_warning(&batch->log, "%s: %zu of %zu patches were regularised, %zu have no solution", item->about,
                    timing->nregularised, timing->npatch, timing->nunsolved);
    }
}

void work_item_write(const struct batch *batch, struct work_item *item, struct tally *tally,
                     struct events *events)
{
    struct session *session = &item->session;
    double now = timing_now();

    if (item->status == STATUS_OK && !item->is_complete && !item->is_dropped) {
        item->status = session_write(session, &item->error);
        events_add(events, EVENT_WRITE, now, (int)item->task);
    }
    if (item->status != STATUS_OK || item->is_dropped) {
        report_failure(batch, item, tally);
        *(item->is_dropped ? &tally->dropped : &tally->failed) += 1;
    } else if (item->is_complete) {
        log_info(&batch->log, "frame %ld of %zu, %s: complete, skipped", item->task + 1, batch->tasks.count,
                 item->about);
        tally->skipped++;
    } else {
        report_frame(batch, item);
        timing_merge(&tally->timing, &session->timing);
        tally->timing.extract_seconds += session->timing.extract_seconds;
        tally->written++;
    }
    work_item_free(item);
}

static void transfer_state(struct transfer *transfer, struct work_item *item)
{
    transfer_bytes(transfer, &item->status, sizeof item->status);
    transfer_bytes(transfer, &item->error, sizeof item->error);
    transfer_bytes(transfer, &item->is_complete, sizeof item->is_complete);
    transfer_bytes(transfer, &item->is_dropped, sizeof item->is_dropped);
}

static void note_memory(const struct transfer *transfer, struct work_item *item)
{
    if (transfer->out_of_memory) item->status = memory_error(&item->error, "frame, on its way");
}

void work_item_transfer_inputs(struct transfer *transfer, struct work_item *item)
{
    struct session *session = &item->session;

    transfer_state(transfer, item);
    if (item->status != STATUS_OK || item->is_complete) return;
    transfer_psf(transfer, &session->psf);
    transfer_pixels(transfer, &session->preproc);
    transfer_cards(transfer, &session->preproc.header);
    transfer_table(transfer, &session->fibers.rows);
    transfer_bytes(transfer, &session->fibers.fibermin, sizeof session->fibers.fibermin);
    transfer_bytes(transfer, session->timing.stage, sizeof session->timing.stage);
    note_memory(transfer, item);
}

/* Everything that session_write() needs. Pointers do not travel: those in options and timing are set again to
 * what session_begin() gave this side. */
void work_item_transfer_results(struct transfer *transfer, struct work_item *item)
{
    struct session *session = &item->session;
    const struct linalg *linalg = session->options.linalg, *device_linalg = session->options.device_linalg;
    struct device device;
    const char *solver = session->arguments->solver;

    transfer_state(transfer, item);
    if (item->status != STATUS_OK || item->is_complete || item->is_dropped) return;
    transfer_bytes(transfer, &session->options, sizeof session->options);
    transfer_bytes(transfer, &session->timing, sizeof session->timing);
    device = session->options.device; /* The device of the rank that did the work. */
    session->options.linalg = linalg;
    session_use_device(session, &device, device_linalg);
    session->timing.solver = solver;
    session_name_linalg(session);
    transfer_bytes(transfer, session->psf.original, sizeof session->psf.original);
    transfer_cards(transfer, &session->preproc.header);
    transfer_table(transfer, &session->fibers.rows);
    transfer_bytes(transfer, &session->fibers.fibermin, sizeof session->fibers.fibermin);
    transfer_frame(transfer, &session->frame);
    note_memory(transfer, item);
}
