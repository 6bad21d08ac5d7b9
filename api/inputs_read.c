/* What a verb of a model is asked to take: a list of inputs in JSON, or a body that is inputs
 * itself. */
#include <string.h>

#include "api/input.h"
#include "api/request.h"
#include "base/mem.h"

#include "base/banned.h"

static enum lat_status alloc_inputs(struct lat_call *call, size_t n, struct lat_inputs *inputs,
                                    struct lat_error *err)
{
    const enum lat_status status = lat_check_batch(call, n, err);
    if (status != LAT_OK)
        return status;
    inputs->n = n;
    inputs->items = lat_arena_alloc(&call->arena, n, sizeof(*inputs->items));
    return inputs->items ? LAT_OK : lat_fail_memory(err);
}

static enum lat_status read_list(struct lat_call *call, const struct lat_list *list,
                                 struct lat_inputs *out_inputs, struct lat_error *err)
{
    enum lat_status status = alloc_inputs(call, list->n, out_inputs, err);
    if (status == LAT_TOO_LARGE)
        lat_error_at(err, "%s", list->at);
    for (size_t i = 0; status == LAT_OK && i < list->n; i++) {
        struct lat_object object;
        lat_list_object(list, i, &object);
        lat_object_input(&object, &out_inputs->items[i]);
        status = lat_json_status(list->json);
        if (status != LAT_OK)
            lat_error_prefix(err, "input %zu", i);
    }
    return status;
}

enum lat_status lat_inputs_object(struct lat_call *call, struct lat_object *root,
                                  struct lat_inputs *out_inputs, struct lat_error *err)
{
    struct lat_list list;
    struct lat_object input;
    const bool several = lat_object_list(root, "inputs", &list);
    const bool one = lat_object_child(root, "input", &input);
    if (several && one)
        lat_object_fail(root, "input", LAT_INVALID, "two_kinds",
                        "'inputs' is a list, 'input' one of them: send one of the two");
    else if (!several && !one)
        lat_object_missing(root, "inputs");
    lat_object_end(root);
    enum lat_status status = lat_json_status(root->json);
    if (status != LAT_OK || several)
        return status == LAT_OK ? read_list(call, &list, out_inputs, err) : status;
    out_inputs->one = true;
    status = alloc_inputs(call, 1, out_inputs, err);
    if (status != LAT_OK)
        return status;
    lat_object_input(&input, out_inputs->items);
    return lat_json_status(root->json);
}

static enum lat_status read_files(struct lat_call *call, struct lat_inputs *inputs,
                                  struct lat_error *err)
{
    struct lat_multipart parts;
    enum lat_status status = lat_call_multipart(call, &parts, err);
    if (status == LAT_OK)
        status = alloc_inputs(call, parts.n, inputs, err);
    for (size_t i = 0; status == LAT_OK && i < parts.n; i++) {
        if (!parts.parts[i].filename && strcmp(parts.parts[i].name, "file") != 0)
            return lat_fail(err, LAT_INVALID, "unknown_field",
                            "unknown part '%.60s'; a picture is a part 'file'",
                            parts.parts[i].name);
        inputs->items[i] = lat_input_image(parts.parts[i].bytes, parts.parts[i].len);
    }
    return status;
}

static enum lat_status read_rows(struct lat_call *call, const struct lat_model *model,
                                 struct lat_inputs *inputs, struct lat_error *err)
{
    const struct lat_input_spec *input = &lat_model_manifest(model)->input;
    const bool sequences = input->kind == LAT_INPUT_SEQUENCE;
    if (input->kind != LAT_INPUT_VECTOR && !sequences)
        return lat_call_refuse_body(call, "JSON, pictures or multipart", err);
    struct lat_floats floats;
    size_t rows;
    const size_t width = lat_input_elements(input);
    enum lat_status status = lat_body_inputs(call, model, &floats, &rows, err);
    if (status == LAT_OK)
        status = alloc_inputs(call, rows ? rows : 1, inputs, err);
    for (size_t i = 0; status == LAT_OK && i < inputs->n; i++) {
        const struct lat_floats row = {floats.values + i * width, width};
        inputs->items[i] = sequences ? lat_input_sequence(row) : lat_input_vector(row);
    }
    return status;
}

enum lat_status lat_inputs_body(struct lat_call *call, const struct lat_model *model,
                                struct lat_inputs *out_inputs, struct lat_error *err)
{
    switch (lat_call_body_kind(call)) {
    case LAT_BODY_IMAGE:
        out_inputs->raw = true;
        if (alloc_inputs(call, 1, out_inputs, err) != LAT_OK)
            return err->status;
        out_inputs->items[0] = lat_input_image(call->body, call->body_len);
        return LAT_OK;
    case LAT_BODY_MULTIPART:
        return read_files(call, out_inputs, err);
    case LAT_BODY_FLOATS:
        return read_rows(call, model, out_inputs, err);
    case LAT_BODY_JSON:
    case LAT_BODY_LINES:
    case LAT_BODY_OTHER:
        break;
    }
    return lat_call_refuse_body(call, "JSON, a picture, multipart or raw float32", err);
}

enum lat_status lat_inputs_blame(const struct lat_call *call, const struct lat_inputs *inputs,
                                 size_t bad, struct lat_error *err)
{
    if (inputs->raw)
        return err->status;
    if (bad >= inputs->n) { /* all of them together */
        if (err->status == LAT_TOO_LARGE && lat_call_body_kind(call) == LAT_BODY_JSON)
            lat_error_at(err, "/inputs");
        return err->status;
    }
    lat_input_not_raw(err);
    if (err->status == LAT_INVALID || err->status == LAT_TOO_LARGE) {
        if (!inputs->one)
            lat_error_prefix(err, "input %zu", bad);
        if (inputs->one)
            lat_error_at(err, "/input");
        else if (lat_call_body_kind(call) == LAT_BODY_JSON)
            lat_error_at(err, "/inputs/%zu", bad);
    }
    return err->status;
}
