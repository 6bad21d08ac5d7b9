/* ONNX Runtime behind engine.h; the only file that includes its header.
 *
 * Idea: a session owns its thread pool and its arena, so closing it gives both back. The
 * runtime's own log is held to fatal: every failure comes back as a status with words and is
 * logged once, at the top. A session is read-only after opening, so runs need no lock here.
 * Output buffers are handed in preallocated; the runtime checks their shape before it writes.
 */
#include "model/engine.h"

#include <onnxruntime_c_api.h>
#if defined(__SSE2__)
#include <immintrin.h>
#endif
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"

#include "base/banned.h"

enum {
    API_VERSION = 21,        /* the oldest runtime this was built for: 1.21 */
    RUN_MAX_TENSORS = 64,    /* inputs plus outputs of one unbound run, kept on the stack */
    FLUSH_DENORMALS = 0x8040 /* MXCSR: flush to zero, denormals are zero */
};

struct lat_engine {
    atomic_bool has_opened; /* a graph */
    const OrtApi *api;
    OrtEnv *env;
    OrtMemoryInfo *memory;
};

struct lat_session {
    struct lat_engine *engine;
    bool flush; /* denormal numbers count as zero */
    OrtSession *raw;
    struct lat_tensor_info *inputs, *outputs;
    size_t n_inputs, n_outputs;
};

struct lat_binding {
    struct lat_session *session;
    OrtIoBinding *raw;
    OrtValue **values; /* kept alive as long as the binding */
    size_t n_values;
};

static const struct {
    ONNXTensorElementDataType raw;
    size_t size;
} dtypes[LAT_DTYPE_OTHER] = {
    [LAT_FLOAT32] = {ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, 4},
    [LAT_INT64] = {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64, 8},
    [LAT_BOOL] = {ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL, 1},
    [LAT_UINT8] = {ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8, 1},
    [LAT_INT32] = {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32, 4},
    [LAT_FLOAT64] = {ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE, 8},
};

static enum lat_dtype dtype_from_raw(ONNXTensorElementDataType raw)
{
    for (size_t i = 0; i < LAT_ARRAY_LEN(dtypes); i++) {
        if (dtypes[i].raw == raw) {
            return (enum lat_dtype)i;
        }
    }
    return LAT_DTYPE_OTHER;
}

static enum lat_status status_from_raw(OrtErrorCode code)
{
    switch (code) {
    case ORT_NO_SUCHFILE:
        return LAT_NOT_FOUND;
    case ORT_INVALID_ARGUMENT:
    case ORT_NO_MODEL:
    case ORT_INVALID_PROTOBUF:
    case ORT_INVALID_GRAPH:
    case ORT_NOT_IMPLEMENTED:
        return LAT_INVALID;
    case ORT_OK:
    case ORT_FAIL:
    case ORT_ENGINE_ERROR:
    case ORT_RUNTIME_EXCEPTION:
    case ORT_MODEL_LOADED:
    case ORT_EP_FAIL:
    default:
        return LAT_INTERNAL;
    }
}

/* Turns the runtime's status (consumed; NULL is success) into ours. `floor` is what an
 * unspecific runtime error means here: a graph that fails to open is the graph's fault. */
static enum lat_status check(const OrtApi *api, OrtStatus *raw, enum lat_status floor,
                             const char *what, struct lat_error *err)
{
    if (raw == NULL) {
        return LAT_OK;
    }
    enum lat_status status = status_from_raw(api->GetErrorCode(raw));
    if (status == LAT_INTERNAL) {
        status = floor;
    }
    const char *words = api->GetErrorMessage(raw);
    if (strstr(words, "bad_alloc") != NULL || strstr(words, "Failed to allocate") != NULL) {
        status = LAT_NO_MEMORY;
    } else if (strstr(words, "shape verification failed") != NULL) {
        status = LAT_INVALID; /* an output buffer of another shape; the words give both */
    }
    (void)lat_fail(err, status, NULL, "%s: %s", what, words);
    api->ReleaseStatus(raw);
    return status;
}

const char *lat_engine_version(void)
{
    return OrtGetApiBase()->GetVersionString();
}

