/* POST /v2/models/{m}/infer. A request is JSON, or JSON with the tensors' bytes behind it
 * (binary tensor data extension): then Inference-Header-Content-Length says where it ends, and
 * each such input has its binary_data_size. The reply is of the same two shapes, tensor by
 * tensor as asked for. */
#include <stdio.h>
#include <string.h>

#include "api/handlers.h"
#include "api/inference.h"
#include "api/input.h"
#include "api/reply.h"
#include "api/request.h"
#include "api/tensors.h"
#include "base/mem.h"
#include "base/text.h"
#include "model/inference.h"
#include "service/batcher.h"

#include "base/banned.h"

enum {
    TENSORS_MAX = 16,
    ID_SIZE = 256,
    DIMENSION_MAX = 1 << 24 /* whole numbers up to it are floats */
};

struct wanted {
    struct lat_tensor tensor;
    size_t elements;
    bool binary;
};

struct infer {
    struct lat_json json;
    struct lat_model *model;
    const char *binary; /* behind the JSON */
    size_t binary_len;
    char id[ID_SIZE];
    bool all_binary;
    int64_t batch; /* 0 until an input has said it */
    struct lat_tensor inputs[TENSORS_MAX];
    struct wanted outputs[TENSORS_MAX];
    size_t n_inputs, n_outputs;
};

/* ---- reading ---- */

/* Where the JSON ends. */
static enum lat_status split_body(struct lat_call *call, struct infer *in, size_t *out_json_len,
                                  struct lat_error *err)
{
    const char *header = lat_call_header(call, "Inference-Header-Content-Length");
    uint64_t len = call->body_len;
    if (header && !lat_parse_u64(header, call->body_len, &len))
        return lat_fail(
            err, LAT_BAD_SYNTAX, "bad_framing",
            "Inference-Header-Content-Length: expected a number up to the length of "
            "the body, %zu",
            call->body_len);
    in->binary = call->body + len;
    in->binary_len = call->body_len - (size_t)len;
    *out_json_len = (size_t)len;
    return LAT_OK;
}

static const struct lat_tensor_info *find(const struct lat_tensor_info *infos, size_t n,
                                          const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(infos[i].name, name) == 0)
            return &infos[i];
    return NULL;
}

/* The name of a tensor, which the graph must have. */
static const struct lat_tensor_info *read_name(struct lat_object *object,
                                               const struct lat_tensor_info *infos, size_t n)
{
    char name[LAT_TENSOR_NAME_MAX];
    if (!lat_object_copy(object, "name", name, sizeof(name))) {
        lat_object_missing(object, "name");
        return NULL;
    }
    const struct lat_tensor_info *info = find(infos, n, name);
    if (!info && lat_json_status(object->json) == LAT_OK) {
        const char *known[TENSORS_MAX];
        for (size_t i = 0; i < n && i < TENSORS_MAX; i++)
            known[i] = infos[i].name;
        const char *nearest = lat_nearest(name, known, n < TENSORS_MAX ? n : TENSORS_MAX);
        lat_object_fail(object, "name", LAT_INVALID, "unknown_value",
                        "the model has no tensor '%s' here%s%s%s", name,
                        nearest ? ", did you mean '" : "", nearest ? nearest : "",
                        nearest ? "'?" : "");
    }
    return info;
}

/* "shape": as the file has it, with any batch where that is open; equal in all inputs. */
static void read_shape(struct lat_object *object, const struct lat_tensor_info *info,
                       struct infer *in, struct lat_tensor *out)
{
    struct lat_floats shape;
    if (!lat_object_floats(object, "shape", &shape)) {
        lat_object_missing(object, "shape");
        return;
    }
    const int64_t said = in->batch;
    bool fits = shape.n == info->rank;
    for (size_t i = 0; fits && i < shape.n; i++) {
        const float value = shape.values[i];
        const int64_t dim = value >= 0 && value <= DIMENSION_MAX ? (int64_t)value : -1;
        fits = (float)dim == value && (info->dims[i] < 0 ? dim > 0 : dim == info->dims[i]);
        out->dims[i] = dim;
        if (fits && i == 0 && info->dims[0] < 0 && !in->batch)
            in->batch = dim;
        fits = fits && (i > 0 || info->dims[0] >= 0 || dim == in->batch);
    }
    out->rank = info->rank;
    if (fits)
        return;
    in->batch = said;
    char expected[128] = "[";
    size_t len = 1;
    for (size_t i = 0; i < info->rank && len < sizeof(expected); i++)
        len += (size_t)snprintf(
            expected + len, sizeof(expected) - len, "%s%lld", i ? "," : "",
            (long long)(info->dims[i] < 0 && in->batch && i == 0 ? in->batch : info->dims[i]));
    lat_object_fail(object, "shape", LAT_INVALID, "bad_shape",
                    "'%s': expected the shape %s] (-1: any batch)", info->name, expected);
}

