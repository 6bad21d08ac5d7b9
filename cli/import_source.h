/* Where imported items come from: folders of pictures, single pictures, arrays (IDX, NPY, NPZ),
 * tables (CSV), lines (NDJSON). */
#ifndef LAT_CLI_IMPORT_SOURCE_H
#define LAT_CLI_IMPORT_SOURCE_H

#include <stdint.h>

#include "base/status.h"

struct lat_import_model; /* cli/import_collection.h */

enum lat_import_kind {
    LAT_IMPORT_FILE, /* what the collection's model takes: a picture, or raw float32 */
    LAT_IMPORT_CODE, /* raw float32, a code */
    LAT_IMPORT_LINE, /* a line of NDJSON as it is */
    LAT_IMPORT_ROW   /* an input as JSON: {"row":…} */
};

/* One item, borrowed for the call that gives it. */
struct lat_import_item {
    enum lat_import_kind kind;
    const char *id;
    const void *bytes;
    size_t len;
    const char *origin; /* "pictures/a.png", "train.idx row 12": for messages */
};

/* Who takes them. `give` may fail, which ends the import. */
struct lat_import_sink {
    void *context;
    void (*expect)(void *context, uint64_t n);    /* so many more will come */
    bool (*wants)(void *context, const char *id); /* false: there already, do not load it */
    enum lat_status (*give)(void *context, const struct lat_import_item *item,
                            struct lat_error *err);
    void (*bad)(void *context, const char *origin, const char *why);
    void (*pass)(void *context, const char *origin); /* of no kind that is imported: left out */
};

struct lat_import_source {
    const char *path;
    const char *format;         /* "" = told from the path and its first bytes */
    const char *prefix;         /* of the ids of array rows */
    bool codes;                 /* rows of numbers are codes, not inputs */
    const char *const *exclude; /* columns of a table that are left out */
    size_t n_exclude;
    const struct lat_import_model *model; /* what it takes is what the rows of a table become;
                                           * where it is not known, vectors */
    const char *group; /* column whose equal cells make a sequence; "" = windows */
    size_t stride;     /* rows from one window to the next; 0 = its length */
};

bool lat_import_is_excluded(const struct lat_import_source *source, const char *name);

/* Digits of the row numbers that are ids, of `n` rows. */
int lat_import_digits(size_t n);

/* Whether the path is there and of a kind that can be imported: for asking before the first
 * item is sent. */
enum lat_status lat_import_check(const char *path, const char *format,
                                 struct lat_error *err) LAT_MUST_USE;

/* Gives every item of one path. Items that cannot be read are `bad`, files of a folder that are
 * no pictures are passed over; the call fails when the path as a whole cannot be used, or
 * `give` does. */
enum lat_status lat_import_read(const struct lat_import_source *source,
                                const struct lat_import_sink *sink,
                                struct lat_error *err) LAT_MUST_USE;

/* Whether the path is an array or a table, whose ids are row numbers. */
bool lat_import_has_rows(const char *path, const char *format);

extern const char *const lat_import_formats[];
extern const size_t lat_n_import_formats;

#endif
