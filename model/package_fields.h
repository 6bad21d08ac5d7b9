/* Objects of a manifest read by rows: every key is one row of a table with its type, its bounds
 * and where it goes, so that what is unknown, misspelt, of the wrong type or out of range is
 * refused in one place, with the JSON pointer, what was expected and what came. Internal to
 * model/package_*.c. */
#ifndef LAT_MODEL_PACKAGE_FIELDS_H
#define LAT_MODEL_PACKAGE_FIELDS_H

#include <jansson.h>
#include <stddef.h>

#include "model/package_internal.h"

enum { LAT_MANIFEST_FIELDS_MAX = 24 }; /* rows of a table */

enum lat_field_type {
    LAT_FIELD_TEXT,
    LAT_FIELD_NAME,
    LAT_FIELD_FILE,
    LAT_FIELD_COUNT,
    LAT_FIELD_BOOL,
    LAT_FIELD_WORD,
    LAT_FIELD_OWN
};

struct lat_manifest_field {
    const char *name;
    enum lat_field_type type;
    size_t offset, size;      /* into struct lat_manifest; COUNT of 4 or 8 bytes */
    uint64_t max;             /* COUNT: 1 … max */
    const char *const *words; /* WORD: an enum's values in order */
    size_t n_words;
    unsigned kinds; /* input keys: the kinds they belong to; 0 = all */
    enum lat_status (*read)(const json_t *value, struct lat_manifest *manifest,
                            struct lat_error *err); /* OWN */
};

#define LAT_FIELD_AT(member)                                                                   \
    .offset = offsetof(struct lat_manifest, member),                                           \
    .size = sizeof(((struct lat_manifest *)0)->member)
#define LAT_FIELD_WORDS(array) .words = (array), .n_words = LAT_ARRAY_LEN(array)

/* Every member of an object through its row. `kind` is the bit of the input's kind, 0 outside.
 */
enum lat_status lat_manifest_read_object(const json_t *object,
                                         const struct lat_manifest_field *fields, size_t n,
                                         unsigned kind, struct lat_manifest *manifest,
                                         struct lat_error *err) LAT_MUST_USE;

/* A word of a list -> its place there, which is the enum's value. */
enum lat_status lat_manifest_read_word(const json_t *value, const char *const *words,
                                       size_t n_words, int *out_index,
                                       struct lat_error *err) LAT_MUST_USE;

/* A name that stays below the package's folder, into `out`. */
enum lat_status lat_manifest_read_file_name(const json_t *value, char *out, size_t size,
                                            struct lat_error *err) LAT_MUST_USE;

/* package_input.c: the row of the key `input`. */
enum lat_status lat_manifest_read_input(const json_t *value, struct lat_manifest *manifest,
                                        struct lat_error *err) LAT_MUST_USE;

#endif
