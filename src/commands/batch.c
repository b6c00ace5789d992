/* unspot batch: many frames on any number of ranks. */
#include "batch/batch.h"

#include <errno.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "commands/command.h"
#include "io/output.h"
#include "io/thread_safety.h"
#include "omp/offload.h"
#include "run/interrupt.h"
#include "run/options.h"
#include "run/version.h"

enum { IO_RANKS_NEEDED = 3, WORDS_MAX = 256 };

static void options_free(struct batch_options *options)
{
    free(options->tasks);
    free(options->io_name);
    free(options->timing);
    free(options->loglevel);
}

static enum status check_options(struct batch_options *options, struct log *log, struct error *error)
{
    static const char *const names[] = {"off", "threads", "ranks"};
    const char *io = options->io_name ? options->io_name : "threads";

    if (options->group_size < 0)
        return error_set(error, STATUS_USAGE, "--group-size %d: expected a number of ranks",
                         options->group_size);
    if (options->threads < 0 || options->threads > 4096)
        return error_set(error, STATUS_USAGE, "--threads %d: expected a number from 0 to 4096",
                         options->threads);
    for (int i = IO_OFF; i <= IO_RANKS; i++) {
        if (strcmp(io, names[i]) != 0) continue;
        options->io = (enum batch_io)i;
        if (options->io == IO_THREADS && !io_is_thread_safe()) {
            return error_set(error, STATUS_USAGE,
                             "--io threads: this CFITSIO is not for several threads; take --io ranks or off");
        }
        return options_loglevel(options->loglevel ? options->loglevel : "info", log, error);
    }
    return error_set(error, STATUS_USAGE, "--io %s: expected ranks, threads or off", io);
}

/* words: the table, then the options that all tasks have. */
static enum status parse(int argc, const char **argv, struct batch_options *options, struct log *log,
                         char **words, struct error *error)
{
    const struct poptOption table[] = {
        {"group-size", 0, POPT_ARG_INT, &options->group_size, 0,
         "ranks that work on one frame; without it: all ranks of a node", "N"},
        {"io", 0, POPT_ARG_STRING, &options->io_name, 0,
         "who reads the next frame and writes the last one while one is extracted: two threads of each "
         "group's first rank (threads, the default), two ranks of each group (ranks), nobody (off)",
         "WHO"},
        {"resume", 0, POPT_ARG_NONE, &options->resume, 0,
         "skip outputs that are complete: right checksums, same inputs and options, no younger inputs", NULL},
        {"threads", 0, POPT_ARG_INT, &options->threads, 0,
         "threads of a rank; without it: OMP_NUM_THREADS, else all cores", "N"},
        {"timing", 0, POPT_ARG_STRING, &options->timing, 0,
         "write who did what when, and the time of each stage, as JSON", "FILE"},
        {"loglevel", 0, POPT_ARG_STRING, &options->loglevel, 0, "debug, info (the default), warn or error",
         "LEVEL"},
        POPT_AUTOHELP POPT_TABLEEND};
    enum status status = options_parse("batch", "[OPTIONS] TASKS [-- OPTIONS OF ALL TASKS]", argc, argv,
                                       table, 1, WORDS_MAX, words, error);

    return status == STATUS_OK ? check_options(options, log, error) : status;
}

/* Rank 0 reads the table and checks it; all get it. */
static enum status share_tasks(struct batch *batch, const char *name, const char **common, size_t ncommon,
                               struct error *error)
{
    const struct ranks *world = batch->world;
    bool is_root = ranks_rank(world) == 0;
    char *text = NULL;
    size_t size = 0;
    enum status status = is_root ? tasks_read(name, &text, &size, error) : STATUS_OK;

    status = (enum status)ranks_announce(world, status);
    if (status != STATUS_OK) {
        free(text);
        return status;
    }
    size = (size_t)ranks_announce(world, (long)size);
    if (!is_root) text = malloc(size + 1);
    if (!text) abort(); /* the others wait for this rank: let mpiexec end them */
    ranks_broadcast(world, 0, text, size + 1);
    status = tasks_split(&batch->tasks, name, text, error);
    batch->tasks.common = common;
    batch->tasks.ncommon = ncommon;
    if (is_root && status == STATUS_OK) status = tasks_check(&batch->tasks, error);
    if (is_root && status == STATUS_OK && batch->options.timing)
        status = output_check(batch->options.timing, error);
    return (enum status)ranks_announce(world, status);
}

