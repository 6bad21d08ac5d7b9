/* A stage is a training like any other: a lat_run of its own with a spec of its own, its rows
 * made by the layers below (below.h). So it has the same epochs, schedule, early stopping,
 * divergence checks and checkpoints; a checkpoint of a stage has the stage's number and,
 * besides the stage's state, the weights of the whole network as the stages before left them.
 */
#include "model/train/layerwise.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "model/train/below.h"

#include "base/banned.h"

/* ---- what a stage is ---- */

size_t lat_layerwise_stages(const struct lat_spec *spec)
{
    return spec->encoder.n_hidden + (spec->code.type == LAT_CODE_DETERMINISTIC ? 1 : 0);
}

static bool is_code(const struct lat_spec *whole, size_t stage)
{
    return stage == whole->encoder.n_hidden;
}

static size_t width(const struct lat_spec *whole, size_t stage)
{
    return is_code(whole, stage) ? whole->code.dimension : whole->encoder.hidden[stage];
}

/* The target is the activations of a hidden layer. */
static void aim_at_activations(const struct lat_spec *whole, struct lat_spec *spec)
{
    const bool sigmoid = whole->encoder.activation == LAT_SIGMOID;
    spec->likelihood = sigmoid ? LAT_LIKELIHOOD_BERNOULLI : LAT_LIKELIHOOD_GAUSSIAN;
    spec->output_activation = sigmoid ? LAT_LINEAR : whole->encoder.activation;
    spec->augmentation[0] = '\0';
    if (strcmp(spec->corruption, "affine") == 0)
        spec->corruption[0] = '\0';
}

void lat_layerwise_spec(const struct lat_spec *whole, const struct lat_input_spec *input,
                        size_t stage, struct lat_spec *out_spec,
                        struct lat_input_spec *out_input)
{
    struct lat_spec *spec = out_spec;
    *spec = *whole;
    spec->layerwise = false;
    spec->encoder.n_hidden = 0;
    spec->decoder = spec->encoder;
    spec->code.dimension = width(whole, stage);
    spec->code.type = LAT_CODE_DETERMINISTIC;
    spec->code.samples = 1;
    spec->optimizer.epochs = whole->pretraining_epochs;
    spec->seed = whole->seed + 1 + stage;
    *out_input = *input;
    if (!is_code(whole, stage)) {
        spec->code.activation = whole->encoder.activation;
        spec->penalties = (struct lat_penalties){
            .l2 = whole->penalties.l2, .contractive = whole->penalties.contractive, .beta = 1};
    }
    if (stage > 0) {
        *out_input = (struct lat_input_spec){.kind = LAT_INPUT_VECTOR,
                                             .dimension = width(whole, stage - 1)};
        aim_at_activations(whole, spec);
    }
}

void lat_layerwise_name(const struct lat_spec *whole, size_t stage, const char *name, char *out,
                        size_t size)
{
    const char *part = strrchr(name, '.'); /* ".weight" or ".bias" */
    const size_t mirrored = whole->encoder.n_hidden - stage;
    if (strncmp(name, "code.", 5) == 0 && is_code(whole, stage))
        (void)snprintf(out, size, "%s", name);
    else if (strncmp(name, "code.", 5) == 0)
        (void)snprintf(out, size, "encoder.%zu%s", stage, part);
    else if (stage == 0 && !whole->encoder.tied)
        (void)snprintf(out, size, "output%s", part);
    else
        (void)snprintf(out, size, "decoder.%zu%s", mirrored, part);
}

/* ---- weights ---- */

static enum lat_status copy_parameter(struct lat_step *from, size_t i, struct lat_step *to,
                                      const char *name, struct lat_error *err)
{
    size_t n_from = 0, n = 0, k = 0;
    const size_t len = lat_step_parameters(from, &n_from)[i].n;
    const struct lat_parameter_info *infos = lat_step_parameters(to, &n);
    while (k < n && strcmp(infos[k].name, name) != 0)
        k++;
    if (k == n || infos[k].n != len)
        return lat_fail(err, LAT_INTERNAL, NULL, "no place for the weights '%s'", name);
    float *values = lat_alloc_raw(len, sizeof(*values));
    if (!values)
        return lat_fail_memory(err);
    lat_step_get_parameter(from, i, values);
    lat_step_set_parameter(to, k, values);
    lat_free(values);
    return LAT_OK;
}

