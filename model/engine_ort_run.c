/* Sessions and bindings run. A session is read-only after opening, so runs need no lock here.
 * Output buffers are handed in preallocated; the runtime checks their shape before it writes.
 */
#include "model/engine_ort.h"

#include "base/mem.h"

#include "base/banned.h"

enum { RUN_MAX_TENSORS = 64 }; /* inputs plus outputs of one unbound run, kept on the stack */

/* A view of the caller's memory as the runtime's value. Nothing is copied. */
static enum lat_status wrap(const struct lat_engine *engine, const struct lat_tensor *tensor,
                            OrtValue **out_value, struct lat_error *err)
{
    if ((unsigned)tensor->dtype >= LAT_DTYPE_OTHER || tensor->rank > LAT_TENSOR_MAX_RANK) {
        return lat_fail(err, LAT_INVALID, NULL, "tensor '%s' has an unsupported type or rank",
                        tensor->name);
    }
    size_t len = lat_ort_dtypes[tensor->dtype].size;
    for (size_t i = 0; i < tensor->rank; i++) {
        if (tensor->dims[i] < 0 || !lat_mul_size(len, (size_t)tensor->dims[i], &len)) {
            return lat_fail(err, LAT_INVALID, NULL, "tensor '%s' has an impossible size",
                            tensor->name);
        }
    }
    return lat_ort_check(engine->api,
                         engine->api->CreateTensorWithDataAsOrtValue(
                             engine->memory, tensor->data, len, tensor->dims, tensor->rank,
                             lat_ort_dtypes[tensor->dtype].raw, out_value),
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
        unsigned mode = lat_ort_enter_mode(session->flush);
        OrtStatus *raw = api->Run(session->raw, NULL, names, (const OrtValue *const *)values,
                                  n_inputs, names + n_inputs, n_outputs, values + n_inputs);
        lat_ort_leave_mode(mode);
        status = lat_ort_check(api, raw, LAT_INTERNAL, "the engine failed", err);
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
        status = lat_ort_check(api, raw, LAT_INVALID, tensors[i].name, err);
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
        status = lat_ort_check(api, api->CreateIoBinding(session->raw, &binding->raw),
                               LAT_INTERNAL, "binding", err);
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
    unsigned mode = lat_ort_enter_mode(binding->session->flush);
    OrtStatus *raw = api->RunWithBinding(binding->session->raw, NULL, binding->raw);
    lat_ort_leave_mode(mode);
    return lat_ort_check(api, raw, LAT_INTERNAL, "the engine failed", err);
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
