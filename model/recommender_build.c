/* From the two graphs of a package to tables that rank. What the graphs do not show plainly
 * stays NULL: the model then recommends by its sessions alone, slower and as right.
 *
 * That a first layer takes rows of unit length is read off the shape of the graph alone, so it
 * is tried: the codes of a few histories, made both ways, must agree. */
#include "model/recommender_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "model/autoencoder.h"
#include "model/onnx_ends.h"

#include "base/banned.h"

enum { BLOCK = 64 }; /* items turned at a time, that rows and columns stay in the cache */

/* Larger graphs keep their weights in a file of their own, which is not read. */
static const size_t GRAPH_MAX = (size_t)1 << 31;
static const float AGREEMENT = 1e-3F;

/* A graph while it is looked at. */
struct opened {
    struct lat_buf bytes;
    struct lat_onnx_view view;
};

static enum lat_status open_graph(const struct lat_model_source *source, const char *file,
                                  struct opened *out, struct lat_error *err)
{
    char path[LAT_PATH_MAX + 256];
    const int len = snprintf(path, sizeof(path), "%s/%s", source->folder, file);
    if (len < 0 || (size_t)len >= sizeof(path))
        return lat_fail(err, LAT_INVALID, NULL, "the folder's name is too long");
    enum lat_status status = lat_file_read(path, GRAPH_MAX, &out->bytes, err);
    if (status == LAT_OK)
        status = lat_onnx_view_open(out->bytes.data, out->bytes.len, &out->view, err);
    return status;
}

static void close_graph(struct opened *graph)
{
    lat_onnx_view_release(&graph->view);
    lat_buf_release(&graph->bytes);
}

/* Failures that mean "not known" are forgotten; the others are the model's. */
static bool is_unknown(enum lat_status status, struct lat_error *err)
{
    if (status != LAT_CAPABILITY && status != LAT_TOO_LARGE && status != LAT_CORRUPT &&
        status != LAT_INVALID)
        return false;
    lat_error_clear(err);
    return true;
}

/* A session over the part of a graph between two values; none where they are the same. */
static enum lat_status open_slice(const struct lat_model_source *source,
                                  const struct lat_onnx_view *view,
                                  const struct lat_onnx_cut *cut,
                                  struct lat_session **out_session, struct lat_error *err)
{
    const struct lat_session_options options = {.threads = source->threads, .optimize = true};
    struct lat_buf bytes = {0};
    if (lat_onnx_same(cut->from, cut->to))
        return LAT_OK;
    enum lat_status status = lat_onnx_slice(view, cut, &bytes, err);
    if (status == LAT_OK)
        status = lat_session_open_bytes(source->engine, bytes.data, bytes.len, &options,
                                        out_session, err);
    lat_buf_release(&bytes);
    return status;
}

static struct lat_onnx_part named(const char *name)
{
    return (struct lat_onnx_part){(const unsigned char *)name, strlen(name)};
}

/* ---- one layer ---- */

static enum lat_status build_sums(const struct lat_onnx_layer *last,
                                  struct lat_recommender *recommender, struct lat_error *err)
{
    const size_t n = recommender->n_items;
    size_t n_floats = 0;
    recommender->sums =
        lat_mul_size(n, n, &n_floats) ? lat_alloc_raw(n_floats, sizeof(float)) : NULL;
    recommender->base = lat_alloc_raw(n, sizeof(float));
    if (!recommender->sums || !recommender->base)
        return lat_fail_memory(err);
    for (size_t i = 0; i < n; i++)
        recommender->base[i] = last->scale[i] * lat_onnx_bias(last, i) + last->shift[i];
    for (size_t from = 0; from < n; from++)
        for (size_t to = 0; to < n; to++)
            recommender->sums[from * n + to] =
                last->scale[to] * lat_onnx_weight(last, from, to);
    return LAT_OK;
}

/* ---- the last layer ---- */

