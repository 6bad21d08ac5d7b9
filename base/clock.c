/* Two clocks of the kernel and the calendar. gmtime_r keeps no state. */
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

#include "base/banned.h"

uint64_t lat_clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * LAT_NS_PER_S + (uint64_t)now.tv_nsec;
}

int64_t lat_clock_wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / (int64_t)LAT_NS_PER_MS;
}

void lat_clock_format(int64_t wall_ms, char *out, size_t size)
{
    int64_t seconds = wall_ms / 1000;
    int64_t rest = wall_ms % 1000;
    if (rest < 0) {
        rest += 1000;
        seconds--;
    }
    const time_t when = (time_t)seconds;
    struct tm tm;
    if (!gmtime_r(&when, &tm)) {
        snprintf(out, size, "%lld ms", (long long)wall_ms);
        return;
    }
    snprintf(out, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1,
             tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)rest);
}
