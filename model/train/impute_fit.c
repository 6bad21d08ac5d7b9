/* Rows go through in rounds of a block each: holes are cut, every way of filling them is tried,
 * and every hidden number leaves a residual. Words have probabilities and no spread: they count
 * for which way is the better one, and no more. A row that has more holes than were drawn for
 * it sits the round out.
 *
 * Reconstruction is tried both ways: until the holes settle, and in one pass. A network that
 * was taught to fill holes in one go drifts off when its answers are put to it as if they had
 * been observed; others need many rounds. The one that is nearer to the truth is the package's.
 */
#include "model/train/impute_fit.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

#include "base/banned.h"

enum { CELLS_WANTED = 6000, ROUNDS_MAX = 24, BLOCK = 64, FIT_SAMPLES = 300 };

/* The ways that are tried; importance last, which not every model has. */
enum { SETTLED, ONE_PASS, WEIGHED, WAYS };

static const struct {
    enum lat_impute_method method;
    uint32_t rounds;
} ways[WAYS] = {
    [SETTLED] = {LAT_IMPUTE_RECONSTRUCTION, LAT_IMPUTE_ROUNDS_MAX},
    [ONE_PASS] = {LAT_IMPUTE_RECONSTRUCTION, 1},
    [WEIGHED] = {LAT_IMPUTE_IMPORTANCE, 0},
};

static const uint64_t FIT_STREAM = UINT64_C(0x696D707574);

struct fit {
    struct lat_model *model;
    const struct lat_dataset *dataset;
    const struct lat_table *table;
    const uint32_t *indices;
    size_t n;
    struct lat_rng rng;
    size_t *holes;      /* [columns + 1]: rows with so many missing columns */
    size_t n_gaps;      /* rows with any */
    float *truth, *cut; /* [BLOCK][elements] */
    uint32_t *order;    /* [columns] */
    struct lat_impute_residual *residuals[WAYS];
    size_t n_residuals[WAYS], capacity;
    double squares[WAYS]; /* of errors, in deviations of the column */
};

static size_t ways_of(const struct fit *fit)
{
    return lat_impute_usual(fit->model) == LAT_IMPUTE_IMPORTANCE ? WAYS : WEIGHED;
}

static size_t missing_of(const struct fit *fit, const float *row)
{
    size_t n = 0;
    for (size_t c = 0; c < fit->table->names.n; c++)
        n += isnan(row[fit->table->columns[c].start]);
    return n;
}

/* As many holes as a row of these data with holes has. */
static size_t draw_holes(struct fit *fit)
{
    const size_t columns = fit->table->names.n;
    if (fit->n_gaps * 20 < fit->n) /* hardly any: from one to half of the columns */
        return 1 + (size_t)lat_rng_below(&fit->rng, columns > 1 ? columns / 2 : 1);
    size_t left = (size_t)lat_rng_below(&fit->rng, fit->n_gaps), holes = 1;
    while (left >= fit->holes[holes])
        left -= fit->holes[holes++];
    return holes;
}

/* Hides cells of `row` until it has `holes` of them; false when it has as many already. */
static bool cut(struct fit *fit, float *row, size_t holes)
{
    size_t missing = missing_of(fit, row);
    if (missing >= holes)
        return false;
    lat_rng_shuffle(&fit->rng, fit->order, fit->table->names.n);
    for (size_t j = 0; j < fit->table->names.n && missing < holes; j++) {
        const struct lat_column *column = &fit->table->columns[fit->order[j]];
        if (isnan(row[column->start]))
            continue;
        lat_table_put(column, (double)NAN, row);
        missing++;
    }
    return true;
}

/* The squared error of probabilities (Brier 1950). */
static void add_word(struct fit *fit, size_t way, const struct lat_column *column, size_t at,
                     const struct lat_imputed *imputed)
{
    for (size_t i = at; i < at + column->width; i++) {
        const double off = (double)fit->truth[i] - (double)imputed->values[i];
        fit->squares[way] += isfinite(off) ? off * off : 1;
    }
}

static void note(struct fit *fit, size_t way, size_t n, const struct lat_imputed *imputed)
{
    const size_t elements = fit->table->elements;
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < fit->table->names.n; c++) {
            const struct lat_column *column = &fit->table->columns[c];
            const size_t at = i * elements + column->start;
            const float spread = imputed->spreads[at];
            if (isnan(fit->truth[at]) || !isnan(fit->cut[at]))
                continue;
            if (lat_column_has_words(column)) {
                add_word(fit, way, column, at, imputed);
                continue;
            }
            if (!(spread > 0) || fit->n_residuals[way] == fit->capacity)
                continue;
            const float off = fit->truth[at] - imputed->values[at];
            if (!isfinite(off / spread))
                continue;
            fit->squares[way] += (double)off * (double)off;
            fit->residuals[way][fit->n_residuals[way]++] =
                (struct lat_impute_residual){(uint32_t)c, off / spread};
        }
}

