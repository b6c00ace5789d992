/* unspot info: how this program was built and what it can use here. */
#include <omp.h>
#include <stdio.h>
#include <string.h>

#include "commands/command.h"
#include "device/device.h"
#include "linalg/linalg.h"
#include "ranks/ranks.h"
#include "run/options.h"
#include "run/version.h"

static void print_line(const char *name, const char *value)
{
    printf("%-12s %s\n", name, value);
}

/* The model name that Linux gives on x86; other systems have no such line. */
static void print_processor(void)
{
    char line[256];
    const char *found = "unknown";
    FILE *file = fopen("/proc/cpuinfo", "r");

    while (file && fgets(line, sizeof line, file)) {
        char *colon = strchr(line, ':');

        if (strncmp(line, "model name", 10) != 0 || !colon || colon[1] == '\0') continue;
        line[strcspn(line, "\n")] = '\0';
        found = colon + 2;
        break;
    }
    print_line("processor", found);
    if (file) fclose(file);
}

/* OpenMP versions by the date that _OPENMP holds (openmp.org, Specifications). */
static const char *openmp_version(long date)
{
    static const struct {
        long date;
        const char *version;
    } versions[] = {{202411, "6.0"}, {202111, "5.2"}, {202011, "5.1"}, {201811, "5.0"}, {201511, "4.5"}};

    for (size_t k = 0; k < sizeof versions / sizeof versions[0]; k++) {
        if (date >= versions[k].date) return versions[k].version;
    }
    return "before 4.5";
}

static void print_linalg(void)
{
    for (const char *const *name = linalg_names(); *name; name++) {
        const struct linalg *linalg = linalg_find(*name);

        printf("%-12s %s: %s%s\n", "linalg", *name,
               linalg ? "" : "not here: ", linalg ? linalg_description(linalg) : linalg_why_not(*name));
    }
}

enum status info_command(int argc, const char **argv, struct error *error)
{
    const struct poptOption table[] = {POPT_AUTOHELP POPT_TABLEEND};
    const struct command_line line = {
        .command = "info", .usage = "", .argc = argc, .argv = argv, .options = table};
    char mpi[256];
    enum status status = options_parse(&line, error);

    if (status != STATUS_OK) return status;
    print_line("version", UNSPOT_VERSION " (" UNSPOT_GIT_HASH ")");
    print_line("compiler", UNSPOT_COMPILER);
    print_line("build", UNSPOT_BUILD_TYPE[0] ? UNSPOT_BUILD_TYPE : "no build type");
    print_line("tuned for", UNSPOT_ARCH[0] ? UNSPOT_ARCH : "the compiler's default processor");
    print_line("sanitizers", UNSPOT_SANITIZE[0] ? UNSPOT_SANITIZE : "none");
    print_processor();
    printf("%-12s %s (%ld), %d threads of %d processors\n", "OpenMP", openmp_version(_OPENMP), (long)_OPENMP,
           omp_get_max_threads(), omp_get_num_procs());
    print_linalg();
    ranks_describe(mpi, sizeof mpi);
    print_line("MPI", mpi);
    device_describe(print_line);
    return STATUS_OK;
}
