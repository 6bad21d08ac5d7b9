/* The engine: ONNX Runtime behind a page of C. Only engine_ort*.c know it.
 *
 * A session is one ONNX graph ready to run. Sessions are immutable: any number of threads may
 * run one at the same time. A binding is a session with its buffers fixed once, for loops that
 * run the same shapes again and again (training); one thread at a time. */
#ifndef LAT_MODEL_ENGINE_H
#define LAT_MODEL_ENGINE_H

#include <stdint.h>

#include "base/status.h"

enum { LAT_TENSOR_MAX_RANK = 8, LAT_TENSOR_NAME_MAX = 128 };

enum lat_dtype {
    LAT_FLOAT32,
    LAT_INT64,
    LAT_BOOL,
    LAT_UINT8,
    LAT_INT32,
    LAT_FLOAT64,
    LAT_DTYPE_OTHER
};

/* What the ONNX file says of one input or output. */
struct lat_tensor_info {
    char name[LAT_TENSOR_NAME_MAX];
    enum lat_dtype dtype;
    size_t rank;
    int64_t dims[LAT_TENSOR_MAX_RANK]; /* -1 where the file leaves it open (the batch) */
};

/* A tensor in the caller's memory: row-major, borrowed for the duration of the call (of the
 * binding, when bound). */
struct lat_tensor {
    const char *name;
    enum lat_dtype dtype;
    size_t rank;
    int64_t dims[LAT_TENSOR_MAX_RANK];
    void *data;
};

struct lat_engine;
struct lat_session;
struct lat_binding;

struct lat_session_options {
    int threads; /* intra-op threads of one run; 0 = 1 */
    bool spin; /* idle intra-op threads spin: faster for one busy loop, harmful beside others */
    bool optimize;        /* all graph optimisations (true for serving and training) */
    bool flush_denormals; /* numbers below 1e-38 count as zero (training: the moments of weights
                             that get no gradient any more decay to such, and they are slow) */
};

/* Loads the runtime. One engine a process; sessions must be closed before it. LAT_UNAVAILABLE
 * when the library is missing or older than the API this was built for. */
enum lat_status lat_engine_new(struct lat_engine **out_engine,
                               struct lat_error *err) LAT_MUST_USE;
void lat_engine_free(struct lat_engine *engine);
const char *lat_engine_version(void); /* of the loaded ONNX Runtime */

/* Opens a graph from a file (external weights beside it are found) or from bytes (copied).
 * LAT_INVALID with the runtime's own words when the graph is broken. */
enum lat_status lat_session_open(struct lat_engine *engine, const char *path,
                                 const struct lat_session_options *options,
                                 struct lat_session **out_session,
                                 struct lat_error *err) LAT_MUST_USE;
enum lat_status lat_session_open_bytes(struct lat_engine *engine, const void *bytes, size_t len,
                                       const struct lat_session_options *options,
                                       struct lat_session **out_session,
                                       struct lat_error *err) LAT_MUST_USE;
void lat_session_close(struct lat_session *session);

/* Borrowed arrays, valid while the session is open. */
const struct lat_tensor_info *lat_session_inputs(const struct lat_session *session,
                                                 size_t *out_n);
const struct lat_tensor_info *lat_session_outputs(const struct lat_session *session,
                                                  size_t *out_n);

/* One run. Output tensors are named and preallocated by the caller with the shape it expects; a
 * result of another shape is LAT_INVALID with both shapes. Outputs not listed are not computed.
 */
enum lat_status lat_session_run(struct lat_session *session, const struct lat_tensor *inputs,
                                size_t n_inputs, const struct lat_tensor *outputs,
                                size_t n_outputs, struct lat_error *err) LAT_MUST_USE;

/* Fixes inputs and outputs to the callers' buffers (IoBinding): nothing is copied or allocated
 * at a run. The buffers must outlive the binding. */
enum lat_status lat_binding_new(struct lat_session *session, const struct lat_tensor *inputs,
                                size_t n_inputs, const struct lat_tensor *outputs,
                                size_t n_outputs, struct lat_binding **out_binding,
                                struct lat_error *err) LAT_MUST_USE;
enum lat_status lat_binding_run(struct lat_binding *binding,
                                struct lat_error *err) LAT_MUST_USE;
void lat_binding_free(struct lat_binding *binding);

#endif
