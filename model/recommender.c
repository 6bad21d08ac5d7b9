/* Scores of a history. Three ways, the first that the model's graphs allow:
 *
 *   one layer      scores are sums of what each item of the history adds (EASE): the rows of
 *                  the items alone are read
 *   item vectors   history -> code -> the last layer's input -> an inner product an item
 *   sessions       encode and decode whole rows
 *
 * and, for the code, the first layer as a sum over the items of the history where that is
 * known, else the encoder on a whole row. Nothing here is written but the caller's memory. */
#include "model/recommender_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/vector.h"
#include "model/autoencoder.h"

#include "base/banned.h"

/* Beneath a row's squared length in an exported encoder (of_unit_length in step_graph.c). */
static const double LEAST_SQUARE = 1e-9;

size_t lat_model_n_items(const struct lat_model *model)
{
    return model->manifest.input.kind == LAT_INPUT_INTERACTIONS ? model->items.n : 0;
}

bool lat_model_is_explicit(const struct lat_model *model)
{
    return model->manifest.input.kind == LAT_INPUT_INTERACTIONS &&
           model->manifest.input.ratings;
}

bool lat_model_item_index(const struct lat_model *model, const char *item, size_t len,
                          uint32_t *out_item)
{
    return lat_words_find(&model->items, item, len, out_item);
}

const char *lat_model_item_name(const struct lat_model *model, uint32_t item)
{
    return model->items.items[item];
}

/* ---- histories ---- */

struct counted {
    uint32_t item, event;
    float weight;
};

static int by_item_event(const void *left, const void *right)
{
    const struct counted *a = left, *b = right;
    if (a->item != b->item)
        return a->item < b->item ? -1 : 1;
    return (a->event > b->event) - (a->event < b->event);
}

static enum lat_status bad_weight(const struct lat_event *event, size_t i,
                                  struct lat_error *err)
{
    lat_fail(err, LAT_INVALID, "out_of_range", "item '%.60s': the weight is out of range",
             event->item);
    lat_error_at(err, "/history/%zu", i);
    return LAT_INVALID;
}

static enum lat_status nothing_known(const struct lat_model *model,
                                     const struct lat_event *events, size_t n, size_t n_known,
                                     struct lat_error *err)
{
    if (n_known || n == 0) {
        lat_fail(err, LAT_INVALID, "empty_history",
                 n ? "none of the history's weights counts for model '%s'"
                   : "the history for model '%s' is empty",
                 model->reference);
    } else {
        const int shown = (int)(events[0].len < 60 ? events[0].len : 60);
        lat_fail(err, LAT_INVALID, "unknown_items",
                 "model '%s' knows none of the %zu item(s), the first '%.*s'", model->reference,
                 n, shown, events[0].item);
    }
    lat_error_at(err, "/history");
    return LAT_INVALID;
}

/* Known events into counted [n]; how many. */
static enum lat_status find_items(const struct lat_model *model, const struct lat_event *events,
                                  size_t n, struct counted *counted, size_t *out_n,
                                  struct lat_error *err)
{
    *out_n = 0;
    for (size_t i = 0; i < n; i++) {
        const float weight = lat_history_weight(&model->manifest.input, events[i].weight);
        uint32_t item = 0;
        if (!isfinite(weight))
            return bad_weight(&events[i], i, err);
        if (lat_words_find(&model->items, events[i].item, events[i].len, &item))
            counted[(*out_n)++] = (struct counted){item, (uint32_t)i, weight};
    }
    return LAT_OK;
}

/* Of each item the last event, if it counts. */
static void keep_last(const struct counted *counted, size_t n, struct lat_sparse_row *row)
{
    for (size_t i = 0; i < n; i++) {
        const bool again = i + 1 < n && counted[i + 1].item == counted[i].item;
        if (again || !(counted[i].weight > 0))
            continue;
        row->items[row->n] = counted[i].item;
        row->weights[row->n] = counted[i].weight;
        row->events[row->n++] = counted[i].event;
    }
}

enum lat_status lat_sparse_row_of(const struct lat_model *model, const struct lat_event *events,
                                  size_t n, struct lat_sparse_row *out_row,
                                  struct lat_error *err)
{
    size_t n_known = 0;
    struct counted *counted = lat_alloc_raw(n + 1, sizeof(*counted));
    uint32_t *block = lat_alloc_raw(n + 1, 2 * sizeof(uint32_t) + sizeof(float));
    struct lat_sparse_row row = {.items = block};
    enum lat_status status = counted && block ? LAT_OK : lat_fail_memory(err);
    if (status == LAT_OK && n > UINT32_MAX)
        status = lat_fail(err, LAT_TOO_LARGE, NULL, "more than 2^32 events");
    if (status == LAT_OK)
        status = find_items(model, events, n, counted, &n_known, err);
    if (status == LAT_OK) {
        row.events = block + n;
        row.weights = (float *)(void *)(block + 2 * n);
        qsort(counted, n_known, sizeof(*counted), by_item_event);
        keep_last(counted, n_known, &row);
        if (row.n == 0)
            status = nothing_known(model, events, n, n_known, err);
    }
    lat_free(counted);
    if (status == LAT_OK)
        *out_row = row;
    else
        lat_free(block);
    return status;
}

