/* lat_graph -> ModelProto; the only file that knows onnx.pb-c.h.
 *
 * The message tree lives in one arena and points into the graph (names, weights), so that
 * packing is the only copy. Values without a name of their own are called "v<id>", constant
 * operands of a node "v<id>_<position>". */
#include "model/graph/onnx_file.h"

#include <onnx.pb-c.h>
#include <string.h>

#include "base/mem.h"
#include "model/graph/ops.h"

#include "base/banned.h"

enum { OPSET = 17, IR_VERSION = 8, MAX_ATTRIBUTES = 8, MAX_OPERANDS = 2 };

struct writer {
    const struct lat_graph *graph;
    const struct lat_onnx_options *options;
    struct lat_arena arena;
    bool failed;        /* out of memory */
    bool *needed;       /* by id: some output depends on it */
    const char **names; /* by id */
    Onnx__GraphProto proto;
};

static void *take(struct writer *w, size_t n, size_t size)
{
    void *memory = lat_arena_alloc(&w->arena, n, size);
    if (memory == NULL) {
        w->failed = true;
    }
    return memory;
}

/* protobuf-c has no const; nothing here is written through the pointers it is given. */
static void *unconst(const void *data)
{
    void *plain;
    memcpy(&plain, &data, sizeof(plain));
    return plain;
}

static char *text(const char *literal)
{
    return unconst(literal);
}

static int32_t onnx_dtype(enum lat_dtype dtype)
{
    static const Onnx__TensorProto__DataType types[LAT_DTYPE_OTHER] = {
        [LAT_FLOAT32] = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT,
        [LAT_INT64] = ONNX__TENSOR_PROTO__DATA_TYPE__INT64,
        [LAT_BOOL] = ONNX__TENSOR_PROTO__DATA_TYPE__BOOL,
        [LAT_UINT8] = ONNX__TENSOR_PROTO__DATA_TYPE__UINT8,
        [LAT_INT32] = ONNX__TENSOR_PROTO__DATA_TYPE__INT32,
        [LAT_FLOAT64] = ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE,
    };
    return (int32_t)types[dtype];
}

/* Adds a constant tensor; `data` must live until the file is packed. */
static void add_initializer(struct writer *w, const char *name, enum lat_dtype dtype,
                            const int64_t *dims, size_t rank, const void *data, size_t len)
{
    Onnx__TensorProto *tensor = take(w, 1, sizeof(*tensor));
    if (tensor == NULL) {
        return;
    }
    onnx__tensor_proto__init(tensor);
    tensor->name = text(name);
    tensor->n_dims = rank;
    tensor->dims = unconst(dims);
    tensor->has_data_type = 1;
    tensor->data_type = onnx_dtype(dtype);
    tensor->has_raw_data = 1;
    tensor->raw_data.data = unconst(data);
    tensor->raw_data.len = len;
    w->proto.initializer[w->proto.n_initializer++] = tensor;
}

/* What an open axis is called: sizes differ from one tensor to the next. */
static char *open_axis(const char *name, size_t axis, struct writer *w)
{
    char *called =
        axis == 0 ? text("batch")
                  : lat_arena_printf(&w->arena, "%s_%s", name, axis == 2 ? "height" : "width");
    w->failed = w->failed || called == NULL;
    return called;
}

static Onnx__ValueInfoProto *value_info(struct writer *w, const struct lat_value *value,
                                        const char *name)
{
    size_t rank = value->shape.rank;
    Onnx__ValueInfoProto *info = take(w, 1, sizeof(*info));
    Onnx__TypeProto *type = take(w, 1, sizeof(*type));
    Onnx__TypeProto__Tensor *tensor = take(w, 1, sizeof(*tensor));
    Onnx__TensorShapeProto *shape = take(w, 1, sizeof(*shape));
    Onnx__TensorShapeProto__Dimension *dims = take(w, rank, sizeof(*dims));
    Onnx__TensorShapeProto__Dimension **pointers = take(w, rank, sizeof(dims));
    if (w->failed) {
        return NULL;
    }
    onnx__tensor_shape_proto__init(shape);
    shape->n_dim = rank;
    shape->dim = pointers;
    for (size_t i = 0; i < rank; i++) {
        pointers[i] = &dims[i];
        onnx__tensor_shape_proto__dimension__init(&dims[i]);
        if ((i == 0 && w->options->dynamic_batch) || (i >= 2 && w->options->dynamic_size)) {
            dims[i].value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
            dims[i].dim_param = open_axis(name, i, w);
        } else {
            dims[i].value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
            dims[i].dim_value = value->shape.dims[i];
        }
    }
    onnx__type_proto__tensor__init(tensor);
    tensor->has_elem_type = 1;
    tensor->elem_type = onnx_dtype(value->dtype);
    tensor->shape = shape;
    onnx__type_proto__init(type);
    type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    type->tensor_type = tensor;
    onnx__value_info_proto__init(info);
    info->name = text(name);
    info->type = type;
    return info;
}

/* ---- nodes ---- */

