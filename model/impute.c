/* What the methods share: the frame of a result, mixtures, intervals, draws.
 *
 * A mixture's spread is the law of total variance, the weighted variance within its components
 * and between their centres. A component of a Student-t likelihood with three degrees of
 * freedom and scale s has the variance 3 s^2. */
#include "model/impute.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "model/impute_internal.h"

#include "base/banned.h"

enum {
    DEGREES = 3, /* of student_t */
    MIXED_AT_ONCE = 64
};

static const double WEIGHT_LEAST = 1e-9;

/* ---- the model ---- */

static enum lat_status encode_directly(void *context, const float *rows, size_t n,
                                       float *out_codes, float *out_variances,
                                       struct lat_error *err)
{
    return lat_model_encode(context, rows, n, out_codes, out_variances, err);
}

static enum lat_status decode_directly(void *context, const float *codes, size_t n,
                                       float *out_rows, float *out_spreads,
                                       struct lat_error *err)
{
    return lat_model_decode_spread(context, codes, n, out_rows, out_spreads, err);
}

struct lat_impute_engine lat_impute_engine_of(struct lat_model *model)
{
    return (struct lat_impute_engine){encode_directly, decode_directly, model};
}

static bool is_gaussian(const struct lat_model *model)
{
    return model->signature.log_variance.name[0] != '\0';
}

enum lat_impute_method lat_impute_usual(const struct lat_model *model)
{
    return is_gaussian(model) ? LAT_IMPUTE_IMPORTANCE : LAT_IMPUTE_RECONSTRUCTION;
}

enum lat_status lat_impute_check(const struct lat_model *model, enum lat_impute_method method,
                                 struct lat_error *err)
{
    const enum lat_status status = lat_model_require(model, LAT_CAN_IMPUTE, err);
    if (status != LAT_OK || method != LAT_IMPUTE_IMPORTANCE || is_gaussian(model))
        return status;
    return lat_fail(err, LAT_CAPABILITY, NULL,
                    "model '%s': importance weighs codes drawn from a gaussian code, and its "
                    "code is deterministic: reconstruction and neighbours go with it",
                    model->reference);
}

/* ---- the frame ---- */

enum lat_status lat_imputed_begin(const struct lat_model *model, const float *rows, size_t n,
                                  size_t n_draws, struct lat_imputed *out,
                                  struct lat_error *err)
{
    const size_t elements = model->table->elements;
    size_t total, drawn;
    *out = (struct lat_imputed){.n = n, .elements = elements, .n_draws = n_draws};
    if (!lat_mul_size(n, elements, &total) || !lat_mul_size(total, n_draws, &drawn))
        return lat_fail_memory(err);
    out->values = lat_alloc_raw(total ? total : 1, sizeof(float));
    out->spreads = lat_alloc(total ? total : 1, sizeof(float));
    out->lows = lat_alloc_raw(total ? total : 1, sizeof(float));
    out->highs = lat_alloc_raw(total ? total : 1, sizeof(float));
    out->effective = lat_alloc(n ? n : 1, sizeof(float));
    if (drawn)
        out->draws = lat_alloc_raw(drawn, sizeof(float));
    if (!out->values || !out->spreads || !out->lows || !out->highs || !out->effective ||
        (drawn && !out->draws))
        return lat_fail_memory(err);
    memcpy(out->values, rows, total * sizeof(float));
    memcpy(out->lows, rows, total * sizeof(float));
    memcpy(out->highs, rows, total * sizeof(float));
    for (size_t i = 0; drawn && i < n; i++)
        for (size_t d = 0; d < n_draws; d++)
            memcpy(out->draws + (i * n_draws + d) * elements, rows + i * elements,
                   elements * sizeof(float));
    return LAT_OK;
}

void lat_imputed_release(struct lat_imputed *imputed)
{
    lat_free(imputed->values);
    lat_free(imputed->spreads);
    lat_free(imputed->lows);
    lat_free(imputed->highs);
    lat_free(imputed->draws);
    lat_free(imputed->effective);
    *imputed = (struct lat_imputed){0};
}

enum lat_status lat_impute(struct lat_model *model, const struct lat_impute_engine *engine,
                           const float *rows, size_t n,
                           const struct lat_impute_options *options, struct lat_imputed *out,
                           struct lat_error *err)
{
    enum lat_status status = lat_impute_check(model, options->method, err);
    if (status != LAT_OK)
        return status;
    status = lat_imputed_begin(model, rows, n, options->draws, out, err);
    struct lat_imputation imputation = {.model = model,
                                        .table = model->table,
                                        .engine = engine,
                                        .options = options,
                                        .rows = rows,
                                        .n = n,
                                        .elements = model->table->elements,
                                        .width = model->manifest.code_dimension,
                                        .out = out};
    if (status != LAT_OK || n == 0)
        return status;
    return options->method == LAT_IMPUTE_IMPORTANCE ? lat_impute_by_importance(&imputation, err)
                                                    : lat_impute_by_settling(&imputation, err);
}