enum lat_status lat_engine_new(struct lat_engine **out_engine, struct lat_error *err)
{
    const OrtApi *api = OrtGetApiBase()->GetApi(API_VERSION);
    if (api == NULL) {
        return lat_fail(err, LAT_UNAVAILABLE, "engine_too_old",
                        "ONNX Runtime %s is too old: 1.%d or newer is needed",
                        lat_engine_version(), API_VERSION);
    }
    struct lat_engine *engine = lat_alloc(1, sizeof(*engine));
    if (engine == NULL) {
        return lat_fail_memory(err);
    }
    engine->api = api;
    enum lat_status status =
        check(api, api->CreateEnv(ORT_LOGGING_LEVEL_FATAL, "latentd", &engine->env),
              LAT_UNAVAILABLE, "ONNX Runtime", err);
    if (status == LAT_OK) {
        status = check(api, api->DisableTelemetryEvents(engine->env), LAT_UNAVAILABLE,
                       "ONNX Runtime", err);
    }
    if (status == LAT_OK) {
        status = check(
            api,
            api->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &engine->memory),
            LAT_UNAVAILABLE, "ONNX Runtime", err);
    }
    if (status != LAT_OK) {
        lat_engine_free(engine);
        return status;
    }
    *out_engine = engine;
    return LAT_OK;
}

void lat_engine_free(struct lat_engine *engine)
{
    if (engine == NULL) {
        return;
    }
    if (engine->memory != NULL) {
        engine->api->ReleaseMemoryInfo(engine->memory);
    }
    if (engine->env != NULL) {
        engine->api->ReleaseEnv(engine->env);
    }
    lat_free(engine);
}

/* The runtime sets the denormal mode of its own threads; that of the caller's, which works as
 * one of them, is set for the call and given back. On other processors than x86 nothing is
 * done. */
static unsigned enter_mode(bool flush)
{
#if defined(__SSE2__)
    unsigned before = _mm_getcsr();
    if (flush) {
        _mm_setcsr(before | FLUSH_DENORMALS);
    }
    return before;
#else
    (void)flush;
    return 0;
#endif
}

static void leave_mode(unsigned before)
{
#if defined(__SSE2__)
    _mm_setcsr(before);
#else
    (void)before;
#endif
}

/* --- opening ------------------------------------------------------------------------------ */

static enum lat_status set_options(const OrtApi *api, const struct lat_session_options *options,
                                   OrtSessionOptions *raw, struct lat_error *err)
{
    int threads = options->threads > 0 ? options->threads : 1;
    GraphOptimizationLevel level = options->optimize ? ORT_ENABLE_ALL : ORT_DISABLE_ALL;
    const char *spin = options->spin ? "1" : "0";
    OrtStatus *failed = api->SetIntraOpNumThreads(raw, threads);
    if (failed == NULL) {
        failed = api->SetInterOpNumThreads(raw, 1);
    }
    if (failed == NULL) {
        failed = api->SetSessionExecutionMode(raw, ORT_SEQUENTIAL);
    }
    if (failed == NULL) {
        failed = api->SetSessionGraphOptimizationLevel(raw, level);
    }
    if (failed == NULL) {
        failed = api->AddSessionConfigEntry(raw, "session.intra_op.allow_spinning", spin);
    }
    if (failed == NULL && options->flush_denormals) {
        failed = api->AddSessionConfigEntry(raw, "session.set_denormal_as_zero", "1");
    }
    if (failed == NULL && !options->spin) {
        /* Served batches come in every size; a remembered memory plan a size only grows. */
        failed = api->DisableMemPattern(raw);
    }
    return check(api, failed, LAT_INTERNAL, "session options", err);
}

static enum lat_status read_shape(const OrtApi *api, const OrtTypeInfo *type,
                                  struct lat_tensor_info *info, struct lat_error *err)
{
    const OrtTensorTypeAndShapeInfo *shape = NULL;
    enum lat_status status =
        check(api, api->CastTypeInfoToTensorInfo(type, &shape), LAT_INVALID, info->name, err);
    if (status != LAT_OK) {
        return status;
    }
    if (shape == NULL) {
        return lat_fail(err, LAT_INVALID, NULL, "tensor '%s' is a sequence, map or optional",
                        info->name);
    }
    ONNXTensorElementDataType raw = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
    status = check(api, api->GetTensorElementType(shape, &raw), LAT_INVALID, info->name, err);
    if (status == LAT_OK) {
        status = check(api, api->GetDimensionsCount(shape, &info->rank), LAT_INVALID,
                       info->name, err);
    }
    if (status != LAT_OK) {
        return status;
    }
    info->dtype = dtype_from_raw(raw);
    if (info->rank > LAT_TENSOR_MAX_RANK) {
        return lat_fail(err, LAT_INVALID, NULL,
                        "tensor '%s' has %zu axes, at most %d are supported", info->name,
                        info->rank, LAT_TENSOR_MAX_RANK);
    }
    return check(api, api->GetDimensions(shape, info->dims, info->rank), LAT_INVALID,
                 info->name, err);
}