/* One more constant input of `node`, named after it. */
static void add_operand(struct writer *w, Onnx__NodeProto *node, enum lat_dtype dtype,
                        const int64_t *dims, size_t rank, const void *data, size_t len)
{
    char *name = lat_arena_printf(&w->arena, "%s_%zu", node->output[0], node->n_input);
    if (name == NULL) {
        w->failed = true;
        return;
    }
    node->input[node->n_input++] = name;
    add_initializer(w, name, dtype, dims, rank, data, len);
}

static void add_ints_operand(struct writer *w, Onnx__NodeProto *node, const int64_t *ints,
                             size_t n, bool open_first)
{
    int64_t *copy = take(w, n, sizeof(*copy));
    int64_t *length = take(w, 1, sizeof(*length));
    if (w->failed) {
        return;
    }
    memcpy(copy, ints, n * sizeof(*copy));
    if (open_first && n > 0) {
        copy[0] = -1;
    }
    *length = (int64_t)n;
    add_operand(w, node, LAT_INT64, length, 1, copy, n * sizeof(*copy));
}

static void add_pads_operand(struct writer *w, Onnx__NodeProto *node,
                             const struct lat_attributes *from)
{
    int64_t both[2 * LAT_TENSOR_MAX_RANK];
    memcpy(both, from->begin, from->n * sizeof(both[0]));
    memcpy(both + from->n, from->end, from->n * sizeof(both[0]));
    add_ints_operand(w, node, both, 2 * from->n, false);
}

static void add_ends_operand(struct writer *w, Onnx__NodeProto *node,
                             const struct lat_value *value)
{
    const struct lat_shape *whole = &value->inputs[0]->shape;
    int64_t ends[LAT_TENSOR_MAX_RANK];
    for (size_t i = 0; i < whole->rank; i++) {
        int64_t end = value->attributes.end[i];
        ends[i] = end == whole->dims[i] ? INT64_MAX : end;
    }
    add_ints_operand(w, node, ends, whole->rank, false);
}

static void add_attribute(struct writer *w, Onnx__NodeProto *node,
                          const struct lat_attribute_rule *rule, const void *field,
                          size_t count)
{
    Onnx__AttributeProto *attribute = take(w, 1, sizeof(*attribute));
    if (attribute == NULL || node->n_attribute >= MAX_ATTRIBUTES) {
        w->failed = true;
        return;
    }
    onnx__attribute_proto__init(attribute);
    attribute->name = text(rule->name);
    attribute->has_type = 1;
    attribute->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT;
    if (rule->form == LAT_ATTRIBUTE_INTS) {
        attribute->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS;
        attribute->n_ints = count;
        attribute->ints = unconst(field);
    } else if (rule->form == LAT_ATTRIBUTE_FLOAT) {
        attribute->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT;
        attribute->has_f = 1;
        attribute->f = *(const float *)field;
    } else {
        attribute->has_i = 1;
        attribute->i = rule->form == LAT_ATTRIBUTE_BOOL ? *(const bool *)field
                       : rule->form == LAT_ATTRIBUTE_DTYPE
                           ? onnx_dtype(*(const enum lat_dtype *)field)
                           : *(const int64_t *)field;
    }
    node->attribute[node->n_attribute++] = attribute;
}

static void add_rule(struct writer *w, Onnx__NodeProto *node,
                     const struct lat_attribute_rule *rule, const struct lat_value *value)
{
    const struct lat_attributes *from = &value->attributes;
    const void *field = (const char *)from + rule->offset;
    size_t count = rule->count != 0 ? rule->count : from->n;
    switch (rule->form) {
    case LAT_ATTRIBUTE_INPUT_INTS:
    case LAT_ATTRIBUTE_INPUT_SHAPE:
        add_ints_operand(w, node, field, count, rule->form == LAT_ATTRIBUTE_INPUT_SHAPE);
        break;
    case LAT_ATTRIBUTE_INPUT_PADS:
        add_pads_operand(w, node, from);
        break;
    case LAT_ATTRIBUTE_INPUT_ENDS:
        add_ends_operand(w, node, value);
        break;
    case LAT_ATTRIBUTE_INPUT_FLOAT:
        add_operand(w, node, LAT_FLOAT32, NULL, 0, field, sizeof(float));
        break;
    case LAT_ATTRIBUTE_INT:
    case LAT_ATTRIBUTE_BOOL:
    case LAT_ATTRIBUTE_FLOAT:
    case LAT_ATTRIBUTE_INTS:
    case LAT_ATTRIBUTE_DTYPE:
        add_attribute(w, node, rule, field, count);
        break;
    }
}

