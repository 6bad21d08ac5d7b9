/* The noise of the K codes is drawn once a call, in pairs of opposite sign, and shared by all
 * rows: a row's value depends on itself and the seed, not on its neighbours in the batch. Draws
 * of completed rows have a stream a row (lat_impute_seed), so that those of different rows are
 * independent.
 *
 * Of rows with other holes than it learned from, the encoder may be sure of the wrong place. So
 * one code of eight comes from the prior, and all weigh p(z) over the mixture both kinds come
 * from: no weight is more than eight times its likelihood (defensive mixture: Hesterberg 1995,
 * "Weighted average importance sampling and defensive mixture distributions"). Where the
 * weights are worth few codes all the same, a quarter as many are drawn again around those that
 * weigh, until they are worth enough: first under a power of the weights that is small enough
 * for many to count (population Monte Carlo: Cappe, Guillin, Marin & Robert 2004; the power as
 * in Neal 2001). A few codes in the right place are worth more than many beside it.
 *
 * The weight of a code needs a logarithm for every observed cell: one is taken, of their
 * product, whose exponent is counted apart every few cells. */
#include <math.h>
#include <string.h>

#include "base/clones.h"
#include "base/mem.h"
#include "model/impute_internal.h"

#include "base/banned.h"

enum {
    LANES = 4,           /* products that grow side by side */
    RUN = 8,             /* factors of one of them: from 0.018 up, and far from overflow */
    BATCH_CODES = 2048,  /* codes of one run of the decoder, at least one row's */
    PAIRS_OF_PRIOR = 16, /* of so many codes a pair comes from the prior */
    AGAIN = 4,           /* of so many codes one is drawn again, ... */
    AGAIN_LEAST = 64,    /* ... at least so many */
    WORTH = 10,          /* codes that weights are to be worth, or a sixteenth of the samples */
    ROUNDS_MAX = 8,      /* of drawing again */
};

static const float SQUARE_LEAST = 1e-12F; /* an encoder may say 0 */
static const double LOG_2 = 0.69314718055994531;
static const double NEGLIGIBLE = 40; /* a logarithm under which nothing is left of 1 */
static const double SHARE_LEAST = 1e-7, POWER_LEAST = 1e-4, VARIANCE_LEAST = 1e-6;

/* What is observed of a row. */
struct observed {
    float *targets, *mask;  /* [elements] of numbers that follow a bell; 0 and 0 elsewhere */
    float *terms, *squares; /* [elements], scratch */
    uint32_t *words;        /* the element of each category that was seen */
    size_t n_words;
};

struct bench {
    struct lat_imputation *imputation;
    size_t samples, rows;     /* codes of a row at first; rows of a batch */
    size_t drawn, encoded;    /* codes of the row in hand; the first, around its mean */
    float *noise;             /* [samples][width] */
    double *half_squares;     /* [samples] of the noise */
    float *means, *variances; /* [n][width]; deviations once a row's codes are placed */
    float *codes;             /* [rows * samples][width] */
    float *decoded, *spreads; /* [rows * samples][elements] */
    double *weights, *logs;   /* [samples]; logs: before they are scaled to sum 1 */
    struct observed observed;
};

/* ---- drawing ---- */

static void draw_so_many(struct bench *bench, size_t n)
{
    bench->drawn = n;
    bench->encoded = n - n / PAIRS_OF_PRIOR * 2;
}

static void draw_noise(struct bench *bench)
{
    const size_t width = bench->imputation->width;
    struct lat_rng rng;
    lat_rng_seed(&rng, bench->imputation->options->seed);
    for (size_t k = 0; k < bench->samples; k++) {
        float *noise = bench->noise + k * width;
        if (k % 2 == 0)
            lat_rng_normals(&rng, noise, width);
        double square = 0;
        for (size_t d = 0; d < width; d++) {
            noise[d] = k % 2 ? -noise[(ptrdiff_t)d - (ptrdiff_t)width] : noise[d];
            square += (double)noise[d] * (double)noise[d];
        }
        bench->half_squares[k] = 0.5 * square;
    }
}

/* The codes of row `i` into `codes`. */
static void place_codes(const struct bench *bench, size_t i, float *codes)
{
    const size_t width = bench->imputation->width, encoded = bench->encoded * width;
    const float *mean = bench->means + i * width;
    float *deviation = bench->variances + i * width; /* a row is placed once */
    for (size_t d = 0; d < width; d++)
        deviation[d] = sqrtf(fmaxf(deviation[d], SQUARE_LEAST));
    for (size_t k = 0; k < bench->encoded; k++)
        for (size_t d = 0; d < width; d++)
            codes[k * width + d] = mean[d] + deviation[d] * bench->noise[k * width + d];
    memcpy(codes + encoded, bench->noise + encoded,
           (bench->drawn - bench->encoded) * width * sizeof(float));
}

