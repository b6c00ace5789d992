/* unspot: runs a subcommand, prints the line of an error, and sets the exit status. */
#include <stdio.h>
#include <string.h>

#include "commands/command.h"
#include "run/interrupt.h"
#include "run/version.h"

static const struct command commands[] = {
    {"extract", "extract the spectra of a pre-processed CCD image", extract_command},
    {"tasks", "list the frames of a night, or of an exposure, for unspot batch", tasks_command},
    {"batch", "extract many frames, on any number of processes", batch_command},
    {"make-psf", "write a synthetic, DESI-like PSF", make_psf_command},
    {"simulate", "make a pre-processed image from a PSF", simulate_command},
    {"compare", "say how two frames, or a frame and the truth, differ", compare_command},
    {"info", "say how unspot was built and what it can use here", info_command},
};

enum { COMMANDS = sizeof commands / sizeof commands[0] };

static void print_help(FILE *stream)
{
    fprintf(stream, "Usage: unspot COMMAND [OPTIONS]\n\n"
                    "Turns two-dimensional CCD images of fiber spectrographs into one-dimensional spectra\n"
                    "by spectro-perfectionism (Bolton & Schlegel 2010).\n\nCommands:\n");
    for (int i = 0; i < COMMANDS; i++) fprintf(stream, "  %-10s %s\n", commands[i].name, commands[i].summary);
    fprintf(stream,
            "\n`unspot COMMAND --help` lists a command's options; `unspot --version` prints the version.\n");
}

int main(int argc, char **argv)
{
    struct error error = {.status = STATUS_OK};
    enum status status = STATUS_USAGE;

    interrupt_install();
    if (argc < 2) {
        fprintf(stderr, "ERROR: a command is missing (see unspot --help)\n");
        return status_exit_code(STATUS_USAGE);
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("unspot %s (%s)\n", UNSPOT_VERSION, UNSPOT_GIT_HASH);
        return 0;
    }
    for (int i = 0; i < COMMANDS; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            status = commands[i].run(argc - 1, (const char **)argv + 1, &error);
            /* of several ranks only one has the text */
            if (status != STATUS_OK && error.text[0]) fprintf(stderr, "ERROR: %s\n", error.text);
            return status_exit_code(status);
        }
    }
    fprintf(stderr, "ERROR: %s: unknown command (see unspot --help)\n", argv[1]);
    return status_exit_code(STATUS_USAGE);
}
