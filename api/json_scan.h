/* The scan before the parse: takes number arrays and long strings out of a JSON text, so that
 * what is left for the JSON library is small whatever the codes and pictures in it weigh.
 *
 * In the reduced text each of them stands as an array of one whole number, its index in the
 * table of extracts. That cannot be mistaken: below the keys the scan looks at, every array of
 * numbers alone has been taken out. Text with an escape in a key is left whole (json->extracted
 * false). */
#ifndef LAT_API_JSON_SCAN_H
#define LAT_API_JSON_SCAN_H

#include "api/json.h"

enum lat_extract_kind { LAT_EXTRACT_FLOATS, LAT_EXTRACT_TEXT };

struct lat_extract {
    enum lat_extract_kind kind;
    const float *values; /* FLOATS: in the arena */
    const char *text;    /* TEXT: in the body, no escapes in it, not NUL-terminated */
    size_t n;            /* floats, or bytes */
    size_t offset;       /* where it began in the body */
    ptrdiff_t saved;     /* bytes by which the reduced text is shorter for it */
};

struct lat_scan {
    const char *text; /* what to give to the JSON library: in the arena, or the body itself */
    size_t len;
    struct lat_extract *extracts; /* in the arena */
    size_t n_extracts;
    bool extracted;
};

/* Checks UTF-8 and depth on the way. LAT_BAD_SYNTAX bad_utf8 or too_deep, LAT_TOO_LARGE
 * too_many_values; other breaches of JSON are left for the library to name. With `extract`
 * false nothing is taken out. `text` must stay as long as the extracts are used. */
enum lat_status lat_json_scan(struct lat_arena *arena, const char *text, size_t len,
                              size_t max_depth, bool extract, struct lat_scan *out_scan,
                              struct lat_error *err) LAT_MUST_USE;

/* Whether arrays and strings below this key are taken out. */
bool lat_json_scan_watches(const char *key);

/* The place in the body of a place in the reduced text. */
size_t lat_json_scan_origin(const struct lat_scan *scan, size_t position);

#endif
