/* Creating collections for models, and filling them.
 *
 * Ingest in four steps, each over the whole batch: refuse what is wrong by itself (ids twice,
 * codes of another dimension), encode the inputs together, write together, report one result an
 * item. */
#include "service/collection.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text_set.h"
#include "index/distance.h"
#include "service/app.h"
#include "service/kept.h"

#include "base/banned.h"

enum lat_status lat_collection_complete(struct lat_call *call, struct lat_collection_spec *spec,
                                        bool has_metric, struct lat_error *err)
{
    if (spec->model[0] == '\0')
        return LAT_OK;
    struct lat_model *model = NULL;
    enum lat_status status = lat_embed_acquire(call, spec->model, &model, err);
    if (status != LAT_OK) {
        lat_error_at(err, "/model");
        return status;
    }
    const struct lat_manifest *manifest = lat_model_manifest(model);
    if (spec->dimension != 0 && spec->dimension != manifest->code_dimension) {
        char expected[32], got[32];
        snprintf(expected, sizeof(expected), "%zu", manifest->code_dimension);
        snprintf(got, sizeof(got), "%u", (unsigned)spec->dimension);
        status = lat_fail(err, LAT_INVALID, "wrong_dimension",
                          "model '%s' makes codes of %s dimensions, not %s",
                          lat_model_reference(model), expected, got);
        lat_error_expected(err, expected, got);
        lat_error_at(err, "/dimension");
    } else {
        spec->dimension = (uint32_t)manifest->code_dimension;
        snprintf(spec->model, sizeof(spec->model), "%s", lat_model_reference(model));
        if (!has_metric)
            spec->metric = (enum lat_distance)manifest->metric;
        if (spec->max_error > 0) {
            status = lat_model_require(model, LAT_CAN_COMPRESS, err);
            lat_error_at(err, "/keep_inputs");
        }
    }
    lat_model_release(model);
    return status;
}

enum lat_status lat_collection_create(struct lat_call *call, struct lat_collection_spec *spec,
                                      bool has_metric, bool *out_created, struct lat_error *err)
{
    struct lat_collection_spec there;
    const size_t len = strlen(spec->model);
    if (len > 0 && !strchr(spec->model, '@') &&
        lat_store_spec(call->app->store, spec->name, &there, NULL) == LAT_OK &&
        strncmp(there.model, spec->model, len) == 0 && there.model[len] == '@')
        memcpy(spec->model, there.model, sizeof(spec->model));
    if (spec->max_error > 0 && len == 0) {
        lat_fail(err, LAT_INVALID, "no_model",
                 "compressed inputs want a model that compresses them");
        lat_error_at(err, "/keep_inputs");
        return LAT_INVALID;
    }
    const enum lat_status status = lat_collection_complete(call, spec, has_metric, err);
    if (status != LAT_OK)
        return status;
    return lat_store_create(call->app->store, spec, out_created, err);
}

enum lat_status lat_collection_check_code(const struct lat_collection_spec *spec,
                                          const float *code, size_t n, struct lat_error *err)
{
    if (!spec->dimension && n)
        return lat_fail(err, LAT_INVALID, "no_codes",
                        "collection '%s' is of interactions only: it has no codes", spec->name);
    if (n != spec->dimension) {
        char expected[32], got[32];
        snprintf(expected, sizeof(expected), "%u", (unsigned)spec->dimension);
        snprintf(got, sizeof(got), "%zu", n);
        const enum lat_status status = lat_fail(
            err, LAT_INVALID, "wrong_dimension",
            "collection '%s': expected %s dimensions, not %s", spec->name, expected, got);
        lat_error_expected(err, expected, got);
        return status;
    }
    for (size_t i = 0; i < n; i++)
        if (!isfinite(code[i]))
            return lat_fail(err, LAT_INVALID, "not_finite",
                            "collection '%s': element %zu of the code is not a finite number",
                            spec->name, i);
    const enum lat_status status = lat_code_check(spec->metric, code, n, err);
    lat_error_prefix(err, "collection '%s'", spec->name);
    return status;
}

