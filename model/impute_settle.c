/* Rows go round together; one whose holes have settled leaves the batch. A settled row is one
 * guess, and says nothing of others: the spread of a number is that of its column, which the
 * calibration makes that of its errors. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "model/impute_internal.h"

#include "base/banned.h"

static const float SETTLED = 1e-3F; /* standard deviations of a column */

struct bench {
    struct lat_imputation *imputation;
    float *current, *decoded; /* [n][elements], packed: row i is of active[i] */
    float *codes;             /* [n][width] */
    size_t *active, n;
};

/* A number that is decoded from a guess that is off can run away: it stays among those that the
 * column has been seen to have. */
static float within(const struct lat_column *column, float decoded, float otherwise)
{
    if (!isfinite(decoded))
        return otherwise;
    if (lat_column_has_words(column) || column->least > column->most)
        return decoded;
    const float least = (float)((column->least - column->mean) / column->std);
    const float most = (float)((column->most - column->mean) / column->std);
    return fminf(fmaxf(decoded, least), most);
}

/* What was decoded goes into the holes of row `i`; the largest change. */
static float refill(struct bench *bench, size_t i)
{
    const struct lat_imputation *imputation = bench->imputation;
    const struct lat_table *table = imputation->table;
    const size_t elements = imputation->elements;
    const float *row = imputation->rows + bench->active[i] * elements;
    float *current = bench->current + i * elements, *decoded = bench->decoded + i * elements;
    float most = 0;
    for (size_t c = 0; c < table->names.n; c++) {
        const struct lat_column *column = &table->columns[c];
        if (!isnan(row[column->start]))
            continue;
        if (lat_column_has_words(column))
            lat_impute_normalise(column, decoded + column->start);
        for (size_t e = column->start; e < column->start + column->width; e++) {
            const float filled = within(column, decoded[e], current[e]);
            most = fmaxf(most, fabsf(filled - current[e]));
            current[e] = filled;
        }
    }
    return most;
}

/* The result of the row packed at `i`. */
static void finish(const struct bench *bench, size_t i)
{
    const struct lat_imputation *imputation = bench->imputation;
    const struct lat_table *table = imputation->table;
    struct lat_imputed *out = imputation->out;
    const size_t elements = imputation->elements, row = bench->active[i];
    for (size_t c = 0; c < table->names.n; c++) {
        const struct lat_column *column = &table->columns[c];
        const size_t at = row * elements + column->start;
        if (!isnan(out->values[at]))
            continue;
        memcpy(out->values + at, bench->current + i * elements + column->start,
               column->width * sizeof(float));
        if (lat_column_has_words(column))
            continue;
        out->spreads[at] = 1;
        lat_impute_interval(imputation->model, imputation->options, c, at, out);
    }
}

/* One round; the settled are finished and leave, in the last all do. */
static enum lat_status go_round(struct bench *bench, bool last, struct lat_error *err)
{
    const struct lat_imputation *imputation = bench->imputation;
    const struct lat_impute_engine *engine = imputation->engine;
    const size_t bytes = imputation->elements * sizeof(float);
    size_t kept = 0;
    enum lat_status status =
        engine->encode(engine->context, bench->current, bench->n, bench->codes, NULL, err);
    if (status == LAT_OK)
        status =
            engine->decode(engine->context, bench->codes, bench->n, bench->decoded, NULL, err);
    for (size_t i = 0; status == LAT_OK && i < bench->n; i++) {
        if (refill(bench, i) < SETTLED || last) {
            finish(bench, i);
            continue;
        }
        memmove(bench->current + kept * imputation->elements,
                bench->current + i * imputation->elements, bytes);
        bench->active[kept++] = bench->active[i];
    }
    bench->n = kept;
    return status;
}

/* How often at most: as asked for, or as the package says. */
static uint32_t rounds_of(const struct lat_imputation *imputation)
{
    const struct lat_impute_calibration *known = imputation->model->imputation;
    if (imputation->options->rounds)
        return imputation->options->rounds;
    return known && known->rounds ? known->rounds : LAT_IMPUTE_ROUNDS_MAX;
}

/* Completed rows: numbers at quantiles of the errors seen, words by their probability. */
static void draw_rows(const struct lat_imputation *imputation, size_t i)
{
    const struct lat_table *table = imputation->table;
    struct lat_imputed *out = imputation->out;
    const size_t first = i * imputation->elements;
    const struct lat_impute_calibration *known =
        imputation->options->uncalibrated ? NULL : imputation->model->imputation;
    struct lat_rng rng;
    lat_impute_seed(imputation->options, i, &rng);
    for (size_t d = 0; d < out->n_draws; d++) {
        float *row = out->draws + (i * out->n_draws + d) * imputation->elements;
        for (size_t c = 0; c < table->names.n; c++) {
            const struct lat_column *column = &table->columns[c];
            const size_t e = column->start;
            if (!isnan(row[e]))
                continue;
            if (lat_column_has_words(column))
                lat_impute_draw_word(column, out->values + first + e, &rng, row + e);
            else
                row[e] = out->values[first + e] +
                         out->spreads[first + e] *
                             lat_impute_quantile(known, LAT_IMPUTE_RECONSTRUCTION,
                                                 lat_rng_uniform(&rng));
        }
    }
}

static enum lat_status begin(struct bench *bench, struct lat_error *err)
{
    const struct lat_imputation *imputation = bench->imputation;
    const size_t n = imputation->n, elements = imputation->elements;
    bench->current = lat_alloc_raw(n * elements, sizeof(float));
    bench->decoded = lat_alloc_raw(n * elements, sizeof(float));
    bench->codes = lat_alloc_raw(n * imputation->width, sizeof(float));
    bench->active = lat_alloc_raw(n, sizeof(*bench->active));
    if (!bench->current || !bench->decoded || !bench->codes || !bench->active)
        return lat_fail_memory(err);
    memcpy(bench->current, imputation->rows, n * elements * sizeof(float));
    bench->n = n;
    for (size_t i = 0; i < n; i++) {
        lat_table_fill(imputation->table, bench->current + i * elements);
        bench->active[i] = i;
    }
    return LAT_OK;
}

enum lat_status lat_impute_by_settling(struct lat_imputation *imputation, struct lat_error *err)
{
    struct bench bench = {.imputation = imputation};
    enum lat_status status = begin(&bench, err);
    const uint32_t rounds = rounds_of(imputation);
    for (uint32_t round = 1; status == LAT_OK && bench.n > 0; round++)
        status = go_round(&bench, round == rounds, err);
    for (size_t i = 0; status == LAT_OK && i < imputation->n; i++)
        draw_rows(imputation, i);
    lat_free(bench.current);
    lat_free(bench.decoded);
    lat_free(bench.codes);
    lat_free(bench.active);
    return status;
}
