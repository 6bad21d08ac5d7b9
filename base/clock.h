/* Time. Monotonic nanoseconds for durations and deadlines, wall milliseconds for records. */
#ifndef LAT_BASE_CLOCK_H
#define LAT_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define LAT_NS_PER_MS UINT64_C(1000000)
#define LAT_NS_PER_S  UINT64_C(1000000000)

uint64_t lat_clock_ns(void);     /* CLOCK_MONOTONIC */
int64_t lat_clock_wall_ms(void); /* milliseconds since 1970 UTC */

/* "2026-01-02T03:04:05.678Z" into `out` (at least 25 bytes). */
void lat_clock_format(int64_t wall_ms, char *out, size_t size);

#endif