/* What one call to ingest works on; all arrays in the call's arena. */
struct batch {
    struct lat_call *call;
    const struct lat_collection_spec *spec;
    const struct lat_ingest_item *items;
    struct lat_ingest_result *results;
    size_t n;
    size_t *places;           /* of packed entries: their item */
    struct lat_input *inputs; /* packed */
    struct lat_write *writes; /* packed */
    struct lat_write_result *outcomes;
};

static enum lat_status refuse(struct batch *batch, size_t i, const struct lat_error *why,
                              struct lat_error *err)
{
    struct lat_error *kept = lat_arena_alloc_raw(&batch->call->arena, 1, sizeof(*kept));
    if (!kept)
        return lat_fail_memory(err);
    *kept = *why;
    batch->results[i].error = kept;
    return LAT_OK;
}

/* An id that appeared before in this batch is refused. */
static enum lat_status refuse_duplicates(struct batch *batch, struct lat_error *err)
{
    struct lat_text_set seen = {0};
    enum lat_status status = LAT_OK;
    for (size_t i = 0; status == LAT_OK && i < batch->n; i++) {
        const char *id = batch->items[i].id;
        struct lat_error why = LAT_ERROR_INIT;
        size_t first;
        if (!id || batch->results[i].error)
            continue;
        if (!lat_text_set_add(&seen, id, i, &first)) {
            status = lat_fail_memory(err);
        } else if (first != i) {
            lat_fail(&why, LAT_INVALID, "duplicate_id",
                     "id '%.64s' is item %zu of this batch already", id, first);
            lat_error_at(&why, "/id");
            status = refuse(batch, i, &why, err);
        }
    }
    lat_text_set_release(&seen);
    return status;
}

/* What is wrong with an item before anything is encoded; LAT_OK when nothing is. */
static enum lat_status check_item(const struct lat_collection_spec *spec,
                                  const struct lat_ingest_item *item, struct lat_error *why)
{
    enum lat_status status = LAT_OK;
    if (item->input && spec->model[0] == '\0') {
        status =
            lat_fail(why, LAT_INVALID, "no_model",
                     "collection '%s' has no model to encode inputs with: give a code of %u "
                     "floats",
                     spec->name, (unsigned)spec->dimension);
        lat_error_at(why, "/input");
    } else if (item->code) {
        status = lat_collection_check_code(spec, item->code, item->n_code, why);
        lat_error_at(why, "/code");
    } else if (!item->input && spec->dimension > 0) {
        status = lat_fail(why, LAT_INVALID, "missing_field",
                          "collection '%s' wants an input or a code of %u floats for each item",
                          spec->name, (unsigned)spec->dimension);
        lat_error_at(why, spec->model[0] ? "/input" : "/code");
    }
    return status;
}

static enum lat_status check_items(struct batch *batch, struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    for (size_t i = 0; status == LAT_OK && i < batch->n; i++) {
        struct lat_error why = LAT_ERROR_INIT;
        if (batch->items[i].refused)
            status = refuse(batch, i, batch->items[i].refused, err);
        else if (check_item(batch->spec, &batch->items[i], &why) != LAT_OK)
            status = refuse(batch, i, &why, err);
    }
    return status == LAT_OK ? refuse_duplicates(batch, err) : status;
}

/* Scoring decodes what was encoded: nothing beside a small network, but as much again for
 * pictures. Those that are kept can be scored whenever somebody asks. */
static unsigned wants_of(const struct batch *batch, const struct lat_model *model)
{
    const struct lat_manifest *manifest = lat_model_manifest(model);
    bool score = manifest->input.kind != LAT_INPUT_IMAGE || !batch->spec->keep_inputs ||
                 batch->spec->max_error > 0;
    for (size_t i = 0; i < batch->n && !score; i++)
        score = batch->items[i].score;
    score = score && (manifest->capabilities & LAT_CAN_RECONSTRUCT);
    return LAT_EMBED_CODES | (score ? LAT_EMBED_SCORES : 0);
}

