/* Puts the parts of a spec together into the graphs of step_graph.h.
 *
 * All graphs go through forward(), so that parameters are mentioned in one order. The plain
 * update does not contain the loss: the derivative of softplus is a sigmoid, so what is slow in
 * the loss is never computed. */
#include "model/train/step_graph.h"

#include <stdio.h>

#include "base/mem.h"
#include "model/graph/grad.h"
#include "model/train/ratings.h"
#include "model/train/variational.h"

#include "base/banned.h"

enum { TENSOR_NAME_MAX = LAT_PARAMETER_NAME_MAX + 16 };

static void copy_optimizer(struct lat_design *design, const struct lat_optimizer_spec *spec)
{
    design->optimizer = lat_optimizer_find(spec->type == LAT_OPTIMIZER_ADAM ? "adam" : "sgd");
    design->settings = (struct lat_optimizer_settings){.momentum = spec->momentum,
                                                       .nesterov = spec->nesterov,
                                                       .beta1 = 0.9,
                                                       .beta2 = 0.999,
                                                       .epsilon = 1e-8};
    design->n_moments = design->optimizer->n_moments(&design->settings);
}

static enum lat_status check_sizes(const struct lat_spec *spec,
                                   const struct lat_input_spec *input, struct lat_error *err)
{
    if (spec->code.dimension == 0 || spec->optimizer.batch == 0 ||
        lat_input_elements(input) == 0) {
        return lat_fail(err, LAT_INVALID, NULL,
                        "the code, the batch and the input must not be empty");
    }
    return LAT_OK;
}

/* NULL for "". */
static enum lat_status find_corruption(const char *name, const char *key,
                                       const struct lat_input_spec *input,
                                       const struct lat_corruption **out_corruption,
                                       struct lat_error *err)
{
    if (name[0] == '\0') {
        return LAT_OK;
    }
    const struct lat_corruption *found = lat_corruption_find(name);
    if (found == NULL) {
        return lat_fail(err, LAT_INVALID, "not_supported", "/%s/type: unknown: '%s'", key,
                        name);
    }
    if (found->pictures && input->kind != LAT_INPUT_IMAGE) {
        return lat_fail(err, LAT_INVALID, "wrong_input_kind",
                        "/%s/type: '%s' wants pictures, the data are of the kind '%s'", key,
                        name, lat_input_kind_names[input->kind]);
    }
    if (found->scales && input->ratings) {
        return lat_fail(err, LAT_INVALID, "out_of_range",
                        "/%s/type: '%s' would change ratings that stay: expected \"masking\"",
                        key, name);
    }
    *out_corruption = found;
    return LAT_OK;
}

enum lat_status lat_design_init(struct lat_design *design, const struct lat_spec *spec,
                                const struct lat_input_spec *input, struct lat_error *err)
{
    *design = (struct lat_design){.spec = *spec, .input = *input};
    design->encoder = lat_network_find(spec->encoder.type);
    design->decoder = lat_network_find(spec->decoder.type);
    design->bottleneck = lat_bottleneck_find(spec->code.type);
    design->likelihood = lat_likelihood_find(spec->likelihood);
    if (design->encoder == NULL || design->decoder == NULL || design->bottleneck == NULL ||
        design->likelihood == NULL) {
        return lat_fail(err, LAT_INTERNAL, NULL, "a part of the spec has no row in its table");
    }
    copy_optimizer(design, &spec->optimizer);
    enum lat_status status =
        find_corruption(spec->corruption, "corruption", input, &design->corruption, err);
    if (status == LAT_OK) {
        status = find_corruption(spec->augmentation, "augmentation", input,
                                 &design->augmentation, err);
    }
    if (status == LAT_OK) {
        status = check_sizes(spec, input, err);
    }
    if (status == LAT_OK) {
        status = lat_penalties_check(spec, err);
    }
    if (status == LAT_OK) {
        status = design->encoder->validate(&spec->encoder, input, err);
        lat_error_prefix(err, "encoder");
    }
    if (status == LAT_OK) {
        status = design->decoder->validate(&spec->decoder, input, err);
        lat_error_prefix(err, "decoder");
    }
    return status;
}

uint32_t lat_design_samples(const struct lat_design *design)
{
    const uint32_t samples = design->spec.code.samples;
    return design->bottleneck->samples && samples > 1 ? samples : 1;
}

void lat_design_release(struct lat_design *design)
{
    lat_parameters_release(&design->parameters);
}