/* World into groups, a group into those that extract and those that read and write. */
static enum status make_groups(struct batch *batch, struct error *error)
{
    const struct ranks *world = batch->world;
    struct ranks *node = ranks_split_nodes(world);
    int size = batch->options.group_size, nranks = ranks_size(world), rank, from_end;
    double counts[3];

    if (!node) return memory_error(error, "ranks");
    counts[0] = ranks_rank(node) == 0;
    if (size > 0) {
        ranks_free(node);
        if (nranks % size != 0)
            return error_set(error, STATUS_USAGE, "--group-size %d: does not divide the %d ranks there are",
                             size, nranks);
        batch->group = ranks_split(world, ranks_rank(world) / size);
    } else {
        batch->group = node;
    }
    if (!batch->group) return memory_error(error, "ranks");
    rank = ranks_rank(batch->group);
    from_end = ranks_size(batch->group) - rank;
    if (batch->options.io == IO_RANKS && from_end <= 2)
        batch->role = from_end == 1 ? ROLE_WRITER : ROLE_READER;
    counts[1] = rank == 0;
    counts[2] = ranks_size(batch->group) < IO_RANKS_NEEDED;
    ranks_sum(world, counts, 3);
    ranks_broadcast(world, 0, counts, sizeof counts);
    batch->nodes = (size_t)counts[0];
    batch->groups = (size_t)counts[1];
    if (batch->options.io == IO_RANKS && counts[2] > 0) {
        return error_set(error, STATUS_USAGE,
                         "--io ranks: a group needs %d ranks, a reader, a writer and one that extracts; the "
                         "smallest here has fewer",
                         IO_RANKS_NEEDED);
    }
    batch->compute = ranks_split(batch->group, batch->role == ROLE_COMPUTE ? 0 : -1);
    batch->frames = counter_new(world);
    if (!batch->frames) return memory_error(error, "counter");
    return batch->compute ? share_begin(&batch->share, batch->compute, error) : STATUS_OK;
}

/* The device of the first task, for all; before any work, and in the thread that extracts. */
static enum status choose_device(struct batch *batch, struct error *error)
{
    struct arguments arguments = {0};
    struct session session = {.arguments = &arguments, .log = batch->log};
    const int local = ranks_local(batch->world);
    enum status status = tasks_arguments(&batch->tasks, 0, &arguments, error);

    if (status == STATUS_OK) status = session_check(&session, error);
    session.log = batch->log;
    if (status == STATUS_OK) status = session_choose_device(&session, local, error);
    if (status == STATUS_OK) {
        snprintf(batch->device_wish, sizeof batch->device_wish, "%s", arguments.device);
        batch->device = session.options.device;
        batch->device_linalg = session.options.device_linalg;
    }
    arguments_free(&arguments);
    return share_agree(batch->world, status, &batch->log, error);
}

/* What happened where. */
static void announce(const struct batch *batch)
{
    const struct device *device = &batch->device;

    if (device->gpu_unused) log_warning(&batch->log, "no GPU is used: %s", device->reason);
    log_info(
        &batch->log,
        "unspot %s (%s), device %s: %zu frames; nodes: %zu, ranks: %d, groups: %zu, threads of a rank: %d",
        UNSPOT_VERSION, UNSPOT_GIT_HASH, device->name, batch->tasks.count, batch->nodes,
        ranks_size(batch->world), batch->groups, omp_get_max_threads());
}

/* The pixels are not needed any more. */
static void free_inputs(struct session *session)
{
    free(session->preproc.image);
    free(session->preproc.ivar);
    session->preproc.image = session->preproc.ivar = NULL;
}

static void extract_as_root(struct batch *batch, struct batch_pipe *pipe)
{
    struct flight *flight;

    while ((flight = pipe_next(pipe))) {
        if (flight->status == STATUS_OK && !flight->is_complete) {
            flight->is_dropped = interrupt_noted() != 0;
            if (!flight->is_dropped) {
                ranks_announce(batch->compute, flight->task);
                flight->status = session_extract(&flight->session, &batch->share, &batch->events[LANE_MAIN],
                                                 (int)flight->task, &flight->error);
            }
            free_inputs(&flight->session);
        }
        pipe_put(pipe, flight);
    }
    ranks_announce(batch->compute, -1);
}