static enum lat_status encode_items(struct batch *batch, struct lat_error *err)
{
    size_t n = 0;
    for (size_t i = 0; i < batch->n; i++) {
        batch->results[i].code = batch->results[i].error ? NULL : batch->items[i].code;
        batch->results[i].score = NAN;
        if (batch->results[i].error || !batch->items[i].input)
            continue;
        batch->places[n] = i;
        batch->inputs[n++] = *batch->items[i].input;
    }
    if (n == 0)
        return LAT_OK;
    struct lat_model *model = NULL;
    enum lat_status status = lat_embed_acquire(batch->call, batch->spec->model, &model, err);
    if (status != LAT_OK)
        return status;
    struct lat_embedding embedding;
    status = lat_embed(batch->call, model, batch->inputs, n, wants_of(batch, model), &embedding,
                       err);
    lat_model_release(model);
    for (size_t j = 0; status == LAT_OK && j < n; j++) {
        const size_t i = batch->places[j];
        const float *code = embedding.codes + j * batch->spec->dimension;
        struct lat_error why = LAT_ERROR_INIT;
        if (embedding.bad[j]) {
            why = *embedding.bad[j];
        } else if (lat_collection_check_code(batch->spec, code, batch->spec->dimension, &why) ==
                   LAT_OK) {
            batch->results[i].code = code;
            if (embedding.scores && isfinite(embedding.scores[j]))
                batch->results[i].score = embedding.scores[j];
            continue;
        }
        lat_error_at(&why, "/input");
        status = refuse(batch, i, &why, err);
    }
    return status;
}

/* What GET …/input will give back. */
static void keep_original(const struct lat_ingest_item *item, struct lat_write *write)
{
    const struct lat_input *input = item->input;
    if (item->original) {
        write->input = item->original;
        write->input_len = item->original_len;
        write->input_type = item->original_type;
    } else if (input && input->kind == LAT_INPUT_IMAGE) {
        write->input = input->bytes;
        write->input_len = input->len;
        write->input_type = lat_image_mime(lat_image_sniff(input->bytes, input->len));
    } else if (input && lat_input_is_json(input)) {
        write->input = input->bytes;
        write->input_len = input->len;
        write->input_type = "application/json";
    } else if (input) {
        write->input = input->values;
        write->input_len = input->n_values * sizeof(float);
        write->input_type = "application/octet-stream";
    }
}

static size_t gather_writes(struct batch *batch)
{
    size_t n = 0;
    for (size_t i = 0; i < batch->n; i++) {
        const struct lat_ingest_item *item = &batch->items[i];
        if (batch->results[i].error)
            continue;
        batch->places[n] = i;
        batch->writes[n] =
            (struct lat_write){.kind = LAT_WRITE_PUT,
                               .id = item->id,
                               .code = batch->results[i].code,
                               .model = batch->spec->model[0] ? batch->spec->model : NULL,
                               .metadata = item->metadata,
                               .error = batch->results[i].score,
                               .hidden = item->hidden,
                               .if_match = item->if_match,
                               .if_none_match = item->if_none_match};
        keep_original(item, &batch->writes[n++]);
    }
    return n;
}

/* The store says why in one word; these are the sentences. */
static enum lat_status refuse_write(struct batch *batch, size_t i, enum lat_status status,
                                    struct lat_error *err)
{
    struct lat_error why = LAT_ERROR_INIT;
    const char *id = batch->items[i].id;
    if (status == LAT_PRECONDITION && batch->items[i].if_none_match)
        lat_fail(&why, status, NULL, "item '%.64s' is there already (If-None-Match)", id);
    else if (status == LAT_PRECONDITION)
        lat_fail(&why, status, NULL, "item '%.64s' is not at the version If-Match names", id);
    else
        lat_fail(&why, status, NULL, "item '%.64s' was not stored", id);
    batch->results[i].code = NULL;
    return refuse(batch, i, &why, err);
}

/* In place of what was sent, where the collection wants that. */
static enum lat_status compress_inputs(struct batch *batch, size_t n, struct lat_error *err)
{
    struct lat_model *model = NULL;
    if (!(batch->spec->max_error > 0))
        return LAT_OK;
    enum lat_status status = lat_embed_acquire(batch->call, batch->spec->model, &model, err);
    for (size_t j = 0; status == LAT_OK && j < n; j++)
        status = lat_kept_compress(batch->call, batch->spec, model, &batch->writes[j], err);
    if (model)
        lat_model_release(model);
    return status;
}

