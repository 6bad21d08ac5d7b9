/* Drawn on stderr, so that stdout stays what the command answers. The time left is what the
 * time so far says, and is told after a second, when that says something. */
#include "cli/bar.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#include "base/banned.h"

enum { WIDTH = 24, EVERY_MS = 100 };

bool lat_bar_is_due(struct lat_bar *bar)
{
    const uint64_t now = lat_clock_ns();
    if (!bar->start_ns)
        bar->start_ns = now;
    return !bar->quiet && now - bar->at_ns >= EVERY_MS * LAT_NS_PER_MS &&
           isatty(STDERR_FILENO) == 1;
}

double lat_bar_seconds(const struct lat_bar *bar)
{
    return bar->start_ns ? (double)(lat_clock_ns() - bar->start_ns) / (double)LAT_NS_PER_S : 0;
}

void lat_bar_line(struct lat_bar *bar, double share, const char *format, ...)
{
    char text[WIDTH + 1];
    va_list arguments;
    const size_t full = (size_t)((share > 0 ? share < 1 ? share : 1 : 0) * WIDTH);
    memset(text, '.', WIDTH);
    memset(text, '#', full);
    text[WIDTH] = '\0';
    fprintf(stderr, "\r\033[K%s [%s] ", bar->label, text);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fflush(stderr);
    bar->at_ns = lat_clock_ns();
    bar->drawn = true;
}

bool lat_bar_draw(void *context, double share)
{
    struct lat_bar *bar = context;
    if (!lat_bar_is_due(bar))
        return true;
    const double seconds = lat_bar_seconds(bar);
    char left[32] = "";
    if (share > 0.01 && seconds > 1)
        snprintf(left, sizeof(left), ", %.0f s left", seconds * (1 - share) / share);
    lat_bar_line(bar, share, "%.0f %%%s", share * 100, left);
    return true;
}

void lat_bar_end(struct lat_bar *bar)
{
    if (atomic_exchange(&bar->drawn, false))
        fputs("\r\033[K", stderr);
}