void lat_sparse_row_release(struct lat_sparse_row *row)
{
    lat_free(row->items);
    *row = (struct lat_sparse_row){0};
}

/* ---- codes ---- */

static enum lat_status run_slice(struct lat_session *session, const float *from, size_t n,
                                 size_t from_width, float *to, size_t to_width,
                                 struct lat_error *err)
{
    const struct lat_tensor in = {.name = "from",
                                  .dtype = LAT_FLOAT32,
                                  .rank = 2,
                                  .dims = {(int64_t)n, (int64_t)from_width},
                                  .data = (void *)(uintptr_t)from};
    const struct lat_tensor out = {.name = "to",
                                   .dtype = LAT_FLOAT32,
                                   .rank = 2,
                                   .dims = {(int64_t)n, (int64_t)to_width},
                                   .data = to};
    return lat_session_run(session, &in, 1, &out, 1, err);
}

/* What the first layer gives for each variant: the sum of all its items less the one left out,
 * over the length of the row. */
static void sum_first(const struct lat_recommender *recommender,
                      const struct lat_sparse_row *row, size_t begin, size_t end, float *whole,
                      float *out)
{
    const size_t width = recommender->first_width;
    double squares = 0;
    memset(whole, 0, width * sizeof(*whole));
    for (size_t j = 0; j < row->n; j++) {
        squares += (double)row->weights[j] * (double)row->weights[j];
        lat_vector_add(whole, recommender->first + row->items[j] * width, row->weights[j],
                       width);
    }
    for (size_t v = begin; v < end; v++, out += width) {
        const double w = v < row->n ? (double)row->weights[v] : 0;
        const double left = row->n == 1 && v == 0 ? 0 : squares - w * w;
        const double over = recommender->unit_length ? 1 / sqrt(left + LEAST_SQUARE) : 1;
        memcpy(out, recommender->first_bias, width * sizeof(*out));
        if (row->n == 1 && v == 0)
            continue;
        lat_vector_add(out, whole, (float)over, width);
        if (v < row->n)
            lat_vector_add(out, recommender->first + row->items[v] * width, (float)(-w * over),
                           width);
    }
}

static enum lat_status encode_sums(struct lat_model *model, const struct lat_sparse_row *row,
                                   size_t begin, size_t end, float *out_codes,
                                   struct lat_error *err)
{
    const struct lat_recommender *recommender = model->recommender;
    const size_t n = end - begin, width = recommender->first_width;
    float *first = lat_alloc_raw((n + 1) * width, sizeof(*first));
    if (!first)
        return lat_fail_memory(err);
    enum lat_status status = LAT_OK;
    sum_first(recommender, row, begin, end, first + n * width, first);
    if (recommender->tail)
        status = run_slice(recommender->tail, first, n, width, out_codes,
                           model->manifest.code_dimension, err);
    else
        memcpy(out_codes, first, n * width * sizeof(*first));
    lat_free(first);
    return status;
}

static enum lat_status encode_rows(struct lat_model *model, const struct lat_sparse_row *row,
                                   size_t begin, size_t end, float *out_codes,
                                   struct lat_error *err)
{
    const size_t n_items = model->recommender->n_items;
    size_t n_floats = 0;
    float *rows = lat_mul_size(end - begin, n_items, &n_floats)
                      ? lat_alloc(n_floats, sizeof(*rows))
                      : NULL;
    if (!rows)
        return lat_fail_memory(err);
    for (size_t v = begin; v < end; v++)
        for (size_t j = 0; j < row->n; j++)
            if (j != v)
                rows[(v - begin) * n_items + row->items[j]] = row->weights[j];
    const enum lat_status status =
        lat_model_encode(model, rows, end - begin, out_codes, NULL, err);
    lat_free(rows);
    return status;
}

enum lat_status lat_recommender_encode(struct lat_model *model,
                                       const struct lat_sparse_row *row, size_t begin,
                                       size_t end, float *out_codes, struct lat_error *err)
{
    return (model->recommender->first ? encode_sums : encode_rows)(model, row, begin, end,
                                                                   out_codes, err);
}

enum lat_status lat_recommender_hidden(struct lat_model *model, const float *codes, size_t n,
                                       float *out, struct lat_error *err)
{
    const struct lat_recommender *recommender = model->recommender;
    const size_t d = model->manifest.code_dimension;
    if (recommender->head)
        return run_slice(recommender->head, codes, n, d, out, recommender->width, err);
    memcpy(out, codes, n * d * sizeof(*out));
    return LAT_OK;
}