static enum lat_status build_vectors(const struct lat_onnx_layer *last,
                                     struct lat_recommender *recommender, struct lat_error *err)
{
    const size_t n = recommender->n_items, width = last->in;
    size_t n_floats = 0;
    float *vectors = lat_mul_size(n, width + 1, &n_floats)
                         ? lat_alloc_aligned(n_floats, sizeof(float))
                         : NULL;
    if (!vectors)
        return lat_fail_memory(err);
    for (size_t begin = 0; begin < n; begin += BLOCK)
        for (size_t k = 0; k <= width; k++)
            for (size_t i = begin; i < n && i < begin + BLOCK; i++)
                vectors[i * (width + 1) + k] =
                    k < width ? last->scale[i] * lat_onnx_weight(last, k, i)
                              : last->scale[i] * lat_onnx_bias(last, i) + last->shift[i];
    recommender->vectors = vectors;
    recommender->width = width;
    return LAT_OK;
}

static enum lat_status build_last(const struct lat_model_source *source,
                                  const struct lat_model *model, const struct opened *decoder,
                                  const struct lat_onnx_layer *last,
                                  struct lat_recommender *recommender, struct lat_error *err)
{
    const char *code = model->signature.decoder_input.name;
    const struct lat_onnx_cut cut = {.from = named(code),
                                     .to = last->input,
                                     .from_width = model->manifest.code_dimension,
                                     .to_width = last->in};
    enum lat_status status = LAT_OK;
    if (!lat_onnx_is_input(&decoder->view, last->input, code))
        status = open_slice(source, &decoder->view, &cut, &recommender->head, err);
    if (status == LAT_OK)
        status = build_vectors(last, recommender, err);
    return status;
}

/* ---- the first layer ---- */

static enum lat_status copy_first(const struct lat_onnx_layer *layer,
                                  struct lat_recommender *recommender, struct lat_error *err)
{
    const size_t n = recommender->n_items, width = layer->out;
    size_t n_floats = 0;
    recommender->first =
        lat_mul_size(n, width, &n_floats) ? lat_alloc_aligned(n_floats, sizeof(float)) : NULL;
    recommender->first_bias = lat_alloc_raw(width, sizeof(float));
    if (!recommender->first || !recommender->first_bias)
        return lat_fail_memory(err);
    for (size_t k = 0; k < width; k++)
        recommender->first_bias[k] = lat_onnx_bias(layer, k);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < width; k++)
            recommender->first[i * width + k] = lat_onnx_weight(layer, i, k);
    recommender->first_width = width;
    recommender->unit_length = layer->unit_length;
    return LAT_OK;
}

static void drop_first(struct lat_recommender *recommender)
{
    lat_free(recommender->first);
    lat_free(recommender->first_bias);
    lat_session_close(recommender->tail);
    recommender->first = NULL;
    recommender->first_bias = NULL;
    recommender->tail = NULL;
}

/* A history of every `stride`-th item, weights 1 and 2 in turn. */
static void probe_of(size_t n_items, size_t stride, struct lat_sparse_row *row)
{
    row->n = 0;
    for (size_t i = stride / 2; i < n_items; i += stride) {
        row->items[row->n] = (uint32_t)i;
        row->weights[row->n] = row->n % 2 ? 2 : 1;
        row->n++;
    }
}

/* The code of the probe as the first layer's table makes it, and as the encoder does. */
static enum lat_status try_probe(struct lat_model *model, const struct lat_sparse_row *row,
                                 float *codes, bool *out_agree, struct lat_error *err)
{
    struct lat_recommender *recommender = model->recommender;
    const size_t d = model->manifest.code_dimension;
    float *const first = recommender->first;
    bool agree = true;
    enum lat_status status = lat_recommender_encode(model, row, row->n, row->n + 1, codes, err);
    recommender->first = NULL;
    if (status == LAT_OK)
        status = lat_recommender_encode(model, row, row->n, row->n + 1, codes + d, err);
    recommender->first = first;
    for (size_t i = 0; status == LAT_OK && i < d; i++)
        agree =
            agree && fabsf(codes[i] - codes[d + i]) <= AGREEMENT * (1 + fabsf(codes[d + i]));
    if (status == LAT_OK)
        *out_agree = *out_agree && agree;
    return status;
}