/* ---- forward ---- */

static struct lat_build build_for(struct lat_design *design, struct lat_graph *graph,
                                  int64_t batch)
{
    return (struct lat_build){.graph = graph,
                              .spec = &design->spec,
                              .input = &design->input,
                              .batch = batch,
                              .parameters = &design->parameters};
}

/* The values of one forward pass. */
struct pass {
    struct lat_value *input, *target, *losses;
    struct lat_value *observed; /* 0 where a row has a gap; NULL: rows have none */
    struct lat_code code;
};

/* Of what a decoder with a learned spread gives, [batch, 2 elements], the first half is the
 * rows, the second says the logarithm of the spread, kept within bounds. */
static struct lat_value *take_spread(struct lat_build *build, struct lat_value *output)
{
    struct lat_graph *g = build->graph;
    const int64_t n = (int64_t)lat_input_elements(build->input);
    const float most = LAT_LOG_SPREAD_MOST;
    struct lat_value *raw = lat_graph_slice(g, output, (const int64_t[2]){0, n},
                                            (const int64_t[2]){build->batch, 2 * n});
    raw = lat_graph_tanh(g, lat_graph_scale(g, raw, 1 / most));
    build->log_spread = lat_graph_scale(g, raw, most);
    return lat_graph_slice(g, output, (const int64_t[2]){0, 0},
                           (const int64_t[2]){build->batch, n});
}

/* Decodes and gives the rows the encoder's shape. */
static struct lat_value *decode(struct lat_design *design, struct lat_build *build,
                                struct lat_value *code)
{
    struct lat_shape row = lat_network_row_shape(design->encoder, &design->input, build->batch);
    struct lat_value *output = design->decoder->decode(build, code);
    if (design->spec.learned_spread) {
        output = take_spread(build, output);
    }
    output = lat_build_activation(build, design->spec.output_activation, output);
    if (design->input.ratings) {
        output = lat_ratings_lift(build, code, output);
    }
    return lat_graph_reshape(build->graph, output, &row);
}

/* The negative log-likelihood of each row of `decoded` codes, whatever they were drawn from;
 * what is not `observed` is left out. */
static struct lat_value *row_losses(struct lat_design *design, struct lat_build *build,
                                    struct lat_value *codes, struct lat_value *target,
                                    struct lat_value *observed)
{
    int64_t axes[LAT_TENSOR_MAX_RANK] = {1, 2, 3, 4, 5, 6, 7};
    struct lat_value *output = decode(design, build, codes);
    struct lat_value *nll = design->likelihood->nll(build, output, target);
    if (observed != NULL) {
        nll = lat_graph_mul(build->graph, nll, observed);
    }
    return nll == NULL ? NULL
                       : lat_graph_sum(build->graph, nll, axes, nll->shape.rank - 1, false);
}

/* Draws codes and decodes each: the bound on the likelihood instead of the likelihood. */
static struct lat_value *sampled_losses(struct lat_design *design, struct lat_build *build,
                                        const struct pass *pass)
{
    const uint32_t k = lat_design_samples(design);
    const int64_t batch = build->batch;
    struct lat_draw draw;
    lat_draw_codes(build, &pass->code, k, &draw);
    build->batch = k * batch;
    struct lat_value *target = lat_draw_repeat(build->graph, pass->target, k);
    struct lat_value *observed =
        pass->observed != NULL ? lat_draw_repeat(build->graph, pass->observed, k) : NULL;
    struct lat_value *losses = row_losses(design, build, draw.codes, target, observed);
    build->batch = batch;
    return lat_draw_losses(build, &pass->code, &draw, losses);
}

/* What the code costs and what is lost with it: rate and distortion. */
static struct lat_value *rounded_losses(struct lat_design *design, struct lat_build *build,
                                        const struct pass *pass)
{
    struct lat_graph *graph = build->graph;
    struct lat_value *rounded = lat_build_rounded(build, pass->code.mean);
    struct lat_value *losses = row_losses(design, build, rounded, pass->target, pass->observed);
    struct lat_value *beta =
        lat_graph_input(graph, "beta", LAT_FLOAT32, &(struct lat_shape){0});
    return lat_graph_add(graph, losses,
                         lat_graph_mul(graph, lat_build_code_length(build, rounded), beta));
}

