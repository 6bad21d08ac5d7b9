/* Query options and content types. */
#include "api/request.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "api/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "index/aliases.h"
#include "service/router.h"

#include "base/banned.h"

enum { PAGE_DEFAULT = 100, PAGE_MAX = 1000, SHOWN_MAX = 60 };

/* ---- options ---- */

void lat_options_begin(struct lat_options *options, struct lat_call *call,
                       struct lat_error *err)
{
    *options = (struct lat_options){.call = call, .err = err};
}

const char *lat_option_text(struct lat_options *options, const char *name)
{
    if (options->n_known < LAT_OPTIONS_MAX)
        options->known[options->n_known++] = name;
    return options->err->status == LAT_OK ? lat_call_query(options->call, name) : NULL;
}

static void refuse(struct lat_options *options, const char *name, const char *code,
                   const char *expected, const char *got)
{
    lat_fail(options->err, LAT_INVALID, code, "option '%s' must be %s, not '%.*s'", name,
             expected, SHOWN_MAX, got);
}

void lat_option_flag(struct lat_options *options, const char *name, bool *inout_value)
{
    const char *text = lat_option_text(options, name);
    if (!text)
        return;
    if (!*text || !strcmp(text, "true") || !strcmp(text, "1"))
        *inout_value = true;
    else if (!strcmp(text, "false") || !strcmp(text, "0"))
        *inout_value = false;
    else
        refuse(options, name, "wrong_type", "true or false", text);
}

void lat_option_count(struct lat_options *options, const char *name, uint64_t *inout_value,
                      uint64_t min, uint64_t max)
{
    const char *text = lat_option_text(options, name);
    uint64_t value;
    if (!text)
        return;
    if (lat_parse_u64(text, max, &value) && value >= min) {
        *inout_value = value;
        return;
    }
    char expected[80];
    snprintf(expected, sizeof(expected), "a whole number of %llu to %llu",
             (unsigned long long)min, (unsigned long long)max);
    refuse(options, name, "out_of_range", expected, text);
}

void lat_option_number(struct lat_options *options, const char *name, double *inout_value,
                       double min, double max)
{
    const char *text = lat_option_text(options, name);
    double value;
    if (!text)
        return;
    if (!lat_parse_double(text, &value)) {
        refuse(options, name, "wrong_type", "a number", text);
    } else if (!(value >= min && value <= max)) {
        char expected[96];
        lat_range_text(min, max, expected, sizeof(expected));
        refuse(options, name, "out_of_range", expected, text);
    } else {
        *inout_value = value;
    }
}

void lat_option_choice(struct lat_options *options, const char *name, const char *const *words,
                       size_t n, int *inout_value)
{
    const char *text = lat_option_text(options, name);
    if (!text)
        return;
    char expected[96];
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        if (!strcmp(text, words[i])) {
            *inout_value = (int)i;
            return;
        }
        if (used < sizeof(expected))
            used += (size_t)snprintf(expected + used, sizeof(expected) - used, "%s%s",
                                     i ? " or " : "", words[i]);
    }
    refuse(options, name, "unknown_value", expected, text);
}

bool lat_option_base64(struct lat_options *options)
{
    static const char *const words[] = {"json", "base64"};
    int encoding = 0;
    lat_option_choice(options, "encoding", words, LAT_ARRAY_LEN(words), &encoding);
    return encoding == 1;
}

struct list_visit {
    struct lat_arena *arena;
    const char *name;
    const char **texts; /* NULL while counting */
    size_t n;
    bool encoded; /* the pieces are decoded after the cut */
    bool failed;
};

/* What lies between two commas. Decoding one cannot fail: it did not for the whole. */
static const char *piece(const struct list_visit *visit, const char *text, size_t len)
{
    char *copy = lat_arena_strndup(visit->arena, text, len);
    if (copy && visit->encoded && !lat_percent_decode(text, len, false, copy, &len))
        return NULL;
    return copy;
}