/* The sum of the logarithms of row `i`'s deviations. */
static double log_scale(const struct bench *bench, size_t i)
{
    const size_t width = bench->imputation->width;
    double sum = 0;
    for (size_t d = 0; d < width; d++)
        sum += log((double)bench->variances[i * width + d]);
    return sum;
}

/* log p(z) / q(z) of code `k` of row `i`, q being the mixture that the codes come from: of what
 * the encoder says, whose log_scale it is, and of the prior. It is what is returned, less the
 * logarithm of *out_factor, from an eighth to 1, which the caller takes with others. */
static double log_ratio(const struct bench *bench, size_t i, size_t k, const float *code,
                        double scale, double *out_factor)
{
    const size_t width = bench->imputation->width;
    const float *mean = bench->means + i * width, *deviation = bench->variances + i * width;
    const double share = (double)bench->encoded / (double)bench->drawn;
    double norm = 0, off = 0;
    for (size_t d = 0; d < width; d++)
        norm += (double)code[d] * (double)code[d];
    for (size_t d = 0; k >= bench->encoded && d < width; d++) {
        const double steps = (double)(code[d] - mean[d]) / (double)deviation[d];
        off += steps * steps;
    }
    if (k < bench->encoded)
        off = 2 * bench->half_squares[k];
    const double encoded = 0.5 * (norm - off) - scale; /* its density over the prior's, log */
    *out_factor = 1;
    if (share >= 1)
        return -encoded;
    const double other = fabs(encoded) < NEGLIGIBLE ? exp(-fabs(encoded)) : 0;
    *out_factor = encoded > 0 ? share + (1 - share) * other : share * other + 1 - share;
    return encoded > 0 ? -encoded : 0;
}

/* ---- weighing ---- */

static void observe(const struct bench *bench, const float *row, struct observed *out)
{
    const struct lat_table *table = bench->imputation->table;
    const bool plain = bench->imputation->model->manifest.likelihood == LAT_LIKELIHOOD_GAUSSIAN;
    out->n_words = 0;
    memset(out->targets, 0, table->elements * sizeof(float));
    memset(out->mask, 0, table->elements * sizeof(float));
    for (size_t c = 0; c < table->names.n; c++) {
        const struct lat_column *column = &table->columns[c];
        const bool words = lat_column_has_words(column) && !plain;
        for (size_t i = 0; i < column->width && !isnan(row[column->start]); i++) {
            const uint32_t e = (uint32_t)(column->start + i);
            if (!words) {
                out->targets[e] = row[e];
                out->mask[e] = 1;
            } else if (row[e] > 0.5F) {
                out->words[out->n_words++] = e;
            }
        }
    }
}

/* frexp without the call, for what is neither 0 nor so small as to have no leading 1, nor
 * infinite, nor NaN. */
static inline double without_exponent(double x, int *inout_exponents)
{
    enum { MANTISSA_BITS = 52, BIAS = 1022, EXPONENT_MASK = 0x7ff };
    uint64_t bits;
    int exponent;
    memcpy(&bits, &x, sizeof(bits));
    const int raw = (int)(bits >> MANTISSA_BITS) & EXPONENT_MASK;
    if (raw == 0 || raw == EXPONENT_MASK) {
        x = frexp(x, &exponent);
        *inout_exponents += exponent;
        return x;
    }
    *inout_exponents += raw - BIAS;
    bits -= (uint64_t)(raw - BIAS) << MANTISSA_BITS;
    memcpy(&x, &bits, sizeof(x));
    return x;
}

/* The logarithm of the product of `n` positive factors and `first`. A multiplication waits for
 * the one before it, so there are some products side by side; their exponents are counted apart
 * before they could overflow. */
static inline double log_product(const float *factors, size_t n, double first)
{
    double lanes[LANES] = {first, 1, 1, 1};
    int exponents = 0;
    for (size_t e = 0; e < n;) {
        const size_t end = e + LANES * RUN < n ? e + LANES * RUN : n;
        for (; e + LANES <= end; e += LANES)
            for (size_t lane = 0; lane < LANES; lane++)
                lanes[lane] *= (double)factors[e + lane];
        for (; e < end; e++)
            lanes[0] *= (double)factors[e];
        for (size_t lane = 0; lane < LANES; lane++)
            lanes[lane] = without_exponent(lanes[lane], &exponents);
    }
    return log(lanes[0] * lanes[1] * lanes[2] * lanes[3]) + exponents * LOG_2;
}

/* -log p(x|z) of the numbers, constants left out: log s and half of the squared error over s,
 * or (degrees + 1) / 2 = 2 times log(1 + its third). Holes have a mask of 0 and are 1 in every
 * product, which begins as the caller's: going through all elements in order is cheaper than
 * picking some. */
