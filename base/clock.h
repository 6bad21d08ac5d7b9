/* Time. Monotonic nanoseconds for durations and deadlines, wall milliseconds for records. */
#ifndef LAT_BASE_CLOCK_H
#define LAT_BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LAT_NS_PER_MS UINT64_C(1000000)
#define LAT_NS_PER_S  UINT64_C(1000000000)

uint64_t lat_clock_ns(void);     /* CLOCK_MONOTONIC */
int64_t lat_clock_wall_ms(void); /* milliseconds since 1970 UTC */

/* "2026-01-02T03:04:05.678Z" into `out` (at least 25 bytes). */
void lat_clock_format(int64_t wall_ms, char *out, size_t size);

/* And back: RFC 3339 ("2026-01-02T03:04:05Z", "…05.25+01:00", 't', 'z' and a blank for the T
 * are fine), years 1 to 9999, fractions cut to milliseconds. false for anything else, and for
 * days no calendar has. */
bool lat_clock_parse(const char *text, size_t len, int64_t *out_wall_ms);

#endif