static void visit_list(void *context, const struct lat_parameter *parameter)
{
    struct list_visit *visit = context;
    if (strcmp(parameter->name, visit->name) != 0)
        return;
    const char *value = visit->encoded ? parameter->raw : parameter->value;
    while (*value) {
        const size_t len = strcspn(value, ",");
        if (len && visit->texts) {
            visit->texts[visit->n] = piece(visit, value, len);
            visit->failed |= !visit->texts[visit->n];
        }
        visit->n += len > 0;
        value += len + (value[len] == ',');
    }
}

/* False when the option is absent or has failed. */
static bool read_list(struct lat_options *options, struct list_visit *visit)
{
    if (!lat_option_text(options, visit->name))
        return false;
    visit->arena = &options->call->arena;
    lat_call_each_query(options->call, visit_list, visit);
    visit->texts = lat_arena_alloc(visit->arena, visit->n + 1, sizeof(*visit->texts));
    visit->n = 0;
    if (visit->texts)
        lat_call_each_query(options->call, visit_list, visit);
    if (!visit->texts || visit->failed)
        lat_fail_memory(options->err);
    return options->err->status == LAT_OK;
}

void lat_option_words(struct lat_options *options, const char *name,
                      const char *const **out_words, size_t *out_n)
{
    struct list_visit visit = {.name = name};
    if (!read_list(options, &visit))
        return;
    *out_words = visit.texts;
    *out_n = visit.n;
}

void lat_option_ids(struct lat_options *options, const char *name, size_t max,
                    const char *const **out_ids, size_t *out_n)
{
    struct list_visit visit = {.name = name, .encoded = true};
    if (!read_list(options, &visit))
        return;
    if (visit.n > max)
        lat_fail(options->err, LAT_INVALID, "out_of_range",
                 "option '%s' takes %zu ids, not %zu", name, max, visit.n);
    for (size_t i = 0; options->err->status == LAT_OK && i < visit.n; i++)
        if (lat_check_id(visit.texts[i], strlen(visit.texts[i]), options->err) != LAT_OK)
            lat_error_prefix(options->err, "option '%s'", name);
    *out_ids = visit.texts;
    *out_n = visit.n;
}

static void refuse_unknown(void *context, const struct lat_parameter *parameter)
{
    const char *name = parameter->name;
    struct lat_options *options = context;
    for (size_t i = 0; i < options->n_known; i++)
        if (!strcmp(options->known[i], name))
            return;
    const char *near = lat_nearest(name, options->known, options->n_known);
    const char *nearest = near ? near : lat_nearest_any(name, options->known, options->n_known);
    lat_fail(options->err, LAT_INVALID, "unknown_parameter", "unknown option '%.*s'%s%s%s",
             SHOWN_MAX, name,
             near      ? "; did you mean '"
             : nearest ? "; the nearest known one is '"
                       : "; this path takes none",
             nearest ? nearest : "",
             near      ? "'?"
             : nearest ? "'"
                       : "");
}

enum lat_status lat_options_end(struct lat_options *options)
{
    if (options->err->status == LAT_OK)
        lat_call_each_query(options->call, refuse_unknown, options);
    return options->err->status;
}

enum lat_status lat_options_none(struct lat_call *call, struct lat_error *err)
{
    struct lat_options options;
    lat_options_begin(&options, call, err);
    return lat_options_end(&options);
}

void lat_options_page(struct lat_options *options, uint64_t *out_limit, const char **out_cursor)
{
    *out_limit = PAGE_DEFAULT;
    lat_option_count(options, "limit", out_limit, 1, PAGE_MAX);
    const char *cursor = lat_option_text(options, "cursor");
    *out_cursor = cursor && *cursor ? cursor : NULL;
}

