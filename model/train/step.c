/* The buffers of a training and what is done with them.
 *
 * State (parameters, moments) lives in two sets of one block each; a step reads set `current`
 * and writes the other, then they change roles. One thread at a time. */
#include "model/train/step.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "model/table.h"
#include "model/train/step_state.h"

#include "base/banned.h"

enum {
    ALIGN_FLOATS = 16, /* tensors begin on cache lines */
    STATE_MAGIC = 0x5354504C
};

/* Not the stream that starts the weights. */
static const uint64_t EVALUATION_STREAM = UINT64_C(0x6576616C);

/* What a checkpoint begins with. */
struct state_header {
    uint32_t magic, reserved;
    uint64_t n_floats, n_steps;
    struct lat_rng rng;
};

/* ---- buffers ---- */

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
        struct lat_step_slot *slot = &step->slots[i];
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
    if (lat_input_has_gaps(&step->design.input)) {
        step->filled = lat_alloc_aligned(step->n_input, sizeof(float));
        step->observed = lat_alloc_aligned(step->n_input, sizeof(float));
        if (step->filled == NULL || step->observed == NULL) {
            return lat_fail_memory(err);
        }
    }
    bool missing = step->sets[0] == NULL || step->sets[1] == NULL || step->input == NULL ||
                   step->losses == NULL;
    if (step->design.corruption != NULL) {
        step->noisy = lat_alloc_aligned(step->n_input, sizeof(float));
        missing = missing || step->noisy == NULL;
    }
    if (step->design.augmentation != NULL) {
        step->unmoved = lat_alloc_aligned(step->n_input, sizeof(float));
        missing = missing || step->unmoved == NULL;
    }
    if (lat_contractive_probes(&step->design.spec)) {
        step->probe =
            lat_alloc_aligned(batch, step->design.spec.code.dimension * sizeof(float));
        missing = missing || step->probe == NULL;
    }
    return missing ? lat_fail_memory(err) : LAT_OK;
}

static enum lat_status allocate_noise(struct lat_step *step, struct lat_error *err)
{
    const struct lat_design *design = &step->design;
    size_t rows;
    if (!design->bottleneck->samples && !design->bottleneck->rounds) {
        return LAT_OK;
    }
    if (!lat_mul_size(lat_design_samples(design), design->spec.optimizer.batch, &rows) ||
        !lat_mul_size(rows, design->spec.code.dimension, &step->n_noise)) {
        return lat_fail(err, LAT_INVALID, NULL, "the batch times code.samples is too large");
    }
    step->noise = lat_alloc_aligned(step->n_noise, sizeof(float));
    return step->noise == NULL ? lat_fail_memory(err) : LAT_OK;
}

float *lat_step_parameter_data(const struct lat_step *step, unsigned set, size_t i)
{
    return step->sets[set] + step->slots[i * (1 + step->design.n_moments)].offset;
}

/* Of what a code costs beside the likelihood: a divergence or a length. */
static double code_weight(const struct lat_design *design)
{
    const struct lat_penalties *penalties = &design->spec.penalties;
    return design->bottleneck->rounds ? penalties->rate : penalties->beta;
}

static void start(struct lat_step *step)
{
    struct lat_rng rng;
    lat_rng_seed(&rng, step->design.spec.seed);
    for (size_t i = 0; i < step->design.parameters.n; i++) {
        lat_parameter_start(&step->design.parameters.rows[i], &rng,
                            lat_step_parameter_data(step, 0, i));
    }
    step->rng = rng;
    step->divergence_weight = code_weight(&step->design);
    lat_step_begin_evaluation(step, false);
}

/* What is new at every step but not in the batch: standard normal numbers and the weight of the
 * divergence (variational.h), or the errors of rounding and the weight of the length (rate.c);
 * the signs of the contractive estimate. */
static void draw(struct lat_step *step, struct lat_rng *rng, double beta)
{
    const size_t n_probe = step->design.spec.optimizer.batch * step->design.spec.code.dimension;
    const bool rounds = step->design.bottleneck->rounds;
    for (size_t i = 0; i < step->n_noise; i++) {
        step->noise[i] = (float)(rounds ? lat_rng_uniform(rng) - 0.5 : lat_rng_normal(rng));
    }
    for (size_t i = 0; step->probe != NULL && i < n_probe; i++) {
        step->probe[i] = lat_rng_uniform(rng) < 0.5 ? -1 : 1;
    }
    step->beta = (float)beta;
}