/* One row of the input (or output) table. `name` is the runtime's, freed by the caller. */
static enum lat_status read_tensor(const struct lat_session *session, bool input, size_t i,
                                   const char *name, struct lat_tensor_info *info,
                                   struct lat_error *err)
{
    const OrtApi *api = session->engine->api;
    if (strlen(name) >= sizeof(info->name)) {
        return lat_fail(err, LAT_INVALID, NULL,
                        "tensor name '%.40s...' is longer than %d bytes", name,
                        LAT_TENSOR_NAME_MAX - 1);
    }
    (void)snprintf(info->name, sizeof(info->name), "%s", name);
    OrtTypeInfo *type = NULL;
    OrtStatus *raw = input ? api->SessionGetInputTypeInfo(session->raw, i, &type)
                           : api->SessionGetOutputTypeInfo(session->raw, i, &type);
    enum lat_status status = check(api, raw, LAT_INVALID, name, err);
    if (status == LAT_OK) {
        status = read_shape(api, type, info, err);
    }
    if (type != NULL) {
        api->ReleaseTypeInfo(type);
    }
    return status;
}

static enum lat_status read_tensors(const struct lat_session *session, bool input,
                                    struct lat_tensor_info **out_infos, size_t *out_n,
                                    struct lat_error *err)
{
    const OrtApi *api = session->engine->api;
    size_t n = 0;
    OrtAllocator *allocator = NULL;
    OrtStatus *raw = api->GetAllocatorWithDefaultOptions(&allocator);
    if (raw == NULL) {
        raw = input ? api->SessionGetInputCount(session->raw, &n)
                    : api->SessionGetOutputCount(session->raw, &n);
    }
    enum lat_status status = check(api, raw, LAT_INVALID, "graph", err);
    if (status != LAT_OK) {
        return status;
    }
    struct lat_tensor_info *infos = lat_alloc(n, sizeof(*infos));
    if (infos == NULL) {
        return lat_fail_memory(err);
    }
    for (size_t i = 0; i < n && status == LAT_OK; i++) {
        char *name = NULL;
        raw = input ? api->SessionGetInputName(session->raw, i, allocator, &name)
                    : api->SessionGetOutputName(session->raw, i, allocator, &name);
        status = check(api, raw, LAT_INVALID, "graph", err);
        if (status == LAT_OK) {
            status = read_tensor(session, input, i, name, &infos[i], err);
            OrtStatus *freed = api->AllocatorFree(allocator, name);
            if (freed != NULL) {
                api->ReleaseStatus(freed);
            }
        }
    }
    if (status != LAT_OK) {
        lat_free(infos);
        return status;
    }
    *out_infos = infos;
    *out_n = n;
    return LAT_OK;
}

/* Debian 13's library is linked to a libonnx that has registered every operator already, and
 * says so on stderr, a line each, when the first graph is opened. What is wrong in earnest
 * comes back as a status. -1: nothing was changed. */
static int hush(void)
{
    const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    const int kept = nowhere < 0 ? -1 : fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    if (kept >= 0)
        dup2(nowhere, STDERR_FILENO);
    if (nowhere >= 0)
        close(nowhere);
    return kept;
}

static void unhush(int kept)
{
    if (kept < 0)
        return;
    dup2(kept, STDERR_FILENO);
    close(kept);
}

/* `bytes` NULL: from the file at `path`. */
static enum lat_status open_raw(struct lat_session *session, const char *path,
                                const void *bytes, size_t len,
                                const struct lat_session_options *options,
                                struct lat_error *err)
{
    struct lat_engine *engine = session->engine;
    const OrtApi *api = engine->api;
    OrtSessionOptions *raw = NULL;
    enum lat_status status =
        check(api, api->CreateSessionOptions(&raw), LAT_INTERNAL, "session options", err);
    if (status == LAT_OK) {
        status = set_options(api, options, raw, err);
    }
    if (status == LAT_OK) {
        const int kept = atomic_exchange(&engine->has_opened, true) ? -1 : hush();
        unsigned mode = enter_mode(false); /* opening may change the caller's */
        OrtStatus *failed =
            bytes != NULL
                ? api->CreateSessionFromArray(engine->env, bytes, len, raw, &session->raw)
                : api->CreateSession(engine->env, path, raw, &session->raw);
        leave_mode(mode);
        unhush(kept);
        session->flush = options->flush_denormals;
        status = check(api, failed, LAT_INVALID, "cannot open the graph", err);
    }
    if (raw != NULL) {
        api->ReleaseSessionOptions(raw);
    }
    return status;
}

