/* Pictures leave as PNG, vectors as numbers, sequences as lists of steps and rows as cells in
 * their own words and units, histories as a score an item. */
#include "api/outputs.h"

#include <math.h>

#include "api/floats.h"
#include "api/reply.h"
#include "api/request.h"
#include "base/mem.h"

#include "base/banned.h"

static bool is_image(const struct lat_model *model)
{
    return lat_model_manifest(model)->input.kind == LAT_INPUT_IMAGE;
}

bool lat_output_is_array(const struct lat_model *model)
{
    return !is_image(model) && lat_model_manifest(model)->input.kind != LAT_INPUT_TABLE;
}

static enum lat_status write_sequence(struct lat_buf *out, const struct lat_model *model,
                                      const float *row, bool base64, struct lat_error *err)
{
    const struct lat_input_spec *input = &lat_model_manifest(model)->input;
    float *values = lat_alloc_raw(lat_input_elements(input), sizeof(*values));
    if (!values)
        return lat_fail_memory(err);
    lat_model_row_to_sequence(model, row, values);
    lat_buf_text(out, "{\"sequence\":");
    lat_write_vectors(out, values, input->length, input->features, base64);
    lat_buf_char(out, '}');
    lat_free(values);
    return LAT_OK;
}

enum lat_status lat_write_output(struct lat_buf *out, const struct lat_model *model,
                                 const float *row, bool base64, struct lat_error *err)
{
    if (lat_model_manifest(model)->input.kind == LAT_INPUT_SEQUENCE)
        return write_sequence(out, model, row, base64, err);
    const struct lat_input_spec *input = &lat_model_manifest(model)->input;
    if (input->kind == LAT_INPUT_TABLE) {
        lat_buf_text(out, "{\"row\":");
        lat_table_write_row(input->table, row, out);
        lat_buf_char(out, '}');
        return LAT_OK;
    }
    if (input->kind == LAT_INPUT_INTERACTIONS) {
        lat_buf_text(out, "{\"scores\":");
        lat_history_write_scores(input, row, out);
        lat_buf_char(out, '}');
        return LAT_OK;
    }
    if (!is_image(model)) {
        lat_buf_text(out, "{\"vector\":");
        lat_write_vector(out, row, lat_input_elements(&lat_model_manifest(model)->input),
                         base64);
        lat_buf_char(out, '}');
        return LAT_OK;
    }
    struct lat_buf png = {0};
    const enum lat_status status = lat_model_row_to_png(model, row, &png, err);
    if (status == LAT_OK) {
        lat_buf_text(out, "{\"image\":\"");
        lat_base64_encode(out, png.data, png.len);
        lat_buf_text(out, "\"}");
    }
    lat_buf_release(&png);
    return status;
}

/* rows [n][elements] in the units of the inputs: as they are, or new ones in the arena. */
static enum lat_status restore_units(struct lat_call *call, const struct lat_model *model,
                                     const float *rows, size_t n, const float **out_values,
                                     struct lat_error *err)
{
    const struct lat_input_spec *input = &lat_model_manifest(model)->input;
    const size_t elements = lat_input_elements(input);
    size_t total;
    float *values = NULL;
    *out_values = rows;
    if (input->kind != LAT_INPUT_SEQUENCE || n == 0)
        return LAT_OK;
    if (lat_mul_size(n, elements, &total))
        values = lat_arena_alloc_raw(&call->arena, total, sizeof(*values));
    if (!values)
        return lat_fail_memory(err);
    for (size_t i = 0; i < n; i++)
        lat_model_row_to_sequence(model, rows + i * elements, values + i * elements);
    *out_values = values;
    return LAT_OK;
}

