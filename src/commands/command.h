/* The subcommands of the one binary, `unspot`. */
#ifndef UNSPOT_COMMANDS_COMMAND_H
#define UNSPOT_COMMANDS_COMMAND_H

#include "base/status.h"

struct command {
    const char *name;
    const char *summary;                                                  /* one line for `unspot --help` */
    enum status (*run)(int argc, const char **argv, struct error *error); /* argv[0] is the command's name */
};

enum status extract_command(int argc, const char **argv, struct error *error);
enum status tasks_command(int argc, const char **argv, struct error *error);
enum status batch_command(int argc, const char **argv, struct error *error);
enum status make_psf_command(int argc, const char **argv, struct error *error);
enum status simulate_command(int argc, const char **argv, struct error *error);
enum status compare_command(int argc, const char **argv, struct error *error);
enum status info_command(int argc, const char **argv, struct error *error);

#endif