LAT_CLONES static double numbers_nll(const struct observed *observed, bool heavy,
                                     const float *decoded, const float *spreads,
                                     size_t elements, double product)
{
    float *terms = observed->terms;
    double squares = 0;
    for (size_t e = 0; e < elements; e++) {
        const float there = observed->mask[e];
        const float s = spreads[e] * there + (1 - there);
        const float off = (observed->targets[e] - decoded[e]) * there / s;
        const float square = off * off;
        const float factor = heavy ? 1 + square * (1.0F / 3) : 1;
        terms[e] = s * factor * factor;
        observed->squares[e] = square;
    }
    for (size_t e = 0; e < elements && !heavy; e++)
        squares += (double)observed->squares[e];
    return log_product(terms, elements, product) + 0.5 * squares;
}

static double words_nll(const struct observed *observed, const float *decoded)
{
    double sum = 0;
    for (size_t j = 0; j < observed->n_words; j++)
        sum -= log(fmax((double)decoded[observed->words[j]], SHARE_LEAST));
    return sum;
}

/* The logarithms of what the codes of row `i` weigh. */
static void look_at(struct bench *bench, size_t i, const float *codes, const float *decoded,
                    const float *spreads)
{
    const size_t width = bench->imputation->width, elements = bench->imputation->elements;
    const bool heavy =
        bench->imputation->model->manifest.likelihood == LAT_LIKELIHOOD_STUDENT_T;
    const double scale = log_scale(bench, i);
    observe(bench, bench->imputation->rows + i * elements, &bench->observed);
    for (size_t k = 0; k < bench->drawn; k++) {
        double factor;
        const double ratio = log_ratio(bench, i, k, codes + k * width, scale, &factor);
        const double w = ratio -
                         numbers_nll(&bench->observed, heavy, decoded + k * elements,
                                     spreads + k * elements, elements, factor) -
                         words_nll(&bench->observed, decoded + k * elements);
        bench->logs[k] = isnan(w) ? (double)-INFINITY : w;
    }
}

/* The weights to that power, of sum 1; the number of equal ones they are worth (Kong 1992). */
static double weigh(struct bench *bench, double power)
{
    double most = (double)-INFINITY, sum = 0, squares = 0;
    for (size_t k = 0; k < bench->drawn; k++)
        most = fmax(most, bench->logs[k]);
    for (size_t k = 0; k < bench->drawn; k++) {
        const double below = isfinite(most) ? power * (bench->logs[k] - most) : 0;
        bench->weights[k] = below > -NEGLIGIBLE ? exp(below) : 0;
        sum += bench->weights[k];
    }
    for (size_t k = 0; k < bench->drawn; k++) {
        bench->weights[k] /= sum;
        squares += bench->weights[k] * bench->weights[k];
    }
    return 1 / squares;
}

/* What the weights of a row are to be worth. */
static double enough_of(const struct bench *bench)
{
    return fmin(WORTH, (double)bench->drawn / PAIRS_OF_PRIOR);
}

/* Mean and variance of the codes that weigh, in place of what the encoder said of row `i`. */
static void move_to_weight(struct bench *bench, size_t i, const float *codes)
{
    const size_t width = bench->imputation->width;
    double power = 0.5;
    while (weigh(bench, power) < 2 * enough_of(bench) && power > POWER_LEAST)
        power /= 2;
    for (size_t d = 0; d < width; d++) {
        double mean = 0, square = 0;
        for (size_t k = 0; k < bench->drawn; k++) {
            const double z = (double)codes[k * width + d];
            mean += bench->weights[k] * z;
            square += bench->weights[k] * z * z;
        }
        bench->means[i * width + d] = (float)mean;
        bench->variances[i * width + d] = (float)fmax(square - mean * mean, VARIANCE_LEAST);
    }
}

/* ---- rows ---- */

/* Decodes `n` codes, from those of the batch's `slot`-th row on. */
static enum lat_status decode_codes(struct bench *bench, size_t slot, size_t n,
                                    struct lat_error *err)
{
    const struct lat_impute_engine *engine = bench->imputation->engine;
    const size_t codes = slot * bench->samples;
    return engine->decode(engine->context, bench->codes + codes * bench->imputation->width, n,
                          bench->decoded + codes * bench->imputation->elements,
                          bench->spreads + codes * bench->imputation->elements, err);
}

/* Row `i`, whose decoded codes are the batch's `slot`-th, drawn again while they are worth
 * little. */
