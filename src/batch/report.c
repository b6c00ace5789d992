#include "batch/report.h"

#include <errno.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/output.h"
#include "ranks/transfer.h"
#include "run/interrupt.h"
#include "run/version.h"

/* Sums over all ranks. All members are doubles, so that one reduction adds all of them. */
struct sums {
    double written, skipped, failed, dropped;
    double compute_ranks, interrupted;
    double seconds[EVENT_COUNT];          /* of the ranks that extract */
    double reader, writer;                /* seconds of reading and writing, whoever did it */
    struct stage_time stage[STAGE_COUNT]; /* of the frames that were written */
};

static void sum_up(const struct batch *batch, struct sums *sums)
{
    const struct tally *tally = &batch->tally;

    *sums = (struct sums){.written = (double)tally->written,
                          .skipped = (double)tally->skipped,
                          .failed = (double)tally->failed,
                          .dropped = (double)tally->dropped,
                          .compute_ranks = batch->role == ROLE_COMPUTE,
                          .interrupted = interrupt_noted() != 0};
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        const double *seconds = batch->events[lane].seconds;

        sums->reader += seconds[EVENT_READ];
        sums->writer += seconds[EVENT_WRITE];
        for (int i = 0; i < EVENT_COUNT && lane == LANE_MAIN && batch->role == ROLE_COMPUTE; i++)
            sums->seconds[i] = seconds[i];
    }
    memcpy(sums->stage, tally->timing.stage, sizeof sums->stage);
    ranks_sum(batch->world, (double *)sums, sizeof *sums / sizeof(double));
}

static double frames_per_node_hour(const struct batch *batch, const struct sums *sums)
{
    return sums->written / ((double)batch->nodes * batch->seconds / 3600);
}

/* Says how the ranks that extract spent their time: "extract 95.1%, wait 1.0%, ...". */
static void describe_time(const struct batch *batch, const struct sums *sums, char *text, size_t size)
{
    double all = sums->compute_ranks * batch->seconds, rest = all;
    size_t length = 0;

    for (int i = 0; i < EVENT_COUNT; i++) {
        if (sums->seconds[i] == 0) continue;
        rest -= sums->seconds[i];
        length += (size_t)snprintf(text + length, size - length, "%s %.1f%%, ",
                                   event_name((enum event_kind)i), 100 * sums->seconds[i] / all);
    }
    snprintf(text + length, size - length, "other %.1f%%", 100 * rest / all);
}

static void print_summary(const struct batch *batch, const struct sums *sums, const char *failures)
{
    size_t count = batch->tasks.count, left;
    char time[512];

    left = count - (size_t)(sums->written + sums->skipped + sums->failed + sums->dropped);
    describe_time(batch, sums, time, sizeof time);
    log_info(&batch->log,
             "%zu frames: %.0f written, %.0f complete before, %.0f failed, %.0f dropped, %zu not begun",
             count, sums->written, sums->skipped, sums->failed, sums->dropped, left);
    for (const char *line = failures; line && *line; line = strchr(line, '\n') + 1)
        log_info(&batch->log, "missing: %.*s", (int)strcspn(line, "\n"), line);
    log_info(&batch->log,
             "%.0f frames in %.2f s on %zu node%s: %.1f frames per node-hour; time of the %.0f ranks that "
             "extract: %s",
             sums->written, batch->seconds, batch->nodes, batch->nodes == 1 ? "" : "s",
             frames_per_node_hour(batch, sums), sums->compute_ranks, time);
}

/* What a rank tells rank 0 about itself. */
struct identity {
    int group, role; /* group: number of its first rank in the world */
    char host[64];
    size_t failures_size, count[LANE_COUNT];
};

static struct identity identify(const struct batch *batch)
{
    struct identity self = {.role = (int)batch->role, .failures_size = batch->tally.failures_size};

    self.group = ranks_rank(batch->world);
    ranks_broadcast(batch->group, 0, &self.group, sizeof self.group);
    gethostname(self.host, sizeof self.host - 1);
    for (int lane = 0; lane < LANE_COUNT; lane++)
        self.count[lane] = batch->options->timing ? batch->events[lane].count : 0;
    return self;
}

static void print_events(FILE *file, const struct batch *batch, int rank, int lane, const struct event *list,
                         size_t count)
{
    static const char *const names[] = {"main", "reader", "writer"};

    for (size_t i = 0; file && i < count; i++) {
        fprintf(file, ",\n    [%d, \"%s\", \"%s\", %d, %.6f, %.6f]", rank, names[lane],
                event_name((enum event_kind)list[i].kind), list[i].task, list[i].begin - batch->start,
                list[i].end - batch->start);
    }
}

static void print_rank(FILE *file, int rank, const struct identity *identity)
{
    static const char *const roles[] = {"compute", "reader", "writer"};

    if (!file) return;
    fprintf(file, ",\n    [%d, \"rank\", \"%s\", %d, \"%s\"]", rank, roles[identity->role], identity->group,
            identity->host);
}