static enum lat_status write_items(struct batch *batch, bool atomic, size_t *out_bad,
                                   struct lat_error *err)
{
    const size_t n = gather_writes(batch);
    if (n == 0)
        return LAT_OK;
    const enum lat_status compressed = compress_inputs(batch, n, err);
    if (compressed != LAT_OK)
        return compressed;
    const uint64_t begin = lat_clock_ns();
    enum lat_status status = lat_store_write(batch->call->app->store, batch->spec->name,
                                             batch->writes, n, atomic, batch->outcomes, err);
    batch->call->timing_ns[LAT_TIMING_DB] += lat_clock_ns() - begin;
    for (size_t j = 0; j < n; j++) {
        const size_t i = batch->places[j];
        const struct lat_write_result *outcome = &batch->outcomes[j];
        if (status != LAT_OK) {
            if (outcome->status != LAT_OK && out_bad)
                *out_bad = i;
            continue;
        }
        batch->results[i].created = outcome->created;
        batch->results[i].version = outcome->version;
        if (outcome->status != LAT_OK)
            status = refuse_write(batch, i, outcome->status, err);
    }
    return status;
}

/* With `atomic`: the first refused item is the failure of all. */
static enum lat_status first_refused(const struct batch *batch, size_t *out_bad,
                                     struct lat_error *err)
{
    for (size_t i = 0; i < batch->n; i++) {
        const struct lat_error *why = batch->results[i].error;
        if (!why)
            continue;
        if (out_bad)
            *out_bad = i;
        if (err && err->status == LAT_OK)
            *err = *why;
        return why->status;
    }
    return LAT_OK;
}

static enum lat_status ingest_once(struct lat_call *call, const char *collection,
                                   const struct lat_ingest_item *items, size_t n, bool atomic,
                                   struct lat_ingest_result *out_results, size_t *out_bad,
                                   struct lat_error *err)
{
    struct lat_collection_spec spec;
    enum lat_status status = lat_store_spec(call->app->store, collection, &spec, err);
    if (status != LAT_OK || n == 0)
        return status;
    struct batch batch = {
        .call = call, .spec = &spec, .items = items, .results = out_results, .n = n};
    memset(out_results, 0, n * sizeof(*out_results));
    batch.places = lat_arena_alloc_raw(&call->arena, n, sizeof(*batch.places));
    batch.inputs = lat_arena_alloc_raw(&call->arena, n, sizeof(*batch.inputs));
    batch.writes = lat_arena_alloc(&call->arena, n, sizeof(*batch.writes));
    batch.outcomes = lat_arena_alloc(&call->arena, n, sizeof(*batch.outcomes));
    if (!batch.places || !batch.inputs || !batch.writes || !batch.outcomes)
        return lat_fail_memory(err);
    status = check_items(&batch, err);
    if (status == LAT_OK && atomic)
        status = first_refused(&batch, out_bad, err);
    if (status == LAT_OK)
        status = encode_items(&batch, err);
    if (status == LAT_OK && atomic)
        status = first_refused(&batch, out_bad, err);
    if (status == LAT_OK)
        status = write_items(&batch, atomic, out_bad, err);
    return status;
}

/* A collection may move to another model between the encoding and the write: then both are done
 * again. */
enum lat_status lat_collection_ingest(struct lat_call *call, const char *collection,
                                      const struct lat_ingest_item *items, size_t n,
                                      bool atomic, struct lat_ingest_result *out_results,
                                      size_t *out_bad, struct lat_error *err)
{
    enum { TRIES = 3 };
    for (int i = 1;; i++) {
        struct lat_error why = LAT_ERROR_INIT;
        const enum lat_status status =
            ingest_once(call, collection, items, n, atomic, out_results, out_bad, &why);
        if (status == LAT_CONFLICT && strcmp(why.code, "generation_changed") == 0 && i < TRIES)
            continue;
        if (status != LAT_OK && err && err->status == LAT_OK)
            *err = why;
        return status;
    }
}