static enum lat_status take_over(struct lat_run *run, const struct lat_run *stage,
                                 size_t number, struct lat_error *err)
{
    size_t n = 0;
    const struct lat_parameter_info *infos = lat_step_parameters(stage->step, &n);
    enum lat_status status = LAT_OK;
    for (size_t i = 0; i < n && status == LAT_OK; i++) {
        char name[64];
        lat_layerwise_name(&run->spec, number, infos[i].name, name, sizeof(name));
        status = copy_parameter(stage->step, i, run->step, name, err);
    }
    return status;
}

/* ---- stages ---- */

/* What a stage's checkpoints say of the whole network. */
static enum lat_status keep_base(const struct lat_run *run, struct lat_run *stage,
                                 size_t number, struct lat_error *err)
{
    struct lat_checkpoint *done = &stage->done;
    done->stage = (uint32_t)number + 1;
    done->n_base = run->n_weights;
    done->base = lat_alloc_raw(run->n_weights, sizeof(float));
    if (!done->base)
        return lat_fail_memory(err);
    (void)lat_run_collect(run->step, done->base);
    return LAT_OK;
}

/* Takes the stage's own record from the checkpoint that `run` was resumed from. */
static enum lat_status go_on(struct lat_run *run, struct lat_run *stage, struct lat_error *err)
{
    struct lat_checkpoint *done = &stage->done;
    *done = run->done;
    run->done = (struct lat_checkpoint){0};
    if (done->n_base != run->n_weights || (done->best && done->n_best != stage->n_weights))
        return lat_fail(err, LAT_CORRUPT, "bad_checkpoint",
                        "checkpoint '%s': of another network", run->checkpoint_path);
    lat_run_put_back(run->step, done->base);
    return lat_step_set_state(stage->step, done->state, done->state_len, err);
}

static enum lat_status open_stage(struct lat_run *run, size_t number, struct lat_run *stage,
                                  struct lat_error *err)
{
    struct lat_input_spec input;
    lat_layerwise_spec(&run->spec, &run->dataset.input, number, &stage->spec, &input);
    stage->stage = (uint32_t)number + 1;
    stage->n_stages = (uint32_t)lat_layerwise_stages(&run->spec);
    enum lat_status status = lat_step_new(run->engine, &stage->spec, &input,
                                          run->options->threads, &stage->step, err);
    if (status != LAT_OK)
        return status;
    stage->n_weights = lat_run_count_weights(stage->step);
    if (run->done.stage)
        status = go_on(run, stage, err);
    else
        status = lat_run_begin(stage, err);
    if (status == LAT_OK && !stage->done.base)
        status = keep_base(run, stage, number, err);
    if (status == LAT_OK && number > 0)
        status =
            lat_below_new(run->step, number, lat_step_input(stage->step), &stage->below, err);
    return status;
}

static enum lat_status train_stage(struct lat_run *run, size_t number, struct lat_error *err)
{
    struct lat_run *stage = lat_alloc(1, sizeof(*stage));
    if (!stage)
        return lat_fail_memory(err);
    *stage = *run; /* borrows data, order and options */
    stage->step = NULL;
    stage->done = (struct lat_checkpoint){0};
    enum lat_status status = open_stage(run, number, stage, err);
    if (status == LAT_OK)
        status = lat_run_epochs(stage, err);
    if (status == LAT_OK && stage->end == LAT_TRAIN_STOPPED)
        status = lat_fail(err, LAT_CANCELLED, NULL,
                          "stopped; the checkpoint of epoch %u is kept", stage->done.epoch);
    if (status == LAT_OK)
        status = take_over(run, stage, number, err);
    if (status != LAT_OK)
        lat_error_prefix(err, "pretraining of layer %zu of %zu", number + 1,
                         lat_layerwise_stages(&run->spec));
    lat_below_free(stage->below);
    lat_step_free(stage->step);
    lat_checkpoint_release(&stage->done);
    lat_free(stage);
    return status;
}

enum lat_status lat_run_layerwise(struct lat_run *run, struct lat_error *err)
{
    const size_t n = lat_layerwise_stages(&run->spec);
    size_t number = run->done.stage ? run->done.stage - 1 : 0;
    enum lat_status status = LAT_OK;
    if (number >= n)
        return lat_fail(err, LAT_CORRUPT, "bad_checkpoint",
                        "checkpoint '%s': of layer %zu of %zu", run->checkpoint_path,
                        number + 1, n);
    for (; number < n && status == LAT_OK; number++)
        status = train_stage(run, number, err);
    if (status != LAT_OK)
        return status;
    lat_checkpoint_release(&run->done);
    return lat_run_begin(run, err);
}