static void extract_as_member(struct batch *batch)
{
    for (;;) {
        double now = timing_now();
        long task = ranks_announce(batch->compute, 0);
        struct flight *flight;

        events_add(&batch->events[LANE_MAIN], EVENT_WAIT_INPUT, now, (int)task);
        if (task < 0) break;
        flight = flight_new(batch, task);
        if (flight->status != STATUS_OK) abort(); /* the line was checked before: it must be the memory */
        session_extract(&flight->session, &batch->share, &batch->events[LANE_MAIN], (int)task,
                        &flight->error);
        flight_free(flight);
        batch_heed_signal(batch);
    }
}

/* On a machine with too few cores those that read and write go before those that extract: they have less to
 * do, and all wait for them in the end. Of this thread and those that it starts from now on. */
static void give_way(const struct batch *batch)
{
    enum { NICER = 5 };

    errno = 0;
    if (batch->options.io != IO_OFF && nice(NICER) == -1 && errno != 0)
        log_debug(&batch->log, "priority: %s", strerror(errno));
}

/* All the frames; what fails here is a failure before the first of them. */
static enum status work(struct batch *batch, struct error *error)
{
    struct batch_pipe *pipe = NULL;
    enum status status = STATUS_OK;

    interrupt_defer();
    ranks_barrier(batch->world);
    batch->start = timing_now();
    if (batch->role == ROLE_READER) {
        batch_read_all(batch);
    } else if (batch->role == ROLE_WRITER) {
        batch_write_all(batch);
    } else if (ranks_rank(batch->compute) == 0) {
        status = pipe_begin(&pipe, batch, error);
        if (status != STATUS_OK) { /* the others wait for this rank: let mpiexec end them */
            log_error(&batch->log, "%s", error->text);
            abort();
        }
        give_way(batch);
        extract_as_root(batch, pipe);
        pipe_end(pipe);
    } else {
        give_way(batch);
        extract_as_member(batch);
    }
    ranks_barrier(batch->world);
    batch->seconds = timing_now() - batch->start;
    return status;
}

static enum status run(struct batch *batch, char **words, struct error *error)
{
    const char *common[WORDS_MAX];
    size_t count = 0;
    enum status status;

    while (words[1 + count]) {
        common[count] = words[1 + count];
        count++;
    }
    if (batch->options.threads > 0) omp_set_num_threads(batch->options.threads);
    status = share_tasks(batch, words[0], common, count, error);
    if (status == STATUS_OK) status = make_groups(batch, error);
    if (status == STATUS_OK && batch->tasks.count > 0) status = choose_device(batch, error);
    if (status != STATUS_OK) return status;
    if (ranks_rank(batch->world) == 0) announce(batch);
    status = work(batch, error);
    return status == STATUS_OK ? batch_report(batch, error) : status;
}

static void batch_free(struct batch *batch)
{
    share_end(&batch->share);
    counter_free(batch->frames);
    ranks_free(batch->compute);
    ranks_free(batch->group);
    tasks_free(&batch->tasks);
    free(batch->tally.failures);
    for (int i = 0; i < LANE_COUNT; i++) events_free(&batch->events[i]);
    options_free(&batch->options);
}

enum status batch_command(int argc, const char **argv, struct error *error)
{
    struct batch batch = {.log = {.level = LOG_INFO}};
    char *words[WORDS_MAX + 1] = {NULL};
    /* Before OpenMP starts (LLVM's looks at it then; GNU's has done so already). Threads that wait for others
     * by spinning take the cores from those that read and write: on 2 cores, half of the throughput. */
    int passive = setenv("OMP_WAIT_POLICY", "passive", false);
    enum status parsed = parse(argc, argv, &batch.options, &batch.log, words, error);
    enum status status = ranks_begin(&batch.world, error);

    if (passive != 0) log_debug(&batch.log, "OMP_WAIT_POLICY cannot be set");
    if (status == STATUS_OK) {
        status = parsed == STATUS_OK ? run(&batch, words, error) : parsed;
        status = (enum status)ranks_announce(batch.world, status);
        if (ranks_rank(batch.world) > 0) error->text[0] = '\0'; /* rank 0 says it */
    }
    offload_forget();
    batch_free(&batch);
    ranks_end(batch.world);
    for (size_t i = 0; words[i]; i++) free(words[i]);
    return status;
}
