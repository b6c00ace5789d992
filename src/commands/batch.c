/* unspot batch: many frames on any number of ranks. */
#include "batch/batch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "commands/command.h"
#include "io/thread_safety.h"
#include "omp/offload.h"
#include "ranks/agree.h"
#include "run/options.h"
#include "run/version.h"

enum { WORDS_MAX = 256 };

/* What popt fills in. */
struct batch_arguments {
    char *io, *timing, *loglevel;
    char *words[WORDS_MAX + 1]; /* the table, then the options that all tasks have; ends with NULL */
    int group_size, threads, resume;
};

static void free_arguments(struct batch_arguments *arguments)
{
    free(arguments->io);
    free(arguments->timing);
    free(arguments->loglevel);
    for (size_t i = 0; arguments->words[i]; i++) free(arguments->words[i]);
}

static const char *const io_names[] = {[IO_OFF] = "off", [IO_THREADS] = "threads", [IO_RANKS] = "ranks"};

static enum status parse_io(const char *name, enum batch_io *io, struct error *error)
{
    for (int i = IO_OFF; i <= IO_RANKS; i++) {
        if (strcmp(name, io_names[i]) != 0) continue;
        *io = (enum batch_io)i;
        if (*io == IO_THREADS && !io_is_thread_safe()) {
            return error_set(error, STATUS_USAGE,
                             "--io threads: this CFITSIO is not for several threads; take --io ranks or off");
        }
        return STATUS_OK;
    }
    return error_set(error, STATUS_USAGE, "--io %s: expected ranks, threads or off", name);
}

/* The options, which point into arguments. */
static enum status make_options(struct batch_arguments *arguments, struct batch_options *options,
                                struct error *error)
{
    enum status status = options_range("--group-size", arguments->group_size, 0, 1e6, error);

    if (status == STATUS_OK) status = options_range("--threads", arguments->threads, 0, THREADS_MAX, error);
    if (status == STATUS_OK)
        status = parse_io(arguments->io ? arguments->io : "threads", &options->io, error);
    if (status == STATUS_OK)
        status = options_loglevel(arguments->loglevel ? arguments->loglevel : "info", &options->log, error);
    options->tasks = arguments->words[0];
    options->common = (const char **)&arguments->words[1];
    for (options->ncommon = 0; options->common[options->ncommon];) options->ncommon++;
    options->timing = arguments->timing;
    options->group_size = arguments->group_size;
    options->threads = arguments->threads;
    options->resume = arguments->resume != 0;
    return status;
}

static enum status parse(int argc, const char **argv, struct batch_arguments *arguments,
                         struct batch_options *options, struct error *error)
{
    const struct poptOption table[] = {
        {"group-size", 0, POPT_ARG_INT, &arguments->group_size, 0,
         "ranks that work on one frame; without it: all ranks of a node", "N"},
        {"io", 0, POPT_ARG_STRING, &arguments->io, 0,
         "who reads the next frame and writes the last one while one is extracted: two threads of each "
         "group's first rank (threads, the default), two ranks of each group (ranks), nobody (off)",
         "WHO"},
        {"resume", 0, POPT_ARG_NONE, &arguments->resume, 0,
         "skip outputs that are complete: right checksums, same inputs and options, no younger inputs", NULL},
        {"threads", 0, POPT_ARG_INT, &arguments->threads, 0,
         "threads of a rank; without it: OMP_NUM_THREADS, else all cores", "N"},
        {"timing", 0, POPT_ARG_STRING, &arguments->timing, 0,
         "write who did what when, and the time of each stage, as JSON", "FILE"},
        {"loglevel", 0, POPT_ARG_STRING, &arguments->loglevel, 0, "debug, info (the default), warn or error",
         "LEVEL"},
        POPT_AUTOHELP POPT_TABLEEND};
    const struct command_line line = {.command = "batch",
                                      .usage = "[OPTIONS] TASKS [-- OPTIONS OF ALL TASKS]",
                                      .argc = argc,
                                      .argv = argv,
                                      .options = table,
                                      .min = 1,
                                      .max = WORDS_MAX,
                                      .arguments = arguments->words};
    enum status status = options_parse(&line, error);

    return status == STATUS_OK ? make_options(arguments, options, error) : status;
}

/* All that must be the same on all ranks; NULL without memory. The caller frees it. */
static char *options_text(const struct batch_options *options)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);

    if (!stream) return NULL;
    fprintf(stream, "unspot %s (%s) batch\n%s\n", UNSPOT_VERSION, UNSPOT_GIT_HASH, options->tasks);
    fprintf(stream, "--io %s\n--group-size %d\n%s\n", io_names[options->io], options->group_size,
            options->resume ? "--resume" : "no --resume");
    for (size_t i = 0; i < options->ncommon; i++) fprintf(stream, "%s\n", options->common[i]);
    if (fclose(stream) == 0) return text;
    free(text);
    return NULL;
}

/* Whether all ranks are to do the same; parsed: whether this rank's command line is right. */
static enum status agree(const struct ranks *world, enum status parsed, const struct batch_options *options,
                         struct error *error)
{
    char *text = parsed == STATUS_OK ? options_text(options) : NULL;
    enum status status = parsed;

    if (parsed == STATUS_OK && !text) status = memory_error(error, "command line");
    status = ranks_agree(world, status, text, error);
    free(text);
    return status;
}

enum status batch_command(int argc, const char **argv, struct error *error)
{
    struct batch_arguments arguments = {0};
    struct batch_options options = {.log = {.level = LOG_INFO}};
    struct ranks *world = NULL;
    /* Before OpenMP starts (LLVM's looks at it then; GNU's has done so already). Threads that wait for others
     * by spinning take the cores from those that read and write: on 2 cores, half of the throughput. */
    int passive = setenv("OMP_WAIT_POLICY", "passive", false);
    enum status parsed = parse(argc, argv, &arguments, &options, error);
    enum status status = ranks_begin(&world, error);

    if (passive != 0) log_debug(&options.log, "OMP_WAIT_POLICY cannot be set");
    if (status == STATUS_OK) {
        status = agree(world, parsed, &options, error);
        if (status == STATUS_OK) status = batch_run(&options, world, error);
        status = (enum status)ranks_announce(world, status);
        if (ranks_rank(world) > 0) error->text[0] = '\0'; /* rank 0 says it */
    }
    offload_forget();
    ranks_end(world);
    free_arguments(&arguments);
    return status;
}
