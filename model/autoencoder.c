/* The verbs of a loaded model. Every function reads the model and writes only the caller's
 * memory: any number of threads may be in here with one model, and no lock is taken.
 *
 * Batches go to the engine in the caller's own buffers, nothing is copied; what a likelihood or
 * a variance still needs (a sigmoid, an exponential) is done in place afterwards. */
#include "model/autoencoder.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "model/calibration.h"
#include "model/model_internal.h"
#include "model/preprocess.h"
#include "model/score.h"

#include "base/banned.h"

const struct lat_manifest *lat_model_manifest(const struct lat_model *model)
{
    return &model->manifest;
}

const struct lat_portrait *lat_model_portrait(const struct lat_model *model)
{
    return model->portrait;
}

const char *lat_model_reference(const struct lat_model *model)
{
    return model->reference;
}

/* ---- uploads to rows ---- */

static enum lat_status require_kind(const struct lat_model *model, enum lat_input_kind kind,
                                    struct lat_error *err)
{
    const enum lat_input_kind takes = model->manifest.input.kind;
    if (takes == kind)
        return LAT_OK;
    lat_fail(err, LAT_INVALID, "wrong_input_kind",
             "model '%s' takes inputs of kind '%s', not '%s'", model->reference,
             lat_input_kind_names[takes], lat_input_kind_names[kind]);
    lat_error_expected(err, lat_input_kind_names[takes], lat_input_kind_names[kind]);
    return LAT_INVALID;
}

enum lat_status lat_model_row_from_image(const struct lat_model *model, const void *bytes,
                                         size_t len, const struct lat_image_limits *limits,
                                         float *out_row, struct lat_error *err)
{
    struct lat_image image = {0};
    enum lat_status status = require_kind(model, LAT_INPUT_IMAGE, err);
    if (status == LAT_OK)
        status = lat_image_decode(bytes, len, limits, &image, err);
    if (status != LAT_OK)
        return status;
    status = lat_preprocess_image(&model->manifest.input, &image, out_row, err);
    lat_image_release(&image);
    return status;
}

enum lat_status lat_model_row_from_vector(const struct lat_model *model, const float *values,
                                          size_t n, float *out_row, struct lat_error *err)
{
    const enum lat_status status = require_kind(model, LAT_INPUT_VECTOR, err);
    if (status != LAT_OK)
        return status;
    const size_t expected = lat_input_elements(&model->manifest.input);
    if (n != expected) {
        char want[32], got[32];
        snprintf(want, sizeof(want), "%zu", expected);
        snprintf(got, sizeof(got), "%zu", n);
        lat_fail(err, LAT_INVALID, "wrong_dimension",
                 "model '%s' takes vectors of %zu dimensions, not %zu", model->reference,
                 expected, n);
        lat_error_expected(err, want, got);
        return LAT_INVALID;
    }
    for (size_t i = 0; i < n; i++)
        if (!isfinite(values[i]))
            return lat_fail(err, LAT_INVALID, "not_finite", "value %zu is not a finite number",
                            i);
    memcpy(out_row, values, n * sizeof(*values));
    return LAT_OK;
}

static enum lat_status wrong_sequence(const struct lat_model *model, size_t n_steps,
                                      size_t n_features, struct lat_error *err)
{
    const struct lat_input_spec *input = &model->manifest.input;
    char want[48], got[48];
    snprintf(want, sizeof(want), "%u x %u", input->length, input->features);
    snprintf(got, sizeof(got), "%zu x %zu", n_steps, n_features);
    lat_fail(err, LAT_INVALID, "wrong_dimension",
             "model '%s' takes sequences of %u steps of %u features, not %zu of %zu",
             model->reference, input->length, input->features, n_steps, n_features);
    lat_error_expected(err, want, got);
    return LAT_INVALID;
}

