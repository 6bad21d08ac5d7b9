/* The buffers of a training and the programs that run on them.
 *
 * State (parameters, moments) lives in two sets of one block each; a step reads set `current`
 * and writes the other, then they change roles. A program (a graph, its session, and a binding
 * for each role of the sets) is opened when it is first wanted. Binding goes by tensor name
 * (step_graph.h). One thread at a time. */
#include "model/train/step.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "model/graph/onnx_file.h"
#include "model/train/step_graph.h"

#include "base/banned.h"

enum {
    ALIGN_FLOATS = 16,  /* tensors begin on cache lines */
    MAX_TENSORS = 4096, /* of one program; guards the tables below */
    STATE_MAGIC = 0x5354504C
};

/* Where a parameter or a moment lies in a set. */
struct slot {
    char name[LAT_PARAMETER_NAME_MAX + 4];
    struct lat_shape shape;
    size_t offset; /* floats */
};

struct program {
    struct lat_session *session;
    struct lat_binding *bindings[2]; /* by the set that is read */
};

struct lat_step {
    struct lat_engine *engine; /* borrowed */
    struct lat_design design;
    int threads;
    struct lat_parameter_info *infos; /* one a parameter */
    struct slot *slots;               /* parameter i at i * (1 + n_moments), then its moments */
    size_t n_slots;
    float *sets[2]; /* the state, twice */
    size_t n_floats;
    unsigned current;
    float *gradients; /* laid out like a set; for LAT_STEP_GRADIENT, made when wanted */
    float *input, *noisy, *losses; /* noisy NULL without a corruption */
    size_t n_input;
    float *shift, *scale; /* exported with the model; NULL: none */
    float loss, scalars[LAT_OPTIMIZER_SCALARS];
    uint64_t n_steps;   /* done */
    struct lat_rng rng; /* of the corruption */
    struct program programs[LAT_STEP_KIND_COUNT];
    struct lat_buf graph; /* of LAT_STEP_UPDATE */
};

/* What a checkpoint begins with. */
struct state_header {
    uint32_t magic, reserved;
    uint64_t n_floats, n_steps;
    struct lat_rng rng;
};

/* --- buffers ------------------------------------------------------------------------------ */

static enum lat_status lay_out(struct lat_step *step, struct lat_error *err)
{
    static const char *const suffixes[] = {"", "/m1", "/m2"};
    const struct lat_parameters *parameters = &step->design.parameters;
    size_t per_parameter = 1 + step->design.n_moments;
    step->n_slots = parameters->n * per_parameter;
    step->slots = lat_alloc(step->n_slots, sizeof(*step->slots));
    step->infos = lat_alloc(parameters->n, sizeof(*step->infos));
    if (step->slots == NULL || step->infos == NULL) {
        return lat_fail_memory(err);
    }
    for (size_t i = 0; i < step->n_slots; i++) {
        const struct lat_parameter *row = &parameters->rows[i / per_parameter];
        struct slot *slot = &step->slots[i];
        (void)snprintf(slot->name, sizeof(slot->name), "%s%s", row->name,
                       suffixes[i % per_parameter]);
        slot->shape = row->shape;
        slot->offset = step->n_floats;
        size_t n = lat_shape_elements(&row->shape);
        step->n_floats += (n + ALIGN_FLOATS - 1) / ALIGN_FLOATS * ALIGN_FLOATS;
    }
    for (size_t i = 0; i < parameters->n; i++) {
        const struct lat_parameter *row = &parameters->rows[i];
        step->infos[i].name = row->name;
        step->infos[i].rank = row->shape.rank;
        step->infos[i].n = lat_shape_elements(&row->shape);
        memcpy(step->infos[i].dims, row->shape.dims, sizeof(row->shape.dims));
    }
    return LAT_OK;
}

