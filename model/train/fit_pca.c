/* The method "pca": a linear autoencoder without training. With rows x, mean m and components P
 * (orthonormal rows) the code is P (x - m) and the reconstruction Pᵀ code + m: one dense layer
 * each way, so the export is that of any other dense network without hidden layers. */
#include "model/train/run.h"

#include <string.h>

#include "base/mem.h"
#include "model/train/pca.h"

#include "base/banned.h"

/* The spec of the network that holds the components. */
static void linear_spec(struct lat_spec *spec)
{
    spec->encoder = (struct lat_network_spec){
        .type = LAT_NETWORK_DENSE, .activation = LAT_LINEAR, .kernel = 3};
    spec->decoder = spec->encoder;
    spec->decoder_is_mirror = true;
    spec->likelihood = LAT_LIKELIHOOD_GAUSSIAN;
    spec->optimizer.batch = 1;
}

/* The four parameters by name; anything else is a fault of ours. */
static bool fill(const struct lat_pca *pca, const char *name, float *out)
{
    const size_t d = pca->elements, k = pca->width;
    if (strcmp(name, "code.weight") == 0) { /* [d][k] */
        for (size_t i = 0; i < d; i++)
            for (size_t j = 0; j < k; j++)
                out[i * k + j] = pca->components[j * d + i];
    } else if (strcmp(name, "code.bias") == 0) { /* -P m */
        for (size_t j = 0; j < k; j++) {
            double sum = 0;
            for (size_t i = 0; i < d; i++)
                sum -= (double)pca->components[j * d + i] * (double)pca->mean[i];
            out[j] = (float)sum;
        }
    } else if (strcmp(name, "output.weight") == 0) { /* [k][d] */
        memcpy(out, pca->components, k * d * sizeof(float));
    } else if (strcmp(name, "output.bias") == 0) {
        memcpy(out, pca->mean, d * sizeof(float));
    } else {
        return false;
    }
    return true;
}

static enum lat_status install(struct lat_run *run, const struct lat_pca *pca,
                               struct lat_error *err)
{
    size_t n = 0;
    const struct lat_parameter_info *infos = lat_step_parameters(run->step, &n);
    for (size_t i = 0; i < n; i++) {
        float *values = lat_alloc_raw(infos[i].n, sizeof(float));
        if (!values)
            return lat_fail_memory(err);
        const bool known = fill(pca, infos[i].name, values);
        if (known)
            lat_step_set_parameter(run->step, i, values);
        lat_free(values);
        if (!known)
            return lat_fail(err, LAT_INTERNAL, NULL, "no values for '%s'", infos[i].name);
    }
    return LAT_OK;
}

enum lat_status lat_run_pca(struct lat_run *run, struct lat_error *err)
{
    struct lat_pca pca = {0};
    const size_t width = run->spec.code.dimension;
    linear_spec(&run->spec);
    enum lat_status status = lat_pca_fit(&run->dataset, run->indices, run->n_train, width,
                                         run->options->abandon, &pca, err);
    if (status == LAT_OK && pca.width < width)
        status =
            lat_fail(err, LAT_INVALID, "out_of_range",
                     "/code/dimension: %zu items of %zu elements have at most %zu principal "
                     "components, not %zu",
                     run->n_train, run->dataset.elements, pca.width, width);
    if (status == LAT_OK)
        status = lat_step_new(run->engine, &run->spec, &run->dataset.input,
                              run->options->threads, &run->step, err);
    if (status == LAT_OK)
        status = install(run, &pca, err);
    lat_pca_release(&pca);
    return status;
}