/* Raw floats, whose steps nobody told apart. */
static enum lat_status wrong_length(const struct lat_model *model, size_t n,
                                    struct lat_error *err)
{
    const struct lat_input_spec *input = &model->manifest.input;
    char want[32], got[32];
    snprintf(want, sizeof(want), "%zu", lat_input_elements(input));
    snprintf(got, sizeof(got), "%zu", n);
    lat_fail(err, LAT_INVALID, "wrong_dimension",
             "model '%s' takes sequences of %u steps of %u features, %s numbers, not %s",
             model->reference, input->length, input->features, want, got);
    lat_error_expected(err, want, got);
    return LAT_INVALID;
}

enum lat_status lat_model_row_from_sequence(const struct lat_model *model, const float *values,
                                            size_t n_steps, size_t n_features, float *out_row,
                                            struct lat_error *err)
{
    const struct lat_input_spec *input = &model->manifest.input;
    const enum lat_status status = require_kind(model, LAT_INPUT_SEQUENCE, err);
    if (status != LAT_OK)
        return status;
    const size_t elements = lat_input_elements(input);
    if (n_steps == 0 && n_features != elements)
        return wrong_length(model, n_features, err);
    if (n_steps == 0) {
        n_steps = input->length;
        n_features = input->features;
    }
    if (n_steps != input->length || n_features != input->features)
        return wrong_sequence(model, n_steps, n_features, err);
    for (size_t i = 0; i < elements; i++) {
        const size_t f = i % n_features;
        if (!isfinite(values[i]))
            return lat_fail(err, LAT_INVALID, "not_finite",
                            "feature %zu of step %zu is not a finite number", f,
                            i / n_features);
        out_row[i] = (values[i] - input->feature_mean[f]) / input->feature_std[f];
        if (!isfinite(out_row[i]))
            return lat_fail(err, LAT_INVALID, "out_of_range",
                            "feature %zu of step %zu is out of range", f, i / n_features);
    }
    return LAT_OK;
}

void lat_model_row_to_sequence(const struct lat_model *model, const float *row,
                               float *out_values)
{
    const struct lat_input_spec *input = &model->manifest.input;
    const size_t elements = lat_input_elements(input);
    for (size_t i = 0; i < elements; i++) {
        const size_t f = i % input->features;
        out_values[i] = row[i] * input->feature_std[f] + input->feature_mean[f];
    }
}

enum lat_status lat_model_row_from_cells(const struct lat_model *model,
                                         const struct lat_table_cell *cells, size_t n,
                                         float *out_row, struct lat_error *err)
{
    enum lat_status status = require_kind(model, LAT_INPUT_TABLE, err);
    if (status == LAT_OK)
        status = lat_table_row(model->table, cells, n, out_row, err);
    return status;
}

enum lat_status lat_model_row_from_history(const struct lat_model *model,
                                           const struct lat_event *events, size_t n,
                                           float *out_row, struct lat_error *err)
{
    enum lat_status status = require_kind(model, LAT_INPUT_INTERACTIONS, err);
    if (status == LAT_OK)
        status = lat_history_row(&model->manifest.input, events, n, out_row, err);
    return status;
}

/* ---- the engine ---- */

/* The caller's batch as a tensor. The engine writes only through outputs. */
static struct lat_tensor tensor_of(const struct lat_port *port, const float *data, size_t n)
{
    struct lat_tensor tensor = {.name = port->name,
                                .dtype = LAT_FLOAT32,
                                .rank = port->rank,
                                .data = (void *)(uintptr_t)data};
    memcpy(tensor.dims, port->dims, sizeof(tensor.dims));
    tensor.dims[0] = (int64_t)n;
    return tensor;
}

/* A serving model has passed its trial run: what fails now is not the fault of whoever sent the
 * input, so the engine's "invalid" becomes "internal". */
static enum lat_status run_failed(const struct lat_model *model, enum lat_status status,
                                  struct lat_error *err)
{
    lat_error_prefix(err, "model '%s'", model->reference);
    if (status != LAT_INVALID || !model->infer_seconds)
        return status;
    if (err && err->status == LAT_INVALID) {
        err->status = LAT_INTERNAL;
        err->code = lat_status_code(LAT_INTERNAL);
    }
    return LAT_INTERNAL;
}

