/* A progress bar on the last line of the terminal, for commands that know how much is done. */
#ifndef LAT_CLI_BAR_H
#define LAT_CLI_BAR_H

#include <stdbool.h>
#include <stdint.h>

struct lat_bar {
    const char *label;
    bool quiet;               /* never drawn */
    bool drawn;               /* there is something on the line */
    uint64_t start_ns, at_ns; /* of the first call, of the last drawing */
};

/* `context` is a struct lat_bar; done 0..1. Draws at most ten times a second, and on a terminal
 * alone. Always true: what is being done goes on. */
bool lat_bar_draw(void *context, double done);
/* Clears the line. */
void lat_bar_end(struct lat_bar *bar);

#endif