static void add_node(struct writer *w, const struct lat_value *value)
{
    Onnx__NodeProto *node = take(w, 1, sizeof(*node));
    char **inputs = take(w, value->n_inputs + MAX_OPERANDS, sizeof(*inputs));
    size_t n_outputs = 1 + value->op->spare_outputs;
    char **outputs = take(w, n_outputs, sizeof(*outputs));
    Onnx__AttributeProto **attributes = take(w, MAX_ATTRIBUTES, sizeof(*attributes));
    if (w->failed) {
        return;
    }
    onnx__node_proto__init(node);
    outputs[0] = text(w->names[value->id]);
    node->name = outputs[0];
    node->op_type = text(value->op->name);
    node->n_output = n_outputs;
    node->output = outputs;
    for (size_t i = 1; i < n_outputs; i++) {
        outputs[i] = lat_arena_printf(&w->arena, "%s_spare%zu", outputs[0], i);
        w->failed = w->failed || outputs[i] == NULL;
    }
    node->input = inputs;
    node->attribute = attributes;
    for (size_t i = 0; i < value->n_inputs; i++) {
        inputs[node->n_input++] = text(w->names[value->inputs[i]->id]);
    }
    for (size_t i = 0; i < value->op->n_attributes; i++) {
        add_rule(w, node, &value->op->attributes[i], value);
    }
    w->proto.node[w->proto.n_node++] = node;
}

/* ---- the graph ---- */

static void add_value(struct writer *w, const struct lat_value *value)
{
    Onnx__ValueInfoProto *info;
    switch (value->kind) {
    case LAT_VALUE_INPUT:
        info = value_info(w, value, w->names[value->id]);
        if (info != NULL) {
            w->proto.input[w->proto.n_input++] = info;
        }
        break;
    case LAT_VALUE_CONSTANT:
        add_initializer(w, w->names[value->id], value->dtype, value->shape.dims,
                        value->shape.rank, value->data,
                        lat_shape_elements(&value->shape) * sizeof(float));
        break;
    case LAT_VALUE_NODE:
        add_node(w, value);
        break;
    }
}

/* Which values the outputs need, and what each is called. */
static void prepare(struct writer *w)
{
    const struct lat_graph *graph = w->graph;
    w->needed = take(w, graph->n_values, sizeof(*w->needed));
    w->names = take(w, graph->n_values, sizeof(*w->names));
    if (w->failed) {
        return;
    }
    for (size_t i = 0; i < graph->n_results; i++) {
        w->needed[graph->results[i].value->id] = true;
        w->names[graph->results[i].value->id] = graph->results[i].name;
    }
    for (size_t id = graph->n_values; id-- > 0;) {
        const struct lat_value *value = graph->values[id];
        for (size_t i = 0; w->needed[id] && i < value->n_inputs; i++) {
            w->needed[value->inputs[i]->id] = true;
        }
        if (value->name != NULL) {
            w->names[id] = value->name;
        } else if (w->needed[id] && w->names[id] == NULL) {
            w->names[id] = lat_arena_printf(&w->arena, "v%zu", id);
            w->failed = w->failed || w->names[id] == NULL;
        }
    }
}

static void fill(struct writer *w)
{
    const struct lat_graph *graph = w->graph;
    size_t n = graph->n_values;
    onnx__graph_proto__init(&w->proto);
    prepare(w);
    w->proto.name = text(w->options->name);
    w->proto.node = take(w, n, sizeof(*w->proto.node));
    w->proto.input = take(w, n, sizeof(*w->proto.input));
    w->proto.output = take(w, graph->n_results, sizeof(*w->proto.output));
    /* A node has at most two constant operands, a constant is one itself. */
    w->proto.initializer = take(w, 2 * n, sizeof(*w->proto.initializer));
    for (size_t id = 0; id < n && !w->failed; id++) {
        if (w->needed[id]) {
            add_value(w, graph->values[id]);
        }
    }
    for (size_t i = 0; i < graph->n_results && !w->failed; i++) {
        Onnx__ValueInfoProto *info =
            value_info(w, graph->results[i].value, graph->results[i].name);
        w->proto.output[w->proto.n_output++] = info;
    }
}

static void pack(struct writer *w, struct lat_buf *out)
{
    Onnx__ModelProto model = ONNX__MODEL_PROTO__INIT;
    Onnx__OperatorSetIdProto opset = ONNX__OPERATOR_SET_ID_PROTO__INIT;
    Onnx__OperatorSetIdProto *opsets[] = {&opset};
    opset.domain = text("");
    opset.has_version = 1;
    opset.version = OPSET;
    model.has_ir_version = 1;
    model.ir_version = IR_VERSION;
    model.producer_name = text("latentd");
    model.n_opset_import = 1;
    model.opset_import = opsets;
    model.graph = &w->proto;
    size_t len = onnx__model_proto__get_packed_size(&model);
    if (lat_buf_reserve(out, len)) {
        (void)onnx__model_proto__pack(&model, (uint8_t *)out->data + out->len);
        out->len += len;
    }
}

enum lat_status lat_onnx_write(const struct lat_graph *graph,
                               const struct lat_onnx_options *options, struct lat_buf *out,
                               struct lat_error *err)
{
    enum lat_status status = lat_graph_check(graph, err);
    if (status != LAT_OK) {
        return status;
    }
    struct writer w = {.graph = graph, .options = options};
    fill(&w);
    if (w.failed) {
        status = lat_fail_memory(err);
    } else {
        pack(&w, out);
        status = lat_buf_check(out, err);
    }
    lat_arena_release(&w.arena);
    return status;
}