static enum lat_status allocate(struct lat_step *step, struct lat_error *err)
{
    size_t batch = step->design.spec.optimizer.batch;
    if (!lat_mul_size(batch, lat_input_elements(&step->design.input), &step->n_input)) {
        return lat_fail(err, LAT_INVALID, NULL, "the batch is too large");
    }
    step->sets[0] = lat_alloc_aligned(step->n_floats, sizeof(float));
    step->sets[1] = lat_alloc_aligned(step->n_floats, sizeof(float));
    step->input = lat_alloc_aligned(step->n_input, sizeof(float));
    step->losses = lat_alloc_aligned(batch, sizeof(float));
    bool missing = step->sets[0] == NULL || step->sets[1] == NULL || step->input == NULL ||
                   step->losses == NULL;
    if (step->design.corruption != NULL) {
        step->noisy = lat_alloc_aligned(step->n_input, sizeof(float));
        missing = missing || step->noisy == NULL;
    }
    return missing ? lat_fail_memory(err) : LAT_OK;
}

static float *parameter_data(const struct lat_step *step, unsigned set, size_t i)
{
    return step->sets[set] + step->slots[i * (1 + step->design.n_moments)].offset;
}

static void start(struct lat_step *step)
{
    struct lat_rng rng;
    lat_rng_seed(&rng, step->design.spec.seed);
    for (size_t i = 0; i < step->design.parameters.n; i++) {
        lat_parameter_start(&step->design.parameters.rows[i], &rng, parameter_data(step, 0, i));
    }
    step->rng = rng;
}

/* --- programs ----------------------------------------------------------------------------- */

static enum lat_status write_graph(struct lat_step *step, enum lat_step_kind kind,
                                   struct lat_buf *out, struct lat_error *err)
{
    struct lat_graph graph;
    struct lat_onnx_options options = {.name = "step"};
    lat_graph_init(&graph);
    lat_design_build(&step->design, kind, &graph);
    enum lat_status status = lat_onnx_write(&graph, &options, out, err);
    lat_graph_release(&graph);
    return status;
}

/* Cuts `suffix` off `name` if it ends so. */
static bool cut(char *name, const char *suffix)
{
    size_t len = strlen(name);
    size_t n = strlen(suffix);
    if (len < n || strcmp(name + len - n, suffix) != 0) {
        return false;
    }
    name[len - n] = '\0';
    return true;
}

static float *state_buffer(struct lat_step *step, const char *name, unsigned set)
{
    char base[LAT_TENSOR_NAME_MAX];
    (void)snprintf(base, sizeof(base), "%s", name);
    float *block = step->sets[set];
    if (cut(base, "/next")) {
        block = step->sets[1 - set];
    } else if (cut(base, "/gradient")) {
        block = step->gradients;
    }
    for (size_t i = 0; i < step->n_slots; i++) {
        if (strcmp(step->slots[i].name, base) == 0) {
            return block + step->slots[i].offset;
        }
    }
    return NULL;
}

/* The memory behind a tensor of a program that reads set `set`; NULL if there is none. */
static float *buffer_of(struct lat_step *step, enum lat_step_kind kind, const char *name,
                        unsigned set)
{
    bool update = kind == LAT_STEP_UPDATE || kind == LAT_STEP_UPDATE_LOSS;
    if (strcmp(name, "input") == 0) {
        return update && step->noisy != NULL ? step->noisy : step->input;
    }
    if (strcmp(name, "target") == 0) {
        return step->input;
    }
    if (strcmp(name, "scalar1") == 0) {
        return &step->scalars[0];
    }
    if (strcmp(name, "scalar2") == 0) {
        return &step->scalars[1];
    }
    if (strcmp(name, "loss") == 0) {
        return &step->loss;
    }
    if (strcmp(name, "losses") == 0) {
        return step->losses;
    }
    return state_buffer(step, name, set);
}

static enum lat_status tensors_of(struct lat_step *step, enum lat_step_kind kind, unsigned set,
                                  const struct lat_tensor_info *infos, size_t n,
                                  struct lat_tensor *out, struct lat_error *err)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = (struct lat_tensor){
            .name = infos[i].name, .dtype = infos[i].dtype, .rank = infos[i].rank};
        memcpy(out[i].dims, infos[i].dims, sizeof(out[i].dims));
        out[i].data = buffer_of(step, kind, infos[i].name, set);
        if (out[i].data == NULL) {
            return lat_fail(err, LAT_INTERNAL, NULL, "no buffer for tensor '%s'",
                            infos[i].name);
        }
    }
    return LAT_OK;
}

