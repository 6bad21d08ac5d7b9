/* Typed reading of a JSON body, field by field.
 *
 *     struct lat_json json = {0};
 *     status = lat_json_parse(&json, &call->arena, call->body, call->body_len, 64, err);
 *     struct lat_object root;
 *     lat_json_root(&json, &root);
 *     lat_object_count(&root, "k", &k, 1, max_k);
 *     lat_object_end(&root);
 *     status = lat_json_status(&json);
 *
 * Number arrays and long strings below the keys of a code or an input ("code", "vector",
 * "image", …) never reach the JSON library: a scan of our own takes them out first
 * (api/json_scan.c), floats straight into the arena, strings as slices of the body.
 *
 * A reader leaves its target alone when the key is absent or null, so the default is written
 * before. The first failure is kept, with the JSON pointer, what was expected and what came;
 * later reads do nothing until lat_json_begin. lat_object_end refuses keys nobody asked for and
 * names the nearest one that was. One thread at a time; results live as long as the document,
 * the arena and the text it was parsed from. */
#ifndef LAT_API_JSON_H
#define LAT_API_JSON_H

#include <stdint.h>

#include "api/floats.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/status.h"

enum { LAT_OBJECT_KEYS_MAX = 32 };

struct json_t;
struct lat_extract; /* what the scan took out: api/json_scan.h */

/* A parsed text. Zero-initialise; lat_json_release in every case. */
struct lat_json {
    struct json_t *root; /* owned */
    struct lat_arena *arena;
    struct lat_extract *extracts; /* in the arena */
    size_t n_extracts;
    bool extracted; /* false: the text was parsed whole, nothing was taken out */
    bool base64;    /* strings where floats are expected are base64 (lat_json_encoding) */
    struct lat_error *err;
    struct lat_error own; /* where errors go when the caller gave none */
};

/* One object of a document: borrowed, a plain value. */
struct lat_object {
    struct lat_json *json;
    const struct json_t *value; /* NULL: every key is absent */
    const char *at;             /* JSON pointer, in the arena; "" at the root */
    const char *known[LAT_OBJECT_KEYS_MAX];
    size_t n_known;
};

/* One array of a document. Elements are objects, texts or floats, by index. */
struct lat_list {
    struct lat_json *json;
    const struct json_t *value; /* NULL: absent */
    const char *at;
    size_t n;
    bool watched;                      /* elements may have been taken out */
    const struct lat_extract *numbers; /* the array holds numbers alone and was taken out */
};

enum { LAT_EXCLUDED_MAX = 10000 }; /* ids a request may ask to be left out */

/* LAT_BAD_SYNTAX: bad_utf8, too_deep, bad_json (line and column), number_out_of_range. `err` is
 * where readers record until lat_json_begin names another. */
enum lat_status lat_json_parse(struct lat_json *json, struct lat_arena *arena, const char *text,
                               size_t len, size_t max_depth,
                               struct lat_error *err) LAT_MUST_USE;
/* The same with nothing taken out, for texts whose keys are the client's own (metadata,
 * filters). `max_depth` 0: a text that was checked before, or is the user's own file; no
 * bounds but the library's. */
enum lat_status lat_json_parse_whole(struct lat_json *json, struct lat_arena *arena,
                                     const char *text, size_t len, size_t max_depth,
                                     struct lat_error *err) LAT_MUST_USE;
void lat_json_release(struct lat_json *json);

/* From here on failures are recorded in `err` (for batches: one each item). */
void lat_json_begin(struct lat_json *json, struct lat_error *err);
/* LAT_OK, or the first failure since. */
enum lat_status lat_json_status(const struct lat_json *json) LAT_MUST_USE;

/* The top value, which must be an object; with an empty object for a failure. */
void lat_json_root(struct lat_json *json, struct lat_object *out_root);

/* The same where it must be a list. */
void lat_json_root_list(struct lat_json *json, struct lat_list *out_list);

