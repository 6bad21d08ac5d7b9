/* The Gram matrix is counted over pairs of items a history has, since histories are short
 * beside the catalogue; the inverse is LAPACK's, by Cholesky. One matrix in double precision
 * holds first the one and then the other. */
#include "model/train/ease.h"

#include <stdio.h>

#include "base/file.h"
#include "base/mem.h"
#include "model/graph/build.h"
#include "model/graph/onnx_file.h"
#include "model/graph/ops.h"
#include "model/train/linear.h"

#include "base/banned.h"

enum { CHUNK = 256 };

/* ---- the Gram matrix ---- */

/* The items of a row that are there, and their weights. */
static size_t gather(const float *row, size_t elements, uint32_t *items, double *weights)
{
    size_t n = 0;
    for (size_t i = 0; i < elements; i++)
        if (row[i] > 0 || row[i] < 0) {
            items[n] = (uint32_t)i;
            weights[n++] = (double)row[i];
        }
    return n;
}

/* The upper triangle: items come ascending. */
static void add_pairs(const uint32_t *items, const double *weights, size_t n, size_t elements,
                      double *gram)
{
    for (size_t i = 0; i < n; i++) {
        double *row = gram + items[i] * elements;
        for (size_t j = i; j < n; j++)
            row[items[j]] += weights[i] * weights[j];
    }
}

static enum lat_status add_histories(const struct lat_dataset *dataset, const uint32_t *indices,
                                     size_t n, double *gram, struct lat_error *err)
{
    const size_t elements = dataset->elements;
    float *rows = lat_alloc_raw(CHUNK * elements, sizeof(*rows));
    uint32_t *items = lat_alloc_raw(elements, sizeof(*items));
    double *weights = lat_alloc_raw(elements, sizeof(*weights));
    enum lat_status status = rows && items && weights ? LAT_OK : lat_fail_memory(err);
    for (size_t at = 0; status == LAT_OK && at < n; at += CHUNK) {
        const size_t many = n - at < CHUNK ? n - at : CHUNK;
        status = lat_dataset_read(dataset, indices + at, many, rows, err);
        for (size_t i = 0; status == LAT_OK && i < many; i++) {
            const size_t found = gather(rows + i * elements, elements, items, weights);
            add_pairs(items, weights, found, elements, gram);
        }
    }
    lat_free(rows);
    lat_free(items);
    lat_free(weights);
    return status;
}

/* ---- the weights ---- */

/* `inverse` holds its upper triangle. */
static void divide(const double *inverse, size_t n, float *weights)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = i; j < n; j++) {
            const double p = inverse[i * n + j];
            weights[i * n + j] = i == j ? 0 : (float)(-p / inverse[j * n + j]);
            weights[j * n + i] = i == j ? 0 : (float)(-p / inverse[i * n + i]);
        }
}

static enum lat_status check(const struct lat_dataset *dataset, struct lat_error *err)
{
    const size_t n = dataset->elements;
    if (dataset->input.kind != LAT_INPUT_INTERACTIONS)
        return lat_fail(err, LAT_INVALID, "wrong_input_kind",
                        "/method: 'ease' wants interactions, the data are of kind '%s'",
                        lat_input_kind_names[dataset->input.kind]);
    if (n > LAT_EASE_ITEMS_MAX)
        return lat_fail(err, LAT_TOO_LARGE, NULL,
                        "/method: 'ease' keeps a table of items by items: %zu items would be "
                        "%.1f GiB of weights, at most %d items are taken; the method "
                        "'autoencoder' has no such table",
                        n, (double)n * (double)n * sizeof(float) / (1 << 30),
                        LAT_EASE_ITEMS_MAX);
    return LAT_OK;
}

static enum lat_status go_on(const atomic_bool *abandon, struct lat_error *err)
{
    return abandon && atomic_load(abandon) ? lat_fail(err, LAT_CANCELLED, NULL, "cancelled")
                                           : LAT_OK;
}

enum lat_status lat_ease_fit(const struct lat_dataset *dataset, const uint32_t *indices,
                             size_t n, double ridge, const atomic_bool *abandon,
                             float **out_weights, struct lat_error *err)
{
    const size_t elements = dataset->elements;
    size_t n_cells = 0;
    enum lat_status status = check(dataset, err);
    if (status != LAT_OK)
        return status;
    double *matrix =
        lat_mul_size(elements, elements, &n_cells) ? lat_alloc(n_cells, sizeof(double)) : NULL;
    float *weights = lat_alloc_raw(n_cells, sizeof(float));
    if (!matrix || !weights)
        status = lat_fail_memory(err);
    if (status == LAT_OK)
        status = add_histories(dataset, indices, n, matrix, err);
    for (size_t i = 0; status == LAT_OK && i < elements; i++)
        matrix[i * elements + i] += ridge;
    if (status == LAT_OK)
        status = go_on(abandon, err);
    if (status == LAT_OK)
        status = lat_linear_invert(matrix, elements, err);
    if (status == LAT_OK)
        status = go_on(abandon, err);
    if (status == LAT_OK) {
        divide(matrix, elements, weights);
        *out_weights = weights;
        weights = NULL;
    }
    lat_free(matrix);
    lat_free(weights);
    return status;
}

/* ---- the package ---- */

static enum lat_status write_graph(const struct lat_graph *graph, const char *folder,
                                   const char *name, struct lat_error *err)
{
    const struct lat_onnx_options options = {.name = name, .dynamic_batch = true};
    struct lat_buf bytes = {0};
    char path[LAT_PATH_MAX + 16];
    const int len = snprintf(path, sizeof(path), "%s/%s.onnx", folder, name);
    enum lat_status status = lat_onnx_write(graph, &options, &bytes, err);
    if (status == LAT_OK && (len < 0 || (size_t)len >= sizeof(path)))
        status = lat_fail(err, LAT_INVALID, NULL, "the folder's name is too long");
    if (status == LAT_OK)
        status = lat_file_write(path, bytes.data, bytes.len, err);
    lat_buf_release(&bytes);
    return status;
}

enum lat_status lat_ease_export(const float *weights, size_t n_items, const char *folder,
                                struct lat_error *err)
{
    const struct lat_shape row = {2, {1, (int64_t)n_items}};
    const struct lat_shape table = {2, {(int64_t)n_items, (int64_t)n_items}};
    struct lat_graph graph;
    lat_graph_init(&graph);
    struct lat_value *input = lat_graph_input(&graph, "input", LAT_FLOAT32, &row);
    if (input)
        lat_graph_output(&graph, lat_graph_node(&graph, &lat_op_identity, &input, 1, NULL),
                         "code");
    enum lat_status status = write_graph(&graph, folder, "encoder", err);
    lat_graph_release(&graph);
    if (status == LAT_OK) {
        lat_graph_init(&graph);
        struct lat_value *code = lat_graph_input(&graph, "code", LAT_FLOAT32, &row);
        struct lat_value *weight = lat_graph_constant(&graph, "weights", &table, weights);
        lat_graph_output(&graph, lat_graph_matmul(&graph, code, weight), "output");
        status = write_graph(&graph, folder, "decoder", err);
        lat_graph_release(&graph);
    }
    lat_error_prefix(err, "export");
    return status;
}
