/* Cells unrolled over the steps of a sequence.
 *
 * Encoder: layers of cells from the first step to the last; what the code is made of is the
 * last layer's state after the last step. Decoder (Srivastava et al. 2015, "Unsupervised
 * learning of video representations using LSTMs"): the code is the input of every step, the
 * steps are given back from the last to the first, so that what the encoder saw last comes
 * first, and a dense layer makes the features of a step of the last layer's state.
 *
 * LSTM (Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000):
 *     i, f, o = sigmoid(x W + h U + b),  g = tanh(x W + h U + b)
 *     c' = f c + i g,                    h' = o tanh(c')
 * with the forget gate's bias held 1 above what is learned (Jozefowicz et al. 2015).
 * GRU (Cho et al. 2014, the reset gate behind the product, as in ONNX and cuDNN):
 *     r, z = sigmoid(x W + h U + b),     n = tanh(x W + b + r (h U + a))
 *     h' = n + z (h - n)
 *
 * The inputs' share x W + b of all steps is one product [batch * length, gates * width]; a step
 * is a slice of it, which its own product adds to. The rows stay items first, so that the same
 * graph serves a batch left open. The reverse way is as cheap because the rows of Slice and
 * Gemm join what the steps pass back (lat_op.joint): the derivative of U is one product too. */
#include <stdio.h>

#include "base/mem.h"
#include "model/graph/ops.h"
#include "model/train/parts.h"

#include "base/banned.h"

/* Steps times layers: every one is about twenty nodes. */
enum { MAX_STEPS = 1024, MAX_UNROLLED = 4096 };

/* One layer of cells in a graph. */
struct layer {
    struct lat_build *build;
    const struct cell *cell;
    char name[LAT_LAYER_NAME_MAX - 10]; /* room for the parameters' own */
    int64_t width;
    struct lat_value *recurrent; /* U [width, gates * width] */
    struct lat_value *extra;     /* GRU: a [width] */
    struct lat_value *h, *c;     /* state [batch, width]; NULL before the first step: zeros */
};

/* A kind of cell. */
struct cell {
    enum lat_cell id;
    int64_t gates;
    int64_t held; /* the gate whose bias has 1 added, -1: none */
    /* One step: `x` [batch, gates * width] is the input's share; changes the state. */
    void (*step)(struct layer *layer, struct lat_value *x);
};

/* Columns first * width ... (first + n) * width of a matrix. */
static struct lat_value *gates(const struct layer *layer, struct lat_value *x, int64_t first,
                               int64_t n)
{
    if (x == NULL) {
        return NULL;
    }
    int64_t begin[] = {0, first * layer->width};
    int64_t end[] = {x->shape.dims[0], (first + n) * layer->width};
    return lat_graph_slice(layer->build->graph, x, begin, end);
}

static void step_lstm(struct layer *layer, struct lat_value *x)
{
    struct lat_graph *g = layer->build->graph;
    bool first = layer->h == NULL;
    struct lat_value *sum =
        first ? x : lat_graph_gemm(g, layer->h, false, layer->recurrent, false, x);
    struct lat_value *open = lat_graph_sigmoid(g, gates(layer, sum, 0, 3));
    struct lat_value *candidate = lat_graph_tanh(g, gates(layer, sum, 3, 1));
    struct lat_value *c = lat_graph_mul(g, gates(layer, open, 0, 1), candidate);
    if (!first) {
        c = lat_graph_add(g, lat_graph_mul(g, gates(layer, open, 1, 1), layer->c), c);
    }
    layer->c = c;
    layer->h = lat_graph_mul(g, gates(layer, open, 2, 1), lat_graph_tanh(g, c));
}

