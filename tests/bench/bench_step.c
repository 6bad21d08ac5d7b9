/* The training step against the bare runtime on the same graph.
 *
 * Two threads. "raw" runs the bytes of lat_step_graph through the runtime's own C interface:
 * one session with its defaults, every tensor bound once, RunWithBinding in a loop. Both sides
 * take turns in rounds, so that a slow moment of the machine meets both; what counts is the
 * median step of all rounds. */
#include <math.h>
#include <onnxruntime_c_api.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/rng.h"
#include "model/train/step.h"

enum { ROUNDS = 8, THREADS = 2, N_NETS = 3 };

struct net {
    const char *name;
    struct lat_spec spec;
    struct lat_input_spec input;
};

static void die(const char *words)
{
    fprintf(stderr, "bench_step: %s\n", words);
    exit(1);
}

/* ---- the bare runtime ---- */

struct raw {
    const OrtApi *api;
    OrtEnv *env;
    OrtSession *session;
    OrtIoBinding *binding;
};

static void check(const struct raw *raw, OrtStatus *status)
{
    if (status != NULL) {
        die(raw->api->GetErrorMessage(status));
    }
}

static OrtValue *new_value(const struct raw *raw, OrtAllocator *allocator, size_t i, int input)
{
    OrtTypeInfo *type = NULL;
    const OrtTensorTypeAndShapeInfo *shape = NULL;
    OrtValue *value = NULL;
    int64_t dims[8];
    size_t rank = 0;
    size_t n = 1;
    float *data = NULL;
    check(raw, input ? raw->api->SessionGetInputTypeInfo(raw->session, i, &type)
                     : raw->api->SessionGetOutputTypeInfo(raw->session, i, &type));
    check(raw, raw->api->CastTypeInfoToTensorInfo(type, &shape));
    check(raw, raw->api->GetDimensionsCount(shape, &rank));
    check(raw, raw->api->GetDimensions(shape, dims, rank));
    check(raw, raw->api->CreateTensorAsOrtValue(allocator, dims, rank,
                                                ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, &value));
    check(raw, raw->api->GetTensorMutableData(value, (void **)&data));
    for (size_t k = 0; k < rank; k++) {
        n *= (size_t)dims[k];
    }
    struct lat_rng rng;
    lat_rng_seed(&rng, i);
    for (size_t k = 0; k < n; k++) {
        data[k] = (float)(0.1 * lat_rng_uniform(&rng));
    }
    raw->api->ReleaseTypeInfo(type);
    return value;
}

static void raw_open(struct raw *raw, const void *bytes, size_t len)
{
    OrtSessionOptions *options = NULL;
    OrtAllocator *allocator = NULL;
    size_t n[2] = {0};
    raw->api = OrtGetApiBase()->GetApi(ORT_API_VERSION);
    check(raw, raw->api->CreateEnv(ORT_LOGGING_LEVEL_FATAL, "bench", &raw->env));
    check(raw, raw->api->CreateSessionOptions(&options));
    check(raw, raw->api->SetIntraOpNumThreads(options, THREADS));
    check(raw, raw->api->CreateSessionFromArray(raw->env, bytes, len, options, &raw->session));
    check(raw, raw->api->GetAllocatorWithDefaultOptions(&allocator));
    check(raw, raw->api->CreateIoBinding(raw->session, &raw->binding));
    check(raw, raw->api->SessionGetInputCount(raw->session, &n[0]));
    check(raw, raw->api->SessionGetOutputCount(raw->session, &n[1]));
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < n[side]; i++) {
            char *name = NULL;
            OrtValue *value = new_value(raw, allocator, i, side == 0);
            check(raw, side == 0
                           ? raw->api->SessionGetInputName(raw->session, i, allocator, &name)
                           : raw->api->SessionGetOutputName(raw->session, i, allocator, &name));
            check(raw, side == 0 ? raw->api->BindInput(raw->binding, name, value)
                                 : raw->api->BindOutput(raw->binding, name, value));
        }
    }
    raw->api->ReleaseSessionOptions(options);
}