enum lat_status lat_call_name_page(struct lat_call *call, uint64_t *out_limit,
                                   const char **out_cursor, struct lat_error *err)
{
    struct lat_options options;
    const char *cursor;
    lat_options_begin(&options, call, err);
    lat_options_page(&options, out_limit, &cursor);
    const enum lat_status status = lat_options_end(&options);
    if (status != LAT_OK)
        return status;
    if (cursor && !lat_name_valid(cursor))
        return lat_fail(err, LAT_INVALID, "bad_cursor", "this cursor is not one of this list");
    *out_cursor = cursor ? cursor : "";
    return LAT_OK;
}

/* ---- content types ---- */

/* The media type without its parameters and spaces around it. */
static size_t type_len(const char *type)
{
    size_t len = strcspn(type, ";,");
    while (len && (type[len - 1] == ' ' || type[len - 1] == '\t'))
        len--;
    return len;
}

static bool type_is(const char *type, size_t len, const char *name)
{
    return strlen(name) == len && !strncasecmp(type, name, len);
}

/* The coding a body came in, NULL when it came as it is. */
static const char *coding_of(const struct lat_call *call)
{
    const char *coding = lat_call_header(call, "Content-Encoding");
    return coding && *coding && strcasecmp(coding, "identity") != 0 ? coding : NULL;
}

enum lat_body_kind lat_call_body_kind(const struct lat_call *call)
{
    const char *type = lat_call_header(call, "Content-Type");
    if (coding_of(call))
        return LAT_BODY_OTHER;
    if (!type || !*type)
        return LAT_BODY_JSON;
    const size_t len = type_len(type);
    if (type_is(type, len, "application/json") ||
        type_is(type, len, "application/merge-patch+json"))
        return LAT_BODY_JSON;
    if (type_is(type, len, "application/octet-stream"))
        return LAT_BODY_FLOATS;
    if (type_is(type, len, "multipart/form-data"))
        return LAT_BODY_MULTIPART;
    if (type_is(type, len, "application/x-ndjson") || type_is(type, len, "application/jsonl") ||
        type_is(type, len, "application/ndjson"))
        return LAT_BODY_LINES;
    if (len > 6 && !strncasecmp(type, "image/", 6))
        return LAT_BODY_IMAGE;
    return LAT_BODY_OTHER;
}

bool lat_call_body_is(const struct lat_call *call, const char *type)
{
    const char *sent = lat_call_header(call, "Content-Type");
    return sent && type_is(sent, type_len(sent), type);
}

enum lat_status lat_call_refuse_body(const struct lat_call *call, const char *taken,
                                     struct lat_error *err)
{
    const char *type = lat_call_header(call, "Content-Type"), *coding = coding_of(call);
    if (coding)
        return lat_fail(err, LAT_UNSUPPORTED_TYPE, NULL,
                        "bodies are taken as they are, not with Content-Encoding '%.*s'",
                        SHOWN_MAX, coding);
    return lat_fail(err, LAT_UNSUPPORTED_TYPE, NULL, "this path takes %s, not '%.*s'", taken,
                    SHOWN_MAX, type ? type : "");
}

enum lat_status lat_call_json(struct lat_call *call, struct lat_json *json,
                              struct lat_error *err)
{
    if (lat_call_body_kind(call) != LAT_BODY_JSON)
        return lat_call_refuse_body(call, "application/json", err);
    const uint64_t start = lat_clock_ns();
    const enum lat_status status =
        lat_json_parse(json, &call->arena, call->body, call->body_len,
                       (size_t)call->app->config.max_depth, err);
    call->timing_ns[LAT_TIMING_PARSE] += lat_clock_ns() - start;
    return status;
}

enum { WEIGHT_FULL = 1000 };

/* RFC 9110, 12.4.2, in thousandths: the weight of one member of Accept, 1 where none is said.
 */