enum lat_status lat_reply_output_vector(struct lat_call *call, const struct lat_model *model,
                                        const float *row, struct lat_error *err)
{
    const float *values = NULL;
    const enum lat_status status = restore_units(call, model, row, 1, &values, err);
    const struct lat_input_spec *input = &lat_model_manifest(model)->input;
    const size_t elements = lat_input_elements(input);
    if (status != LAT_OK || input->kind != LAT_INPUT_SEQUENCE)
        return status == LAT_OK ? lat_reply_vector(call, values, elements, err) : status;
    lat_call_respond_header(call, "X-Shape", "%u,%u", input->length, input->features);
    return lat_reply_bytes(call, "application/octet-stream", values, elements * sizeof(*values),
                           err);
}

static enum lat_status reply_raw(struct lat_call *call, const struct lat_model *model,
                                 const float *rows, size_t n, struct lat_error *err)
{
    const float *values = NULL;
    const enum lat_status status = restore_units(call, model, rows, n, &values, err);
    const struct lat_input_spec *input = &lat_model_manifest(model)->input;
    const size_t elements = lat_input_elements(input);
    if (status != LAT_OK || input->kind != LAT_INPUT_SEQUENCE)
        return status == LAT_OK ? lat_reply_floats(call, values, n, elements, err) : status;
    lat_call_respond_header(call, "X-Shape", "%zu,%u,%u", n, input->length, input->features);
    return lat_reply_bytes(call, "application/octet-stream", values,
                           n * elements * sizeof(*values), err);
}

/* The error of a picture, where one was measured, is in a header then. */
static enum lat_status reply_png(struct lat_call *call, const struct lat_model *model,
                                 const float *row, const float *error, struct lat_error *err)
{
    call->response.content_type = "image/png";
    if (error)
        lat_call_respond_header(call, "X-Error", "%.9g", (double)*error);
    const enum lat_status status = lat_model_row_to_png(model, row, &call->response.body, err);
    return status == LAT_OK ? lat_reply_json(call, 200, err) : status;
}

enum lat_status lat_check_outputs(const struct lat_model *model, const float *rows, size_t n,
                                  struct lat_error *err)
{
    const size_t elements = lat_input_elements(&lat_model_manifest(model)->input);
    for (size_t i = 0; i < n * elements; i++)
        if (!isfinite(rows[i]))
            return lat_fail(err, LAT_INVALID, "not_finite",
                            "model '%s' makes an output %zu whose element %zu is not a finite "
                            "number",
                            lat_model_reference(model), i / elements, i % elements);
    return LAT_OK;
}

enum lat_status lat_write_outputs(struct lat_buf *out, const struct lat_model *model,
                                  const float *rows, size_t n, bool base64,
                                  struct lat_error *err)
{
    const size_t elements = lat_input_elements(&lat_model_manifest(model)->input);
    enum lat_status status = LAT_OK;
    lat_buf_char(out, '[');
    for (size_t i = 0; i < n && status == LAT_OK; i++) {
        if (i)
            lat_buf_char(out, ',');
        status = lat_write_output(out, model, rows + i * elements, base64, err);
    }
    lat_buf_char(out, ']');
    return status;
}

enum lat_status lat_reply_outputs(struct lat_call *call, const struct lat_model *model,
                                  const float *rows, const float *errors, size_t n, bool base64,
                                  struct lat_error *err)
{
    struct lat_buf *out = &call->response.body;
    enum lat_status status = lat_check_outputs(model, rows, n, err);
    if (status != LAT_OK)
        return status;
    if (is_image(model) && n == 1 && lat_call_accepts(call, "image/png"))
        return reply_png(call, model, rows, errors, err);
    if (lat_output_is_array(model) && !errors &&
        lat_call_accepts(call, "application/octet-stream"))
        return reply_raw(call, model, rows, n, err);
    lat_buf_text(out, "{\"outputs\":");
    status = lat_write_outputs(out, model, rows, n, base64, err);
    if (status != LAT_OK)
        return status;
    if (errors) {
        lat_write_key(out, "errors");
        lat_write_vector(out, errors, n, base64);
    }
    lat_write_text(out, "model", lat_model_reference(model));
    lat_buf_char(out, '}');
    return lat_reply_json(call, 200, err);
}
