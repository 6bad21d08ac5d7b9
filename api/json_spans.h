/* The bytes of values inside a JSON text that has been parsed: what goes back to a client as he
 * sent it, digit for digit. */
#ifndef LAT_API_JSON_SPANS_H
#define LAT_API_JSON_SPANS_H

#include <stddef.h>

#include "base/status.h"

struct lat_span {
    const char *text; /* borrowed from the JSON text */
    size_t len;
};

/* Members of an object, or elements of a list, one by one. The text must be valid JSON. */
struct lat_spans {
    const char *at;
};

/* At the first member of the object or list that begins at `text` (blanks before it are passed
 * over). */
struct lat_spans lat_spans_of(const char *text);

/* The next: of objects *out_key is the key with its quotes, as it stands there; NULL for lists.
 * false at the end. */
bool lat_spans_next(struct lat_spans *spans, struct lat_span *out_key,
                    struct lat_span *out_value);

/* The value of the first member written `"key"` of the object at `text`; false when no key is
 * written so. */
bool lat_spans_find(const char *text, const char *key, struct lat_span *out_value);

#endif