static void step_gru(struct layer *layer, struct lat_value *x)
{
    struct lat_graph *g = layer->build->graph;
    bool first = layer->h == NULL;
    struct lat_value *own =
        first ? NULL : lat_graph_gemm(g, layer->h, false, layer->recurrent, false, NULL);
    struct lat_value *sum = gates(layer, x, 0, 2);
    struct lat_value *inner = layer->extra;
    if (!first) {
        sum = lat_graph_add(g, sum, gates(layer, own, 0, 2));
        inner = lat_graph_add(g, gates(layer, own, 2, 1), layer->extra);
    }
    struct lat_value *open = lat_graph_sigmoid(g, sum);
    inner = lat_graph_mul(g, gates(layer, open, 0, 1), inner);
    struct lat_value *n = lat_graph_tanh(g, lat_graph_add(g, gates(layer, x, 2, 1), inner));
    struct lat_value *kept = first ? lat_graph_neg(g, n) : lat_graph_sub(g, layer->h, n);
    layer->h = lat_graph_add(g, n, lat_graph_mul(g, gates(layer, open, 1, 1), kept));
}

static const struct cell cells[] = {
    {.id = LAT_CELL_LSTM, .gates = 4, .held = 1, .step = step_lstm},
    {.id = LAT_CELL_GRU, .gates = 3, .held = -1, .step = step_gru},
};

static const struct cell *find_cell(enum lat_cell id)
{
    for (size_t i = 0; i < LAT_ARRAY_LEN(cells); i++) {
        if (cells[i].id == id) {
            return &cells[i];
        }
    }
    return NULL;
}

static enum lat_status validate(const struct lat_network_spec *net,
                                const struct lat_input_spec *input, struct lat_error *err)
{
    if (input->kind != LAT_INPUT_SEQUENCE) {
        return lat_fail(err, LAT_INVALID, NULL, "a recurrent network wants sequences");
    }
    if (net->n_hidden == 0 || find_cell(net->cell) == NULL) {
        return lat_fail(err, LAT_INVALID, NULL, "a recurrent network has at least one layer");
    }
    for (size_t i = 0; i < net->n_hidden; i++) {
        if (net->hidden[i] == 0) {
            return lat_fail(err, LAT_INVALID, NULL, "recurrent layer %zu has no width", i);
        }
    }
    if (input->length > MAX_STEPS || input->length * net->n_hidden > MAX_UNROLLED) {
        return lat_fail(err, LAT_INVALID, "out_of_range",
                        "%u steps through %zu layers: at most %d steps, and %d of all layers "
                        "together",
                        input->length, net->n_hidden, MAX_STEPS, MAX_UNROLLED);
    }
    return LAT_OK;
}

/* ---- layers ---- */

static struct lat_value *parameter(struct layer *layer, const char *what,
                                   const struct lat_shape *shape, double limit)
{
    char name[LAT_PARAMETER_NAME_MAX];
    (void)snprintf(name, sizeof(name), "%s.%s", layer->name, what);
    return lat_build_parameter(layer->build, name, shape, limit, shape->rank > 1);
}

/* `bias` with 1 added where the cell holds a gate open. */
static struct lat_value *held_open(struct layer *layer, struct lat_value *bias)
{
    struct lat_graph *g = layer->build->graph;
    int64_t n = layer->cell->gates * layer->width;
    if (layer->cell->held < 0) {
        return bias;
    }
    float *ones = lat_arena_alloc(&g->arena, (size_t)n, sizeof(*ones));
    if (ones == NULL) {
        return lat_graph_fail(g, LAT_NO_MEMORY, "out of memory");
    }
    for (int64_t i = 0; i < layer->width; i++) {
        ones[layer->cell->held * layer->width + i] = 1;
    }
    struct lat_value *held = lat_graph_constant(g, NULL, &(struct lat_shape){1, {n}}, ones);
    return lat_graph_add(g, bias, held);
}

