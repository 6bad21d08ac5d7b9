/* Batches of rows through encode and decode. */
#include "model/train/measure.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "model/portrait.h"
#include "model/row_nll.h"
#include "model/score.h"
#include "model/train/rows.h"

#include "base/banned.h"

enum { BATCH = 256 };

struct pass {
    struct lat_model *model;
    const struct lat_manifest *manifest;
    const struct lat_dataset *dataset;
    const struct lat_measure_options *options;
    size_t elements, width; /* of a row, of a code */
    struct lat_rows source;
    float *rows, *decoded, *codes;
    float *spreads;         /* NULL where the model says none */
    float *noisy, *given;   /* items with noise, as rows; NULL without */
    struct lat_rng rng;     /* of the noise */
    float *variances;       /* [BATCH][width]; NULL unless scores are the bound */
    float *target, *output; /* [elements], a row in the units of training */
    double squared, nll, noise;
    struct lat_measure *measure;
};

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

/* Elements that are not missing. */
static size_t n_observed(const float *row, size_t elements)
{
    size_t n = 0;
    for (size_t i = 0; i < elements; i++)
        n += !isnan(row[i]);
    return n;
}

/* Mean of the absolute differences over the elements that are there. */
static float absolute_error(const float *row, const float *decoded, size_t elements)
{
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < elements; i++) {
        if (isnan(row[i]))
            continue;
        sum += fabs((double)row[i] - (double)decoded[i]);
        n++;
    }
    return n ? (float)(sum / (double)n) : 0;
}

static void judge(struct pass *pass, size_t at, size_t n)
{
    const enum lat_likelihood likelihood = pass->manifest->likelihood;
    lat_model_errors(pass->model, pass->rows, pass->decoded, n, pass->measure->errors + at);
    for (size_t i = 0; i < n; i++) {
        const size_t first = i * pass->elements;
        const float *row = pass->rows + first, *decoded = pass->decoded + first;
        pass->squared +=
            (double)pass->measure->errors[at + i] * (double)n_observed(row, pass->elements);
        if (pass->measure->absolute_errors)
            pass->measure->absolute_errors[at + i] =
                absolute_error(row, decoded, pass->elements);
        pass->nll += lat_input_nll_spread(&pass->manifest->input, likelihood,
                                          in_units(pass, row, pass->target),
                                          in_units(pass, decoded, pass->output),
                                          pass->spreads ? pass->spreads + first : NULL);
    }
}

static void portray(struct pass *pass, size_t at, size_t n)
{
    const struct lat_input_spec *input = &pass->manifest->input;
    const size_t features = lat_portrait_features(input);
    for (size_t i = 0; i < n; i++)
        lat_portrait_values(input, pass->rows + i * pass->elements,
                            pass->measure->features + (at + i) * features);
}

static enum lat_status score(struct pass *pass, const float *codes, size_t at, size_t n,
                             struct lat_error *err)
{
    float *scores = pass->measure->scores + at;
    if (pass->measure->score_kind == LAT_SCORE_BOUND)
        return lat_score_rows(pass->model, pass->rows, codes, pass->variances, NULL, n, scores,
                              err);
    memcpy(scores, pass->measure->errors + at, n * sizeof(*scores));
    return LAT_OK;
}

/* The rows the model is given: those just read, or the same with noise. */
static const float *give(struct pass *pass, size_t n)
{
    const struct lat_measure_noise *noise = pass->options->noise;
    const size_t len = n * pass->elements;
    if (!noise)
        return pass->rows;
    const struct lat_noise how = {
        .rng = &pass->rng, .level = noise->level, .input = &pass->dataset->input};
    noise->corruption->apply(&how, pass->source.items, pass->noisy, len);
    for (size_t i = 0; i < len; i++) {
        const double difference = (double)pass->noisy[i] - (double)pass->source.items[i];
        pass->noise += difference * difference;
    }
    lat_rows_lay_out(&pass->source, pass->noisy, n, pass->given);
    return pass->given;
}

