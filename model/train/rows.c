/* A dataset's item is channel planes of pixels in [0,1]; a model's row may be laid out
 * otherwise and standardised, so `sources` says for each element of a row which element of an
 * item it is. */
#include "model/train/rows.h"

#include "base/mem.h"
#include "model/preprocess.h"

#include "base/banned.h"

static enum lat_status check_input(const struct lat_manifest *manifest,
                                   const struct lat_dataset *dataset, struct lat_error *err)
{
    const struct lat_input_spec *want = &manifest->input, *have = &dataset->input;
    const bool pictures = want->kind == LAT_INPUT_IMAGE && have->kind == LAT_INPUT_IMAGE;
    if (pictures && (want->width != have->width || want->height != have->height ||
                     want->channels != have->channels))
        return lat_fail(
            err, LAT_INVALID, "wrong_dimension",
            "the model '%s' takes pictures of %u x %u x %u, the data are %u x %u x %u",
            manifest->name, want->width, want->height, want->channels, have->width,
            have->height, have->channels);
    if (lat_input_elements(want) != dataset->elements)
        return lat_fail(err, LAT_INVALID, "wrong_dimension",
                        "the model '%s' takes %zu elements, the data have %zu", manifest->name,
                        lat_input_elements(want), dataset->elements);
    if (want->kind != have->kind &&
        (want->kind == LAT_INPUT_SEQUENCE || want->kind == LAT_INPUT_TABLE))
        return lat_fail(err, LAT_INVALID, "wrong_input_kind",
                        "the model '%s' takes inputs of kind '%s', the data are of kind '%s'",
                        manifest->name, lat_input_kind_names[want->kind],
                        lat_input_kind_names[have->kind]);
    if (want->kind == LAT_INPUT_IMAGE && !pictures &&
        (dataset->lowest < 0 || dataset->highest > 1))
        return lat_fail(err, LAT_INVALID, "wrong_input_kind",
                        "the model '%s' takes pictures, the data are vectors", manifest->name);
    return LAT_OK;
}

static void map_sources(const struct lat_input_spec *input, size_t elements,
                        uint32_t *out_sources)
{
    const bool last = input->kind == LAT_INPUT_IMAGE && input->layout == LAT_LAYOUT_NHWC;
    const size_t plane = last ? (size_t)input->width * input->height : 1;
    for (size_t i = 0; i < elements; i++)
        out_sources[i] =
            (uint32_t)(last ? (i % input->channels) * plane + i / input->channels : i);
}

enum lat_status lat_rows_init(struct lat_rows *rows, const struct lat_manifest *manifest,
                              const struct lat_dataset *dataset, size_t batch,
                              struct lat_error *err)
{
    const size_t elements = dataset->elements;
    size_t total;
    *rows = (struct lat_rows){.manifest = manifest, .dataset = dataset, .batch = batch};
    enum lat_status status = check_input(manifest, dataset, err);
    if (status != LAT_OK)
        return status;
    if (!lat_mul_size(batch, elements, &total))
        return lat_fail_memory(err);
    rows->sources = lat_alloc_raw(elements, sizeof(uint32_t));
    rows->items = lat_alloc_raw(total, sizeof(float));
    if (!rows->sources || !rows->items)
        return lat_fail_memory(err);
    map_sources(&manifest->input, elements, rows->sources);
    return LAT_OK;
}

void lat_rows_release(struct lat_rows *rows)
{
    lat_free(rows->sources);
    lat_free(rows->items);
    *rows = (struct lat_rows){0};
}

void lat_rows_lay_out(const struct lat_rows *rows, const float *items, size_t n, float *out)
{
    const struct lat_input_spec *input = &rows->manifest->input;
    const size_t elements = rows->dataset->elements;
    const bool image = input->kind == LAT_INPUT_IMAGE;
    for (size_t e = 0; e < elements; e++) {
        const size_t channel = image ? lat_preprocess_channel(input, e) : 0;
        const float mean = image ? input->mean[channel] : 0,
                    std = image ? input->std[channel] : 1;
        for (size_t i = 0; i < n; i++)
            out[i * elements + e] = (items[i * elements + rows->sources[e]] - mean) / std;
    }
}

enum lat_status lat_rows_read(struct lat_rows *rows, const uint32_t *indices, size_t n,
                              float *out, struct lat_error *err)
{
    const enum lat_status status =
        lat_dataset_read(rows->dataset, indices, n, rows->items, err);
    if (status == LAT_OK)
        lat_rows_lay_out(rows, rows->items, n, out);
    return status;
}