/* A tensor's bytes from behind the JSON. */
static enum lat_status take_binary(struct lat_call *call, struct infer *in, uint64_t size,
                                   size_t elements, struct lat_tensor *out,
                                   struct lat_error *err)
{
    const size_t wanted = elements * lat_tensor_type_size(out->dtype);
    if (size != wanted || size > in->binary_len) {
        lat_fail(
            err, LAT_INVALID, "wrong_length",
            "input '%s': its shape takes %zu bytes, binary_data_size says %llu, %zu are left",
            out->name, wanted, (unsigned long long)size, in->binary_len);
        return LAT_INVALID;
    }
    out->data = lat_arena_alloc_raw(&call->arena, wanted ? wanted : 1, 1);
    if (!out->data)
        return lat_fail_memory(err);
    memcpy(out->data, in->binary, wanted);
    in->binary += wanted;
    in->binary_len -= wanted;
    return lat_tensor_check(out->dtype, out->data, elements, err);
}

static enum lat_status read_data(struct lat_call *call, struct infer *in,
                                 struct lat_object *object, struct lat_tensor *tensor,
                                 struct lat_error *err)
{
    struct lat_object parameters;
    const char *at = NULL;
    uint64_t size = UINT64_MAX;
    size_t elements = 1;
    for (size_t i = 0; i < tensor->rank; i++)
        if (!lat_mul_size(elements, (size_t)tensor->dims[i], &elements) ||
            elements > (size_t)call->app->config.max_body)
            return lat_fail(err, LAT_TOO_LARGE, NULL, "input '%s' is too large", tensor->name);
    if (lat_object_child(object, "parameters", &parameters))
        lat_object_count(&parameters, "binary_data_size", &size, 0, UINT32_MAX);
    const struct json_t *value = lat_object_value(object, "data", &at);
    lat_object_end(object);
    const enum lat_status status = lat_json_status(&in->json);
    if (status != LAT_OK)
        return status;
    if (size != UINT64_MAX)
        return take_binary(call, in, size, elements, tensor, err);
    if (!value) {
        lat_object_missing(object, "data");
        return lat_json_status(&in->json);
    }
    if (elements > call->body_len) /* each takes a byte at least */
        return lat_fail(err, LAT_INVALID, "wrong_length",
                        "input '%s': fewer elements than the %zu of its shape", tensor->name,
                        elements);
    tensor->data = lat_arena_alloc(&call->arena, elements ? elements : 1,
                                   lat_tensor_type_size(tensor->dtype));
    return tensor->data ? lat_tensor_read(value, at, tensor->dtype, elements, tensor->data, err)
                        : lat_fail_memory(err);
}

static enum lat_status read_input(struct lat_call *call, struct infer *in,
                                  struct lat_object *object, struct lat_error *err)
{
    size_t n = 0;
    char type[16] = "";
    const struct lat_tensor_info *infos = lat_model_graph_inputs(in->model, &n);
    const struct lat_tensor_info *info = read_name(object, infos, n);
    if (!info)
        return lat_json_status(&in->json);
    struct lat_tensor *tensor = &in->inputs[in->n_inputs];
    for (size_t i = 0; i < in->n_inputs; i++)
        if (strcmp(in->inputs[i].name, info->name) == 0)
            lat_object_fail(object, "name", LAT_INVALID, "duplicate_id", "'%s' came before",
                            info->name);
    if (!lat_object_copy(object, "datatype", type, sizeof(type)))
        lat_object_missing(object, "datatype");
    else if (lat_tensor_type_parse(type) != info->dtype || info->dtype >= LAT_DTYPE_OTHER)
        lat_object_fail(object, "datatype", LAT_INVALID, "wrong_type",
                        "'%s': expected %s, not '%s'", info->name,
                        lat_tensor_type_name(info->dtype) ? lat_tensor_type_name(info->dtype)
                                                          : "a type that is not served",
                        type);
    *tensor = (struct lat_tensor){.name = info->name, .dtype = info->dtype};
    read_shape(object, info, in, tensor);
    enum lat_status status = lat_json_status(&in->json);
    if (status == LAT_OK)
        status = lat_check_batch(call, (size_t)in->batch, err);
    if (status != LAT_OK)
        return status;
    in->n_inputs++;
    return read_data(call, in, object, tensor, err);
}

