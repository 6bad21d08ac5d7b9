#include "cli/bar.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#include "base/banned.h"

enum { WIDTH = 24, EVERY_MS = 100 };

bool lat_bar_draw(void *context, double done)
{
    struct lat_bar *bar = context;
    const uint64_t now = lat_clock_ns();
    char text[WIDTH + 1];
    if (!bar->start_ns)
        bar->start_ns = now;
    if (bar->quiet || now - bar->at_ns < EVERY_MS * LAT_NS_PER_MS || !isatty(STDERR_FILENO))
        return true;
    const double share = done < 0 ? 0 : done > 1 ? 1 : done;
    const double seconds = (double)(now - bar->start_ns) / (double)LAT_NS_PER_S;
    const int full = (int)(share * WIDTH);
    memset(text, '.', WIDTH);
    memset(text, '#', (size_t)full);
    text[WIDTH] = '\0';
    fprintf(stderr, "\r\033[K%s [%s] %.0f %%", bar->label, text, share * 100);
    if (share > 0.01 && seconds > 1)
        fprintf(stderr, ", %.0f s left", seconds * (1 - share) / share);
    fflush(stderr);
    bar->at_ns = now;
    bar->drawn = true;
    return true;
}

void lat_bar_end(struct lat_bar *bar)
{
    if (bar->drawn)
        fputs("\r\033[K", stderr);
    bar->drawn = false;
}
