/* The programs of a training: each a graph, its session, and a binding for each role of the two
 * sets.
 *
 * Binding goes by tensor name (step_graph.h): an input is read from the set a binding is for,
 * NAME/next is written to the other one. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "model/graph/onnx_file.h"
#include "model/train/step_state.h"

#include "base/banned.h"

enum { MAX_TENSORS = 4096 }; /* of one program; guards the table of a binding */

enum lat_status lat_step_write_graph(struct lat_step *step, enum lat_step_kind kind,
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
    float *clean = step->filled != NULL ? step->filled : step->input;
    if (strcmp(name, "input") == 0) {
        return update && step->noisy != NULL ? step->noisy : clean;
    }
    if (strcmp(name, "target") == 0) {
        return clean;
    }
    if (strcmp(name, "observed") == 0) {
        return step->observed;
    }
    if (strcmp(name, "probe") == 0) {
        return step->probe;
    }
    if (strcmp(name, "scalar1") == 0) {
        return &step->scalars[0];
    }
    if (strcmp(name, "scalar2") == 0) {
        return &step->scalars[1];
    }
    if (strcmp(name, "noise") == 0) {
        return step->noise;
    }
    if (strcmp(name, "beta") == 0) {
        return &step->beta;
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
    struct lat_step_program *program = &step->programs[kind];
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

static void close_program(struct lat_step_program *program)
{
    lat_binding_free(program->bindings[0]);
    lat_binding_free(program->bindings[1]);
    lat_session_close(program->session);
    *program = (struct lat_step_program){0};
}

enum lat_status lat_step_open_program(struct lat_step *step, enum lat_step_kind kind,
                                      struct lat_error *err)
{
    struct lat_step_program *program = &step->programs[kind];
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
        status = lat_step_write_graph(step, kind, &bytes, err);
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

enum lat_status lat_step_run_program(struct lat_step *step, enum lat_step_kind kind,
                                     struct lat_error *err)
{
    enum lat_status status = lat_step_open_program(step, kind, err);
    if (status != LAT_OK) {
        return status;
    }
    return lat_binding_run(step->programs[kind].bindings[step->current], err);
}

void lat_step_close_programs(struct lat_step *step)
{
    for (size_t i = 0; i < LAT_STEP_KIND_COUNT; i++) {
        close_program(&step->programs[i]);
    }
}
