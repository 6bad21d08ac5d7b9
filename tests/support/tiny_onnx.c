/* Protocol buffers by hand: a field is its number and wire type, then a varint or a length and
 * bytes; nested messages are built in a buffer of their own first. Field numbers: onnx.proto,
 * IR 8. */
#include "tests/support/tiny_onnx.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"

enum { VARINT = 0, BYTES = 2 };

static void put_varint(struct lat_buf *out, uint64_t value)
{
    for (; value > 127; value >>= 7)
        lat_buf_char(out, (char)(value | 128));
    lat_buf_char(out, (char)value);
}

static void put_int(struct lat_buf *out, int field, int64_t value)
{
    put_varint(out, (uint64_t)(field << 3 | VARINT));
    put_varint(out, (uint64_t)value);
}

static void put_bytes(struct lat_buf *out, int field, const void *bytes, size_t len)
{
    put_varint(out, (uint64_t)(field << 3 | BYTES));
    put_varint(out, len);
    lat_buf_append(out, bytes, len);
}

static void put_text(struct lat_buf *out, int field, const char *text)
{
    put_bytes(out, field, text, strlen(text));
}

/* A nested message; empties it. */
static void put_message(struct lat_buf *out, int field, struct lat_buf *message)
{
    put_bytes(out, field, message->data ? message->data : "", message->len);
    lat_buf_release(message);
}

static void put_value_info(struct tiny_onnx *onnx, int field, const char *name, int type,
                           size_t rank, const int64_t *dims)
{
    struct lat_buf info = {0}, shape = {0}, tensor = {0}, kind = {0};
    for (size_t i = 0; i < rank; i++) {
        struct lat_buf dim = {0};
        if (dims[i] < 0)
            put_text(&dim, 2, i == 0 ? "batch" : "open");
        else
            put_int(&dim, 1, dims[i]);
        put_message(&shape, 1, &dim);
    }
    put_int(&tensor, 1, type);
    put_message(&tensor, 2, &shape);
    put_message(&kind, 1, &tensor);
    put_text(&info, 1, name);
    put_message(&info, 2, &kind);
    put_message(&onnx->graph, field, &info);
}

void tiny_input(struct tiny_onnx *onnx, const char *name, int type, size_t rank,
                const int64_t *dims)
{
    put_value_info(onnx, 11, name, type, rank, dims);
}

void tiny_output(struct tiny_onnx *onnx, const char *name, int type, size_t rank,
                 const int64_t *dims)
{
    put_value_info(onnx, 12, name, type, rank, dims);
}

static void put_initializer(struct tiny_onnx *onnx, const char *name, int type, size_t rank,
                            const int64_t *dims, const void *values, size_t size)
{
    struct lat_buf tensor = {0};
    size_t len = size;
    for (size_t i = 0; i < rank; i++) {
        put_int(&tensor, 1, dims[i]);
        len *= (size_t)dims[i];
    }
    put_int(&tensor, 2, type);
    put_text(&tensor, 8, name);
    put_bytes(&tensor, 9, values, len);
    put_message(&onnx->graph, 5, &tensor);
}

void tiny_floats(struct tiny_onnx *onnx, const char *name, size_t rank, const int64_t *dims,
                 const float *values)
{
    put_initializer(onnx, name, TINY_FLOAT, rank, dims, values, sizeof(*values));
}

void tiny_ints(struct tiny_onnx *onnx, const char *name, size_t n, const int64_t *values)
{
    const int64_t dim = (int64_t)n;
    put_initializer(onnx, name, TINY_INT64, 1, &dim, values, sizeof(*values));
}

void tiny_node(struct tiny_onnx *onnx, const char *op, const char *inputs, const char *output,
               const char *attribute, int64_t value)
{
    struct lat_buf node = {0};
    for (const char *at = inputs; *at;) {
        const size_t len = strcspn(at, " ");
        put_bytes(&node, 1, at, len);
        at += len + (at[len] == ' ');
    }
    put_text(&node, 2, output);
    put_text(&node, 4, op);
    if (attribute) {
        struct lat_buf pair = {0};
        put_text(&pair, 1, attribute);
        put_int(&pair, 3, value);
        put_int(&pair, 20, 2);
        put_message(&node, 5, &pair);
    }
    put_message(&onnx->graph, 1, &node);
}