static enum lat_status open_session(struct lat_engine *engine, const char *path,
                                    const void *bytes, size_t len,
                                    const struct lat_session_options *options,
                                    struct lat_session **out_session, struct lat_error *err)
{
    struct lat_session *session = lat_alloc(1, sizeof(*session));
    if (session == NULL) {
        return lat_fail_memory(err);
    }
    session->engine = engine;
    enum lat_status status = open_raw(session, path, bytes, len, options, err);
    if (status == LAT_OK) {
        status = read_tensors(session, true, &session->inputs, &session->n_inputs, err);
    }
    if (status == LAT_OK) {
        status = read_tensors(session, false, &session->outputs, &session->n_outputs, err);
    }
    if (status != LAT_OK) {
        lat_session_close(session);
        return status;
    }
    *out_session = session;
    return LAT_OK;
}

enum lat_status lat_session_open(struct lat_engine *engine, const char *path,
                                 const struct lat_session_options *options,
                                 struct lat_session **out_session, struct lat_error *err)
{
    return open_session(engine, path, NULL, 0, options, out_session, err);
}

enum lat_status lat_session_open_bytes(struct lat_engine *engine, const void *bytes, size_t len,
                                       const struct lat_session_options *options,
                                       struct lat_session **out_session, struct lat_error *err)
{
    if (len == 0) {
        return lat_fail(err, LAT_INVALID, NULL, "cannot open the graph: no bytes");
    }
    return open_session(engine, NULL, bytes, len, options, out_session, err);
}

void lat_session_close(struct lat_session *session)
{
    if (session == NULL) {
        return;
    }
    if (session->raw != NULL) {
        session->engine->api->ReleaseSession(session->raw);
    }
    lat_free(session->inputs);
    lat_free(session->outputs);
    lat_free(session);
}

const struct lat_tensor_info *lat_session_inputs(const struct lat_session *session,
                                                 size_t *out_n)
{
    *out_n = session->n_inputs;
    return session->inputs;
}

const struct lat_tensor_info *lat_session_outputs(const struct lat_session *session,
                                                  size_t *out_n)
{
    *out_n = session->n_outputs;
    return session->outputs;
}

/* --- running ------------------------------------------------------------------------------ */

/* A view of the caller's memory as the runtime's value. Nothing is copied. */
static enum lat_status wrap(const struct lat_engine *engine, const struct lat_tensor *tensor,
                            OrtValue **out_value, struct lat_error *err)
{
    if ((unsigned)tensor->dtype >= LAT_DTYPE_OTHER || tensor->rank > LAT_TENSOR_MAX_RANK) {
        return lat_fail(err, LAT_INVALID, NULL, "tensor '%s' has an unsupported type or rank",
                        tensor->name);
    }
    size_t len = dtypes[tensor->dtype].size;
    for (size_t i = 0; i < tensor->rank; i++) {
        if (tensor->dims[i] < 0 || !lat_mul_size(len, (size_t)tensor->dims[i], &len)) {
            return lat_fail(err, LAT_INVALID, NULL, "tensor '%s' has an impossible size",
                            tensor->name);
        }
    }
    return check(engine->api,
                 engine->api->CreateTensorWithDataAsOrtValue(
                     engine->memory, tensor->data, len, tensor->dims, tensor->rank,
                     dtypes[tensor->dtype].raw, out_value),
                 LAT_INTERNAL, tensor->name, err);
}

static enum lat_status wrap_all(const struct lat_engine *engine,
                                const struct lat_tensor *tensors, size_t n, const char **names,
                                OrtValue **values, struct lat_error *err)
{
    for (size_t i = 0; i < n; i++) {
        names[i] = tensors[i].name;
        enum lat_status status = wrap(engine, &tensors[i], &values[i], err);
        if (status != LAT_OK) {
            return status;
        }
    }
    return LAT_OK;
}