bool lat_object_has(struct lat_object *object, const char *key); /* there and not null */
bool lat_object_is_text(struct lat_object *object, const char *key);
size_t lat_object_size(const struct lat_object *object); /* keys, known or not */
/* Borrowed, NUL-terminated when it holds no escape-free long text; use the length. NULL:
 * absent. */
const char *lat_object_text(struct lat_object *object, const char *key, size_t *out_len);
/* A copy with its NUL into `out`; refused when it does not fit or holds a NUL. false: absent.
 */
bool lat_object_copy(struct lat_object *object, const char *key, char *out, size_t size);
void lat_object_flag(struct lat_object *object, const char *key, bool *inout_value);
void lat_object_count(struct lat_object *object, const char *key, uint64_t *inout_value,
                      uint64_t min, uint64_t max);
void lat_object_number(struct lat_object *object, const char *key, double *inout_value,
                       double min, double max);
/* "0 to 1", or "at least 0" where there is no most: how bounds are told. */
void lat_range_text(double min, double max, char *out, size_t size);
/* The index of the word in `words`, into *inout_value; an unknown one is refused by its
 * nearest. */
void lat_object_choice(struct lat_object *object, const char *key, const char *const *words,
                       size_t n, int *inout_value);
/* Records that `key`, which must be there, is not. */
void lat_object_missing(struct lat_object *object, const char *key);
/* false, with an object in which every key is absent, when there is none. */
bool lat_object_child(struct lat_object *object, const char *key, struct lat_object *out_child);
bool lat_object_list(struct lat_object *object, const char *key, struct lat_list *out_list);
/* A list of at most `max` ids, each lat_id_valid, in the document's arena; targets are left
 * alone when it is absent. */
void lat_object_ids(struct lat_object *object, const char *key, size_t max,
                    const char *const **out_ids, size_t *out_n);
/* An array of numbers, or base64 text when the document's encoding says so. false: absent. */
bool lat_object_floats(struct lat_object *object, const char *key,
                       struct lat_floats *out_floats);
/* An object, as compact JSON text in the arena; NULL when absent. */
const char *lat_object_json(struct lat_object *object, const char *key);
/* The raw value for a reader of its own (api/filter_json.c), and its pointer; NULL when absent.
 */
const struct json_t *lat_object_value(struct lat_object *object, const char *key,
                                      const char **out_at);
/* Reads "encoding" ("json" or "base64") for the whole document. */
void lat_object_encoding(struct lat_object *object);
/* Refuses keys that were not asked for. */
void lat_object_end(struct lat_object *object);
/* Records a failure of the handler's own at `key` (NULL: at the object). */
void lat_object_fail(struct lat_object *object, const char *key, enum lat_status status,
                     const char *code, const char *fmt, ...) LAT_PRINTF(5, 6);

/* Elements of a list. */
void lat_list_object(const struct lat_list *list, size_t i, struct lat_object *out_object);
const char *lat_list_text(const struct lat_list *list, size_t i, size_t *out_len);
bool lat_list_floats(const struct lat_list *list, size_t i, struct lat_floats *out_floats);
bool lat_list_is_text(const struct lat_list *list, size_t i);
bool lat_list_is_object(const struct lat_list *list, size_t i);
bool lat_list_is_number(const struct lat_list *list, size_t i);
void lat_list_fail(const struct lat_list *list, size_t i, enum lat_status status,
                   const char *code, const char *fmt, ...) LAT_PRINTF(5, 6);

/* Appends a value as compact JSON: keys in their order, numbers as short as they read back. */
void lat_json_write(struct lat_buf *out, const struct json_t *value);

/* RFC 7396: `patch` laid over `target` (both texts of objects), compact, into the arena. */
enum lat_status lat_json_merge(struct lat_arena *arena, const char *target, const char *patch,
                               const char **out_text, struct lat_error *err) LAT_MUST_USE;

#endif
