/* An imputation holds a slot of the batch queue not only while the engine runs, but also while
 * it weighs what came out and draws again: that is computing as well, and slots that go round
 * after every run leave CPUs idle while threads wake each other. Before a run it is handed on
 * when somebody waits to encode, or others have waited for LEASE_NS; then it is waited for
 * anew. So there are never more threads that compute than slots, and who encodes a query waits
 * for one run.
 *
 * Neighbours are weighed by a normal kernel of their distance, as wide as the middle one is
 * far. What they decode to differs from what they were by the error of decoding, which counts
 * beside their spread: of a column that no code knows anything about all decode to the mean. */
#include "service/impute.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "index/store.h"
#include "service/app.h"
#include "service/batcher.h"

#include "base/banned.h"

enum { LEASE_NS = 25000000 };

struct through {
    struct lat_call *call;
    struct lat_model *model;
    uint64_t since_ns; /* when the slot was taken; 0: none is held */
};

static void leave_slot(struct through *through)
{
    if (through->since_ns)
        lat_batcher_let_go(through->call->app->batcher);
    through->since_ns = 0;
}

static enum lat_status take_slot(struct through *through, struct lat_error *err)
{
    struct lat_batcher *batcher = through->call->app->batcher;
    const uint64_t held = through->since_ns ? lat_clock_ns() - through->since_ns : 0;
    if (held > LEASE_NS || lat_batcher_is_wanted(batcher))
        leave_slot(through);
    if (through->since_ns)
        return LAT_OK;
    const enum lat_status status = lat_batcher_hold(batcher, through->call, err);
    if (status == LAT_OK)
        through->since_ns = lat_clock_ns();
    return status;
}

static enum lat_status encode(void *context, const float *rows, size_t n, float *out_codes,
                              float *out_variances, struct lat_error *err)
{
    struct through *through = context;
    if (lat_call_check_deadline(through->call, err) != LAT_OK)
        return LAT_UNAVAILABLE;
    if (!through->since_ns) /* in the company of others */
        return lat_batcher_encode(through->call->app->batcher, through->model, rows, n,
                                  out_codes, out_variances, through->call, err);
    const uint64_t begin = lat_clock_ns();
    const enum lat_status status =
        lat_model_encode(through->model, rows, n, out_codes, out_variances, err);
    through->call->timing_ns[LAT_TIMING_INFER] += lat_clock_ns() - begin;
    return status;
}

static enum lat_status decode(void *context, const float *codes, size_t n, float *out_rows,
                              float *out_spreads, struct lat_error *err)
{
    struct through *through = context;
    if (lat_call_check_deadline(through->call, err) != LAT_OK)
        return LAT_UNAVAILABLE;
    enum lat_status status = take_slot(through, err);
    if (status != LAT_OK)
        return status;
    const uint64_t begin = lat_clock_ns();
    status = lat_model_decode_spread(through->model, codes, n, out_rows, out_spreads, err);
    through->call->timing_ns[LAT_TIMING_INFER] += lat_clock_ns() - begin;
    return status;
}

/* ---- neighbours ---- */

static enum lat_status check_collection(struct lat_call *call, const struct lat_model *model,
                                        const char *collection, struct lat_error *err)
{
    struct lat_collection_spec spec;
    enum lat_status status = lat_store_spec(call->app->store, collection, &spec, err);
    if (status == LAT_OK && strcmp(spec.model, lat_model_reference(model)) == 0)
        return LAT_OK;
    if (status == LAT_OK) {
        status = lat_fail(
            err, LAT_INVALID, "wrong_model",
            "collection '%s' has codes of '%s', not of '%s': they are not comparable",
            collection, spec.model[0] ? spec.model : "no model", lat_model_reference(model));
        lat_error_expected(err, lat_model_reference(model), spec.model);
    }
    lat_error_at(err, "/collection");
    return status;
}

static void weigh(const struct lat_search_result *result, double *weights)
{
    const double middle = (double)result->hits[result->n / 2].distance;
    const double nearest = (double)result->hits[0].distance;
    double sum = 0;
    for (size_t j = 0; j < result->n; j++) {
        const double off =
            middle > nearest ? ((double)result->hits[j].distance - nearest) / (middle - nearest)
                             : 0;
        weights[j] = exp(-0.5 * off * off);
        sum += weights[j];
    }
    for (size_t j = 0; j < result->n; j++)
        weights[j] /= sum;
}