static enum lat_status read_inputs(struct lat_call *call, struct infer *in,
                                   struct lat_object *root, struct lat_error *err)
{
    struct lat_list list = {0};
    size_t n = 0;
    (void)lat_model_graph_inputs(in->model, &n);
    if (!lat_object_list(root, "inputs", &list))
        lat_object_missing(root, "inputs");
    enum lat_status status = lat_json_status(&in->json);
    if (status == LAT_OK && (list.n != n || n > TENSORS_MAX)) {
        lat_fail(err, LAT_INVALID, "wrong_length", "the model takes %zu inputs, not %zu", n,
                 list.n);
        lat_error_at(err, "/inputs");
        status = LAT_INVALID;
    }
    for (size_t i = 0; status == LAT_OK && i < list.n; i++) {
        struct lat_object object;
        lat_list_object(&list, i, &object);
        status = read_input(call, in, &object, err);
        lat_error_at(err, "/inputs/%zu", i);
    }
    if (status == LAT_OK && in->binary_len)
        status = lat_fail(err, LAT_INVALID, "wrong_length",
                          "%zu bytes are left behind the last tensor", in->binary_len);
    return status;
}

static enum lat_status want(struct lat_call *call, struct infer *in,
                            const struct lat_tensor_info *info, bool binary,
                            struct lat_error *err)
{
    struct wanted *wanted = &in->outputs[in->n_outputs];
    wanted->tensor =
        (struct lat_tensor){.name = info->name, .dtype = info->dtype, .rank = info->rank};
    wanted->binary = binary;
    const enum lat_status status =
        lat_model_graph_shape(info, in->batch, wanted->tensor.dims, &wanted->elements, err);
    if (status != LAT_OK)
        return status;
    in->n_outputs++;
    wanted->tensor.data = lat_arena_alloc(&call->arena, wanted->elements ? wanted->elements : 1,
                                          lat_tensor_type_size(info->dtype));
    return wanted->tensor.data ? LAT_OK : lat_fail_memory(err);
}

/* All of the graph's where none are named. */
static enum lat_status read_outputs(struct lat_call *call, struct infer *in,
                                    struct lat_object *root, struct lat_error *err)
{
    struct lat_list list;
    size_t n = 0;
    const struct lat_tensor_info *infos = lat_model_graph_outputs(in->model, &n);
    enum lat_status status = LAT_OK;
    if (!lat_object_list(root, "outputs", &list)) {
        for (size_t i = 0; status == LAT_OK && i < n && i < TENSORS_MAX; i++)
            status = want(call, in, &infos[i], in->all_binary, err);
        return status;
    }
    if (list.n > TENSORS_MAX)
        return lat_fail(err, LAT_TOO_LARGE, "batch_too_large", "at most %d outputs",
                        TENSORS_MAX);
    for (size_t i = 0; status == LAT_OK && i < list.n; i++) {
        struct lat_object object, parameters;
        bool binary = in->all_binary;
        lat_list_object(&list, i, &object);
        const struct lat_tensor_info *info = read_name(&object, infos, n);
        if (lat_object_child(&object, "parameters", &parameters))
            lat_object_flag(&parameters, "binary_data", &binary);
        lat_object_end(&object);
        status = lat_json_status(&in->json);
        if (status == LAT_OK)
            status = want(call, in, info, binary, err);
    }
    return status;
}

static enum lat_status read_request(struct lat_call *call, struct infer *in,
                                    struct lat_error *err)
{
    struct lat_object root, parameters;
    size_t json_len = 0;
    enum lat_status status = split_body(call, in, &json_len, err);
    if (status == LAT_OK)
        status = lat_json_parse(&in->json, &call->arena, call->body, json_len,
                                (size_t)call->app->config.max_depth, err);
    if (status != LAT_OK)
        return status;
    lat_json_root(&in->json, &root);
    lat_object_copy(&root, "id", in->id, sizeof(in->id));
    if (lat_object_child(&root, "parameters", &parameters))
        lat_object_flag(&parameters, "binary_data_output", &in->all_binary);
    (void)lat_object_has(&root, "inputs");
    (void)lat_object_has(&root, "outputs");
    lat_object_end(&root);
    status = lat_json_status(&in->json);
    if (status == LAT_OK)
        status = read_inputs(call, in, &root, err);
    return status == LAT_OK ? read_outputs(call, in, &root, err) : status;
}