static void print_totals(FILE *file, const struct batch *batch, const struct sums *sums)
{
    static const char *const io[] = {"off", "threads", "ranks"};

    if (!file) return;
    fprintf(file,
            "{\n  \"program\": \"unspot %s\",\n  \"git\": \"%s\",\n  \"frames\": %zu,\n  \"written\": %.0f,\n"
            "  \"skipped\": %.0f,\n  \"failed\": %.0f,\n  \"dropped\": %.0f,\n  \"seconds\": %.6f,\n"
            "  \"nodes\": %zu,\n  \"ranks\": %d,\n  \"groups\": %zu,\n  \"compute_ranks\": %.0f,\n  "
            "\"threads\": %d,\n"
            "  \"io\": \"%s\",\n  \"frames_per_node_hour\": %.3f,\n  \"reader_seconds\": %.6f,\n"
            "  \"writer_seconds\": %.6f,\n  \"rank_seconds\": {",
            UNSPOT_VERSION, UNSPOT_GIT_HASH, batch->tasks.count, sums->written, sums->skipped, sums->failed,
            sums->dropped, batch->seconds, batch->nodes, ranks_size(batch->world), batch->groups,
            sums->compute_ranks, omp_get_max_threads(), io[batch->options->io],
            frames_per_node_hour(batch, sums), sums->reader, sums->writer);
    for (int i = 0; i < EVENT_COUNT; i++)
        fprintf(file, "%s\"%s\": %.6f", i ? ", " : "", event_name((enum event_kind)i), sums->seconds[i]);
    fprintf(file, "},\n");
    timing_print_stages(file, sums->stage);
    /* The first element names the columns; each that follows begins with its comma. */
    fprintf(file, ",\n  \"events\": [\n    [\"rank\", \"lane\", \"what\", \"task\", \"begin\", \"end\"]");
}

static void tell_root(const struct batch *batch, struct identity *self)
{
    struct transfer transfer = transfer_send(batch->world, 0);

    transfer_bytes(&transfer, self, sizeof *self);
    transfer_bytes(&transfer, batch->tally.failures, self->failures_size);
    for (int lane = 0; lane < LANE_COUNT; lane++)
        transfer_bytes(&transfer, batch->events[lane].list, self->count[lane] * sizeof(struct event));
}

/* On rank 0: takes over what another rank has to tell. */
static void hear_rank(struct batch *batch, int rank, FILE *file)
{
    struct transfer transfer = transfer_receive(batch->world, rank);
    struct tally *tally = &batch->tally;
    struct identity identity;
    char *failures;

    transfer_bytes(&transfer, &identity, sizeof identity);
    failures = realloc(tally->failures, tally->failures_size + identity.failures_size + 1);
    if (failures) tally->failures = failures;
    transfer_bytes(&transfer, failures ? failures + tally->failures_size : NULL, identity.failures_size);
    if (failures) {
        tally->failures_size += identity.failures_size;
        failures[tally->failures_size] = '\0';
    }
    print_rank(file, rank, &identity);
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        void *list;

        transfer_array(&transfer, &list, identity.count[lane], sizeof(struct event));
        if (list) print_events(file, batch, rank, lane, list, identity.count[lane]);
        free(list);
    }
}

/* On rank 0: writes everything to the log and, where there is one, to the timing file. */
static bool hear_all(struct batch *batch, const struct identity *self, const struct sums *sums, FILE *file)
{
    print_totals(file, batch, sums);
    print_rank(file, 0, self);
    for (int lane = 0; lane < LANE_COUNT; lane++)
        print_events(file, batch, 0, lane, batch->events[lane].list, self->count[lane]);
    for (int rank = 1; rank < ranks_size(batch->world); rank++) hear_rank(batch, rank, file);
    if (file) fprintf(file, "\n  ]\n}\n");
    print_summary(batch, sums, batch->tally.failures);
    return !file || !ferror(file);
}

static enum status report_on_root(struct batch *batch, const struct identity *self, const struct sums *sums,
                                  struct error *error)
{
    struct output output;
    FILE *file = NULL;
    enum status status = STATUS_OK;
    bool good;
    int failure = 0;

    if (batch->options->timing) {
        status = output_begin(&output, batch->options->timing, error);
        if (status == STATUS_OK) file = fopen(output.temporary, "w");
        failure = errno;
    }
    good = hear_all(batch, self, sums, file);
    if (file) {
        good = fclose(file) == 0 && good;
        failure = errno;
    }
    if (!batch->options->timing || status != STATUS_OK) return status;
    if (file && good) return output_commit(&output, error);
    output_abandon(&output);
    return error_set(error, STATUS_IO, "%s: cannot write: %s", batch->options->timing, strerror(failure));
}

enum status batch_report(struct batch *batch, struct error *error)
{
    struct identity self = identify(batch);
    struct sums sums;
    enum status status;
    double done;

    sum_up(batch, &sums);
    if (ranks_rank(batch->world) > 0) {
        tell_root(batch, &self);
        return STATUS_OK;
    }
    status = report_on_root(batch, &self, &sums, error);
    done = sums.written + sums.skipped;
    if (status != STATUS_OK || done == (double)batch->tasks.count) return status;
    return error_set(error, STATUS_INCOMPLETE, "%.0f of %zu frames are missing%s; --resume makes them",
                     (double)batch->tasks.count - done, batch->tasks.count,
                     sums.interrupted > 0 ? ", as a signal stopped the work" : "");
}
