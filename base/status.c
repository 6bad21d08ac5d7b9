/* The first cause is kept: whoever sets an error first wins, everybody else adds where. */
#include "base/status.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/banned.h"

static const char *const status_codes[LAT_STATUS_COUNT] = {
    [LAT_OK] = "ok",
    [LAT_BAD_SYNTAX] = "bad_syntax",
    [LAT_INVALID] = "invalid",
    [LAT_UNAUTHORIZED] = "unauthorized",
    [LAT_FORBIDDEN] = "forbidden",
    [LAT_NOT_FOUND] = "not_found",
    [LAT_NOT_ALLOWED] = "method_not_allowed",
    [LAT_TIMEOUT] = "timeout",
    [LAT_CONFLICT] = "conflict",
    [LAT_PRECONDITION] = "precondition_failed",
    [LAT_TOO_LARGE] = "too_large",
    [LAT_UNSUPPORTED_TYPE] = "unsupported_media_type",
    [LAT_CAPABILITY] = "capability_missing",
    [LAT_BUSY] = "busy",
    [LAT_UNAVAILABLE] = "unavailable",
    [LAT_DISK_FULL] = "disk_full",
    [LAT_CANCELLED] = "cancelled",
    [LAT_CORRUPT] = "corrupt",
    [LAT_IO] = "io_error",
    [LAT_NO_MEMORY] = "out_of_memory",
    [LAT_INTERNAL] = "internal",
};

const char *lat_status_code(enum lat_status status)
{
    return (unsigned)status < LAT_STATUS_COUNT ? status_codes[status] : "internal";
}

void lat_error_clear(struct lat_error *err)
{
    if (err)
        *err = (struct lat_error)LAT_ERROR_INIT;
}

static void start(struct lat_error *err, enum lat_status status, const char *code)
{
    lat_error_clear(err);
    err->status = status;
    err->code = code ? code : lat_status_code(status);
}

enum lat_status lat_fail(struct lat_error *err, enum lat_status status, const char *code,
                         const char *fmt, ...)
{
    if (!err || err->status != LAT_OK)
        return status;
    start(err, status, code);
    va_list args;
    va_start(args, fmt);
    vsnprintf(err->message, sizeof(err->message), fmt, args);
    va_end(args);
    return status;
}

enum lat_status lat_fail_errno(struct lat_error *err, int errnum, const char *fmt, ...)
{
    const enum lat_status status =
        errnum == ENOSPC || errnum == EDQUOT ? LAT_DISK_FULL : LAT_IO;
    if (!err || err->status != LAT_OK)
        return status;
    start(err, status, NULL);
    va_list args;
    va_start(args, fmt);
    vsnprintf(err->message, sizeof(err->message), fmt, args);
    va_end(args);
    const size_t used = strlen(err->message);
    const char *reason = strerrordesc_np(errnum); /* static, whatever the thread and locale */
    snprintf(err->message + used, sizeof(err->message) - used, ": %s",
             reason ? reason : "unknown error");
    return status;
}

/* text = prefix + separator + text, cut at the end if it does not fit. */
static void prepend(char *text, size_t size, const char *prefix, const char *separator)
{
    char front[320];
    const int n = snprintf(front, sizeof(front), "%s%s", prefix, separator);
    size_t shift = n < 0 ? 0 : (size_t)n;
    if (shift >= sizeof(front))
        shift = sizeof(front) - 1;
    if (shift >= size)
        shift = size - 1;
    size_t kept = strlen(text);
    if (kept > size - 1 - shift)
        kept = size - 1 - shift;
    memmove(text + shift, text, kept);
    memcpy(text, front, shift);
    text[shift + kept] = '\0';
}

void lat_error_prefix(struct lat_error *err, const char *fmt, ...)
{
    if (!err || err->status == LAT_OK)
        return;
    char where[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(where, sizeof(where), fmt, args);
    va_end(args);
    prepend(err->message, sizeof(err->message), where, ": ");
}

void lat_error_at(struct lat_error *err, const char *fmt, ...)
{
    if (!err || err->status == LAT_OK)
        return;
    char where[192];
    va_list args;
    va_start(args, fmt);
    vsnprintf(where, sizeof(where), fmt, args);
    va_end(args);
    prepend(err->pointer, sizeof(err->pointer), where, "");
}

void lat_error_expected(struct lat_error *err, const char *expected, const char *got)
{
    if (!err || err->status == LAT_OK)
        return;
    if (expected)
        snprintf(err->expected, sizeof(err->expected), "%s", expected);
    if (got)
        snprintf(err->got, sizeof(err->got), "%s", got);
}