/* What a row's neighbours decode to goes into row `i` of *out. */
static enum lat_status mix_neighbours(struct through *through,
                                      const struct lat_impute_request *request,
                                      const struct lat_search_result *result, size_t i,
                                      struct lat_imputed *out, struct lat_error *err)
{
    const size_t width = lat_model_manifest(through->model)->code_dimension;
    const size_t elements = out->elements, n = result->n;
    float *codes = lat_alloc_raw(n * width, sizeof(float));
    float *decoded = lat_alloc_raw(n * elements, sizeof(float));
    float *spreads = lat_alloc_raw(n * elements, sizeof(float));
    double *weights = lat_alloc_raw(n, sizeof(double));
    enum lat_status status =
        codes && decoded && spreads && weights ? LAT_OK : lat_fail_memory(err);
    for (size_t j = 0; status == LAT_OK && j < n; j++)
        memcpy(codes + j * width, result->hits[j].code, width * sizeof(float));
    if (status == LAT_OK)
        status = decode(through, codes, n, decoded, NULL, err);
    leave_slot(through); /* the next row's search waits for the store */
    if (status == LAT_OK) {
        weigh(result, weights);
        lat_impute_decoded_spreads(through->model, spreads);
        for (size_t j = 1; j < n; j++)
            memcpy(spreads + j * elements, spreads, elements * sizeof(float));
        const struct lat_impute_mixture mixture = {
            .decoded = decoded, .spreads = spreads, .weights = weights, .n = n};
        lat_impute_mix(through->model, &request->options, &mixture, i, out);
    }
    lat_free(codes);
    lat_free(decoded);
    lat_free(spreads);
    lat_free(weights);
    return status;
}

static enum lat_status find_and_mix(struct through *through,
                                    const struct lat_impute_request *request, const float *code,
                                    size_t i, struct lat_imputed *out, struct lat_error *err)
{
    struct lat_call *call = through->call;
    struct lat_search_result result = {0};
    const struct lat_query query = {
        .code = code, .k = request->k, .max_distance = INFINITY, .parts = LAT_ITEM_CODE};
    enum lat_status status =
        lat_store_search(call->app->store, request->collection, &query, &result, err);
    if (status != LAT_OK)
        return status;
    call->timing_ns[LAT_TIMING_INDEX] += result.index_ns;
    call->timing_ns[LAT_TIMING_DB] += result.db_ns;
    status = result.n
                 ? mix_neighbours(through, request, &result, i, out, err)
                 : lat_fail(err, LAT_INVALID, "no_neighbours",
                            "collection '%s' has no item to learn from", request->collection);
    lat_search_result_release(&result);
    return status;
}

static enum lat_status by_neighbours(struct through *through, const float *rows, size_t n,
                                     const struct lat_impute_request *request,
                                     struct lat_imputed *out, struct lat_error *err)
{
    const size_t width = lat_model_manifest(through->model)->code_dimension;
    enum lat_status status = lat_impute_check(through->model, LAT_IMPUTE_NEIGHBOURS, err);
    if (status == LAT_OK)
        status = check_collection(through->call, through->model, request->collection, err);
    if (status != LAT_OK)
        return status;
    float *codes = lat_alloc_raw(n * width + 1, sizeof(float));
    status = codes
                 ? lat_imputed_begin(through->model, rows, n, request->options.draws, out, err)
                 : lat_fail_memory(err);
    if (status == LAT_OK)
        status = encode(through, rows, n, codes, NULL, err);
    for (size_t i = 0; status == LAT_OK && i < n; i++)
        status = find_and_mix(through, request, codes + i * width, i, out, err);
    lat_free(codes);
    return status;
}

/* Numbers of all completed rows, and of what one row's codes decode to: what is in memory. */
static enum lat_status check_size(const struct lat_call *call, const struct lat_model *model,
                                  size_t n, const struct lat_impute_options *options,
                                  struct lat_error *err)
{
    const size_t limit = (size_t)call->app->config.max_pixels;
    const size_t elements = lat_input_elements(&lat_model_manifest(model)->input);
    const bool sampled = options->method == LAT_IMPUTE_IMPORTANCE;
    size_t rows, drawn, decoded;
    if (!lat_mul_size(n, elements, &rows) || !lat_mul_size(rows, options->draws, &drawn) ||
        drawn > limit) {
        lat_fail(err, LAT_TOO_LARGE, "batch_too_large",
                 "%zu rows of %zu numbers, drawn %u times, are over the limit of %zu numbers",
                 n, elements, options->draws, limit);
        lat_error_at(err, "/draws");
        return LAT_TOO_LARGE;
    }
    if (sampled && (!lat_mul_size(options->samples, elements, &decoded) || decoded > limit)) {
        lat_fail(err, LAT_TOO_LARGE, "batch_too_large",
                 "%u samples of %zu numbers are over the limit of %zu numbers",
                 options->samples, elements, limit);
        lat_error_at(err, "/samples");
        return LAT_TOO_LARGE;
    }
    return LAT_OK;
}

enum lat_status lat_impute_run(struct lat_call *call, struct lat_model *model,
                               const float *rows, size_t n,
                               const struct lat_impute_request *request,
                               struct lat_imputed *out, struct lat_error *err)
{
    struct through through = {.call = call, .model = model};
    const struct lat_impute_engine engine = {encode, decode, &through};
    enum lat_status status = check_size(call, model, n, &request->options, err);
    if (status != LAT_OK)
        return status;
    status = request->options.method == LAT_IMPUTE_NEIGHBOURS
                 ? by_neighbours(&through, rows, n, request, out, err)
                 : lat_impute(model, &engine, rows, n, &request->options, out, err);
    leave_slot(&through);
    return status;
}
