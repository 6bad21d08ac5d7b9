/* The log: one JSON line an event on stderr, written with one write(2) so that lines of several
 * threads do not mix. Process-wide, thread-safe; level and format are set once at start-up.
 *
 *     lat_log(LAT_LOG_INFO, "collection opened", "\"items\":%zu,\"kind\":\"%s\"", n, "flat");
 */
#ifndef LAT_BASE_LOG_H
#define LAT_BASE_LOG_H

#include "base/status.h"

enum lat_log_level { LAT_LOG_DEBUG, LAT_LOG_INFO, LAT_LOG_WARNING, LAT_LOG_ERROR, LAT_LOG_OFF };
enum lat_log_format { LAT_LOG_JSON, LAT_LOG_TEXT };

void lat_log_configure(enum lat_log_level level, enum lat_log_format format);
bool lat_log_enabled(enum lat_log_level level);

/* `fields_fmt` gives further members already in JSON form ("\"k\":%d,\"m\":%d"), or NULL. Text
 * that comes from outside must have been escaped (lat_buf_json_string). Members that make the
 * line longer than 4096 bytes are left out and "truncated":true is there instead. */
void lat_log(enum lat_log_level level, const char *event, const char *fields_fmt, ...)
    LAT_PRINTF(3, 4);

/* An error at the top of the stack: its status, code and words. */
void lat_log_error(const char *event, const struct lat_error *err);

#endif