static void forward(struct lat_design *design, struct lat_build *build, bool corrupted,
                    struct pass *pass)
{
    struct lat_graph *graph = build->graph;
    struct lat_shape row = lat_network_row_shape(design->encoder, &design->input, build->batch);
    pass->input = lat_graph_input(graph, "input", LAT_FLOAT32, &row);
    pass->target =
        corrupted ? lat_graph_input(graph, "target", LAT_FLOAT32, &row) : pass->input;
    build->measured = corrupted && design->corruption->scales ? pass->target : NULL;
    pass->code = lat_build_encode(build, pass->input);
    pass->observed = lat_input_has_gaps(&design->input)
                         ? lat_graph_input(graph, "observed", LAT_FLOAT32, &row)
                         : NULL;
    pass->losses = design->bottleneck->samples  ? sampled_losses(design, build, pass)
                   : design->bottleneck->rounds ? rounded_losses(design, build, pass)
                                                : row_losses(design, build, pass->code.mean,
                                                             pass->target, pass->observed);
}

/* Mean negative log-likelihood of the batch, penalties added. */
static struct lat_value *loss_of(struct lat_build *build, const struct pass *pass)
{
    struct lat_value *sum = lat_graph_sum(build->graph, pass->losses, NULL, 0, false);
    struct lat_value *loss = lat_graph_scale(build->graph, sum, 1.0F / (float)build->batch);
    struct lat_value *penalties = lat_build_penalties(build, pass->input, pass->code.mean);
    return penalties != NULL ? lat_graph_add(build->graph, loss, penalties) : loss;
}

/* ---- the update ---- */

static void output_as(struct lat_graph *graph, struct lat_value *value, const char *name,
                      const char *suffix)
{
    char full[TENSOR_NAME_MAX];
    (void)snprintf(full, sizeof(full), "%s%s", name, suffix);
    lat_graph_output(graph, value, full);
}

static void update_parameter(struct lat_design *design, struct lat_graph *graph,
                             struct lat_value *const *scalars, size_t i,
                             struct lat_value *weight, struct lat_value *gradient)
{
    static const char *const suffixes[LAT_OPTIMIZER_MAX_MOMENTS][2] = {{"/m1", "/m1/next"},
                                                                       {"/m2", "/m2/next"}};
    const struct lat_parameter *row = &design->parameters.rows[i];
    struct lat_optimizer_state now = {.weight = weight};
    struct lat_optimizer_state next = {0};
    for (size_t m = 0; m < design->n_moments; m++) {
        char name[TENSOR_NAME_MAX];
        (void)snprintf(name, sizeof(name), "%s%s", row->name, suffixes[m][0]);
        now.moments[m] = lat_graph_input(graph, name, LAT_FLOAT32, &row->shape);
    }
    design->optimizer->update(graph, &design->settings, scalars, &now, gradient, &next);
    output_as(graph, next.weight, row->name, "/next");
    for (size_t m = 0; m < design->n_moments; m++) {
        output_as(graph, next.moments[m], row->name, suffixes[m][1]);
    }
}

static void build_update(struct lat_design *design, struct lat_build *build,
                         struct lat_value **gradients)
{
    struct lat_graph *graph = build->graph;
    struct lat_value *scalars[LAT_OPTIMIZER_SCALARS] = {
        lat_graph_input(graph, "scalar1", LAT_FLOAT32, &(struct lat_shape){0}),
        lat_graph_input(graph, "scalar2", LAT_FLOAT32, &(struct lat_shape){0})};
    if (design->spec.optimizer.clip > 0) {
        lat_graph_clip_gradients(graph, gradients, design->parameters.n,
                                 (float)design->spec.optimizer.clip);
    }
    for (size_t i = 0; i < design->parameters.n; i++) {
        update_parameter(design, graph, scalars, i, build->values[i], gradients[i]);
    }
}

void lat_design_build(struct lat_design *design, enum lat_step_kind kind,
                      struct lat_graph *graph)
{
    struct lat_build build = build_for(design, graph, design->spec.optimizer.batch);
    struct pass pass;
    struct lat_value **gradients = NULL;
    bool updates = kind == LAT_STEP_UPDATE || kind == LAT_STEP_UPDATE_LOSS;
    forward(design, &build, updates && design->corruption != NULL, &pass);
    if (kind == LAT_STEP_EVALUATE) {
        lat_graph_output(graph, pass.losses, "losses");
        goto out;
    }
    struct lat_value *loss = loss_of(&build, &pass);
    size_t n = design->parameters.n;
    gradients = lat_alloc(n, sizeof(struct lat_value *));
    if (gradients == NULL) {
        (void)lat_graph_fail(graph, LAT_NO_MEMORY, "out of memory");
        goto out;
    }
    if (graph->error.status != LAT_OK) {
        goto out;
    }
    lat_graph_gradient(graph, loss, build.values, n, gradients);
    if (updates) {
        build_update(design, &build, gradients);
    }
    for (size_t i = 0; i < n && kind == LAT_STEP_GRADIENT; i++) {
        output_as(graph, gradients[i], design->parameters.rows[i].name, "/gradient");
    }
    if (kind == LAT_STEP_UPDATE_LOSS) {
        lat_graph_output(graph, loss, "loss");
    }
out:
    lat_free(gradients);
    lat_build_release(&build);
}

