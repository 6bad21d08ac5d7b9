/* POST …/collections/{c}/recommend: from positive and negative examples, each an id, a code or
 * an input; with a weight, an object {"id"|"code"|"input":…, "weight":…}. */
#include <string.h>

#include "api/example_read.h"
#include "api/handlers.h"
#include "api/input.h"
#include "api/item_write.h"
#include "api/recommend_io.h"
#include "api/reply.h"
#include "base/mem.h"
#include "service/examples.h"

#include "base/banned.h"

enum { K_DEFAULT = 10 };

struct asked {
    const char *name;
    struct lat_json json;
    struct lat_examples_request request;
    bool base64; /* of the reply */
};

static void read_examples(struct lat_object *root, const char *key,
                          const struct lat_example **out_examples, size_t *out_n)
{
    struct lat_list list;
    if (!lat_object_list(root, key, &list))
        return;
    if (list.n > LAT_EXAMPLES_MAX) {
        lat_object_fail(root, key, LAT_INVALID, "out_of_range",
                        "'%s' takes %d examples, not %zu", key, LAT_EXAMPLES_MAX, list.n);
        return;
    }
    struct lat_example *examples =
        lat_arena_alloc(root->json->arena, list.n + 1, sizeof(*examples));
    if (!examples) {
        lat_object_fail(root, NULL, LAT_NO_MEMORY, NULL, "out of memory");
        return;
    }
    for (size_t i = 0; i < list.n && lat_json_status(root->json) == LAT_OK; i++)
        lat_list_example(&list, i, true, &examples[i]);
    *out_examples = examples;
    *out_n = list.n;
}

/* ---- the request ---- */

static void read_strategy(struct lat_object *root, struct lat_examples_request *request)
{
    /* The spelling with a hyphen is a courtesy. */
    static const char *const words[] = {"mean", "best_score", "weighted", "best-score"};
    static const char *const missing[] = {"error", "skip"};
    int strategy = LAT_STRATEGY_MEAN, on_missing = 0;
    lat_object_choice(root, "strategy", words, LAT_ARRAY_LEN(words), &strategy);
    lat_object_choice(root, "on_missing", missing, LAT_ARRAY_LEN(missing), &on_missing);
    request->strategy = strategy == 3 ? LAT_STRATEGY_BEST_SCORE : (enum lat_strategy)strategy;
    request->skip_missing = on_missing == 1;
}

static enum lat_status read_request(struct lat_call *call, struct asked *asked,
                                    struct lat_error *err)
{
    struct lat_object root;
    struct lat_recommend_wants wants;
    struct lat_examples_request *request = &asked->request;
    enum lat_status status = lat_call_json(call, &asked->json, err);
    if (status != LAT_OK)
        return status;
    lat_json_root(&asked->json, &root);
    lat_object_encoding(&root);
    read_examples(&root, "positive", &request->positive, &request->n_positive);
    read_examples(&root, "negative", &request->negative, &request->n_negative);
    if (lat_json_status(&asked->json) == LAT_OK && !request->n_positive)
        lat_object_missing(&root, "positive");
    read_strategy(&root, request);
    lat_object_wants(call, &root, &wants);
    lat_object_number(&root, "diversity", &request->diversity, 0, 1);
    lat_object_include(&root, &request->parts);
    lat_object_end(&root);
    if (request->diversity > 0 && wants.k > LAT_DIVERSE_K_MAX)
        lat_object_fail(&root, "diversity", LAT_INVALID, "invalid",
                        "'diversity' goes with a 'k' of at most 1000");
    request->k = wants.k;
    request->filter = wants.filter;
    request->exclude_ids = wants.exclude_ids;
    request->n_exclude = wants.n_exclude;
    return lat_json_status(&asked->json);
}

static void write_hit(struct lat_buf *out, const struct asked *asked,
                      const struct lat_examples_answer *answer, size_t i, size_t dimension)
{
    const struct lat_hit *hit = &answer->hits[i];
    lat_buf_text(out, i ? ",{\"id\":" : "{\"id\":");
    lat_buf_json_string(out, hit->id, strlen(hit->id));
    lat_write_float(out, "score", answer->scores[i]);
    if (asked->request.parts & LAT_ITEM_METADATA) {
        lat_write_key(out, "metadata");
        lat_buf_text(out, hit->metadata ? hit->metadata : "{}");
    }
    if ((asked->request.parts & LAT_ITEM_CODE) && hit->code) {
        lat_write_key(out, "code");
        lat_write_vector(out, hit->code, dimension, asked->base64);
    }
    lat_buf_char(out, '}');
}

static enum lat_status reply(struct lat_call *call, const struct asked *asked,
                             const struct lat_examples_answer *answer, size_t dimension,
                             struct lat_error *err)
{
    struct lat_buf *out = &call->response.body;
    lat_buf_text(out, "{\"results\":[");
    for (size_t i = 0; i < answer->n; i++)
        write_hit(out, asked, answer, i, dimension);
    lat_buf_text(out, "],\"missing\":[");
    for (size_t i = 0; i < answer->n_missing; i++) {
        if (i)
            lat_buf_char(out, ',');
        lat_buf_json_string(out, answer->missing[i], strlen(answer->missing[i]));
    }
    lat_buf_text(out, "]}");
    return lat_reply_json(call, 200, err);
}

enum lat_status lat_api_recommend(struct lat_call *call, struct lat_error *err)
{
    struct lat_options options;
    struct lat_collection_spec spec;
    struct asked asked = {0};
    struct lat_examples_answer answer = {0};
    lat_options_begin(&options, call, err);
    asked.base64 = lat_option_base64(&options);
    enum lat_status status = lat_options_end_collection(&options, &asked.name, &spec);
    if (status == LAT_OK)
        status = read_request(call, &asked, err);
    if (status == LAT_OK)
        status = lat_examples_run(call, asked.name, &asked.request, &answer, err);
    if (status == LAT_OK)
        status = reply(call, &asked, &answer, spec.dimension, err);
    else
        lat_input_not_raw(err);
    lat_examples_release(&answer);
    lat_json_release(&asked.json);
    return status;
}
