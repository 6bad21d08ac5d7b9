/* What handlers ask of a request besides its JSON: query options, content types, parameters. */
#ifndef LAT_API_REQUEST_H
#define LAT_API_REQUEST_H

#include "api/json.h"
#include "service/app.h"

enum { LAT_OPTIONS_MAX = 24 };

/* Typed reading of the query string. As with lat_object: a reader leaves its target alone when
 * the option is absent, the first failure is kept, lat_options_end refuses what nobody asked
 * for. */
struct lat_options {
    struct lat_call *call;
    struct lat_error *err;
    const char *known[LAT_OPTIONS_MAX];
    size_t n_known;
};

void lat_options_begin(struct lat_options *options, struct lat_call *call,
                       struct lat_error *err);
/* NULL when absent. */
const char *lat_option_text(struct lat_options *options, const char *name);
/* "true", "1" or an empty value; "false", "0". */
void lat_option_flag(struct lat_options *options, const char *name, bool *inout_value);
void lat_option_count(struct lat_options *options, const char *name, uint64_t *inout_value,
                      uint64_t min, uint64_t max);
void lat_option_number(struct lat_options *options, const char *name, double *inout_value,
                       double min, double max);
void lat_option_choice(struct lat_options *options, const char *name, const char *const *words,
                       size_t n, int *inout_value);
/* Every value of the option, cut at commas, into the arena: words, in which no comma can be. */
void lat_option_words(struct lat_options *options, const char *name,
                      const char *const **out_words, size_t *out_n);
/* The same for ids: cut before percent-decoding, so that %2C is a comma inside an id. At most
 * `max`, each lat_id_valid. */
void lat_option_ids(struct lat_options *options, const char *name, size_t max,
                    const char *const **out_ids, size_t *out_n);
/* "json" or "base64": how floats of the reply are written. */
bool lat_option_base64(struct lat_options *options);
/* LAT_OK, or the first failure. */
enum lat_status lat_options_end(struct lat_options *options) LAT_MUST_USE;
/* For a path that takes none: refuses every option. */
enum lat_status lat_options_none(struct lat_call *call, struct lat_error *err) LAT_MUST_USE;
/* As lat_options_end, and the collection the path names: its name and, from the store, its
 * spec. With the item's id as well. */
enum lat_status lat_options_end_collection(struct lat_options *options, const char **out_name,
                                           struct lat_collection_spec *out_spec) LAT_MUST_USE;
enum lat_status lat_options_end_item(struct lat_options *options, const char **out_name,
                                     const char **out_id,
                                     struct lat_collection_spec *out_spec) LAT_MUST_USE;

/* What a body is by its Content-Type; without one, JSON. With a Content-Encoding, nothing that
 * is taken. */
enum lat_body_kind {
    LAT_BODY_JSON,      /* application/json, application/merge-patch+json */
    LAT_BODY_IMAGE,     /* image/anything */
    LAT_BODY_FLOATS,    /* application/octet-stream */
    LAT_BODY_MULTIPART, /* multipart/form-data */
    LAT_BODY_LINES,     /* application/x-ndjson, application/jsonl */
    LAT_BODY_OTHER
};
enum lat_body_kind lat_call_body_kind(const struct lat_call *call);
/* Whether the Content-Type is this media type, whatever its parameters. */
bool lat_call_body_is(const struct lat_call *call, const char *type);
/* LAT_UNSUPPORTED_TYPE naming what came and what is taken ("JSON or a picture"). */
enum lat_status lat_call_refuse_body(const struct lat_call *call, const char *taken,
                                     struct lat_error *err) LAT_MUST_USE;
/* Parses a body that must be JSON under the configured limits. Counts LAT_TIMING_PARSE. */
enum lat_status lat_call_json(struct lat_call *call, struct lat_json *json,
                              struct lat_error *err) LAT_MUST_USE;

/* Whether the Accept header names this very type ("image/png", "application/octet-stream") or,
 * for pictures, image/anything, and does not weigh JSON (for JSON: a picture) higher. The
 * wildcard for everything does not count. */
bool lat_call_accepts(const struct lat_call *call, const char *type);

/* The collection's name out of the path, checked; an alias gives the name behind it, so that
 * one call sees one collection whatever becomes of the alias. LAT_INVALID invalid_name. */
enum lat_status lat_call_collection(struct lat_call *call, const char **out_name,
                                    struct lat_error *err) LAT_MUST_USE;
/* The name as it stands: of one to be created, or an alias. */
enum lat_status lat_call_new_collection(const struct lat_call *call, const char **out_name,
                                        struct lat_error *err) LAT_MUST_USE;
/* An id that is not of the path: LAT_INVALID invalid_id. */
enum lat_status lat_check_id(const char *id, size_t len, struct lat_error *err) LAT_MUST_USE;
/* Options limit and cursor of a list; default 100, at most 1000. */
void lat_options_page(struct lat_options *options, uint64_t *out_limit,
                      const char **out_cursor);
/* Those of a list in order of names, whose cursor is the last name shown ("" for none), and no
 * other options. LAT_INVALID bad_cursor. */
enum lat_status lat_call_name_page(struct lat_call *call, uint64_t *out_limit,
                                   const char **out_cursor, struct lat_error *err) LAT_MUST_USE;

#endif