/* ---- answering ---- */

static void write_output(struct lat_buf *out, const struct wanted *wanted)
{
    const struct lat_tensor *tensor = &wanted->tensor;
    lat_buf_char(out, '{');
    lat_write_text(out, "name", tensor->name);
    lat_write_text(out, "datatype", lat_tensor_type_name(tensor->dtype));
    lat_write_key(out, "shape");
    lat_buf_char(out, '[');
    for (size_t i = 0; i < tensor->rank; i++)
        lat_buf_printf(out, "%s%lld", i ? "," : "", (long long)tensor->dims[i]);
    lat_buf_char(out, ']');
    if (wanted->binary) {
        lat_buf_printf(out, ",\"parameters\":{\"binary_data_size\":%zu}",
                       wanted->elements * lat_tensor_type_size(tensor->dtype));
    } else {
        lat_write_key(out, "data");
        lat_tensor_write(out, tensor->dtype, tensor->data, wanted->elements);
    }
    lat_buf_char(out, '}');
}

static enum lat_status reply(struct lat_call *call, const struct infer *in,
                             struct lat_error *err)
{
    struct lat_buf *out = &call->response.body;
    const struct lat_manifest *manifest = lat_model_manifest(in->model);
    bool binary = false;
    lat_buf_char(out, '{');
    lat_write_text(out, "model_name", manifest->name);
    lat_write_key(out, "model_version");
    lat_buf_printf(out, "\"%u\"", manifest->version);
    if (in->id[0])
        lat_write_text(out, "id", in->id);
    lat_buf_text(out, ",\"outputs\":[");
    for (size_t i = 0; i < in->n_outputs; i++) {
        lat_buf_text(out, i ? "," : "");
        write_output(out, &in->outputs[i]);
        binary = binary || in->outputs[i].binary;
    }
    lat_buf_text(out, "]}");
    if (!binary)
        return lat_reply_json(call, 200, err);
    lat_call_respond_header(call, "Inference-Header-Content-Length", "%zu", out->len);
    call->response.content_type = "application/octet-stream";
    for (size_t i = 0; i < in->n_outputs; i++) {
        const struct wanted *wanted = &in->outputs[i];
        if (wanted->binary)
            lat_buf_append(out, wanted->tensor.data,
                           wanted->elements * lat_tensor_type_size(wanted->tensor.dtype));
    }
    call->response.status = 200;
    return lat_buf_check(out, err);
}

static enum lat_status run(struct lat_call *call, struct infer *in, struct lat_error *err)
{
    struct lat_tensor outputs[TENSORS_MAX];
    for (size_t i = 0; i < in->n_outputs; i++)
        outputs[i] = in->outputs[i].tensor;
    enum lat_status status = lat_batcher_hold(call->app->batcher, call, err);
    if (status != LAT_OK)
        return status;
    const uint64_t start_ns = lat_clock_ns();
    status =
        lat_model_graph_run(in->model, in->inputs, in->n_inputs, outputs, in->n_outputs, err);
    lat_batcher_let_go(call->app->batcher);
    call->timing_ns[LAT_TIMING_INFER] += lat_clock_ns() - start_ns;
    for (size_t i = 0; status == LAT_OK && i < in->n_outputs; i++)
        status =
            lat_tensor_check(outputs[i].dtype, outputs[i].data, in->outputs[i].elements, err);
    return status;
}

enum lat_status lat_api_v2_infer(struct lat_call *call, struct lat_error *err)
{
    char reference[LAT_INFERENCE_REF];
    struct infer in = {0};
    enum lat_status status =
        lat_inference_reference(call, lat_inference_has_version(call), reference, err);
    if (status == LAT_OK)
        status = lat_embed_acquire(call, reference, &in.model, err);
    if (status == LAT_OK)
        status = read_request(call, &in, err);
    if (status == LAT_OK)
        status = run(call, &in, err);
    if (status == LAT_OK)
        status = reply(call, &in, err);
    if (in.model)
        lat_model_release(in.model);
    lat_json_release(&in.json);
    return status;
}