/* ---- export ---- */

/* One number an element, in the row's shape, for any batch. */
static struct lat_value *per_element(struct lat_design *design, struct lat_graph *graph,
                                     const char *name, const float *values)
{
    struct lat_shape shape = lat_network_row_shape(design->encoder, &design->input, 1);
    return lat_graph_constant(graph, name, &shape, values);
}

void lat_design_export_encoder(struct lat_design *design, const float *const *weights,
                               const float *shift, const float *scale, struct lat_graph *graph)
{
    struct lat_build build = build_for(design, graph, 1);
    struct lat_shape row = lat_network_row_shape(design->encoder, &design->input, 1);
    build.weights = weights;
    struct lat_value *raw = lat_graph_input(graph, "input", LAT_FLOAT32, &row);
    struct lat_value *x = raw;
    if (shift != NULL) {
        x = lat_graph_sub(graph, x, per_element(design, graph, "shift", shift));
    }
    if (scale != NULL) {
        x = lat_graph_div(graph, x, per_element(design, graph, "scale", scale));
    }
    if (design->input.ratings) { /* 0: no rating */
        x = lat_graph_mul(graph, x, lat_graph_mask(graph, raw, lat_graph_scalar(graph, 0)));
    }
    const struct lat_code code = lat_build_encode(&build, x);
    lat_graph_output(graph, code.mean, "code");
    if (code.log_variance != NULL) {
        lat_graph_output(graph, code.log_variance, "log_variance");
    }
    lat_build_release(&build);
}

void lat_design_export_decoder(struct lat_design *design, const float *const *weights,
                               const float *shift, const float *scale, struct lat_graph *graph)
{
    struct lat_build build = build_for(design, graph, 1);
    struct lat_shape shape = {2, {1, (int64_t)design->spec.code.dimension}};
    build.weights = weights;
    struct lat_value *code = lat_graph_input(graph, "code", LAT_FLOAT32, &shape);
    struct lat_value *output = decode(design, &build, code);
    output = design->likelihood->mean(&build, output);
    if (scale != NULL) {
        output = lat_graph_mul(graph, output, per_element(design, graph, "scale", scale));
    }
    if (shift != NULL) {
        output = lat_graph_add(graph, output, per_element(design, graph, "shift", shift));
    }
    lat_graph_output(graph, output, "output");
    if (build.log_spread != NULL) {
        struct lat_value *spread = lat_graph_exp(graph, build.log_spread);
        if (scale != NULL) {
            spread = lat_graph_mul(graph, spread, per_element(design, graph, "spread", scale));
        }
        lat_graph_output(graph, spread, "spread");
    }
    lat_build_release(&build);
}

void lat_design_export_transform(struct lat_design *design, const float *const *weights,
                                 bool encoder, struct lat_graph *graph)
{
    struct lat_build build = build_for(design, graph, 1);
    struct lat_shape picture = lat_network_row_shape(design->encoder, &design->input, 1);
    struct lat_shape code = {0};
    build.weights = weights;
    if (lat_transform_code_shape(&design->spec.encoder, &design->input, &code, NULL) !=
        LAT_OK) {
        (void)lat_graph_fail(graph, LAT_INTERNAL, "the code has no shape");
        return;
    }
    struct lat_shape maps = {4, {1, code.dims[0], code.dims[1], code.dims[2]}};
    struct lat_value *in = lat_graph_input(graph, encoder ? "input" : "code", LAT_FLOAT32,
                                           encoder ? &picture : &maps);
    struct lat_value *out =
        encoder ? design->encoder->encode(&build, in) : design->decoder->decode(&build, in);
    lat_graph_output(graph, out, encoder ? "code" : "output");
    lat_build_release(&build);
}
