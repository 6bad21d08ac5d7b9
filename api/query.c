/* One table of facts about a query, filled from JSON or from the query string, then checked. */
#include "api/query.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "api/explain_write.h"
#include "api/filter_json.h"
#include "api/item_write.h"
#include "api/outputs.h"
#include "api/reply.h"
#include "base/mem.h"
#include "base/text.h"

#include "base/banned.h"

enum { EFFORT_MAX = 65536, K_DEFAULT = 10 };

/* What both forms have in common. */
struct facts {
    uint64_t k, ef, nprobe;
    double max_distance, diversity;
    bool exact, exclude_self, explain, denoise;
};

static const struct facts defaults = {.k = K_DEFAULT, .max_distance = (double)INFINITY};

/* What excludes each other, or goes too far. Words, with the field in *out_field; or NULL. */
static const char *conflict(const struct facts *facts, const struct lat_query *query,
                            const char **out_field)
{
    *out_field = "denoise";
    if (facts->denoise && query->id)
        return "'denoise' goes with 'input' or 'code'";
    *out_field = "diversity";
    if (facts->diversity > 0 && facts->k > LAT_DIVERSE_K_MAX)
        return "'diversity' goes with a 'k' of at most 1000";
    return NULL;
}

static void apply(const struct facts *facts, struct lat_search_request *request)
{
    struct lat_query *query = &request->query;
    query->k = (size_t)facts->k;
    query->ef = (uint32_t)facts->ef;
    query->nprobe = (uint32_t)facts->nprobe;
    query->max_distance = (float)facts->max_distance;
    query->exact = facts->exact;
    query->exclude_self = facts->exclude_self;
    request->judge = facts->explain;
    request->denoise = facts->denoise;
    request->diversity = facts->diversity;
}

/* Exactly one of input, code, id. */
static void read_subject(struct lat_object *object, struct lat_search_request *request)
{
    struct lat_object child;
    struct lat_floats code;
    size_t len = 0;
    const char *id = lat_object_text(object, "id", &len);
    const bool has_code = lat_object_floats(object, "code", &code);
    const bool has_input = lat_object_child(object, "input", &child);
    if (lat_json_status(object->json) != LAT_OK)
        return;
    if ((id != NULL) + has_code + has_input != 1) {
        const bool none = !id && !has_code && !has_input;
        lat_object_fail(object,
                        none ? "input"
                        : id ? "id"
                             : "code",
                        LAT_INVALID, none ? "missing_field" : "two_kinds",
                        "a query has exactly one of input, code and id");
        return;
    }
    if (id && !lat_id_valid(id, len))
        lat_object_fail(object, "id", LAT_INVALID, "invalid_id",
                        "an id is 1 to %d bytes of UTF-8 without NUL", LAT_ID_MAX);
    request->query.id = id;
    if (has_code) {
        request->code = code.values;
        request->n_code = code.n;
    }
    if (has_input) {
        struct lat_input *input = lat_arena_alloc(object->json->arena, 1, sizeof(*input));
        if (!input) {
            lat_object_fail(object, NULL, LAT_NO_MEMORY, NULL, "out of memory");
            return;
        }
        lat_object_input(&child, input);
        request->input = input;
    }
}

void lat_object_query(struct lat_call *call, struct lat_object *object,
                      struct lat_search_request *out_request)
{
    struct lat_search_request request = {0};
    struct facts facts = defaults;
    read_subject(object, &request);
    lat_object_count(object, "k", &facts.k, 1, (uint64_t)call->app->config.max_k);
    request.query.filter = lat_object_filter(object, "filter");
    lat_object_number(object, "max_distance", &facts.max_distance, -(double)FLT_MAX,
                      (double)FLT_MAX);
    lat_object_flag(object, "exact", &facts.exact);
    lat_object_count(object, "ef", &facts.ef, 1, EFFORT_MAX);
    lat_object_count(object, "nprobe", &facts.nprobe, 1, EFFORT_MAX);
    lat_object_ids(object, "exclude_ids", LAT_EXCLUDED_MAX, &request.query.exclude_ids,
                   &request.query.n_exclude);
    lat_object_flag(object, "exclude_self", &facts.exclude_self);
    lat_object_include(object, &request.query.parts);
    lat_object_flag(object, "denoise", &facts.denoise);
    lat_object_number(object, "diversity", &facts.diversity, 0, 1);
    lat_object_flag(object, "explain", &facts.explain);
    lat_object_end(object);
    if (facts.exclude_self && !request.query.id)
        lat_object_fail(object, "exclude_self", LAT_INVALID, "exclude_self_without_id",
                        "'exclude_self' goes with 'id' alone");
    const char *field, *words = conflict(&facts, &request.query, &field);
    if (words)
        lat_object_fail(object, field, LAT_INVALID, "invalid", "%s", words);
    apply(&facts, &request);
    *out_request = request;
}