static enum lat_status bind(struct lat_step *step, enum lat_step_kind kind,
                            struct lat_error *err)
{
    struct program *program = &step->programs[kind];
    size_t n_in = 0;
    size_t n_out = 0;
    const struct lat_tensor_info *in = lat_session_inputs(program->session, &n_in);
    const struct lat_tensor_info *out = lat_session_outputs(program->session, &n_out);
    if (n_in + n_out > MAX_TENSORS) {
        return lat_fail(err, LAT_INVALID, NULL, "the network has too many layers");
    }
    struct lat_tensor *tensors = lat_alloc(n_in + n_out, sizeof(*tensors));
    if (tensors == NULL) {
        return lat_fail_memory(err);
    }
    enum lat_status status = LAT_OK;
    for (unsigned set = 0; set < 2 && status == LAT_OK; set++) {
        status = tensors_of(step, kind, set, in, n_in, tensors, err);
        if (status == LAT_OK) {
            status = tensors_of(step, kind, set, out, n_out, tensors + n_in, err);
        }
        if (status == LAT_OK) {
            status = lat_binding_new(program->session, tensors, n_in, tensors + n_in, n_out,
                                     &program->bindings[set], err);
        }
    }
    lat_free(tensors);
    return status;
}

static void close_program(struct program *program)
{
    lat_binding_free(program->bindings[0]);
    lat_binding_free(program->bindings[1]);
    lat_session_close(program->session);
    *program = (struct program){0};
}

static enum lat_status open_program(struct lat_step *step, enum lat_step_kind kind,
                                    struct lat_error *err)
{
    struct program *program = &step->programs[kind];
    struct lat_session_options options = {
        .threads = step->threads, .spin = true, .optimize = true, .flush_denormals = true};
    struct lat_buf bytes = {0};
    enum lat_status status = LAT_OK;
    if (program->session != NULL) {
        return LAT_OK;
    }
    if (kind == LAT_STEP_GRADIENT && step->gradients == NULL) {
        step->gradients = lat_alloc_aligned(step->n_floats, sizeof(float));
        if (step->gradients == NULL) {
            return lat_fail_memory(err);
        }
    }
    const struct lat_buf *graph = &step->graph;
    if (kind != LAT_STEP_UPDATE) {
        status = write_graph(step, kind, &bytes, err);
        graph = &bytes;
    }
    if (status == LAT_OK) {
        status = lat_session_open_bytes(step->engine, graph->data, graph->len, &options,
                                        &program->session, err);
    }
    if (status == LAT_OK) {
        status = bind(step, kind, err);
    }
    if (status != LAT_OK) {
        close_program(program);
        lat_error_prefix(err, "training graph");
    }
    lat_buf_release(&bytes);
    return status;
}

static enum lat_status run(struct lat_step *step, enum lat_step_kind kind,
                           struct lat_error *err)
{
    enum lat_status status = open_program(step, kind, err);
    if (status != LAT_OK) {
        return status;
    }
    return lat_binding_run(step->programs[kind].bindings[step->current], err);
}

/* --- the interface ------------------------------------------------------------------------ */

enum lat_status lat_step_new(struct lat_engine *engine, const struct lat_spec *spec,
                             const struct lat_input_spec *input, int threads,
                             struct lat_step **out_step, struct lat_error *err)
{
    struct lat_step *step = lat_alloc(1, sizeof(*step));
    if (step == NULL) {
        return lat_fail_memory(err);
    }
    step->engine = engine;
    step->threads = threads;
    enum lat_status status = lat_design_init(&step->design, spec, input, err);
    if (status == LAT_OK) {
        status = write_graph(step, LAT_STEP_UPDATE, &step->graph, err);
    }
    if (status == LAT_OK) {
        status = lay_out(step, err);
    }
    if (status == LAT_OK) {
        status = allocate(step, err);
    }
    if (status == LAT_OK) {
        start(step);
        status = open_program(step, LAT_STEP_UPDATE, err);
    }
    if (status != LAT_OK) {
        lat_step_free(step);
        return status;
    }
    *out_step = step;
    return LAT_OK;
}