static enum lat_status try_first(struct lat_model *model, bool *out_agree,
                                 struct lat_error *err)
{
    const size_t n = model->recommender->n_items;
    struct lat_sparse_row row = {0};
    float *codes = lat_alloc(2 * model->manifest.code_dimension, sizeof(*codes));
    row.items = lat_alloc(n, sizeof(*row.items));
    row.weights = lat_alloc(n, sizeof(*row.weights));
    enum lat_status status = codes && row.items && row.weights ? LAT_OK : lat_fail_memory(err);
    *out_agree = true;
    for (size_t stride = 1; status == LAT_OK && *out_agree && stride <= n; stride *= 7) {
        probe_of(n, stride, &row);
        status = try_probe(model, &row, codes, out_agree, err);
    }
    lat_free(row.items);
    lat_free(row.weights);
    lat_free(codes);
    return status;
}

static enum lat_status build_first(const struct lat_model_source *source,
                                   struct lat_model *model, const struct opened *encoder,
                                   struct lat_error *err)
{
    struct lat_recommender *recommender = model->recommender;
    struct lat_onnx_layer layer;
    bool agree = false;
    enum lat_status status = lat_onnx_first_layer(&encoder->view, model->signature.input.name,
                                                  recommender->n_items, &layer, err);
    if (status == LAT_OK) {
        const struct lat_onnx_cut cut = {.from = layer.output,
                                         .to = named(model->signature.code.name),
                                         .from_width = layer.out,
                                         .to_width = model->manifest.code_dimension};
        status = open_slice(source, &encoder->view, &cut, &recommender->tail, err);
    }
    if (status == LAT_OK)
        status = copy_first(&layer, recommender, err);
    if (status == LAT_OK)
        status = try_first(model, &agree, err);
    if (status == LAT_OK && !agree)
        status = lat_fail(err, LAT_CAPABILITY, "no_layer", "the first layer: it is another");
    if (status != LAT_OK)
        drop_first(recommender);
    return status;
}

/* ---- all of it ---- */

static enum lat_status build(const struct lat_model_source *source, struct lat_model *model,
                             const struct opened *encoder, struct opened *decoder,
                             struct lat_error *err)
{
    struct lat_recommender *recommender = model->recommender;
    const struct lat_signature *signature = &model->signature;
    struct lat_onnx_layer last;
    enum lat_status status = lat_onnx_last_layer(&decoder->view, signature->output.name,
                                                 recommender->n_items, &last, err);
    const bool one_layer =
        status == LAT_OK && last.in == recommender->n_items &&
        lat_onnx_is_input(&decoder->view, last.input, signature->decoder_input.name) &&
        lat_onnx_is_input(&encoder->view, named(signature->code.name), signature->input.name);
    if (one_layer)
        return build_sums(&last, recommender, err);
    if (status == LAT_OK)
        status = build_last(source, model, decoder, &last, recommender, err);
    if (status != LAT_OK && !is_unknown(status, err))
        return status;
    status = build_first(source, model, encoder, err);
    return is_unknown(status, err) ? LAT_OK : status;
}

enum lat_status lat_recommender_new(const struct lat_model_source *source,
                                    struct lat_model *model,
                                    struct lat_recommender **out_recommender,
                                    struct lat_error *err)
{
    struct opened encoder = {0}, decoder = {0};
    struct lat_recommender *recommender = lat_alloc(1, sizeof(*recommender));
    if (!recommender)
        return lat_fail_memory(err);
    recommender->n_items = model->items.n;
    *out_recommender = recommender;
    enum lat_status status = open_graph(source, model->manifest.encoder, &encoder, err);
    if (status == LAT_OK)
        status = open_graph(source, model->manifest.decoder, &decoder, err);
    if (status == LAT_OK)
        status = build(source, model, &encoder, &decoder, err);
    else if (is_unknown(status, err))
        status = LAT_OK;
    close_graph(&encoder);
    close_graph(&decoder);
    lat_error_prefix(err, "tables for recommending");
    return status;
}

void lat_recommender_free(struct lat_recommender *recommender)
{
    if (!recommender)
        return;
    drop_first(recommender);
    lat_session_close(recommender->head);
    lat_free(recommender->vectors);
    lat_free(recommender->sums);
    lat_free(recommender->base);
    lat_free(recommender);
}
