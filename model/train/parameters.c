/* The table of parameters and the layers that every network shares. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "model/train/parts.h"

#include "base/banned.h"

enum { FIRST_CAPACITY = 32 };

void lat_parameters_release(struct lat_parameters *parameters)
{
    lat_free(parameters->rows);
    *parameters = (struct lat_parameters){0};
}

void lat_build_release(struct lat_build *build)
{
    lat_free(build->values);
    build->values = NULL;
    build->n_values = 0;
}

static struct lat_value *fail_memory(struct lat_build *build)
{
    return lat_graph_fail(build->graph, LAT_NO_MEMORY, "out of memory");
}

/* Index of `name`, or parameters->n. */
static size_t find(const struct lat_parameters *parameters, const char *name)
{
    size_t i = 0;
    while (i < parameters->n && strcmp(parameters->rows[i].name, name) != 0) {
        i++;
    }
    return i;
}

static bool add(struct lat_build *build, const struct lat_parameter *row)
{
    struct lat_parameters *table = build->parameters;
    if (table->n == table->capacity) {
        size_t capacity = table->capacity == 0 ? FIRST_CAPACITY : 2 * table->capacity;
        struct lat_parameter *rows = lat_realloc(table->rows, capacity, sizeof(*rows));
        if (rows == NULL) {
            (void)fail_memory(build);
            return false;
        }
        table->rows = rows;
        table->capacity = capacity;
    }
    table->rows[table->n++] = *row;
    return true;
}

/* Makes room for the value of parameter `i` in this graph. */
static bool reserve_value(struct lat_build *build, size_t i)
{
    if (i < build->n_values) {
        return true;
    }
    size_t n = build->parameters->capacity;
    struct lat_value **values = lat_realloc(build->values, n, sizeof(struct lat_value *));
    if (values == NULL) {
        (void)fail_memory(build);
        return false;
    }
    memset(values + build->n_values, 0, (n - build->n_values) * sizeof(struct lat_value *));
    build->values = values;
    build->n_values = n;
    return true;
}

struct lat_value *lat_build_parameter(struct lat_build *build, const char *name,
                                      const struct lat_shape *shape, double limit, bool decays)
{
    struct lat_parameter row = {.shape = *shape, .limit = limit, .decays = decays};
    if (build->graph->error.status != LAT_OK) {
        return NULL;
    }
    (void)snprintf(row.name, sizeof(row.name), "%s", name);
    size_t i = find(build->parameters, row.name);
    if ((i == build->parameters->n && !add(build, &row)) || !reserve_value(build, i)) {
        return NULL;
    }
    if (!lat_shape_equal(&build->parameters->rows[i].shape, shape)) {
        char a[64];
        char b[64];
        return lat_graph_fail(build->graph, LAT_INVALID, "%s is %s and should be %s", name,
                              lat_shape_text(&build->parameters->rows[i].shape, a, sizeof(a)),
                              lat_shape_text(shape, b, sizeof(b)));
    }
    if (build->values[i] == NULL) {
        build->values[i] =
            build->weights == NULL
                ? lat_graph_input(build->graph, row.name, LAT_FLOAT32, shape)
                : lat_graph_constant(build->graph, row.name, shape, build->weights[i]);
    }
    return build->values[i];
}

void lat_parameter_start(const struct lat_parameter *parameter, struct lat_rng *rng, float *out)
{
    size_t n = lat_shape_elements(&parameter->shape);
    bool zero = !(parameter->limit > 0);
    for (size_t i = 0; i < n; i++) {
        out[i] = zero ? 0 : (float)(parameter->limit * (2 * lat_rng_uniform(rng) - 1));
    }
}

double lat_start_limit(enum lat_activation activation, double fan_in, double fan_out)
{
    switch (activation) {
    case LAT_RELU:
    case LAT_ELU:
    case LAT_GELU:
    case LAT_SILU:
        return sqrt(6 / fan_in);
    case LAT_SIGMOID:
        return 4 * sqrt(6 / (fan_in + fan_out));
    case LAT_TANH:
    case LAT_LINEAR:
    default:
        return sqrt(6 / (fan_in + fan_out));
    }
}

struct lat_value *lat_build_activation(struct lat_build *build, enum lat_activation activation,
                                       struct lat_value *x)
{
    switch (activation) {
    case LAT_SIGMOID:
        return lat_graph_sigmoid(build->graph, x);
    case LAT_TANH:
        return lat_graph_tanh(build->graph, x);
    case LAT_RELU:
        return lat_graph_relu(build->graph, x);
    case LAT_ELU:
        return lat_graph_elu(build->graph, x);
    case LAT_GELU:
        return lat_graph_gelu(build->graph, x);
    case LAT_SILU:
        return lat_graph_silu(build->graph, x);
    case LAT_LINEAR:
        return x;
    default:
        return lat_graph_fail(build->graph, LAT_INTERNAL, "unknown activation");
    }
}

struct lat_value *lat_build_dense(struct lat_build *build, const char *name,
                                  struct lat_value *x, size_t out, enum lat_activation before)
{
    if (x == NULL) {
        return NULL;
    }
    char weight_name[LAT_PARAMETER_NAME_MAX];
    char bias_name[LAT_PARAMETER_NAME_MAX];
    int64_t in = x->shape.dims[1];
    struct lat_shape weights = {2, {in, (int64_t)out}};
    struct lat_shape biases = {1, {(int64_t)out}};
    (void)snprintf(weight_name, sizeof(weight_name), "%s.weight", name);
    (void)snprintf(bias_name, sizeof(bias_name), "%s.bias", name);
    double limit = lat_start_limit(before, (double)in, (double)out);
    struct lat_value *w = lat_build_parameter(build, weight_name, &weights, limit, true);
    struct lat_value *b = lat_build_parameter(build, bias_name, &biases, 0, false);
    if (w == NULL || b == NULL) {
        return NULL;
    }
    return lat_graph_gemm(build->graph, x, false, w, false, b);
}

struct lat_value *lat_build_flat(struct lat_build *build, struct lat_value *x)
{
    if (x == NULL) {
        return NULL;
    }
    const int64_t elements = (int64_t)lat_shape_elements(&x->shape) / build->batch;
    return lat_graph_reshape(build->graph, x, &(struct lat_shape){2, {build->batch, elements}});
}

struct lat_value *lat_build_hidden(struct lat_build *build, const char *side,
                                   const struct lat_network_spec *net, struct lat_value *x)
{
    for (size_t i = 0; i < net->n_hidden; i++) {
        char name[LAT_LAYER_NAME_MAX];
        (void)snprintf(name, sizeof(name), "%s.%zu", side, i);
        x = lat_build_dense(build, name, x, net->hidden[i], net->activation);
        x = lat_build_activation(build, net->activation, x);
    }
    return x;
}