/* ---- the interface ---- */

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
        status = lat_step_write_graph(step, LAT_STEP_UPDATE, &step->graph, err);
    }
    if (status == LAT_OK) {
        status = lay_out(step, err);
    }
    if (status == LAT_OK) {
        status = allocate(step, err);
    }
    if (status == LAT_OK) {
        status = allocate_noise(step, err);
    }
    if (status == LAT_OK) {
        start(step);
        status = lat_step_open_program(step, LAT_STEP_UPDATE, err);
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
    lat_step_close_programs(step);
    lat_buf_release(&step->graph);
    lat_free(step->scale);
    lat_free(step->shift);
    lat_free(step->losses);
    lat_free(step->unmoved);
    lat_free(step->noise);
    lat_free(step->probe);
    lat_free(step->noisy);
    lat_free(step->filled);
    lat_free(step->observed);
    lat_free(step->input);
    lat_free(step->gradients);
    lat_free(step->sets[1]);
    lat_free(step->sets[0]);
    lat_free(step->infos);
    lat_free(step->slots);
    lat_design_release(&step->design);
    lat_free(step);
}

/* The batch as the network gets it: gaps filled, and which they were noted in `observed`; of
 * rows without gaps the input itself. */
static float *clean_batch(struct lat_step *step)
{
    const struct lat_table *table = step->design.input.table;
    if (step->filled == NULL) {
        return step->input;
    }
    memcpy(step->filled, step->input, step->n_input * sizeof(float));
    for (size_t i = 0; i < step->n_input; i++) {
        const bool gap = isnan(step->input[i]);
        step->observed[i] = gap ? 0.0F : 1.0F;
        step->filled[i] = gap && table == NULL ? 0 : step->filled[i];
    }
    for (size_t i = 0; table != NULL && i < step->n_input; i += table->elements) {
        lat_table_fill(table, step->filled + i);
    }
    return step->filled;
}

float *lat_step_input(struct lat_step *step)
{
    return step->input;
}

void lat_step_set_divergence(struct lat_step *step, double weight)
{
    step->divergence_weight = weight;
}

void lat_step_begin_evaluation(struct lat_step *step, bool at_mean)
{
    lat_rng_seed(&step->evaluation_rng, step->design.spec.seed ^ EVALUATION_STREAM);
    step->at_mean = at_mean;
}

/* Target and input are moved alike first, then the input alone is corrupted. */
static void disturb(struct lat_step *step, struct lat_rng *rng)
{
    const struct lat_design *design = &step->design;
    struct lat_noise noise = {.rng = rng, .input = &design->input};
    float *clean = clean_batch(step);
    if (step->unmoved != NULL) {
        noise.level = design->spec.augmentation_level;
        memcpy(step->unmoved, clean, step->n_input * sizeof(float));
        design->augmentation->apply(&noise, step->unmoved, clean, step->n_input);
    }
    if (step->noisy != NULL) {
        noise.level = design->spec.corruption_level;
        design->corruption->apply(&noise, clean, step->noisy, step->n_input);
    }
}

enum lat_status lat_step_run(struct lat_step *step, double rate, double *out_loss,
                             struct lat_error *err)
{
    const struct lat_design *design = &step->design;
    struct lat_rng rng = step->rng;
    disturb(step, &rng);
    draw(step, &rng, step->divergence_weight);
    design->optimizer->scalars(&design->settings, rate, step->n_steps + 1, step->scalars);
    enum lat_status status = lat_step_run_program(
        step, out_loss != NULL ? LAT_STEP_UPDATE_LOSS : LAT_STEP_UPDATE, err);
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
    if (step->at_mean && step->noise != NULL) {
        memset(step->noise, 0, step->n_noise * sizeof(float));
        step->beta = 0;
    } else {
        draw(step, &step->evaluation_rng, code_weight(&step->design));
    }
    (void)clean_batch(step);
    enum lat_status status = lat_step_run_program(step, LAT_STEP_EVALUATE, err);
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
    memcpy(out_values, lat_step_parameter_data(step, step->current, i),
           step->infos[i].n * sizeof(float));
}

void lat_step_set_parameter(struct lat_step *step, size_t i, const float *values)
{
    memcpy(lat_step_parameter_data(step, step->current, i), values,
           step->infos[i].n * sizeof(float));
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
        return lat_fail(err, LAT_CORRUPT, "bad_checkpoint",
                        "training state of %zu bytes, this network has %zu", len,
                        lat_step_state_len(step));
    }
    memcpy(&header, bytes, sizeof(header));
    if (header.magic != STATE_MAGIC || header.n_floats != step->n_floats) {
        return lat_fail(err, LAT_CORRUPT, "bad_checkpoint",
                        "not a training state of this network");
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
    struct lat_rng rng = step->rng;
    draw(step, &rng, step->divergence_weight);
    (void)clean_batch(step);
    enum lat_status status = lat_step_run_program(step, LAT_STEP_GRADIENT, err);
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