/* ---- cells ---- */

static const struct lat_impute_calibration *
calibration_of(const struct lat_model *model, const struct lat_impute_options *options)
{
    return options->uncalibrated ? NULL : model->imputation;
}

void lat_impute_interval(const struct lat_model *model,
                         const struct lat_impute_options *options, size_t column, size_t at,
                         struct lat_imputed *inout)
{
    const struct lat_impute_calibration *known = calibration_of(model, options);
    const double tail = (1 - options->interval) / 2;
    inout->spreads[at] *= lat_impute_scale(known, options->method, column);
    const float value = inout->values[at], spread = inout->spreads[at];
    inout->lows[at] = value + spread * lat_impute_quantile(known, options->method, tail);
    inout->highs[at] = value + spread * lat_impute_quantile(known, options->method, 1 - tail);
    /* Errors may all lean to one side; the value stays inside. */
    inout->lows[at] = fminf(inout->lows[at], value);
    inout->highs[at] = fmaxf(inout->highs[at], value);
}

void lat_impute_seed(const struct lat_impute_options *options, size_t i, struct lat_rng *rng)
{
    lat_rng_seed(rng, options->seed + (options->first + i + 1) * UINT64_C(0xD1B54A32D192ED03));
}

void lat_impute_normalise(const struct lat_column *column, float *values)
{
    double sum = 0;
    for (size_t i = 0; i < column->width; i++) {
        values[i] = values[i] > 0 ? values[i] : 0;
        sum += (double)values[i];
    }
    for (size_t i = 0; i < column->width; i++)
        values[i] = sum > 0 ? (float)((double)values[i] / sum) : column->shares[i];
}

void lat_impute_draw_word(const struct lat_column *column, const float *probabilities,
                          struct lat_rng *rng, float *out)
{
    double left = lat_rng_uniform(rng);
    size_t chosen = 0;
    for (size_t i = 0; i < column->width && left >= 0; i++) {
        left -= (double)probabilities[i];
        chosen = probabilities[i] > 0 ? i : chosen;
    }
    for (size_t i = 0; i < column->width; i++)
        out[i] = i == chosen;
}

double lat_impute_confidence(const struct lat_column *column, const float *values,
                             const float *spreads)
{
    if (!lat_column_has_words(column)) {
        const double spread = (double)spreads[column->start];
        return fmax(0, 1 - spread * spread); /* the column's own is 1 */
    }
    float best = 0;
    for (size_t i = 0; i < column->width; i++)
        best = fmaxf(best, values[column->start + i]);
    return fmin((double)best, 1);
}

/* ---- mixtures ---- */

/* A number's variance around the centre of a component, over its squared spread. */
static double unit_variance(const struct lat_model *model)
{
    return model->manifest.likelihood == LAT_LIKELIHOOD_STUDENT_T ? DEGREES : 1;
}

void lat_impute_decoded_spreads(const struct lat_model *model, float *out_spreads)
{
    const struct lat_table *table = model->table;
    const double unit = sqrt(unit_variance(model));
    for (size_t c = 0; c < table->names.n; c++) {
        const struct lat_column *column = &table->columns[c];
        const float off = lat_impute_scale(model->imputation, LAT_IMPUTE_RECONSTRUCTION, c);
        for (size_t e = column->start; e < column->start + column->width; e++)
            out_spreads[e] = lat_column_has_words(column) ? 0 : (float)((double)off / unit);
    }
}

static double component_draw(const struct lat_model *model, struct lat_rng *rng)
{
    const double normal = lat_rng_normal(rng);
    double square = 0;
    if (model->manifest.likelihood != LAT_LIKELIHOOD_STUDENT_T)
        return normal;
    for (int i = 0; i < DEGREES; i++) {
        const double n = lat_rng_normal(rng);
        square += n * n;
    }
    return normal / sqrt(square / DEGREES);
}

/* Elements of numbers, some at a time: the decoded rows are gone through once for all of them,
 * and not at all where a weight is nothing. */
