/* A progress bar on the last line of the terminal, for commands that know how much is done.
 * One thread draws; any may clear the line to write one of its own. */
#ifndef LAT_CLI_BAR_H
#define LAT_CLI_BAR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct lat_bar {
    const char *label;
    bool quiet;        /* never drawn */
    atomic_bool drawn; /* there is something on the line */
    uint64_t start_ns; /* 0: set by the first call */
    uint64_t at_ns;    /* of the last drawing */
};

/* Whether it should be drawn again: at most ten times a second, and on a terminal alone. The
 * first call starts the clock. */
bool lat_bar_is_due(struct lat_bar *bar);
/* Seconds since the first call. */
double lat_bar_seconds(const struct lat_bar *bar);

/* "LABEL [####....] words" in place of what is on the line; `share` 0..1 is full. */
void lat_bar_line(struct lat_bar *bar, double share, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Both, with the share in per cent and the seconds left: for whoever knows no more. `context`
 * is a struct lat_bar. Always true: what is being done goes on. */
bool lat_bar_draw(void *context, double share);

/* Clears the line. */
void lat_bar_end(struct lat_bar *bar);

#endif