enum lat_status lat_session_run(struct lat_session *session, const struct lat_tensor *inputs,
                                size_t n_inputs, const struct lat_tensor *outputs,
                                size_t n_outputs, struct lat_error *err)
{
    const OrtApi *api = session->engine->api;
    const char *names[RUN_MAX_TENSORS] = {0};
    OrtValue *values[RUN_MAX_TENSORS] = {0};
    if (n_inputs > RUN_MAX_TENSORS || n_outputs > RUN_MAX_TENSORS - n_inputs) {
        return lat_fail(err, LAT_INVALID, NULL, "a run takes at most %d tensors, not %zu",
                        RUN_MAX_TENSORS, n_inputs + n_outputs);
    }
    enum lat_status status = wrap_all(session->engine, inputs, n_inputs, names, values, err);
    if (status == LAT_OK) {
        status = wrap_all(session->engine, outputs, n_outputs, names + n_inputs,
                          values + n_inputs, err);
    }
    if (status == LAT_OK) {
        unsigned mode = enter_mode(session->flush);
        OrtStatus *raw = api->Run(session->raw, NULL, names, (const OrtValue *const *)values,
                                  n_inputs, names + n_inputs, n_outputs, values + n_inputs);
        leave_mode(mode);
        status = check(api, raw, LAT_INTERNAL, "the engine failed", err);
    }
    for (size_t i = 0; i < n_inputs + n_outputs; i++) {
        if (values[i] != NULL) {
            api->ReleaseValue(values[i]);
        }
    }
    return status;
}

/* Binds tensors[i] as input or output; the value goes into binding->values for release. */
static enum lat_status bind_all(struct lat_binding *binding, const struct lat_tensor *tensors,
                                size_t n, bool input, struct lat_error *err)
{
    const OrtApi *api = binding->session->engine->api;
    for (size_t i = 0; i < n; i++) {
        OrtValue **value = &binding->values[binding->n_values];
        enum lat_status status = wrap(binding->session->engine, &tensors[i], value, err);
        if (status != LAT_OK) {
            return status;
        }
        binding->n_values++;
        OrtStatus *raw = input ? api->BindInput(binding->raw, tensors[i].name, *value)
                               : api->BindOutput(binding->raw, tensors[i].name, *value);
        status = check(api, raw, LAT_INVALID, tensors[i].name, err);
        if (status != LAT_OK) {
            return status;
        }
    }
    return LAT_OK;
}

enum lat_status lat_binding_new(struct lat_session *session, const struct lat_tensor *inputs,
                                size_t n_inputs, const struct lat_tensor *outputs,
                                size_t n_outputs, struct lat_binding **out_binding,
                                struct lat_error *err)
{
    const OrtApi *api = session->engine->api;
    struct lat_binding *binding = lat_alloc(1, sizeof(*binding));
    if (binding == NULL) {
        return lat_fail_memory(err);
    }
    enum lat_status status = LAT_OK;
    binding->session = session;
    binding->values = lat_alloc(n_inputs + n_outputs, sizeof(*binding->values));
    if (binding->values == NULL) {
        status = lat_fail_memory(err);
    }
    if (status == LAT_OK) {
        status = check(api, api->CreateIoBinding(session->raw, &binding->raw), LAT_INTERNAL,
                       "binding", err);
    }
    if (status == LAT_OK) {
        status = bind_all(binding, inputs, n_inputs, true, err);
    }
    if (status == LAT_OK) {
        status = bind_all(binding, outputs, n_outputs, false, err);
    }
    if (status != LAT_OK) {
        lat_binding_free(binding);
        return status;
    }
    *out_binding = binding;
    return LAT_OK;
}

enum lat_status lat_binding_run(struct lat_binding *binding, struct lat_error *err)
{
    const OrtApi *api = binding->session->engine->api;
    unsigned mode = enter_mode(binding->session->flush);
    OrtStatus *raw = api->RunWithBinding(binding->session->raw, NULL, binding->raw);
    leave_mode(mode);
    return check(api, raw, LAT_INTERNAL, "the engine failed", err);
}

void lat_binding_free(struct lat_binding *binding)
{
    if (binding == NULL) {
        return;
    }
    const OrtApi *api = binding->session->engine->api;
    if (binding->raw != NULL) {
        api->ReleaseIoBinding(binding->raw);
    }
    for (size_t i = 0; i < binding->n_values; i++) {
        api->ReleaseValue(binding->values[i]);
    }
    lat_free(binding->values);
    lat_free(binding);
}
