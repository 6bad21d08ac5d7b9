/* What all commands do alike: noticing that help is wanted, and ending with words on stderr and
 * the exit status that commands.h promises. */
#ifndef LAT_CLI_COMMAND_H
#define LAT_CLI_COMMAND_H

#include <stdbool.h>

#include "base/status.h"

/* Whether --help or -h stands among the words before "--". */
bool lat_command_wants_help(int argc, char *const *argv);

/* "latentd: NAME: words ('latentd NAME --help' lists the options)"; returns 2, for a call that
 * is wrong. */
int lat_command_misused(const char *name, const struct lat_error *err);

/* "latentd: NAME: words"; returns 1, for what failed. */
int lat_command_failed(const char *name, const struct lat_error *err);

#endif