/* Single rows make a running average; a batch says at least that a row takes no longer. */
static void note_time(struct lat_model *model, size_t n, uint64_t ns)
{
    const uint64_t known = atomic_load_explicit(&model->row_ns, memory_order_relaxed);
    uint64_t now = known;
    if (known == 0 || (n > 1 && ns < known))
        now = ns;
    else if (n == 1)
        now = known - known / 8 + ns / 8;
    atomic_store_explicit(&model->row_ns, now, memory_order_relaxed);
}

uint64_t lat_model_row_ns(const struct lat_model *model)
{
    return atomic_load_explicit(&model->row_ns, memory_order_relaxed);
}

static enum lat_status run(struct lat_model *model, struct lat_session *session,
                           const struct lat_tensor *input, const struct lat_tensor *outputs,
                           size_t n_outputs, struct lat_error *err)
{
    const uint64_t start = lat_clock_ns();
    const enum lat_status status = lat_session_run(session, input, 1, outputs, n_outputs, err);
    if (status != LAT_OK)
        return run_failed(model, status, err);
    const uint64_t took_ns = lat_clock_ns() - start;
    if (session == model->encoder)
        note_time(model, (size_t)input->dims[0], took_ns);
    if (model->infer_seconds)
        lat_series_observe(model->infer_seconds, (double)took_ns / (double)LAT_NS_PER_S);
    if (model->infer_batch)
        lat_series_observe(model->infer_batch, (double)input->dims[0]);
    return LAT_OK;
}

/* Rows with their gaps filled, in memory of the caller's (lat_free): the missing cells of
 * tables as the table says, items without a rating with 0, which the encoder takes for none. */
static enum lat_status fill_rows(const struct lat_model *model, const float *rows, size_t n,
                                 float **out_filled, struct lat_error *err)
{
    const size_t elements = lat_input_elements(&model->manifest.input);
    float *filled = lat_alloc_raw(n * elements, sizeof(*filled));
    if (!filled)
        return lat_fail_memory(err);
    memcpy(filled, rows, n * elements * sizeof(*filled));
    for (size_t i = 0; model->table && i < n; i++)
        lat_table_fill(model->table, filled + i * elements);
    for (size_t i = 0; !model->table && i < n * elements; i++)
        filled[i] = isnan(filled[i]) ? 0 : filled[i];
    *out_filled = filled;
    return LAT_OK;
}

static enum lat_status encode_rows(struct lat_model *model, const float *rows, size_t n,
                                   float *out_codes, float *out_variances,
                                   struct lat_error *err)
{
    const struct lat_signature *signature = &model->signature;
    if (out_variances && signature->log_variance.name[0] == '\0')
        return lat_fail(err, LAT_CAPABILITY, NULL,
                        "model '%s' has no variances: its code is "
                        "deterministic",
                        model->reference);
    const struct lat_tensor input = tensor_of(&signature->input, rows, n);
    struct lat_tensor outputs[2] = {tensor_of(&signature->code, out_codes, n)};
    if (out_variances)
        outputs[1] = tensor_of(&signature->log_variance, out_variances, n);
    const enum lat_status status =
        run(model, model->encoder, &input, outputs, out_variances ? 2 : 1, err);
    if (status != LAT_OK || !out_variances)
        return status;
    const size_t n_values = n * model->manifest.code_dimension;
    for (size_t i = 0; i < n_values; i++)
        out_variances[i] = expf(out_variances[i]);
    return LAT_OK;
}

enum lat_status lat_model_encode(struct lat_model *model, const float *rows, size_t n,
                                 float *out_codes, float *out_variances, struct lat_error *err)
{
    float *filled = NULL;
    enum lat_status status = LAT_OK;
    if (n == 0)
        return LAT_OK;
    if (lat_input_has_gaps(&model->manifest.input))
        status = fill_rows(model, rows, n, &filled, err);
    if (status == LAT_OK)
        status = encode_rows(model, filled ? filled : rows, n, out_codes, out_variances, err);
    lat_free(filled);
    return status;
}

bool lat_model_has_spread(const struct lat_model *model)
{
    return model->signature.spread.name[0] != '\0';
}

enum lat_status lat_model_decode(struct lat_model *model, const float *codes, size_t n,
                                 float *out_rows, struct lat_error *err)
{
    return lat_model_decode_spread(model, codes, n, out_rows, NULL, err);
}

