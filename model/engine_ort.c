/* ONNX Runtime behind engine.h: the engine, and sessions opened and closed. They are run in
 * engine_ort_run.c.
 *
 * Idea: a session owns its thread pool and its arena, so closing it gives both back. The
 * runtime's own log is held to fatal: every failure comes back as a status with words and is
 * logged once, at the top. */
#include "model/engine_ort.h"

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
    FLUSH_DENORMALS = 0x8040 /* MXCSR: flush to zero, denormals are zero */
};

const struct lat_ort_dtype lat_ort_dtypes[LAT_DTYPE_OTHER] = {
    [LAT_FLOAT32] = {ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, 4},
    [LAT_INT64] = {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64, 8},
    [LAT_BOOL] = {ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL, 1},
    [LAT_UINT8] = {ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8, 1},
    [LAT_INT32] = {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32, 4},
    [LAT_FLOAT64] = {ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE, 8},
};

static enum lat_dtype dtype_from_raw(ONNXTensorElementDataType raw)
{
    for (size_t i = 0; i < LAT_ARRAY_LEN(lat_ort_dtypes); i++) {
        if (lat_ort_dtypes[i].raw == raw) {
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

enum lat_status lat_ort_check(const OrtApi *api, OrtStatus *raw, enum lat_status floor,
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
        lat_ort_check(api, api->CreateEnv(ORT_LOGGING_LEVEL_FATAL, "latentd", &engine->env),
                      LAT_UNAVAILABLE, "ONNX Runtime", err);
    if (status == LAT_OK) {
        status = lat_ort_check(api, api->DisableTelemetryEvents(engine->env), LAT_UNAVAILABLE,
                               "ONNX Runtime", err);
    }
    if (status == LAT_OK) {
        status = lat_ort_check(
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

unsigned lat_ort_enter_mode(bool flush)
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

void lat_ort_leave_mode(unsigned before)
{
#if defined(__SSE2__)
    _mm_setcsr(before);
#else
    (void)before;
#endif
}

/* ---- opening ---- */

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
    return lat_ort_check(api, failed, LAT_INTERNAL, "session options", err);
}

static enum lat_status read_shape(const OrtApi *api, const OrtTypeInfo *type,
                                  struct lat_tensor_info *info, struct lat_error *err)
{
    const OrtTensorTypeAndShapeInfo *shape = NULL;
    enum lat_status status = lat_ort_check(api, api->CastTypeInfoToTensorInfo(type, &shape),
                                           LAT_INVALID, info->name, err);
    if (status != LAT_OK) {
        return status;
    }
    if (shape == NULL) {
        return lat_fail(err, LAT_INVALID, NULL, "tensor '%s' is a sequence, map or optional",
                        info->name);
    }
    ONNXTensorElementDataType raw = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
    status = lat_ort_check(api, api->GetTensorElementType(shape, &raw), LAT_INVALID, info->name,
                           err);
    if (status == LAT_OK) {
        status = lat_ort_check(api, api->GetDimensionsCount(shape, &info->rank), LAT_INVALID,
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
    return lat_ort_check(api, api->GetDimensions(shape, info->dims, info->rank), LAT_INVALID,
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
    enum lat_status status = lat_ort_check(api, raw, LAT_INVALID, name, err);
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
    enum lat_status status = lat_ort_check(api, raw, LAT_INVALID, "graph", err);
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
        status = lat_ort_check(api, raw, LAT_INVALID, "graph", err);
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
    enum lat_status status = lat_ort_check(api, api->CreateSessionOptions(&raw), LAT_INTERNAL,
                                           "session options", err);
    if (status == LAT_OK) {
        status = set_options(api, options, raw, err);
    }
    if (status == LAT_OK) {
        const int kept = atomic_exchange(&engine->has_opened, true) ? -1 : hush();
        unsigned mode = lat_ort_enter_mode(false); /* opening may change the caller's */
        OrtStatus *failed =
            bytes != NULL
                ? api->CreateSessionFromArray(engine->env, bytes, len, raw, &session->raw)
                : api->CreateSession(engine->env, path, raw, &session->raw);
        lat_ort_leave_mode(mode);
        unhush(kept);
        session->flush = options->flush_denormals;
        status = lat_ort_check(api, failed, LAT_INVALID, "cannot open the graph", err);
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
