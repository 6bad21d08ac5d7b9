/* What engine_ort.c and engine_ort_run.c share; nobody else knows ONNX Runtime's header.
 * Internal to model/engine_ort*.c. */
#ifndef LAT_MODEL_ENGINE_ORT_H
#define LAT_MODEL_ENGINE_ORT_H

#include <onnxruntime_c_api.h>
#include <stdatomic.h>

#include "model/engine.h"

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

struct lat_ort_dtype {
    ONNXTensorElementDataType raw;
    size_t size; /* bytes */
};
extern const struct lat_ort_dtype lat_ort_dtypes[LAT_DTYPE_OTHER];

/* Turns the runtime's status (consumed; NULL is success) into ours. `floor` is what an
 * unspecific runtime error means here: a graph that fails to open is the graph's fault. */
enum lat_status lat_ort_check(const OrtApi *api, OrtStatus *raw, enum lat_status floor,
                              const char *what, struct lat_error *err) LAT_MUST_USE;

/* The runtime sets the denormal mode of its own threads; that of the caller's, which works as
 * one of them, is set for the call and given back. On other processors than x86 nothing is
 * done. */
unsigned lat_ort_enter_mode(bool flush);
void lat_ort_leave_mode(unsigned before);

#endif
