/* What a call that can fail returns: a code for the program, words for the person.
 *
 * Every function that can fail returns `enum lat_status` and takes `struct lat_error *err`
 * last. `err` may be NULL. The first cause is kept: lat_fail() on an error that is already set
 * does nothing, and outer layers only prepend where it happened:
 *
 *     collection 'shoes': row 12: expected 64 dimensions, not 128
 *
 * Failures are returned all the way up and logged once, at the top.
 */
#ifndef LAT_BASE_STATUS_H
#define LAT_BASE_STATUS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#define LAT_MUST_USE           __attribute__((warn_unused_result))
#define LAT_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#define LAT_ARRAY_LEN(a)       (sizeof(a) / sizeof((a)[0]))

enum lat_status {
    LAT_OK = 0,
    LAT_BAD_SYNTAX,       /* bytes that do not parse */
    LAT_INVALID,          /* parses, but breaks a rule */
    LAT_UNAUTHORIZED,     /* no key, or an unknown one */
    LAT_FORBIDDEN,        /* a key without the scope */
    LAT_NOT_FOUND,        /* nothing of that name */
    LAT_NOT_ALLOWED,      /* the path exists, not with this method */
    LAT_TIMEOUT,          /* the sender or the deadline */
    LAT_CONFLICT,         /* exists with other settings, or is in use */
    LAT_PRECONDITION,     /* If-Match did not match */
    LAT_TOO_LARGE,        /* over a limit */
    LAT_UNSUPPORTED_TYPE, /* content type or kind of bytes unknown */
    LAT_CAPABILITY,       /* this model cannot do that */
    LAT_BUSY,             /* a queue is full: try again */
    LAT_UNAVAILABLE,      /* loading, broken or draining */
    LAT_DISK_FULL,        /* no space for a write; reads go on */
    LAT_CANCELLED,        /* asked to stop */
    LAT_CORRUPT,          /* stored bytes that break their own checks */
    LAT_IO,               /* the operating system said no */
    LAT_NO_MEMORY,
    LAT_INTERNAL, /* a library failed in a way nobody expects */
    LAT_STATUS_COUNT
};

/* One failure. A plain value: no ownership, copied freely. */
struct lat_error {
    enum lat_status status; /* LAT_OK while nothing has failed */
    const char *code;       /* stable snake_case word, static storage, never NULL once set */
    char message[512];      /* for the person: where, what was expected, what came */
    char pointer[192];      /* JSON pointer into the request or spec, "" if none */
    char expected[96];      /* "" if not said */
    char got[96];           /* "" if not said */
};

#define LAT_ERROR_INIT                                                                         \
    {                                                                                          \
        .status = LAT_OK, .code = ""                                                           \
    }

/* Records a failure unless one is recorded already, and returns `status` (so that
 * `return lat_fail(...)` reads well). `code` must be a string literal; NULL takes the status's
 * own word (lat_status_code). */
enum lat_status lat_fail(struct lat_error *err, enum lat_status status, const char *code,
                         const char *fmt, ...) LAT_PRINTF(4, 5);

/* lat_fail with `strerror(errnum)` appended; ENOSPC and EDQUOT become LAT_DISK_FULL, others
 * LAT_IO. */
enum lat_status lat_fail_errno(struct lat_error *err, int errnum, const char *fmt, ...)
    LAT_PRINTF(3, 4);

/* Prepends "where: " to the words of a recorded failure. Does nothing when none is recorded. */
void lat_error_prefix(struct lat_error *err, const char *fmt, ...) LAT_PRINTF(2, 3);

/* Prepends a JSON pointer fragment ("/items/3") to the pointer of a recorded failure. */
void lat_error_at(struct lat_error *err, const char *fmt, ...) LAT_PRINTF(2, 3);

/* Adds what was expected and what came to a recorded failure; either may be NULL. */
void lat_error_expected(struct lat_error *err, const char *expected, const char *got);

/* Forgets what was recorded. */
void lat_error_clear(struct lat_error *err);

/* The default snake_case word of a status ("not_found"), and whether retrying may help. */
const char *lat_status_code(enum lat_status status);

#endif