static enum lat_status impute_row(struct bench *bench, size_t i, size_t slot,
                                  struct lat_error *err)
{
    struct lat_imputation *imputation = bench->imputation;
    float *codes = bench->codes + slot * bench->samples * imputation->width;
    const size_t first = slot * bench->samples * imputation->elements;
    struct lat_impute_mixture mixture = {.decoded = bench->decoded + first,
                                         .spreads = bench->spreads + first,
                                         .weights = bench->weights};
    enum lat_status status = LAT_OK;
    draw_so_many(bench, bench->samples);
    for (int round = 0;; round++) {
        look_at(bench, i, codes, mixture.decoded, mixture.spreads);
        const double worth = weigh(bench, 1);
        imputation->out->effective[i] = (float)worth;
        if (worth >= enough_of(bench) || round == ROUNDS_MAX)
            break;
        move_to_weight(bench, i, codes);
        draw_so_many(bench, bench->samples / AGAIN < AGAIN_LEAST ? bench->samples
                                                                 : bench->samples / AGAIN);
        place_codes(bench, i, codes);
        status = decode_codes(bench, slot, bench->drawn, err);
        if (status != LAT_OK)
            return status;
    }
    mixture.n = bench->drawn;
    lat_impute_mix(imputation->model, imputation->options, &mixture, i, imputation->out);
    return LAT_OK;
}

static enum lat_status impute_batch(struct bench *bench, size_t at, size_t n,
                                    struct lat_error *err)
{
    const size_t codes = bench->samples * bench->imputation->width;
    draw_so_many(bench, bench->samples);
    for (size_t i = 0; i < n; i++)
        place_codes(bench, at + i, bench->codes + i * codes);
    enum lat_status status = decode_codes(bench, 0, n * bench->samples, err);
    for (size_t i = 0; status == LAT_OK && i < n; i++)
        status = impute_row(bench, at + i, i, err);
    return status;
}

static enum lat_status allocate(struct bench *bench, struct lat_error *err)
{
    const struct lat_imputation *imputation = bench->imputation;
    const size_t width = imputation->width, elements = imputation->elements;
    const size_t codes = bench->rows * bench->samples;
    size_t cells;
    if (!lat_mul_size(codes, elements, &cells))
        return lat_fail_memory(err);
    bench->noise = lat_alloc_raw(bench->samples * width, sizeof(float));
    bench->half_squares = lat_alloc_raw(bench->samples, sizeof(double));
    bench->means = lat_alloc_raw(imputation->n * width, sizeof(float));
    bench->variances = lat_alloc_raw(imputation->n * width, sizeof(float));
    bench->codes = lat_alloc_raw(codes * width, sizeof(float));
    bench->decoded = lat_alloc_raw(cells, sizeof(float));
    bench->spreads = lat_alloc_raw(cells, sizeof(float));
    bench->weights = lat_alloc_raw(bench->samples, sizeof(double));
    bench->logs = lat_alloc_raw(bench->samples, sizeof(double));
    bench->observed.targets = lat_alloc_raw(4 * elements, sizeof(float));
    bench->observed.mask = bench->observed.targets + elements;
    bench->observed.terms = bench->observed.mask + elements;
    bench->observed.squares = bench->observed.terms + elements;
    bench->observed.words = lat_alloc_raw(elements, sizeof(uint32_t));
    return bench->noise && bench->half_squares && bench->means && bench->variances &&
                   bench->codes && bench->decoded && bench->spreads && bench->weights &&
                   bench->logs && bench->observed.targets && bench->observed.words
               ? LAT_OK
               : lat_fail_memory(err);
}

static void release(struct bench *bench)
{
    lat_free(bench->noise);
    lat_free(bench->half_squares);
    lat_free(bench->means);
    lat_free(bench->variances);
    lat_free(bench->codes);
    lat_free(bench->decoded);
    lat_free(bench->spreads);
    lat_free(bench->weights);
    lat_free(bench->logs);
    lat_free(bench->observed.targets);
    lat_free(bench->observed.words);
}

enum lat_status lat_impute_by_importance(struct lat_imputation *imputation,
                                         struct lat_error *err)
{
    struct bench bench = {.imputation = imputation, .samples = imputation->options->samples};
    bench.rows = bench.samples < BATCH_CODES ? BATCH_CODES / bench.samples : 1;
    bench.rows = bench.rows < imputation->n ? bench.rows : imputation->n;
    enum lat_status status = allocate(&bench, err);
    if (status == LAT_OK)
        status = imputation->engine->encode(imputation->engine->context, imputation->rows,
                                            imputation->n, bench.means, bench.variances, err);
    if (status == LAT_OK)
        draw_noise(&bench);
    for (size_t at = 0; status == LAT_OK && at < imputation->n; at += bench.rows) {
        const size_t left = imputation->n - at;
        status = impute_batch(&bench, at, left < bench.rows ? left : bench.rows, err);
    }
    release(&bench);
    return status;
}
