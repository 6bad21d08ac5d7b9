/* Batches of rows through encode and decode. A dataset's item is channel planes of pixels in
 * [0,1]; a model's row may be laid out otherwise and standardised, so `sources` says for each
 * element of a row which element of an item it is. */
#include "model/train/measure.h"

#include "base/mem.h"
#include "model/preprocess.h"
#include "model/train/row_nll.h"

#include "base/banned.h"

enum { BATCH = 256 };

struct pass {
    struct lat_model *model;
    const struct lat_manifest *manifest;
    const struct lat_dataset *dataset;
    const struct lat_measure_options *options;
    size_t elements, width; /* of a row, of a code */
    uint32_t *sources;      /* [elements] */
    float *items, *rows, *decoded, *codes;
    float *target, *output; /* [elements], a row in the units of training */
    double squared, nll;
    struct lat_measure *measure;
};

/* ---- fitting data to the model ---- */

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
    if (want->kind != LAT_INPUT_IMAGE && want->kind != LAT_INPUT_VECTOR)
        return lat_fail(err, LAT_INVALID, "wrong_input_kind",
                        "models of the input kind '%s' cannot be measured yet",
                        lat_input_kind_names[want->kind]);
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

/* items -> rows, as the network sees them. */
static void lay_out(const struct pass *pass, size_t n)
{
    const struct lat_input_spec *input = &pass->manifest->input;
    const bool image = input->kind == LAT_INPUT_IMAGE;
    for (size_t e = 0; e < pass->elements; e++) {
        const size_t channel = image ? lat_preprocess_channel(input, e) : 0;
        const float mean = image ? input->mean[channel] : 0,
                    std = image ? input->std[channel] : 1;
        for (size_t i = 0; i < n; i++)
            pass->rows[i * pass->elements + e] =
                (pass->items[i * pass->elements + pass->sources[e]] - mean) / std;
    }
}

/* ---- batches ---- */

/* The row in the units the network was trained in. */
static const float *in_units(const struct pass *pass, const float *row, float *scratch)
{
    const struct lat_measure_options *options = pass->options;
    if (!options->scale)
        return row;
    for (size_t e = 0; e < pass->elements; e++)
        scratch[e] = (row[e] - (options->shift ? options->shift[e] : 0)) / options->scale[e];
    return scratch;
}

static void judge(struct pass *pass, size_t at, size_t n)
{
    const enum lat_likelihood likelihood = pass->manifest->likelihood;
    lat_model_errors(pass->model, pass->rows, pass->decoded, n, pass->measure->errors + at);
    for (size_t i = 0; i < n; i++) {
        const size_t first = i * pass->elements;
        pass->squared += (double)pass->measure->errors[at + i] * (double)pass->elements;
        pass->nll +=
            lat_row_nll(likelihood, in_units(pass, pass->rows + first, pass->target),
                        in_units(pass, pass->decoded + first, pass->output), pass->elements);
    }
}

static enum lat_status run(struct pass *pass, const uint32_t *indices, size_t n,
                           struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    for (size_t at = 0; status == LAT_OK && at < n; at += BATCH) {
        const size_t m = n - at < BATCH ? n - at : BATCH;
        float *codes =
            pass->measure->codes ? pass->measure->codes + at * pass->width : pass->codes;
        lat_dataset_read(pass->dataset, indices + at, m, pass->items);
        lay_out(pass, m);
        status = lat_model_encode(pass->model, pass->rows, m, codes, NULL, err);
        if (status == LAT_OK && pass->options->decode) {
            status = lat_model_decode(pass->model, codes, m, pass->decoded, err);
            if (status == LAT_OK)
                judge(pass, at, m);
        }
    }
    return status;
}

static enum lat_status allocate(struct pass *pass, size_t n, struct lat_error *err)
{
    size_t total;
    if (!lat_mul_size(n, pass->width, &total))
        return lat_fail_memory(err);
    pass->sources = lat_alloc_raw(pass->elements, sizeof(uint32_t));
    pass->items = lat_alloc_raw(BATCH * pass->elements, sizeof(float));
    pass->rows = lat_alloc_raw(BATCH * pass->elements, sizeof(float));
    pass->decoded = lat_alloc_raw(BATCH * pass->elements, sizeof(float));
    pass->codes = lat_alloc_raw(BATCH * pass->width, sizeof(float));
    pass->target = lat_alloc_raw(pass->elements, sizeof(float));
    pass->output = lat_alloc_raw(pass->elements, sizeof(float));
    pass->measure->errors = lat_alloc(n, sizeof(float));
    bool good = pass->sources && pass->items && pass->rows && pass->decoded && pass->codes &&
                pass->target && pass->output && pass->measure->errors;
    if (pass->options->keep_codes) {
        pass->measure->codes = lat_alloc_raw(total, sizeof(float));
        good = good && pass->measure->codes;
    }
    return good ? LAT_OK : lat_fail_memory(err);
}

enum lat_status lat_measure_model(struct lat_model *model, const struct lat_dataset *dataset,
                                  const uint32_t *indices, size_t n,
                                  const struct lat_measure_options *options,
                                  struct lat_measure *out_measure, struct lat_error *err)
{
    struct lat_measure measure = {0};
    struct pass pass = {.model = model,
                        .manifest = lat_model_manifest(model),
                        .dataset = dataset,
                        .options = options,
                        .elements = dataset->elements,
                        .width = lat_model_manifest(model)->code_dimension,
                        .measure = &measure};
    enum lat_status status = check_input(pass.manifest, dataset, err);
    if (status == LAT_OK)
        status = allocate(&pass, n, err);
    if (status == LAT_OK) {
        map_sources(&pass.manifest->input, pass.elements, pass.sources);
        status = run(&pass, indices, n, err);
    }
    if (status == LAT_OK) {
        const double items = (double)(n ? n : 1);
        measure.squared_error_sum = pass.squared / items;
        measure.squared_error_mean = pass.squared / items / (double)pass.elements;
        measure.negative_log_likelihood = pass.nll / items;
        *out_measure = measure;
    } else {
        lat_measure_release(&measure);
    }
    lat_free(pass.sources);
    lat_free(pass.items);
    lat_free(pass.rows);
    lat_free(pass.decoded);
    lat_free(pass.codes);
    lat_free(pass.target);
    lat_free(pass.output);
    return status;
}

void lat_measure_release(struct lat_measure *measure)
{
    lat_free(measure->errors);
    lat_free(measure->codes);
    *measure = (struct lat_measure){0};
}
