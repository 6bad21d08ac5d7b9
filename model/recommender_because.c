/* Why an item was recommended: the history is scored again without each of its items. Where
 * scores are sums the difference is one entry of the table. Otherwise the variants of the
 * history go through the network in batches, the whole history as the last of them, so that
 * both sides of a difference are made alike. */
#include "model/recommender_internal.h"

#include <string.h>

#include "base/mem.h"
#include "base/vector.h"
#include "model/autoencoder.h"

#include "base/banned.h"

/* Floats of whole rows at a time, where they are needed. */
enum { ROWS_MAX = 1 << 23 };

struct asking {
    struct lat_model *model;
    const struct lat_sparse_row *row;
    const uint32_t *targets;
    size_t n_targets, n_events;
    float *scores; /* [variants][n_targets], the whole history last */
};

/* ---- the scores of the targets ---- */

static enum lat_status by_vectors(const struct asking *asking, const float *codes, size_t n,
                                  float *out_scores, struct lat_error *err)
{
    const struct lat_recommender *recommender = asking->model->recommender;
    const size_t width = recommender->width;
    float *hidden = lat_alloc_raw(n * width, sizeof(*hidden));
    if (!hidden)
        return lat_fail_memory(err);
    const enum lat_status status = lat_recommender_hidden(asking->model, codes, n, hidden, err);
    for (size_t v = 0; status == LAT_OK && v < n; v++)
        for (size_t t = 0; t < asking->n_targets; t++) {
            const float *vector = recommender->vectors + asking->targets[t] * (width + 1);
            *out_scores++ = lat_vector_dot(vector, hidden + v * width, width) + vector[width];
        }
    lat_free(hidden);
    return status;
}

static enum lat_status by_rows(const struct asking *asking, const float *codes, size_t n,
                               float *out_scores, struct lat_error *err)
{
    const size_t n_items = asking->model->recommender->n_items;
    size_t n_floats = 0;
    float *rows =
        lat_mul_size(n, n_items, &n_floats) ? lat_alloc_raw(n_floats, sizeof(*rows)) : NULL;
    if (!rows)
        return lat_fail_memory(err);
    const enum lat_status status = lat_model_decode(asking->model, codes, n, rows, err);
    for (size_t v = 0; status == LAT_OK && v < n; v++)
        for (size_t t = 0; t < asking->n_targets; t++)
            *out_scores++ = rows[v * n_items + asking->targets[t]];
    lat_free(rows);
    return status;
}

/* ---- variants ---- */

static size_t at_once(const struct lat_recommender *recommender)
{
    const bool rows = !recommender->first || !recommender->vectors;
    const size_t fit = rows ? ROWS_MAX / recommender->n_items + 1 : LAT_VARIANTS;
    return fit < LAT_VARIANTS ? fit : LAT_VARIANTS;
}

static enum lat_status score_variants(const struct asking *asking, struct lat_error *err)
{
    struct lat_model *model = asking->model;
    const size_t n = asking->row->n + 1, batch = at_once(model->recommender);
    const bool vectors = model->recommender->vectors != NULL;
    float *codes = lat_alloc_raw(batch * model->manifest.code_dimension, sizeof(*codes));
    enum lat_status status = codes ? LAT_OK : lat_fail_memory(err);
    for (size_t at = 0; status == LAT_OK && at < n; at += batch) {
        const size_t end = at + batch < n ? at + batch : n;
        float *scores = asking->scores + at * asking->n_targets;
        status = lat_recommender_encode(model, asking->row, at, end, codes, err);
        if (status == LAT_OK)
            status = (vectors ? by_vectors : by_rows)(asking, codes, end - at, scores, err);
    }
    lat_free(codes);
    return status;
}

static enum lat_status leave_out(struct asking *asking, float *out_drops, struct lat_error *err)
{
    const struct lat_sparse_row *row = asking->row;
    size_t n_scores = 0;
    asking->scores = lat_mul_size(row->n + 1, asking->n_targets, &n_scores)
                         ? lat_alloc_raw(n_scores, sizeof(float))
                         : NULL;
    if (!asking->scores)
        return lat_fail_memory(err);
    const enum lat_status status = score_variants(asking, err);
    const float *whole = asking->scores + row->n * asking->n_targets;
    for (size_t j = 0; status == LAT_OK && j < row->n; j++)
        for (size_t t = 0; t < asking->n_targets; t++)
            out_drops[t * asking->n_events + row->events[j]] =
                whole[t] - asking->scores[j * asking->n_targets + t];
    lat_free(asking->scores);
    return status;
}

static void look_up(const struct asking *asking, float *out_drops)
{
    const struct lat_recommender *recommender = asking->model->recommender;
    const struct lat_sparse_row *row = asking->row;
    for (size_t j = 0; j < row->n; j++) {
        const float *adds = recommender->sums + row->items[j] * recommender->n_items;
        for (size_t t = 0; t < asking->n_targets; t++)
            out_drops[t * asking->n_events + row->events[j]] =
                row->weights[j] * adds[asking->targets[t]];
    }
}

enum lat_status lat_model_because(struct lat_model *model, const struct lat_event *events,
                                  size_t n, const uint32_t *targets, size_t n_targets,
                                  float *out_drops, struct lat_error *err)
{
    struct lat_sparse_row row;
    enum lat_status status = lat_model_require(model, LAT_CAN_RECOMMEND, err);
    if (status == LAT_OK)
        status = lat_sparse_row_of(model, events, n, &row, err);
    if (status != LAT_OK)
        return status;
    struct asking asking = {
        .model = model, .row = &row, .targets = targets, .n_targets = n_targets, .n_events = n};
    memset(out_drops, 0, n_targets * n * sizeof(*out_drops));
    if (model->recommender->sums)
        look_up(&asking, out_drops);
    else if (n_targets)
        status = leave_out(&asking, out_drops, err);
    lat_sparse_row_release(&row);
    return status;
}
