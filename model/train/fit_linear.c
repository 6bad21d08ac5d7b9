/* The methods "pca" and "factors": linear autoencoders without training. With rows x and mean m
 * the code is E (x - m) and the reconstruction Dᵀ code + m: one dense layer each way, so the
 * export is that of any other dense network without hidden layers. E and D are both the
 * principal components; or the factor scores and the loadings.
 *
 * A row with holes is not encoded as such: what it lacks is its mean. But with factors, holes
 * that are filled by what comes out again and again settle where E[x | observed] is: at rest
 * the missing elements say of the factors what the observed ones say, and nothing more. */
#include "model/train/run.h"

#include <string.h>

#include "base/mem.h"
#include "model/train/factors.h"
#include "model/train/pca.h"

#include "base/banned.h"

/* Borrowed. */
struct maps {
    size_t elements, width;
    const float *mean;            /* [elements] */
    const float *encode, *decode; /* [width][elements]: E, D */
};

/* The spec of the network that holds the maps. */
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
static bool fill(const struct maps *maps, const char *name, float *out)
{
    const size_t d = maps->elements, k = maps->width;
    if (strcmp(name, "code.weight") == 0) { /* [d][k] */
        for (size_t i = 0; i < d; i++)
            for (size_t j = 0; j < k; j++)
                out[i * k + j] = maps->encode[j * d + i];
    } else if (strcmp(name, "code.bias") == 0) { /* -E m */
        for (size_t j = 0; j < k; j++) {
            double sum = 0;
            for (size_t i = 0; i < d; i++)
                sum -= (double)maps->encode[j * d + i] * (double)maps->mean[i];
            out[j] = (float)sum;
        }
    } else if (strcmp(name, "output.weight") == 0) { /* [k][d] */
        memcpy(out, maps->decode, k * d * sizeof(float));
    } else if (strcmp(name, "output.bias") == 0) {
        memcpy(out, maps->mean, d * sizeof(float));
    } else {
        return false;
    }
    return true;
}

static enum lat_status install(struct lat_run *run, const struct maps *maps,
                               struct lat_error *err)
{
    size_t n = 0;
    const struct lat_parameter_info *infos = NULL;
    linear_spec(&run->spec);
    const enum lat_status status = lat_step_new(run->engine, &run->spec, &run->dataset.input,
                                                run->options->threads, &run->step, err);
    if (status != LAT_OK)
        return status;
    infos = lat_step_parameters(run->step, &n);
    for (size_t i = 0; i < n; i++) {
        float *values = lat_alloc_raw(infos[i].n, sizeof(float));
        if (!values)
            return lat_fail_memory(err);
        const bool known = fill(maps, infos[i].name, values);
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
    enum lat_status status = lat_pca_fit(&run->dataset, run->indices, run->n_train, width,
                                         run->options->abandon, &pca, err);
    if (status == LAT_OK && pca.width < width)
        status =
            lat_fail(err, LAT_INVALID, "out_of_range",
                     "/code/dimension: %zu items of %zu elements have at most %zu principal "
                     "components, not %zu",
                     run->n_train, run->dataset.elements, pca.width, width);
    const struct maps maps = {pca.elements, pca.width, pca.mean, pca.components,
                              pca.components};
    if (status == LAT_OK)
        status = install(run, &maps, err);
    lat_pca_release(&pca);
    return status;
}

enum lat_status lat_run_factors(struct lat_run *run, struct lat_error *err)
{
    struct lat_factors factors = {0};
    if (!run->dataset.input.table)
        return lat_fail(err, LAT_INVALID, "wrong_input_kind",
                        "/method: factors are for tables, the data are of kind '%s'",
                        lat_input_kind_names[run->dataset.input.kind]);
    enum lat_status status =
        lat_factors_fit(&run->dataset, run->indices, run->n_train, run->spec.code.dimension,
                        run->spec.seed, run->options->abandon, &factors, err);
    const struct maps maps = {factors.elements, factors.width, factors.mean, factors.scores,
                              factors.loadings};
    if (status == LAT_OK)
        status = install(run, &maps, err);
    lat_factors_release(&factors);
    return status;
}
