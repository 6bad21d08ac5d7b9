/* multipart/form-data (RFC 7578) over a body that is whole in memory. Nothing is copied but
 * names: the bytes of a part lie where they came. */
#ifndef LAT_API_MULTIPART_H
#define LAT_API_MULTIPART_H

#include <stddef.h>

#include "base/arena.h"
#include "base/status.h"

struct lat_part {
    const char *name;     /* of the field, in the arena; "" when it has none */
    const char *filename; /* NULL when it is no file */
    const char *type;     /* its Content-Type, NULL when it says none */
    const char *bytes;    /* borrowed from the body */
    size_t len;
};

struct lat_multipart {
    struct lat_part *parts; /* in the arena */
    size_t n;
};

/* `content_type` is the request's, with its boundary. LAT_BAD_SYNTAX bad_multipart for a
 * missing boundary, a part that does not end, broken heads of parts; LAT_TOO_LARGE
 * batch_too_large over `max_parts`. */
enum lat_status lat_multipart_parse(struct lat_arena *arena, const char *content_type,
                                    const char *body, size_t len, size_t max_parts,
                                    struct lat_multipart *out_multipart,
                                    struct lat_error *err) LAT_MUST_USE;

/* The first part of that name, or NULL. */
const struct lat_part *lat_multipart_find(const struct lat_multipart *multipart,
                                          const char *name);

#endif