static int weight_of(const char *member, size_t len)
{
    const char *end = member + len, *p = memchr(member, ';', len);
    for (; p; p = memchr(p, ';', (size_t)(end - p))) {
        p++;
        p += strspn(p, " \t");
        if (end - p < 3 || (*p != 'q' && *p != 'Q') || p[1] != '=')
            continue;
        int weight = p[2] == '1' ? WEIGHT_FULL : 0;
        const char *digit = p + 4;
        for (int unit = 100; p[3] == '.' && digit < end && *digit >= '0' && *digit <= '9';
             unit /= 10, digit++)
            weight += unit * (*digit - '0');
        return weight < WEIGHT_FULL ? weight : WEIGHT_FULL;
    }
    return WEIGHT_FULL;
}

/* The largest weight Accept names `type` with, -1 when it does not. */
static int accepted_weight(const struct lat_call *call, const char *type)
{
    const char *p = lat_call_header(call, "Accept");
    const bool picture = !strncmp(type, "image/", 6);
    int most = -1;
    while (p && *p) {
        p += strspn(p, " ,\t");
        const size_t len = type_len(p), whole = strcspn(p, ",");
        const int weight = weight_of(p, whole);
        if (weight > most && (type_is(p, len, type) || (picture && type_is(p, len, "image/*"))))
            most = weight;
        p += whole;
    }
    return most;
}

bool lat_call_accepts(const struct lat_call *call, const char *type)
{
    const bool json = !strcmp(type, "application/json");
    const int weight = accepted_weight(call, type);
    return weight > 0 &&
           weight >= accepted_weight(call, json ? "image/png" : "application/json");
}

/* ---- names and ids ---- */

enum lat_status lat_check_id(const char *id, size_t len, struct lat_error *err)
{
    if (lat_id_valid(id, len))
        return LAT_OK;
    lat_fail(err, LAT_INVALID, "invalid_id",
             "an id is 1 to %d bytes of UTF-8 without NUL; this one has %zu", LAT_ID_MAX, len);
    return LAT_INVALID;
}

enum lat_status lat_call_collection(struct lat_call *call, const char **out_name,
                                    struct lat_error *err)
{
    char behind[LAT_COLLECTION_NAME_MAX];
    const enum lat_status status = lat_call_new_collection(call, out_name, err);
    if (status != LAT_OK || !lat_store_alias_resolve(call->app->store, *out_name, behind))
        return status;
    *out_name = lat_arena_strdup(&call->arena, behind);
    return *out_name ? LAT_OK : lat_fail_memory(err);
}

enum lat_status lat_call_new_collection(const struct lat_call *call, const char **out_name,
                                        struct lat_error *err)
{
    const char *name = call->params[0];
    if (!lat_name_valid(name))
        return lat_fail(err, LAT_INVALID, "invalid_name",
                        "'%.*s' is no name: [a-z0-9][a-z0-9._-]{0,62}", SHOWN_MAX, name);
    *out_name = name;
    return LAT_OK;
}

static enum lat_status item_of_path(const struct lat_call *call, const char **out_id,
                                    struct lat_error *err)
{
    const enum lat_status status = lat_check_id(call->params[1], call->param_lens[1], err);
    if (status == LAT_OK)
        *out_id = call->params[1];
    return status;
}

enum lat_status lat_options_end_collection(struct lat_options *options, const char **out_name,
                                           struct lat_collection_spec *out_spec)
{
    struct lat_call *call = options->call;
    enum lat_status status = lat_options_end(options);
    if (status == LAT_OK)
        status = lat_call_collection(call, out_name, options->err);
    if (status == LAT_OK)
        status = lat_store_spec(call->app->store, *out_name, out_spec, options->err);
    return status;
}

enum lat_status lat_options_end_item(struct lat_options *options, const char **out_name,
                                     const char **out_id, struct lat_collection_spec *out_spec)
{
    struct lat_call *call = options->call;
    enum lat_status status = lat_options_end(options);
    if (status == LAT_OK)
        status = lat_call_collection(call, out_name, options->err);
    if (status == LAT_OK)
        status = item_of_path(call, out_id, options->err);
    if (status == LAT_OK)
        status = lat_store_spec(call->app->store, *out_name, out_spec, options->err);
    return status;
}
