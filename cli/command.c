/* Words go to stderr, so that stdout is what was asked for and nothing else. */
#include "cli/command.h"

#include <stdio.h>
#include <string.h>

#include "base/banned.h"

bool lat_command_wants_help(int argc, char *const *argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

int lat_command_misused(const char *name, const struct lat_error *err)
{
    fprintf(stderr, "latentd: %s: %s ('latentd %s --help' lists the options)\n", name,
            err->message, name);
    return 2;
}

int lat_command_failed(const char *name, const struct lat_error *err)
{
    fprintf(stderr, "latentd: %s: %s\n", name, err->message);
    return 1;
}