enum lat_status lat_options_query(struct lat_call *call, struct lat_options *options,
                                  struct lat_json *out_json,
                                  struct lat_search_request *out_request, struct lat_error *err)
{
    struct lat_search_request request = {0};
    struct facts facts = defaults;
    lat_option_count(options, "k", &facts.k, 1, (uint64_t)call->app->config.max_k);
    lat_option_number(options, "max_distance", &facts.max_distance, -(double)FLT_MAX,
                      (double)FLT_MAX);
    lat_option_flag(options, "exact", &facts.exact);
    lat_option_count(options, "ef", &facts.ef, 1, EFFORT_MAX);
    lat_option_count(options, "nprobe", &facts.nprobe, 1, EFFORT_MAX);
    lat_option_ids(options, "exclude_ids", LAT_EXCLUDED_MAX, &request.query.exclude_ids,
                   &request.query.n_exclude);
    lat_option_flag(options, "exclude_self", &facts.exclude_self);
    lat_option_include(options, &request.query.parts);
    lat_option_flag(options, "denoise", &facts.denoise);
    lat_option_number(options, "diversity", &facts.diversity, 0, 1);
    lat_option_flag(options, "explain", &facts.explain);
    const char *filter = lat_option_text(options, "filter");
    enum lat_status status = lat_options_end(options);
    if (status == LAT_OK && facts.exclude_self)
        status = lat_fail(err, LAT_INVALID, "exclude_self_without_id",
                          "'exclude_self' goes with 'id' alone");
    const char *field, *words = conflict(&facts, &request.query, &field);
    if (status == LAT_OK && words)
        status = lat_fail(err, LAT_INVALID, "invalid", "%s", words);
    if (status == LAT_OK && filter && *filter)
        status = lat_filter_parse(&call->arena, filter, (size_t)call->app->config.max_depth,
                                  out_json, &request.query.filter, err);
    if (status != LAT_OK)
        return status;
    apply(&facts, &request);
    *out_request = request;
    return LAT_OK;
}

static void write_hit(struct lat_buf *out, const struct lat_hit *hit, unsigned parts,
                      const struct lat_answer_form *form)
{
    lat_buf_append(out, "{\"id\":", 6);
    lat_buf_json_string(out, hit->id, strlen(hit->id));
    lat_buf_append(out, ",\"distance\":", 12);
    lat_buf_json_float(out, hit->distance);
    if (parts & LAT_ITEM_METADATA) {
        lat_buf_text(out, ",\"metadata\":");
        lat_buf_text(out, hit->metadata ? hit->metadata : "{}");
    }
    if ((parts & LAT_ITEM_CODE) && hit->code) {
        lat_buf_text(out, ",\"code\":");
        lat_write_vector(out, hit->code, form->dimension, form->base64);
    }
}

/* The i-th hit beside the query; nothing where it was not decoded. */
static enum lat_status write_explained(struct lat_buf *out,
                                       const struct lat_search_answer *answer, size_t i,
                                       const struct lat_answer_form *form,
                                       struct lat_error *err)
{
    if (!form->model || i >= answer->n_hit_rows)
        return LAT_OK;
    const size_t elements = lat_input_elements(&lat_model_manifest(form->model)->input);
    lat_write_key(out, "explain");
    return lat_write_explanation(out, form->model, answer->query_row,
                                 answer->hit_rows + i * elements, form->base64, err);
}

static enum lat_status write_query(struct lat_buf *out, const struct lat_search_answer *answer,
                                   const struct lat_answer_form *form, struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    lat_buf_text(out, "],\"query\":{");
    if (answer->has_error) {
        lat_write_float(out, "error", answer->error);
        if (!isnan(answer->p_value))
            lat_write_double(out, "p_value", answer->p_value);
    }
    if (form->model && answer->query_row) {
        lat_write_key(out, "output");
        status = lat_write_output(out, form->model, answer->query_row, form->base64, err);
    }
    lat_buf_text(out, "}}");
    return status;
}

enum lat_status lat_write_answer(struct lat_buf *out, const struct lat_search_request *request,
                                 const struct lat_search_answer *answer,
                                 const struct lat_answer_form *form, struct lat_error *err)
{
    const struct lat_search_result *result = &answer->result;
    enum lat_status status = LAT_OK;
    lat_buf_text(out, "{\"results\":[");
    for (size_t i = 0; i < result->n && status == LAT_OK; i++) {
        if (i)
            lat_buf_char(out, ',');
        write_hit(out, &result->hits[i], request->query.parts, form);
        status = write_explained(out, answer, i, form, err);
        lat_buf_char(out, '}');
    }
    return status == LAT_OK ? write_query(out, answer, form, err) : status;
}