void lat_step_free(struct lat_step *step)
{
    if (step == NULL) {
        return;
    }
    for (size_t i = 0; i < LAT_STEP_KIND_COUNT; i++) {
        close_program(&step->programs[i]);
    }
    lat_buf_release(&step->graph);
    lat_free(step->scale);
    lat_free(step->shift);
    lat_free(step->losses);
    lat_free(step->noisy);
    lat_free(step->input);
    lat_free(step->gradients);
    lat_free(step->sets[1]);
    lat_free(step->sets[0]);
    lat_free(step->infos);
    lat_free(step->slots);
    lat_design_release(&step->design);
    lat_free(step);
}

float *lat_step_input(struct lat_step *step)
{
    return step->input;
}

enum lat_status lat_step_run(struct lat_step *step, double rate, double *out_loss,
                             struct lat_error *err)
{
    const struct lat_design *design = &step->design;
    struct lat_rng rng = step->rng;
    if (step->noisy != NULL) {
        memcpy(step->noisy, step->input, step->n_input * sizeof(float));
        design->corruption->apply(&rng, design->spec.corruption_level, step->noisy,
                                  step->n_input);
    }
    design->optimizer->scalars(&design->settings, rate, step->n_steps + 1, step->scalars);
    enum lat_status status =
        run(step, out_loss != NULL ? LAT_STEP_UPDATE_LOSS : LAT_STEP_UPDATE, err);
    if (status != LAT_OK) {
        return status;
    }
    step->rng = rng;
    step->n_steps++;
    step->current = 1 - step->current;
    if (out_loss != NULL) {
        *out_loss = (double)step->loss;
    }
    return LAT_OK;
}

enum lat_status lat_step_evaluate(struct lat_step *step, size_t n, double *out_loss_sum,
                                  struct lat_error *err)
{
    size_t batch = step->design.spec.optimizer.batch;
    if (n > batch) {
        return lat_fail(err, LAT_INTERNAL, NULL, "%zu rows of a batch of %zu", n, batch);
    }
    enum lat_status status = run(step, LAT_STEP_EVALUATE, err);
    if (status != LAT_OK) {
        return status;
    }
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)step->losses[i];
    }
    *out_loss_sum = sum;
    return LAT_OK;
}

const struct lat_parameter_info *lat_step_parameters(const struct lat_step *step, size_t *out_n)
{
    *out_n = step->design.parameters.n;
    return step->infos;
}

void lat_step_get_parameter(const struct lat_step *step, size_t i, float *out_values)
{
    memcpy(out_values, parameter_data(step, step->current, i),
           step->infos[i].n * sizeof(float));
}

void lat_step_set_parameter(struct lat_step *step, size_t i, const float *values)
{
    memcpy(parameter_data(step, step->current, i), values, step->infos[i].n * sizeof(float));
}

size_t lat_step_state_len(const struct lat_step *step)
{
    return sizeof(struct state_header) + step->n_floats * sizeof(float);
}

void lat_step_get_state(const struct lat_step *step, void *out_bytes)
{
    struct state_header header = {.magic = STATE_MAGIC,
                                  .n_floats = step->n_floats,
                                  .n_steps = step->n_steps,
                                  .rng = step->rng};
    memcpy(out_bytes, &header, sizeof(header));
    memcpy((char *)out_bytes + sizeof(header), step->sets[step->current],
           step->n_floats * sizeof(float));
}

