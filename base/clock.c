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

/* `n` digits at *at, moved on. */
static bool digits(const char **at, const char *end, int n, int *out)
{
    int value = 0;
    for (int i = 0; i < n; i++, (*at)++) {
        if (*at == end || **at < '0' || **at > '9')
            return false;
        value = value * 10 + (**at - '0');
    }
    *out = value;
    return true;
}

static bool letter(const char **at, const char *end, const char *any)
{
    for (; *any; any++)
        if (*at < end && **at == *any) {
            ++*at;
            return true;
        }
    return false;
}

static bool fraction(const char **at, const char *end, int *out_ms)
{
    int scale = 100;
    *out_ms = 0;
    if (!letter(at, end, "."))
        return true;
    const char *start = *at;
    for (; *at < end && **at >= '0' && **at <= '9'; ++*at, scale /= 10)
        *out_ms += (**at - '0') * scale;
    return *at > start;
}

/* Minutes east of UTC. */
static bool zone(const char **at, const char *end, int *out_minutes)
{
    int hours = 0, minutes = 0;
    *out_minutes = 0;
    if (letter(at, end, "Zz"))
        return true;
    const bool west = *at < end && **at == '-';
    if (!letter(at, end, "+-") || !digits(at, end, 2, &hours) || !letter(at, end, ":") ||
        !digits(at, end, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *out_minutes = (west ? -1 : 1) * (60 * hours + minutes);
    return true;
}

/* Days since 1970-01-01 in the proleptic Gregorian calendar; years begin with March here, so
 * that a leap day comes last. */
static int64_t days_since_1970(int year, int month, int day)
{
    const int64_t y = month > 2 ? year : year - 1;
    const int64_t since_march = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return 365 * y + y / 4 - y / 100 + y / 400 + since_march - 719468;
}

static bool day_exists(int year, int month, int day)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return year >= 1 && month >= 1 && month <= 12 && day >= 1 &&
           day <= lengths[month - 1] + (month == 2 && leap);
}

bool lat_clock_parse(const char *text, size_t len, int64_t *out_wall_ms)
{
    const char *at = text, *end = text + len;
    int year, month, day, hour, minute, second, ms, east;
    if (!digits(&at, end, 4, &year) || !letter(&at, end, "-") || !digits(&at, end, 2, &month) ||
        !letter(&at, end, "-") || !digits(&at, end, 2, &day) || !letter(&at, end, "Tt ") ||
        !digits(&at, end, 2, &hour) || !letter(&at, end, ":") ||
        !digits(&at, end, 2, &minute) || !letter(&at, end, ":") ||
        !digits(&at, end, 2, &second) || !fraction(&at, end, &ms) || !zone(&at, end, &east) ||
        at != end)
        return false;
    /* A leap second counts as the one before it. */
    if (!day_exists(year, month, day) || hour > 23 || minute > 59 || second > 60)
        return false;
    second = second == 60 ? 59 : second;
    const int64_t minutes =
        (days_since_1970(year, month, day) * 24 + hour) * 60 + minute - east;
    *out_wall_ms = (minutes * 60 + second) * 1000 + ms;
    return true;
}