/* ---- timing ---- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
    qsort(values, n, sizeof(*values), by_value);
    return values[n / 2];
}

struct result {
    double step_ms, raw_ms;
};

static void time_step(struct lat_step *step, double *out_ms, size_t n)
{
    struct lat_error err = LAT_ERROR_INIT;
    for (size_t i = 0; i < n; i++) {
        uint64_t from = lat_clock_ns();
        if (lat_step_run(step, 1e-3, NULL, &err) != LAT_OK) {
            die(err.message);
        }
        out_ms[i] = (double)(lat_clock_ns() - from) / 1e6;
    }
}

static void time_raw(const struct raw *raw, double *out_ms, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t from = lat_clock_ns();
        check(raw, raw->api->RunWithBinding(raw->session, NULL, raw->binding));
        out_ms[i] = (double)(lat_clock_ns() - from) / 1e6;
    }
}

static struct result measure(struct lat_engine *engine, const struct net *net, size_t n)
{
    const struct lat_spec *spec = &net->spec;
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_step *step = NULL;
    struct raw raw = {0};
    struct lat_rng rng;
    size_t len = 0;
    double *ours = calloc(ROUNDS * n, sizeof(double));
    double *bare = calloc(ROUNDS * n, sizeof(double));
    if (lat_step_new(engine, spec, &net->input, THREADS, &step, &err) != LAT_OK) {
        die(err.message);
    }
    const void *bytes = lat_step_graph(step, &len);
    raw_open(&raw, bytes, len);
    lat_rng_seed(&rng, 1);
    for (size_t i = 0; i < (size_t)spec->optimizer.batch * lat_input_elements(&net->input);
         i++) {
        double draw = lat_rng_uniform(&rng);
        lat_step_input(step)[i] =
            draw < 0.8 ? 0 : (float)draw; /* mostly black, as digits are */
    }
    time_step(step, ours, n);
    time_raw(&raw, bare, n);
    for (size_t round = 0; round < ROUNDS; round++) {
        time_step(step, ours + round * n, n);
        time_raw(&raw, bare + round * n, n);
    }
    struct result result = {median(ours, ROUNDS * n), median(bare, ROUNDS * n)};
    raw.api->ReleaseIoBinding(raw.binding);
    raw.api->ReleaseSession(raw.session);
    raw.api->ReleaseEnv(raw.env);
    lat_step_free(step);
    free(ours);
    free(bare);
    return result;
}

/* 784-1000-500-250-30 and back. */
static struct lat_spec dense(void)
{
    struct lat_spec spec = {.seed = 1, .likelihood = LAT_LIKELIHOOD_BERNOULLI};
    spec.encoder = (struct lat_network_spec){.type = LAT_NETWORK_DENSE,
                                             .activation = LAT_SIGMOID,
                                             .n_hidden = 3,
                                             .hidden = {1000, 500, 250}};
    spec.decoder = spec.encoder;
    spec.decoder.hidden[0] = 250;
    spec.decoder.hidden[2] = 1000;
    spec.code.dimension = 30;
    spec.optimizer = (struct lat_optimizer_spec){.type = LAT_OPTIMIZER_ADAM, .batch = 256};
    return spec;
}

/* 28 x 28, two strided layers of 16 and 32 maps, code 32. */
static struct lat_spec conv(void)
{
    struct lat_spec spec = {.seed = 1, .likelihood = LAT_LIKELIHOOD_BERNOULLI};
    spec.encoder = (struct lat_network_spec){.type = LAT_NETWORK_CONVOLUTIONAL,
                                             .activation = LAT_RELU,
                                             .n_channels = 2,
                                             .channels = {16, 32},
                                             .strides = {2, 2},
                                             .kernel = 3};
    spec.decoder = spec.encoder;
    spec.decoder.channels[0] = 32;
    spec.decoder.channels[1] = 16;
    spec.code.dimension = 32;
    spec.optimizer = (struct lat_optimizer_spec){.type = LAT_OPTIMIZER_ADAM, .batch = 256};
    return spec;
}

/* Windows of 60 steps of 8 features, an LSTM of 64 cells there and back, code 64. */
static struct lat_spec lstm(void)
{
    struct lat_spec spec = {.seed = 1, .likelihood = LAT_LIKELIHOOD_GAUSSIAN};
    spec.encoder = (struct lat_network_spec){
        .type = LAT_NETWORK_RECURRENT, .cell = LAT_CELL_LSTM, .n_hidden = 1, .hidden = {64}};
    spec.decoder = spec.encoder;
    spec.code.dimension = 64;
    spec.optimizer = (struct lat_optimizer_spec){.type = LAT_OPTIMIZER_ADAM, .batch = 64};
    return spec;
}

static void print(const char *name, const struct result *r, const char *end)
{
    printf("\"%s\":{\"ratio\":%.3f,\"limit\":1.25,\"at_most\":true,\"step_ms\":%.3f,"
           "\"raw_ms\":%.3f}%s",
           name, r->step_ms / r->raw_ms, r->step_ms, r->raw_ms, end);
}

int main(void)
{
    struct lat_engine *engine = NULL;
    struct lat_error err = LAT_ERROR_INIT;
    if (lat_engine_new(&engine, &err) != LAT_OK) {
        die(err.message);
    }
    static const struct lat_input_spec digits = {
        .kind = LAT_INPUT_IMAGE, .channels = 1, .height = 28, .width = 28, .dimension = 784};
    static const struct lat_input_spec windows = {
        .kind = LAT_INPUT_SEQUENCE, .length = 60, .features = 8, .dimension = 480};
    static struct net nets[N_NETS]; /* input specs are large */
    nets[0] = (struct net){"dense", dense(), digits};
    nets[1] = (struct net){"conv", conv(), digits};
    nets[2] = (struct net){"lstm", lstm(), windows};
    const char *quick = getenv("BENCH_QUICK");
    const size_t n = quick && *quick && *quick != '0' ? 1 : 15;
    printf("{");
    for (size_t i = 0; i < N_NETS; i++) {
        struct result result = measure(engine, &nets[i], n);
        print(nets[i].name, &result, i + 1 < N_NETS ? "," : "}\n");
    }
    lat_engine_free(engine);
    return 0;
}
