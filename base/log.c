/* A line is put together on the stack, no allocation: what runs out of memory can still be
 * logged. Level and format are two atomics, written once at start-up. */
#include "base/log.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#include "base/banned.h"

enum {
    LINE_MAX_LEN = 4096,
    CLOSING_LEN = 24, /* `,"truncated":true}` and the line feed always fit */
};

struct line {
    char bytes[LINE_MAX_LEN];
    size_t len;
    bool truncated;
};

static atomic_int least_level = LAT_LOG_INFO;
static atomic_int line_format = LAT_LOG_JSON;

static const char *const level_names[] = {
    [LAT_LOG_DEBUG] = "debug",
    [LAT_LOG_INFO] = "info",
    [LAT_LOG_WARNING] = "warning",
    [LAT_LOG_ERROR] = "error",
};

void lat_log_configure(enum lat_log_level level, enum lat_log_format format)
{
    atomic_store(&least_level, (int)level);
    atomic_store(&line_format, (int)format);
}

bool lat_log_enabled(enum lat_log_level level)
{
    return level < LAT_LOG_OFF &&
           (int)level >= atomic_load_explicit(&least_level, memory_order_relaxed);
}

static void put(struct line *line, const char *text, size_t len)
{
    if (line->truncated || len > LINE_MAX_LEN - CLOSING_LEN - line->len) {
        line->truncated = true;
        return;
    }
    memcpy(line->bytes + line->len, text, len);
    line->len += len;
}

static void put_text(struct line *line, const char *text)
{
    put(line, text, strlen(text));
}

/* Whole or not at all: half a member would not be JSON. */
LAT_PRINTF(2, 0)
static void put_members(struct line *line, const char *fmt, va_list args)
{
    const size_t room = LINE_MAX_LEN - CLOSING_LEN - line->len;
    const int n = vsnprintf(line->bytes + line->len, room, fmt, args);
    if (n < 0 || (size_t)n >= room)
        line->truncated = true;
    else
        line->len += (size_t)n;
}

static void put_quoted(struct line *line, const char *text)
{
    const size_t start = line->len;
    put_text(line, "\"");
    for (const char *p = text; *p; p++) {
        const unsigned char c = (unsigned char)*p;
        char escaped[8];
        if (c == '"' || c == '\\')
            snprintf(escaped, sizeof(escaped), "\\%c", c);
        else if (c < 0x20)
            snprintf(escaped, sizeof(escaped), "\\u%04x", (unsigned)c);
        else
            snprintf(escaped, sizeof(escaped), "%c", c);
        put_text(line, escaped);
    }
    put_text(line, "\"");
    if (line->truncated) {
        line->len = start;
        memcpy(line->bytes + line->len, "\"\"", 2);
        line->len += 2;
    }
}

static void begin(struct line *line, enum lat_log_level level, const char *event)
{
    char now[32];
    line->len = 0;
    line->truncated = false;
    lat_clock_format(lat_clock_wall_ms(), now, sizeof(now));
    if (atomic_load_explicit(&line_format, memory_order_relaxed) == LAT_LOG_TEXT) {
        put_text(line, now);
        put_text(line, " ");
        put_text(line, level_names[level]);
        put_text(line, " ");
        put_text(line, event);
        return;
    }
    put_text(line, "{\"time\":\"");
    put_text(line, now);
    put_text(line, "\",\"level\":\"");
    put_text(line, level_names[level]);
    put_text(line, "\",\"event\":");
    put_quoted(line, event);
}

static void separate(struct line *line)
{
    put_text(line, atomic_load_explicit(&line_format, memory_order_relaxed) == LAT_LOG_TEXT
                       ? " "
                       : ",");
}

/* One write(2): a line to a pipe or terminal stays whole. A log that cannot be written is
 * nobody's error. */
static void end(struct line *line)
{
    const bool json = atomic_load_explicit(&line_format, memory_order_relaxed) != LAT_LOG_TEXT;
    const char *closing = json              ? line->truncated ? ",\"truncated\":true}\n" : "}\n"
                          : line->truncated ? " ...\n"
                                            : "\n";
    const size_t n = strlen(closing);
    memcpy(line->bytes + line->len, closing, n);
    line->len += n;
    const char *p = line->bytes;
    while (line->len) {
        const ssize_t written = write(STDERR_FILENO, p, line->len);
        if (written < 0 && errno != EINTR)
            return;
        if (written > 0) {
            p += written;
            line->len -= (size_t)written;
        }
    }
}

void lat_log(enum lat_log_level level, const char *event, const char *fields_fmt, ...)
{
    if (!lat_log_enabled(level))
        return;
    const int saved = errno;
    struct line line;
    begin(&line, level, event);
    if (fields_fmt) {
        const size_t before = line.len;
        separate(&line);
        va_list args;
        va_start(args, fields_fmt);
        put_members(&line, fields_fmt, args);
        va_end(args);
        if (line.truncated)
            line.len = before;
    }
    end(&line);
    errno = saved;
}

void lat_log_error(const char *event, const struct lat_error *err)
{
    if (!lat_log_enabled(LAT_LOG_ERROR))
        return;
    const int saved = errno;
    struct line line;
    begin(&line, LAT_LOG_ERROR, event);
    separate(&line);
    put_text(&line, "\"status\":\"");
    put_text(&line, lat_status_code(err->status));
    put_text(&line, "\",\"code\":\"");
    put_text(&line, err->code);
    put_text(&line, "\",\"error\":");
    put_quoted(&line, err->message);
    if (err->pointer[0]) {
        put_text(&line, ",\"pointer\":");
        put_quoted(&line, err->pointer);
    }
    end(&line);
    errno = saved;
}