static void mix_numbers(const struct lat_model *model, const struct lat_impute_mixture *mixture,
                        const size_t *places, size_t n, float *values, float *spreads)
{
    const double unit = unit_variance(model);
    const size_t elements = model->table->elements;
    double means[MIXED_AT_ONCE] = {0}, squares[MIXED_AT_ONCE] = {0};
    for (size_t k = 0; k < mixture->n; k++) {
        const double weight = mixture->weights[k];
        const float *decoded = mixture->decoded + k * elements;
        const float *own = mixture->spreads ? mixture->spreads + k * elements : NULL;
        if (weight < WEIGHT_LEAST)
            continue;
        for (size_t j = 0; j < n; j++) {
            const double x = (double)decoded[places[j]];
            const double s = own ? (double)own[places[j]] : 0;
            means[j] += weight * x;
            squares[j] += weight * (x * x + unit * s * s);
        }
    }
    for (size_t j = 0; j < n; j++) {
        values[places[j]] = (float)means[j];
        spreads[places[j]] = (float)sqrt(fmax(squares[j] - means[j] * means[j], 0));
    }
}

static void mix_words(const struct lat_column *column, const struct lat_impute_mixture *mixture,
                      size_t elements, float *out_values)
{
    for (size_t i = 0; i < column->width; i++) {
        double share = 0;
        for (size_t k = 0; k < mixture->n; k++)
            if (mixture->weights[k] >= WEIGHT_LEAST)
                share += mixture->weights[k] *
                         (double)mixture->decoded[k * elements + column->start + i];
        out_values[i] = (float)share;
    }
    lat_impute_normalise(column, out_values);
}

static size_t choose(const struct lat_impute_mixture *mixture, struct lat_rng *rng)
{
    double left = lat_rng_uniform(rng);
    size_t chosen = 0;
    for (size_t k = 0; k < mixture->n && left >= 0; k++) {
        left -= mixture->weights[k];
        chosen = mixture->weights[k] > 0 ? k : chosen;
    }
    return chosen;
}

/* One completed row: all its cells behind the same code. Numbers are stretched around the value
 * as its spread was, so that draws and interval say the same. */
static void draw_row(const struct lat_model *model, const struct lat_impute_options *options,
                     const struct lat_impute_mixture *mixture, struct lat_rng *rng,
                     const float *values, float *inout_row)
{
    const struct lat_table *table = model->table;
    const struct lat_impute_calibration *known = calibration_of(model, options);
    const size_t k = choose(mixture, rng), elements = table->elements;
    const float *decoded = mixture->decoded + k * elements;
    for (size_t c = 0; c < table->names.n; c++) {
        const struct lat_column *column = &table->columns[c];
        const size_t e = column->start;
        if (!isnan(inout_row[e]))
            continue;
        if (lat_column_has_words(column)) {
            memcpy(inout_row + e, decoded + e, column->width * sizeof(float));
            lat_impute_normalise(column, inout_row + e);
            lat_impute_draw_word(column, inout_row + e, rng, inout_row + e);
            continue;
        }
        const double own = mixture->spreads ? (double)mixture->spreads[k * elements + e] : 0;
        const double raw = (double)decoded[e] + own * component_draw(model, rng);
        inout_row[e] = values[e] + lat_impute_scale(known, options->method, c) *
                                       (float)(raw - (double)values[e]);
    }
}

/* All missing numbers of a row, then their intervals. */
static void mix_row_numbers(const struct lat_model *model,
                            const struct lat_impute_options *options,
                            const struct lat_impute_mixture *mixture, size_t first,
                            struct lat_imputed *inout)
{
    const struct lat_table *table = model->table;
    size_t places[MIXED_AT_ONCE], columns[MIXED_AT_ONCE], n = 0;
    for (size_t c = 0; c <= table->names.n; c++) {
        const struct lat_column *column = &table->columns[c];
        const bool last = c == table->names.n;
        if (n == MIXED_AT_ONCE || (last && n)) {
            mix_numbers(model, mixture, places, n, inout->values + first,
                        inout->spreads + first);
            for (size_t j = 0; j < n; j++)
                lat_impute_interval(model, options, columns[j], first + places[j], inout);
            n = 0;
        }
        if (last || lat_column_has_words(column) ||
            !isnan(inout->values[first + column->start]))
            continue;
        columns[n] = c;
        places[n++] = column->start;
    }
}

void lat_impute_mix(const struct lat_model *model, const struct lat_impute_options *options,
                    const struct lat_impute_mixture *mixture, size_t i,
                    struct lat_imputed *inout)
{
    const struct lat_table *table = model->table;
    const size_t elements = table->elements, first = i * elements;
    struct lat_rng rng;
    mix_row_numbers(model, options, mixture, first, inout);
    for (size_t c = 0; c < table->names.n; c++) {
        const struct lat_column *column = &table->columns[c];
        const size_t at = first + column->start;
        if (lat_column_has_words(column) && isnan(inout->values[at]))
            mix_words(column, mixture, elements, inout->values + at);
    }
    lat_impute_seed(options, i, &rng);
    for (size_t d = 0; d < inout->n_draws; d++)
        draw_row(model, options, mixture, &rng, inout->values + first,
                 inout->draws + (i * inout->n_draws + d) * elements);
}
