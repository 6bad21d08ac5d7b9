#include "ort_raw.h"

#include <onnxruntime_c_api.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#include "base/banned.h"

enum { RANK_MAX = 8 };

struct ort_raw {
    const OrtApi *api;
    OrtEnv *env;
    OrtSession *session;
    OrtMemoryInfo *memory;
    OrtAllocator *allocator;
    char *input, *output;
    int64_t dims[RANK_MAX];
    size_t rank;
    size_t elements;
};

static void check(const struct ort_raw *raw, OrtStatus *status)
{
    if (!status)
        return;
    fprintf(stderr, "ONNX Runtime: %s\n", raw->api->GetErrorMessage(status));
    abort();
}

static void read_shape(struct ort_raw *raw)
{
    OrtTypeInfo *type = NULL;
    const OrtTensorTypeAndShapeInfo *shape = NULL;
    check(raw, raw->api->SessionGetInputTypeInfo(raw->session, 0, &type));
    check(raw, raw->api->CastTypeInfoToTensorInfo(type, &shape));
    check(raw, raw->api->GetDimensionsCount(shape, &raw->rank));
    if (raw->rank == 0 || raw->rank > RANK_MAX)
        abort();
    check(raw, raw->api->GetDimensions(shape, raw->dims, raw->rank));
    raw->elements = 1;
    for (size_t i = 1; i < raw->rank; i++)
        raw->elements *= (size_t)raw->dims[i];
    raw->api->ReleaseTypeInfo(type);
}

struct ort_raw *ort_raw_open(const char *path, int threads)
{
    OrtSessionOptions *options = NULL;
    struct ort_raw *raw = lat_alloc(1, sizeof(*raw));
    if (!raw)
        abort();
    raw->api = OrtGetApiBase()->GetApi(ORT_API_VERSION);
    check(raw, raw->api->CreateEnv(ORT_LOGGING_LEVEL_FATAL, "bench", &raw->env));
    check(raw, raw->api->CreateSessionOptions(&options));
    check(raw, raw->api->SetIntraOpNumThreads(options, threads));
    check(raw, raw->api->CreateSession(raw->env, path, options, &raw->session));
    check(raw,
          raw->api->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &raw->memory));
    check(raw, raw->api->GetAllocatorWithDefaultOptions(&raw->allocator));
    check(raw, raw->api->SessionGetInputName(raw->session, 0, raw->allocator, &raw->input));
    check(raw, raw->api->SessionGetOutputName(raw->session, 0, raw->allocator, &raw->output));
    read_shape(raw);
    raw->api->ReleaseSessionOptions(options);
    return raw;
}

void ort_raw_close(struct ort_raw *raw)
{
    check(raw, raw->api->AllocatorFree(raw->allocator, raw->input));
    check(raw, raw->api->AllocatorFree(raw->allocator, raw->output));
    raw->api->ReleaseMemoryInfo(raw->memory);
    raw->api->ReleaseSession(raw->session);
    raw->api->ReleaseEnv(raw->env);
    lat_free(raw);
}

void ort_raw_run(const struct ort_raw *raw, const char *code, const float *rows, size_t n,
                 float *out_codes, size_t d)
{
    const OrtApi *api = raw->api;
    const char *inputs[] = {raw->input}, *outputs[] = {*code ? code : raw->output};
    OrtValue *in = NULL, *out = NULL;
    float *codes = NULL;
    int64_t dims[RANK_MAX];
    memcpy(dims, raw->dims, sizeof(dims));
    dims[0] = (int64_t)n;
    check(raw, api->CreateTensorWithDataAsOrtValue(
                   raw->memory, (void *)(uintptr_t)rows, n * raw->elements * sizeof(float),
                   dims, raw->rank, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, &in));
    check(raw, api->Run(raw->session, NULL, inputs, (const OrtValue *const *)&in, 1, outputs, 1,
                        &out));
    check(raw, api->GetTensorMutableData(out, (void **)&codes));
    memcpy(out_codes, codes, n * d * sizeof(float));
    api->ReleaseValue(out);
    api->ReleaseValue(in);
}