void tiny_finish(struct tiny_onnx *onnx, struct lat_buf *out)
{
    struct lat_buf opset = {0};
    put_text(&onnx->graph, 2, "tiny");
    put_text(&opset, 1, "");
    put_int(&opset, 2, 17);
    put_int(out, 1, 8);
    put_message(out, 7, &onnx->graph);
    put_message(out, 8, &opset);
}

static int64_t elements_of(const struct tiny_model *model)
{
    int64_t n = 1;
    for (size_t i = 1; i < model->rank; i++)
        n *= model->dims[i];
    return n;
}

/* W[rows][columns] with `value` on the diagonal. */
static void put_diagonal(struct tiny_onnx *onnx, int64_t rows, int64_t columns, float value)
{
    float *weights = lat_alloc((size_t)(rows * columns), sizeof(*weights));
    const int64_t dims[2] = {rows, columns};
    for (int64_t i = 0; i < rows && i < columns; i++)
        weights[i * columns + i] = value;
    tiny_floats(onnx, "weights", 2, dims, weights);
    lat_free(weights);
}

void tiny_encoder(const struct tiny_model *model, struct lat_buf *out)
{
    struct tiny_onnx onnx = {0};
    const int64_t code[2] = {model->dims[0], (int64_t)model->code};
    tiny_input(&onnx, "input", TINY_FLOAT, model->rank, model->dims);
    put_diagonal(&onnx, elements_of(model), code[1],
                 model->scale != 0.0F ? model->scale : 1.0F);
    tiny_node(&onnx, "Flatten", "input", "flat", "axis", 1);
    tiny_node(&onnx, "MatMul", "flat weights", "code", NULL, 0);
    tiny_output(&onnx, "code", TINY_FLOAT, 2, code);
    if (model->log_variance) {
        tiny_node(&onnx, "MatMul", "flat weights", "log_variance", NULL, 0);
        tiny_output(&onnx, "log_variance", TINY_FLOAT, 2, code);
    }
    tiny_finish(&onnx, out);
}

void tiny_decoder(const struct tiny_model *model, struct lat_buf *out)
{
    struct tiny_onnx onnx = {0};
    const int64_t code[2] = {model->dims[0], (int64_t)model->code};
    const char *name = model->output ? model->output : "output";
    int64_t shape[4] = {model->fixed_reshape ? 1 : -1};
    memcpy(shape + 1, model->dims + 1, (model->rank - 1) * sizeof(*shape));
    tiny_input(&onnx, "code", TINY_FLOAT, 2, code);
    put_diagonal(&onnx, code[1], elements_of(model),
                 model->decoder_scale != 0.0F ? model->decoder_scale
                 : model->scale != 0.0F       ? 1.0F / model->scale
                                              : 1.0F);
    tiny_ints(&onnx, "shape", model->rank, shape);
    tiny_node(&onnx, "MatMul", "code weights", "flat", NULL, 0);
    tiny_node(&onnx, "Reshape", "flat shape", name, NULL, 0);
    tiny_output(&onnx, name, TINY_FLOAT, model->rank, model->dims);
    tiny_finish(&onnx, out);
}

static void write_file(const char *folder, const char *name, const void *bytes, size_t len)
{
    char path[2048];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, len, file) != len || fclose(file) != 0) {
        perror(path);
        abort();
    }
}

void tiny_package(const char *models, const char *name, unsigned version,
                  const struct tiny_model *model, const char *manifest)
{
    char folder[1024];
    struct lat_buf bytes = {0};
    snprintf(folder, sizeof(folder), "%s/%s/%u", models, name, version);
    if (lat_file_make_folder(folder, NULL) != LAT_OK)
        abort();
    tiny_encoder(model, &bytes);
    write_file(folder, "encoder.onnx", bytes.data, bytes.len);
    lat_buf_clear(&bytes);
    if (!model->no_decoder) {
        tiny_decoder(model, &bytes);
        write_file(folder, "decoder.onnx", bytes.data, bytes.len);
    }
    lat_buf_release(&bytes);
    write_file(folder, "model.json", manifest, strlen(manifest));
}