enum lat_status lat_model_decode_spread(struct lat_model *model, const float *codes, size_t n,
                                        float *out_rows, float *out_spreads,
                                        struct lat_error *err)
{
    enum lat_status status = lat_model_require(model, LAT_CAN_DECODE, err);
    if (status != LAT_OK || n == 0)
        return status;
    const size_t n_values = n * lat_input_elements(&model->manifest.input);
    const bool spread = out_spreads && lat_model_has_spread(model);
    const struct lat_tensor input = tensor_of(&model->signature.decoder_input, codes, n);
    struct lat_tensor outputs[2] = {tensor_of(&model->signature.output, out_rows, n)};
    if (spread)
        outputs[1] = tensor_of(&model->signature.spread, out_spreads, n);
    status = run(model, model->decoder, &input, outputs, spread ? 2 : 1, err);
    for (size_t i = 0; status == LAT_OK && out_spreads && !spread && i < n_values; i++)
        out_spreads[i] = 1;
    if (status != LAT_OK || !model->manifest.output_is_logit)
        return status;
    for (size_t i = 0; i < n_values; i++)
        out_rows[i] = 1.0F / (1.0F + expf(-out_rows[i]));
    return LAT_OK;
}

/* ---- rows to what people see ---- */

static double squared_difference(const float *a, const float *b, size_t n, size_t step)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        const double difference = (double)a[i * step] - (double)b[i * step];
        sum += difference * difference;
    }
    return sum;
}

/* Standardising divided a pixel by its channel's std: differences grow back by it. */
static double image_error(const struct lat_input_spec *input, const float *row,
                          const float *decoded)
{
    const size_t n = (size_t)input->width * input->height;
    const bool planar = input->layout != LAT_LAYOUT_NHWC;
    double sum = 0.0;
    for (uint32_t c = 0; c < input->channels; c++) {
        const size_t start = planar ? c * n : c;
        const double std = (double)input->std[c];
        sum +=
            std * std *
            squared_difference(row + start, decoded + start, n, planar ? 1 : input->channels);
    }
    return sum;
}

/* Mean over the elements that are there. */
static double observed_error(const float *row, const float *decoded, size_t elements)
{
    double sum = 0.0;
    size_t n = 0;
    for (size_t i = 0; i < elements; i++) {
        if (isnan(row[i]))
            continue;
        const double difference = (double)row[i] - (double)decoded[i];
        sum += difference * difference;
        n++;
    }
    return n ? sum / (double)n : 0;
}

void lat_model_errors(const struct lat_model *model, const float *rows, const float *decoded,
                      size_t n, float *out_errors)
{
    const struct lat_input_spec *input = &model->manifest.input;
    const size_t elements = lat_input_elements(input);
    for (size_t i = 0; i < n; i++, rows += elements, decoded += elements) {
        if (lat_input_has_gaps(input)) {
            out_errors[i] = lat_score_limit(observed_error(rows, decoded, elements));
            continue;
        }
        const double sum = input->kind == LAT_INPUT_IMAGE
                               ? image_error(input, rows, decoded)
                               : squared_difference(rows, decoded, elements, 1);
        out_errors[i] = lat_score_limit(sum / (double)elements);
    }
}

enum lat_status lat_model_row_to_png(const struct lat_model *model, const float *row,
                                     struct lat_buf *out, struct lat_error *err)
{
    const struct lat_input_spec *input = &model->manifest.input;
    enum lat_status status = require_kind(model, LAT_INPUT_IMAGE, err);
    if (status != LAT_OK)
        return status;
    uint8_t *pixels = lat_alloc_raw(lat_input_elements(input), 1);
    if (!pixels)
        return lat_fail_memory(err);
    lat_preprocess_to_pixels(input, row, pixels);
    status =
        lat_image_encode_png(pixels, input->width, input->height, input->channels, out, err);
    lat_free(pixels);
    return status;
}

double lat_model_p_value(const struct lat_model *model, float error)
{
    return lat_calibration_p_value(&model->manifest.calibration, error);
}
