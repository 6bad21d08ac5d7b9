/* Dates and times of day as text and as numbers: days since 1970-01-01, counted in the
 * proleptic Gregorian calendar without leap seconds; a time of day is the part behind the
 * point. No state. */
#ifndef LAT_MODEL_DATES_H
#define LAT_MODEL_DATES_H

#include <stddef.h>

#include "base/status.h"

/* How a column writes its dates; what comes out is written as what came in. */
enum lat_date_format {
    LAT_DATE_DASHES,   /* 2026-03-09 */
    LAT_DATE_SLASHES,  /* 2026/03/09 */
    LAT_DATE_DOTS,     /* 09.03.2026 */
    LAT_DATE_T_SECOND, /* 2026-03-09T14:05:00 */
    LAT_DATE_Z_SECOND, /* 2026-03-09T14:05:00Z */
    LAT_DATE_SECOND,   /* 2026-03-09 14:05:00 */
    LAT_DATE_MINUTE,   /* 2026-03-09 14:05 */
    LAT_DATE_FORMATS
};

/* How they are called in a manifest: "YYYY-MM-DD" and so on. */
extern const char *const lat_date_format_names[LAT_DATE_FORMATS];

enum { LAT_DATE_TEXT_MAX = 32 };

/* Whether the whole text is a date of that format that the calendar has; its number of days. */
bool lat_date_parse(enum lat_date_format format, const char *text, size_t len,
                    double *out_days);

/* The date nearest to `days`, cut to the years 1 to 9999, into out [LAT_DATE_TEXT_MAX]; NaN is
 * 1970-01-01. Returns its length. */
size_t lat_date_write(enum lat_date_format format, double days, char *out);

#endif
