/* Typed reading of a JSON object, field by field: what a training spec, a data object and a
 * training record are read with.
 *
 *     lat_fields_root(document, &root, err);
 *     lat_fields_count(&root, "epochs", &epochs, 1, 100000);
 *     lat_fields_end(&root);
 *     return lat_document_status(document);
 *
 * Every reader leaves its target alone when the key is absent or null, so the default is
 * written before. The first failure is recorded in the `err` of lat_fields_root with the JSON
 * pointer, what was expected and what came; later reads do nothing. lat_fields_end refuses keys
 * nobody asked for, and names the nearest one that was. One thread at a time. */
#ifndef LAT_MODEL_TRAIN_FIELDS_H
#define LAT_MODEL_TRAIN_FIELDS_H

#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/status.h"

enum { LAT_FIELDS_MAX = 32, LAT_FIELDS_POINTER_MAX = 160 };

struct lat_document; /* a parsed JSON text; its top value is an object */

/* One object of a document: borrowed from it, a plain value. */
struct lat_fields {
    struct lat_document *document;
    const void *object; /* NULL: reads nothing, every key is absent */
    char pointer[LAT_FIELDS_POINTER_MAX];
    const char *known[LAT_FIELDS_MAX]; /* keys asked for, literals */
    size_t n_known;
};

/* One word of a choice. `ready` false: a word of the grammar this build cannot carry out; it is
 * refused by name (code not_supported). */
struct lat_choice {
    const char *name;
    int value;
    bool ready;
};

/* New document from `len` bytes of text. LAT_BAD_SYNTAX with line and column; LAT_INVALID when
 * the top value is no object or a key comes twice. */
enum lat_status lat_document_parse(const char *json, size_t len,
                                   struct lat_document **out_document,
                                   struct lat_error *err) LAT_MUST_USE;
void lat_document_free(struct lat_document *document);

/* Carries out one override "a.b.c=value": the value is JSON if it parses as such, text
 * otherwise. Objects on the way are made. LAT_INVALID without '=' or through something that is
 * no object. */
enum lat_status lat_document_set(struct lat_document *document, const char *assignment,
                                 struct lat_error *err) LAT_MUST_USE;

/* Appends the document as compact JSON with sorted keys. */
enum lat_status lat_document_write(const struct lat_document *document, struct lat_buf *out,
                                   struct lat_error *err) LAT_MUST_USE;

/* Starts reading: forgets an earlier failure; `err` is kept until the reading ends. */
void lat_fields_root(struct lat_document *document, struct lat_fields *out_fields,
                     struct lat_error *err);
/* LAT_OK, or the first failure. */
enum lat_status lat_document_status(const struct lat_document *document) LAT_MUST_USE;

bool lat_fields_has(const struct lat_fields *fields, const char *key);
/* Whether the key holds a string; asking makes the key known. */
bool lat_fields_is_text(struct lat_fields *fields, const char *key);

/* A finite number of min..max; `above` wants it larger than `min`. */
void lat_fields_real(struct lat_fields *fields, const char *key, double *inout_value,
                     double min, double max);
void lat_fields_above(struct lat_fields *fields, const char *key, double *inout_value,
                      double min, double max);
void lat_fields_count(struct lat_fields *fields, const char *key, uint32_t *inout_value,
                      uint32_t min, uint32_t max);
void lat_fields_u64(struct lat_fields *fields, const char *key, uint64_t *inout_value);
void lat_fields_flag(struct lat_fields *fields, const char *key, bool *inout_value);
/* A string that fits `size` bytes with its NUL and is not empty. */
void lat_fields_text(struct lat_fields *fields, const char *key, char *out_text, size_t size);
/* A list of at most `max_n` integers of min..max. true when the key is there and good. */
bool lat_fields_counts(struct lat_fields *fields, const char *key, uint32_t *out_values,
                       size_t max_n, size_t *out_n, uint32_t min, uint32_t max);
/* A list of strings, copied into `arena`; *out_texts has *out_n of them. */
void lat_fields_texts(struct lat_fields *fields, const char *key, struct lat_arena *arena,
                      const char *const **out_texts, size_t *out_n);
/* The name or the number of a column: a string, or a whole number from 1 on as its digits; NULL
 * stays when absent. */
void lat_fields_position(struct lat_fields *fields, const char *key, struct lat_arena *arena,
                         const char **inout_text);
/* How many elements the list under `key` has; 0 when absent. */
size_t lat_fields_list(struct lat_fields *fields, const char *key);
/* Element `i` of that list: a string (copied) or a whole number, or an object, of which
 * *out_text is NULL. */
void lat_fields_element(struct lat_fields *fields, const char *key, size_t i,
                        struct lat_arena *arena, const char **out_text,
                        struct lat_fields *out_child);
/* One word of the table; an unknown one is refused with the nearest. */
void lat_fields_choice(struct lat_fields *fields, const char *key,
                       const struct lat_choice *choices, size_t n, int *inout_value);
/* The object under `key`; false (and an empty *out_child) when it is absent. */
bool lat_fields_object(struct lat_fields *fields, const char *key,
                       struct lat_fields *out_child);
/* Appends the object under `key` as compact JSON with sorted keys; nothing when absent. */
void lat_fields_write(struct lat_fields *fields, const char *key, struct lat_buf *out);

/* Records a failure of one's own at `key` (NULL: at the object). */
void lat_fields_fail(struct lat_fields *fields, const char *key, const char *code,
                     const char *fmt, ...) LAT_PRINTF(4, 5);
/* Records that there was no memory for what was read. */
void lat_fields_fail_memory(struct lat_fields *fields);
/* Refuses the keys that were not asked for. */
void lat_fields_end(struct lat_fields *fields);

#endif