/* The layer's parameters, and the input's share of all rows: x [rows, in] W + b. */
static struct lat_value *begin(struct layer *layer, struct lat_value *x)
{
    if (x == NULL) {
        return NULL;
    }
    int64_t in = x->shape.dims[1];
    int64_t n = layer->cell->gates * layer->width;
    double limit = lat_start_limit(LAT_TANH, (double)in, (double)layer->width);
    double own = lat_start_limit(LAT_TANH, (double)layer->width, (double)layer->width);
    struct lat_value *w = parameter(layer, "weight", &(struct lat_shape){2, {in, n}}, limit);
    layer->recurrent =
        parameter(layer, "recurrent", &(struct lat_shape){2, {layer->width, n}}, own);
    struct lat_value *b = parameter(layer, "bias", &(struct lat_shape){1, {n}}, 0);
    if (layer->cell->id == LAT_CELL_GRU) {
        layer->extra = parameter(layer, "candidate", &(struct lat_shape){1, {layer->width}}, 0);
    }
    return lat_graph_gemm(layer->build->graph, x, false, w, false, held_open(layer, b));
}

/* The states of all steps, in the order of time, as rows [batch * length, width]. */
static struct lat_value *rows_of(struct layer *layer, struct lat_value *const *states)
{
    struct lat_graph *g = layer->build->graph;
    int64_t length = layer->build->input->length;
    struct lat_shape rows = {2, {layer->build->batch * length, layer->width}};
    return lat_graph_reshape(g, lat_graph_concat(g, states, (size_t)length, 1), &rows);
}

/* Runs a layer over all steps, backwards in time for a decoder. `x`: [batch * length, in], or
 * [batch, in] for the same input at every step. Gives the states' rows; layer->h is the state
 * after the last step run. */
static struct lat_value *run(struct layer *layer, struct lat_value *x, bool backwards)
{
    struct lat_value *states[MAX_STEPS];
    int64_t length = layer->build->input->length;
    int64_t gate_count = layer->cell->gates;
    struct lat_value *all = begin(layer, x);
    bool same = all != NULL && all->shape.dims[0] == layer->build->batch;
    if (!same) {
        struct lat_shape rows = {2, {layer->build->batch, length * gate_count * layer->width}};
        all = lat_graph_reshape(layer->build->graph, all, &rows);
    }
    for (int64_t k = 0; k < length; k++) {
        int64_t t = backwards ? length - 1 - k : k;
        layer->cell->step(layer, same ? all : gates(layer, all, t * gate_count, gate_count));
        states[t] = layer->h;
    }
    return rows_of(layer, states);
}

static struct layer layer_of(struct lat_build *build, const struct lat_network_spec *net,
                             const char *side, size_t i)
{
    struct layer layer = {
        .build = build, .cell = find_cell(net->cell), .width = (int64_t)net->hidden[i]};
    (void)snprintf(layer.name, sizeof(layer.name), "%s.%s.%zu", side,
                   net->cell == LAT_CELL_LSTM ? "lstm" : "gru", i);
    return layer;
}

static struct lat_value *encode(struct lat_build *build, struct lat_value *x)
{
    const struct lat_network_spec *net = &build->spec->encoder;
    int64_t length = build->input->length;
    int64_t features = build->input->features;
    struct lat_shape rows = {2, {build->batch * length, features}};
    struct lat_value *last = NULL;
    x = lat_graph_reshape(build->graph, x, &rows);
    for (size_t i = 0; i < net->n_hidden; i++) {
        struct layer layer = layer_of(build, net, "encoder", i);
        x = run(&layer, x, false);
        last = layer.h;
    }
    return last;
}

static struct lat_value *decode(struct lat_build *build, struct lat_value *code)
{
    const struct lat_network_spec *net = &build->spec->decoder;
    struct lat_value *x = code;
    for (size_t i = 0; i < net->n_hidden; i++) {
        struct layer layer = layer_of(build, net, "decoder", i);
        x = run(&layer, x, true);
    }
    return lat_build_dense(build, "output", x, build->input->features, LAT_LINEAR);
}

const struct lat_network lat_network_recurrent = {.name = "recurrent",
                                                  .type = LAT_NETWORK_RECURRENT,
                                                  .spatial = false,
                                                  .validate = validate,
                                                  .encode = encode,
                                                  .decode = decode};
