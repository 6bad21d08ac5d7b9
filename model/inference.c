/* A thin layer over the encoder's session: the sizes of preallocated outputs have to be known
 * before a run, so only the batch may be left open. */
#include "model/inference.h"

#include "base/mem.h"
#include "model/model_internal.h"

#include "base/banned.h"

const struct lat_tensor_info *lat_model_graph_inputs(const struct lat_model *model,
                                                     size_t *out_n)
{
    return lat_session_inputs(model->encoder, out_n);
}

const struct lat_tensor_info *lat_model_graph_outputs(const struct lat_model *model,
                                                      size_t *out_n)
{
    return lat_session_outputs(model->encoder, out_n);
}

enum lat_status lat_model_graph_shape(const struct lat_tensor_info *info, int64_t batch,
                                      int64_t *out_dims, size_t *out_elements,
                                      struct lat_error *err)
{
    size_t elements = 1;
    if (info->dtype >= LAT_DTYPE_OTHER)
        return lat_fail(err, LAT_CAPABILITY, NULL, "'%s' has a type that is not served",
                        info->name);
    for (size_t i = 0; i < info->rank; i++) {
        const int64_t dim = info->dims[i] < 0 && i == 0 ? batch : info->dims[i];
        if (dim < 0)
            return lat_fail(err, LAT_CAPABILITY, NULL,
                            "'%s' leaves dimension %zu open; only the batch may be", info->name,
                            i);
        out_dims[i] = dim;
        if (!lat_mul_size(elements, (size_t)dim, &elements))
            return lat_fail(err, LAT_TOO_LARGE, NULL, "'%s' is too large", info->name);
    }
    *out_elements = elements;
    return LAT_OK;
}

enum lat_status lat_model_graph_run(struct lat_model *model, const struct lat_tensor *inputs,
                                    size_t n_inputs, const struct lat_tensor *outputs,
                                    size_t n_outputs, struct lat_error *err)
{
    return lat_session_run(model->encoder, inputs, n_inputs, outputs, n_outputs, err);
}
