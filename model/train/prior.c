/* A transform sees as far as its kernels reach, layer by layer: going down each kernel counts
 * in pixels of its input, going up in places of its input, and a place less one pixel lies
 * between a pixel and the place it is of. */
#include "model/train/prior.h"

#include <math.h>
#include <stdio.h>

#include "base/file.h"
#include "model/code_prior.h"
#include "model/train/measure.h"
#include "model/train/parts.h"

#include "base/banned.h"

enum {
    WIDTH_MOST = 4096,      /* numbers of a code that are counted one by one */
    NUMBERS_MOST = 1 << 24, /* floats of codes in memory */
};

static void describe_transform(const struct lat_spec *spec, struct lat_manifest *manifest)
{
    const struct lat_network_spec *down = &spec->encoder, *up = &spec->decoder;
    uint32_t stride = 1, reach = 0;
    for (size_t i = 0; i < down->n_channels; i++) {
        reach += down->kernels[i] / 2 * stride;
        stride *= down->strides[i];
    }
    double places = 0, share = 1;
    for (size_t i = 0; i < up->n_channels; i++) {
        const uint32_t half = up->kernels[i] / 2;
        places += share * half / up->strides[i];
        share /= up->strides[i];
    }
    manifest->code_stride = stride;
    manifest->analysis_reach = reach ? reach : 1;
    manifest->synthesis_reach = (uint32_t)ceil(places) + 1;
    snprintf(manifest->analysis, sizeof(manifest->analysis), "analysis.onnx");
    snprintf(manifest->synthesis, sizeof(manifest->synthesis), "synthesis.onnx");
}

static enum lat_status write_prior(const struct lat_prior *prior, const char *folder,
                                   struct lat_error *err)
{
    struct lat_buf bytes = {0};
    char path[LAT_PATH_MAX + 320];
    const int len = snprintf(path, sizeof(path), "%s/code.prior", folder);
    if (len < 0 || (size_t)len >= sizeof(path))
        return lat_fail(err, LAT_INVALID, NULL, "the folder's name is too long");
    lat_prior_write(prior, &bytes);
    enum lat_status status = lat_buf_check(&bytes, err);
    if (status == LAT_OK)
        status = lat_file_write(path, bytes.data, bytes.len, err);
    lat_buf_release(&bytes);
    return status;
}

enum lat_status lat_prior_publish(const struct lat_spec *spec, struct lat_model *model,
                                  const struct lat_dataset *dataset, const uint32_t *indices,
                                  size_t n, const char *folder,
                                  struct lat_manifest *inout_manifest, struct lat_error *err)
{
    const struct lat_measure_options options = {.keep_codes = true};
    const size_t dimension = inout_manifest->code_dimension;
    const bool transform = spec->code.type == LAT_CODE_QUANTISED;
    const size_t most = dimension < NUMBERS_MOST ? NUMBERS_MOST / dimension : 1;
    struct lat_measure measured = {0};
    struct lat_prior prior = {0};
    if (!transform && dimension > WIDTH_MOST)
        return LAT_OK;
    n = n < most ? n : most;
    const size_t channels =
        transform ? spec->encoder.channels[spec->encoder.n_channels - 1] : dimension;
    enum lat_status status =
        lat_measure_model(model, dataset, indices, n, &options, &measured, err);
    if (status == LAT_OK)
        status = lat_prior_fit(measured.codes, n, channels, dimension / channels,
                               transform ? 1 : 0, &prior, err);
    if (status == LAT_OK)
        status = write_prior(&prior, folder, err);
    if (status == LAT_OK) {
        snprintf(inout_manifest->prior, sizeof(inout_manifest->prior), "code.prior");
        if (transform)
            describe_transform(spec, inout_manifest);
    }
    lat_prior_release(&prior);
    lat_measure_release(&measured);
    return status;
}