enum lat_status lat_step_set_state(struct lat_step *step, const void *bytes, size_t len,
                                   struct lat_error *err)
{
    struct state_header header = {0};
    if (len != lat_step_state_len(step)) {
        return lat_fail(err, LAT_CORRUPT, NULL,
                        "training state of %zu bytes, this network has %zu", len,
                        lat_step_state_len(step));
    }
    memcpy(&header, bytes, sizeof(header));
    if (header.magic != STATE_MAGIC || header.n_floats != step->n_floats) {
        return lat_fail(err, LAT_CORRUPT, NULL, "not a training state of this network");
    }
    step->n_steps = header.n_steps;
    step->rng = header.rng;
    memcpy(step->sets[step->current], (const char *)bytes + sizeof(header),
           step->n_floats * sizeof(float));
    return LAT_OK;
}

enum lat_status lat_step_gradient(struct lat_step *step, size_t i, float *out_gradient,
                                  struct lat_error *err)
{
    enum lat_status status = run(step, LAT_STEP_GRADIENT, err);
    if (status == LAT_OK) {
        size_t slot = i * (1 + step->design.n_moments);
        memcpy(out_gradient, step->gradients + step->slots[slot].offset,
               step->infos[i].n * sizeof(float));
    }
    return status;
}

const void *lat_step_graph(const struct lat_step *step, size_t *out_len)
{
    *out_len = step->graph.len;
    return step->graph.data;
}

enum lat_layout lat_step_layout(const struct lat_step *step)
{
    return step->design.encoder->spatial ? LAT_LAYOUT_NCHW : LAT_LAYOUT_FLAT;
}

/* --- export ------------------------------------------------------------------------------- */

enum lat_status lat_step_set_scaling(struct lat_step *step, const float *shift,
                                     const float *scale, struct lat_error *err)
{
    size_t n = lat_input_elements(&step->design.input);
    float *shift_copy = lat_alloc_raw(n, sizeof(float));
    float *scale_copy = lat_alloc_raw(n, sizeof(float));
    if (shift_copy == NULL || scale_copy == NULL) {
        lat_free(shift_copy);
        lat_free(scale_copy);
        return lat_fail_memory(err);
    }
    memcpy(shift_copy, shift, n * sizeof(float));
    memcpy(scale_copy, scale, n * sizeof(float));
    lat_free(step->shift);
    lat_free(step->scale);
    step->shift = shift_copy;
    step->scale = scale_copy;
    return LAT_OK;
}

static enum lat_status export_side(struct lat_design *design, const struct lat_step *step,
                                   const float *const *weights, const char *folder,
                                   bool encoder, struct lat_error *err)
{
    struct lat_graph graph;
    struct lat_buf bytes = {0};
    char path[LAT_PATH_MAX + 16];
    const char *name = encoder ? "encoder" : "decoder";
    struct lat_onnx_options options = {.name = name, .dynamic_batch = true};
    lat_graph_init(&graph);
    if (encoder) {
        lat_design_export_encoder(design, weights, step->shift, step->scale, &graph);
    } else {
        lat_design_export_decoder(design, weights, step->shift, step->scale, &graph);
    }
    enum lat_status status = lat_onnx_write(&graph, &options, &bytes, err);
    lat_graph_release(&graph);
    int len = snprintf(path, sizeof(path), "%s/%s.onnx", folder, name);
    if (status == LAT_OK && (len < 0 || (size_t)len >= sizeof(path))) {
        status = lat_fail(err, LAT_INVALID, NULL, "the folder's name is too long");
    }
    if (status == LAT_OK) {
        status = lat_file_write(path, bytes.data, bytes.len, err);
    }
    lat_buf_release(&bytes);
    return status;
}

enum lat_status lat_step_export(const struct lat_step *step, const char *folder,
                                struct lat_error *err)
{
    struct lat_design design =
        step->design; /* the builders look parameters up, they add none */
    size_t n = design.parameters.n;
    const float **weights = lat_alloc(n, sizeof(*weights));
    if (weights == NULL) {
        return lat_fail_memory(err);
    }
    for (size_t i = 0; i < n; i++) {
        weights[i] = parameter_data(step, step->current, i);
    }
    enum lat_status status = export_side(&design, step, weights, folder, true, err);
    if (status == LAT_OK) {
        status = export_side(&design, step, weights, folder, false, err);
    }
    lat_error_prefix(err, "export");
    lat_free(weights);
    return status;
}