static enum lat_status run(struct pass *pass, const uint32_t *indices, size_t n,
                           struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    for (size_t at = 0; status == LAT_OK && at < n; at += BATCH) {
        const size_t m = n - at < BATCH ? n - at : BATCH;
        float *codes =
            pass->measure->codes ? pass->measure->codes + at * pass->width : pass->codes;
        status = lat_rows_read(&pass->source, indices + at, m, pass->rows, err);
        if (status != LAT_OK)
            break;
        status = lat_model_encode(pass->model, give(pass, m), m, codes, pass->variances, err);
        if (status == LAT_OK && pass->measure->features)
            portray(pass, at, m);
        if (status == LAT_OK && pass->options->decode) {
            status = lat_model_decode_spread(pass->model, codes, m, pass->decoded,
                                             pass->spreads, err);
            if (status == LAT_OK)
                judge(pass, at, m);
            if (status == LAT_OK && pass->measure->scores)
                status = score(pass, codes, at, m, err);
        }
    }
    return status;
}

static enum lat_status allocate(struct pass *pass, size_t n, struct lat_error *err)
{
    size_t total;
    if (!lat_mul_size(n, pass->width, &total))
        return lat_fail_memory(err);
    pass->rows = lat_alloc_raw(BATCH * pass->elements, sizeof(float));
    pass->decoded = lat_alloc_raw(BATCH * pass->elements, sizeof(float));
    pass->codes = lat_alloc_raw(BATCH * pass->width, sizeof(float));
    pass->target = lat_alloc_raw(pass->elements, sizeof(float));
    pass->output = lat_alloc_raw(pass->elements, sizeof(float));
    pass->measure->errors = lat_alloc(n, sizeof(float));
    bool good = pass->rows && pass->decoded && pass->codes && pass->target && pass->output &&
                pass->measure->errors;
    if (pass->options->keep_absolute) {
        pass->measure->absolute_errors = lat_alloc(n, sizeof(float));
        good = good && pass->measure->absolute_errors;
    }
    if (pass->options->keep_scores && pass->options->decode) {
        pass->measure->scores = lat_alloc(n, sizeof(float));
        good = good && pass->measure->scores;
        if (!pass->options->scale)
            pass->measure->score_kind = lat_score_kind(pass->model);
    }
    if (pass->measure->score_kind == LAT_SCORE_BOUND) {
        pass->variances = lat_alloc_raw(BATCH * pass->width, sizeof(float));
        good = good && pass->variances;
    }
    if (pass->options->keep_features) {
        const size_t features = lat_portrait_features(&pass->manifest->input);
        pass->measure->features = lat_alloc_raw(n * features + 1, sizeof(float));
        good = good && pass->measure->features;
    }
    if (pass->options->noise) {
        pass->noisy = lat_alloc_raw(BATCH * pass->elements, sizeof(float));
        pass->given = lat_alloc_raw(BATCH * pass->elements, sizeof(float));
        good = good && pass->noisy && pass->given;
        lat_rng_seed(&pass->rng, pass->options->noise->seed);
    }
    if (lat_model_has_spread(pass->model)) {
        pass->spreads = lat_alloc_raw(BATCH * pass->elements, sizeof(float));
        good = good && pass->spreads;
    }
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
    enum lat_status status = lat_rows_init(&pass.source, pass.manifest, dataset, BATCH, err);
    if (status == LAT_OK)
        status = allocate(&pass, n, err);
    if (status == LAT_OK)
        status = run(&pass, indices, n, err);
    if (status == LAT_OK) {
        const double items = (double)(n ? n : 1);
        measure.squared_error_sum = pass.squared / items;
        measure.squared_error_mean = pass.squared / items / (double)pass.elements;
        measure.noise_squared_error_sum = pass.noise / items;
        measure.negative_log_likelihood = pass.nll / items;
        *out_measure = measure;
    } else {
        lat_measure_release(&measure);
    }
    lat_rows_release(&pass.source);
    lat_free(pass.rows);
    lat_free(pass.decoded);
    lat_free(pass.codes);
    lat_free(pass.spreads);
    lat_free(pass.variances);
    lat_free(pass.noisy);
    lat_free(pass.given);
    lat_free(pass.target);
    lat_free(pass.output);
    return status;
}

void lat_measure_release(struct lat_measure *measure)
{
    lat_free(measure->errors);
    lat_free(measure->absolute_errors);
    lat_free(measure->codes);
    lat_free(measure->scores);
    lat_free(measure->features);
    *measure = (struct lat_measure){0};
}