/* ---- scores ---- */

static void add_up(const struct lat_recommender *recommender, const struct lat_sparse_row *row,
                   float *out_scores)
{
    const size_t n = recommender->n_items;
    memcpy(out_scores, recommender->base, n * sizeof(*out_scores));
    for (size_t j = 0; j < row->n; j++)
        lat_vector_add(out_scores, recommender->sums + row->items[j] * n, row->weights[j], n);
}

/* The whole history as a query for the item vectors. */
static enum lat_status query_of(struct lat_model *model, const struct lat_sparse_row *row,
                                float *out_query, struct lat_error *err)
{
    float *code = lat_alloc_raw(model->manifest.code_dimension, sizeof(*code));
    if (!code)
        return lat_fail_memory(err);
    enum lat_status status = lat_recommender_encode(model, row, row->n, row->n + 1, code, err);
    if (status == LAT_OK)
        status = lat_recommender_hidden(model, code, 1, out_query, err);
    if (status == LAT_OK)
        out_query[model->recommender->width] = 1;
    lat_free(code);
    return status;
}

static enum lat_status scan(struct lat_model *model, const struct lat_sparse_row *row,
                            float *out_scores, struct lat_error *err)
{
    const struct lat_recommender *recommender = model->recommender;
    const size_t d = recommender->width + 1;
    float *query = lat_alloc_aligned(d, sizeof(*query));
    if (!query)
        return lat_fail_memory(err);
    const enum lat_status status = query_of(model, row, query, err);
    for (size_t i = 0; status == LAT_OK && i < recommender->n_items; i++)
        out_scores[i] = lat_vector_dot(recommender->vectors + i * d, query, d);
    lat_free(query);
    return status;
}

static enum lat_status decode(struct lat_model *model, const struct lat_sparse_row *row,
                              float *out_scores, struct lat_error *err)
{
    float *code = lat_alloc_raw(model->manifest.code_dimension, sizeof(*code));
    if (!code)
        return lat_fail_memory(err);
    enum lat_status status = lat_recommender_encode(model, row, row->n, row->n + 1, code, err);
    if (status == LAT_OK)
        status = lat_model_decode(model, code, 1, out_scores, err);
    lat_free(code);
    return status;
}

enum lat_status lat_model_recommend(struct lat_model *model, const struct lat_event *events,
                                    size_t n, float *out_scores, struct lat_error *err)
{
    struct lat_sparse_row row;
    enum lat_status status = lat_model_require(model, LAT_CAN_RECOMMEND, err);
    if (status == LAT_OK)
        status = lat_sparse_row_of(model, events, n, &row, err);
    if (status != LAT_OK)
        return status;
    if (model->recommender->sums)
        add_up(model->recommender, &row, out_scores);
    else
        status = (model->recommender->vectors ? scan : decode)(model, &row, out_scores, err);
    lat_sparse_row_release(&row);
    return status;
}

/* ---- retrieval ---- */

enum lat_status lat_model_item_vectors(const struct lat_model *model, const float **out_vectors,
                                       size_t *out_d, struct lat_error *err)
{
    const enum lat_status status = lat_model_require(model, LAT_CAN_RECOMMEND, err);
    if (status != LAT_OK)
        return status;
    if (!model->recommender->vectors)
        return lat_fail(err, LAT_CAPABILITY, "no_item_vectors",
                        model->recommender->sums
                            ? "model '%s' sums scores from item to item and has no vectors"
                            : "model '%s' has no last layer that its file shows",
                        model->reference);
    *out_vectors = model->recommender->vectors;
    *out_d = model->recommender->width + 1;
    return LAT_OK;
}

enum lat_status lat_model_query_vector(struct lat_model *model, const struct lat_event *events,
                                       size_t n, float *out_query, struct lat_error *err)
{
    const float *vectors = NULL;
    size_t d = 0;
    struct lat_sparse_row row;
    enum lat_status status = lat_model_item_vectors(model, &vectors, &d, err);
    if (status == LAT_OK)
        status = lat_sparse_row_of(model, events, n, &row, err);
    if (status != LAT_OK)
        return status;
    status = query_of(model, &row, out_query, err);
    lat_sparse_row_release(&row);
    return status;
}

size_t lat_model_recommend_work(const struct lat_model *model, size_t n, bool because)
{
    const struct lat_recommender *recommender = model->recommender;
    const size_t each = n + (recommender ? recommender->width : 0) + 1;
    size_t work;
    if (!recommender || !lat_mul_size(recommender->n_items, each, &work))
        return SIZE_MAX;
    if (recommender->sums)
        return work;
    return recommender->first && recommender->vectors && !recommender->tail &&
                   !recommender->head && !because
               ? work
               : SIZE_MAX;
}