static enum lat_status fill(struct fit *fit, size_t n, struct lat_error *err)
{
    const struct lat_impute_engine engine = lat_impute_engine_of(fit->model);
    enum lat_status status = LAT_OK;
    for (size_t way = 0; status == LAT_OK && way < ways_of(fit); way++) {
        const struct lat_impute_options options = {.method = ways[way].method,
                                                   .rounds = ways[way].rounds,
                                                   .samples = FIT_SAMPLES,
                                                   .seed = lat_rng_next(&fit->rng),
                                                   .interval = 0.9,
                                                   .uncalibrated = true};
        struct lat_imputed imputed = {0};
        status = lat_impute(fit->model, &engine, fit->cut, n, &options, &imputed, err);
        if (status == LAT_OK)
            note(fit, way, n, &imputed);
        lat_imputed_release(&imputed);
    }
    return status;
}

/* Every row once. */
static enum lat_status go_round(struct fit *fit, struct lat_error *err)
{
    const size_t elements = fit->table->elements;
    enum lat_status status = LAT_OK;
    for (size_t at = 0, kept = 0; status == LAT_OK && at < fit->n; at++) {
        float *truth = fit->truth + kept * elements, *row = fit->cut + kept * elements;
        status = lat_dataset_read(fit->dataset, &fit->indices[at], 1, truth, err);
        if (status != LAT_OK)
            break;
        memcpy(row, truth, elements * sizeof(float));
        kept += cut(fit, row, draw_holes(fit));
        if (kept == BLOCK || (kept && at + 1 == fit->n)) {
            status = fill(fit, kept, err);
            kept = 0;
        }
        if (fit->n_residuals[SETTLED] >= CELLS_WANTED)
            break;
    }
    return status;
}

static enum lat_status count_holes(struct fit *fit, struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    for (size_t i = 0; status == LAT_OK && i < fit->n; i++) {
        status = lat_dataset_read(fit->dataset, &fit->indices[i], 1, fit->truth, err);
        const size_t missing = status == LAT_OK ? missing_of(fit, fit->truth) : 0;
        fit->holes[missing]++;
        fit->n_gaps += missing > 0;
    }
    return status;
}

static enum lat_status begin(struct fit *fit, uint64_t seed, struct lat_error *err)
{
    const size_t columns = fit->table->names.n, elements = fit->table->elements;
    fit->capacity = CELLS_WANTED + BLOCK * columns;
    fit->holes = lat_alloc(columns + 1, sizeof(*fit->holes));
    fit->order = lat_alloc_raw(columns, sizeof(*fit->order));
    fit->truth = lat_alloc_raw(BLOCK * elements, sizeof(float));
    fit->cut = lat_alloc_raw(BLOCK * elements, sizeof(float));
    bool good = fit->holes && fit->order && fit->truth && fit->cut;
    for (size_t way = 0; way < ways_of(fit); way++) {
        fit->residuals[way] = lat_alloc_raw(fit->capacity, sizeof(*fit->residuals[way]));
        good = good && fit->residuals[way];
    }
    if (!good)
        return lat_fail_memory(err);
    for (size_t c = 0; c < columns; c++)
        fit->order[c] = (uint32_t)c;
    lat_rng_seed(&fit->rng, seed ^ FIT_STREAM);
    return count_holes(fit, err);
}

static enum lat_status conclude(struct fit *fit, struct lat_impute_calibration *out,
                                struct lat_error *err)
{
    const size_t chosen = fit->squares[ONE_PASS] < fit->squares[SETTLED] ? ONE_PASS : SETTLED;
    out->n_columns = fit->table->names.n;
    out->rounds = ways[chosen].rounds;
    enum lat_status status = lat_impute_calibrate(
        out, LAT_IMPUTE_RECONSTRUCTION, fit->residuals[chosen], fit->n_residuals[chosen], err);
    if (status == LAT_OK && ways_of(fit) > WEIGHED)
        status = lat_impute_calibrate(out, LAT_IMPUTE_IMPORTANCE, fit->residuals[WEIGHED],
                                      fit->n_residuals[WEIGHED], err);
    return status;
}

enum lat_status lat_impute_fit(struct lat_model *model, const struct lat_dataset *dataset,
                               const uint32_t *indices, size_t n, uint64_t seed,
                               struct lat_impute_calibration **out_calibration,
                               struct lat_error *err)
{
    *out_calibration = NULL;
    if (!(lat_model_manifest(model)->capabilities & LAT_CAN_IMPUTE) || n == 0)
        return LAT_OK;
    struct fit fit = {.model = model,
                      .dataset = dataset,
                      .table = lat_model_manifest(model)->input.table,
                      .indices = indices,
                      .n = n};
    struct lat_impute_calibration *made = lat_alloc(1, sizeof(*made));
    enum lat_status status = made ? begin(&fit, seed, err) : lat_fail_memory(err);
    for (int round = 0;
         status == LAT_OK && round < ROUNDS_MAX && fit.n_residuals[SETTLED] < CELLS_WANTED;
         round++)
        status = go_round(&fit, err);
    if (status == LAT_OK)
        status = conclude(&fit, made, err);
    for (size_t way = 0; way < WAYS; way++)
        lat_free(fit.residuals[way]);
    lat_free(fit.holes);
    lat_free(fit.order);
    lat_free(fit.truth);
    lat_free(fit.cut);
    if (status == LAT_OK)
        *out_calibration = made;
    else
        lat_impute_calibration_free(made);
    return status;
}
