/* A metadata filter as a tree, and its translation to SQL. The tree is built by the caller
 * (api/ reads it from JSON), so that nobody here knows JSON.
 *
 * Semantics: a field is a path into the item's metadata object. `eq` with a stored array is
 * true when the array contains the value. A comparison with a missing field is false, `ne` and
 * `nin` of a missing field are true. Numbers compare with numbers, text with text (by UTF-8
 * bytes); different kinds are unequal and never ordered. */
#ifndef LAT_INDEX_FILTER_H
#define LAT_INDEX_FILTER_H

#include <stddef.h>

#include "base/buf.h"
#include "base/status.h"

enum lat_filter_op {
    LAT_FILTER_AND,
    LAT_FILTER_OR,
    LAT_FILTER_NOT, /* children */
    LAT_FILTER_EQ,
    LAT_FILTER_NE,
    LAT_FILTER_GT,
    LAT_FILTER_GTE,
    LAT_FILTER_LT,
    LAT_FILTER_LTE,
    LAT_FILTER_IN,
    LAT_FILTER_NIN,    /* values */
    LAT_FILTER_EXISTS, /* values[0] boolean: true exists, false missing */
    LAT_FILTER_PREFIX  /* values[0] text */
};

enum lat_value_kind {
    LAT_VALUE_NULL,
    LAT_VALUE_BOOL,
    LAT_VALUE_INTEGER,
    LAT_VALUE_NUMBER,
    LAT_VALUE_TEXT
};

struct lat_value {
    enum lat_value_kind kind;
    bool boolean;
    long long integer;
    double number;
    const char *text; /* borrowed, NUL-terminated UTF-8 */
};

/* All memory is the builder's (an arena); the filter is immutable afterwards. */
struct lat_filter {
    enum lat_filter_op op;
    const struct lat_filter *const *children; /* AND, OR, NOT (one child) */
    size_t n_children;
    const char *const *path; /* keys from the root of the metadata, unescaped */
    size_t n_path;
    const struct lat_value *values;
    size_t n_values;
};

#endif
