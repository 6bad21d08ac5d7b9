/* Sums are made in double. Probabilities are kept away from 0 and 1, to which float sigmoids
 * and softmaxes round. */
#include "model/row_nll.h"

#include <math.h>

#include "model/table.h"

#include "base/banned.h"

static const double PROBABILITY_LEAST = 1e-7, SHARE_LEAST = 1e-37;

static double gaussian(const float *target, const float *output, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        const double difference = (double)output[i] - (double)target[i];
        sum += 0.5 * difference * difference;
    }
    return sum;
}

/* Zeroes and ones: the logarithm of products of probabilities instead of a sum of logarithms.
 * PROBABILITY_LEAST to the power of RUN is far from the smallest double. */
static double binary(const float *target, const float *output, size_t n)
{
    enum { LANES = 8, RUN = 32 };
    double sum = 0;
    for (size_t i = 0; i < n;) {
        double products[LANES] = {1, 1, 1, 1, 1, 1, 1, 1};
        for (size_t run = 0; run < RUN && i + LANES <= n; run++, i += LANES)
            for (size_t lane = 0; lane < LANES; lane++) {
                const double p = fabs(1 - (double)target[i + lane] - (double)output[i + lane]);
                products[lane] *= p > PROBABILITY_LEAST ? p : PROBABILITY_LEAST;
            }
        for (; n - i < LANES && i < n; i++)
            products[0] *=
                fmax(fabs(1 - (double)target[i] - (double)output[i]), PROBABILITY_LEAST);
        for (size_t lane = 0; lane < LANES; lane++)
            sum -= log(products[lane]);
    }
    return sum;
}

static bool is_binary(const float *values, size_t n)
{
    size_t others = 0;
    for (size_t i = 0; i < n; i++)
        others += values[i] * (1 - values[i]) != 0;
    return others == 0;
}

static double bernoulli(const float *target, const float *output, size_t n)
{
    double sum = 0;
    if (is_binary(target, n))
        return binary(target, output, n);
    for (size_t i = 0; i < n; i++) {
        const double p =
            fmin(fmax((double)output[i], PROBABILITY_LEAST), 1 - PROBABILITY_LEAST);
        sum -= (double)target[i] * log(p) + (1 - (double)target[i]) * log1p(-p);
    }
    return sum;
}

static double student_t(const float *target, const float *output, size_t n)
{
    const double degrees = (double)LAT_STUDENT_T_DEGREES;
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        const double difference = (double)output[i] - (double)target[i];
        sum += (degrees + 1) / 2 * log1p(difference * difference / degrees);
    }
    return sum;
}

static double multinomial(const float *target, const float *output, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum -= (double)target[i] * log(fmax((double)output[i], SHARE_LEAST));
    return sum;
}

static double codean(const float *target, const float *output, size_t n)
{
    double inner = 0, targets = (double)LAT_CODEAN_LEAST, outputs = (double)LAT_CODEAN_LEAST;
    for (size_t i = 0; i < n; i++) {
        inner += (double)target[i] * (double)output[i];
        targets += (double)target[i] * (double)target[i];
        outputs += (double)output[i] * (double)output[i];
    }
    const double cosine = inner / sqrt(targets * outputs);
    return gaussian(target, output, n) + 0.5 * (double)n * (1 - cosine);
}

static double (*const formulas[])(const float *, const float *, size_t) = {
    [LAT_LIKELIHOOD_GAUSSIAN] = gaussian,   [LAT_LIKELIHOOD_BERNOULLI] = bernoulli,
    [LAT_LIKELIHOOD_STUDENT_T] = student_t, [LAT_LIKELIHOOD_MULTINOMIAL] = multinomial,
    [LAT_LIKELIHOOD_MIXED] = NULL,          [LAT_LIKELIHOOD_CODEAN] = codean,
};

/* Elements that follow a bell with a scale of their own. */
static double scaled_nll(enum lat_likelihood likelihood, const float *target,
                         const float *output, const float *spread, size_t n)
{
    const double degrees = (double)LAT_STUDENT_T_DEGREES;
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        const double scale = (double)spread[i];
        const double off = ((double)output[i] - (double)target[i]) / scale;
        sum += log(scale) + (likelihood == LAT_LIKELIHOOD_STUDENT_T
                                 ? (degrees + 1) / 2 * log1p(off * off / degrees)
                                 : 0.5 * off * off);
    }
    return sum;
}

/* Each column by itself, those of missing cells left out. */
static double table_nll(const struct lat_table *table, enum lat_likelihood likelihood,
                        const float *target, const float *output, const float *spread)
{
    double sum = 0;
    for (size_t c = 0; c < table->names.n; c++) {
        const struct lat_column *column = &table->columns[c];
        const bool numeric = !lat_column_has_words(column);
        const size_t at = column->start, n = column->width;
        const enum lat_likelihood of =
            !numeric && likelihood != LAT_LIKELIHOOD_GAUSSIAN ? LAT_LIKELIHOOD_MULTINOMIAL
            : likelihood == LAT_LIKELIHOOD_MIXED              ? LAT_LIKELIHOOD_GAUSSIAN
                                                              : likelihood;
        if (isnan(target[at]))
            continue;
        sum += spread && of != LAT_LIKELIHOOD_MULTINOMIAL
                   ? scaled_nll(of, target + at, output + at, spread + at, n)
                   : lat_row_nll(of, target + at, output + at, n);
    }
    return sum;
}

double lat_input_nll_spread(const struct lat_input_spec *input, enum lat_likelihood likelihood,
                            const float *target, const float *output, const float *spread)
{
    if (input->table)
        return table_nll(input->table, likelihood, target, output, spread);
    if (!lat_input_has_gaps(input))
        return spread
                   ? scaled_nll(likelihood, target, output, spread, lat_input_elements(input))
                   : lat_row_nll(likelihood, target, output, lat_input_elements(input));
    double sum = 0;
    for (size_t i = 0; i < lat_input_elements(input); i++)
        sum += isnan(target[i]) ? 0 : lat_row_nll(likelihood, &target[i], &output[i], 1);
    return sum;
}

double lat_input_nll(const struct lat_input_spec *input, enum lat_likelihood likelihood,
                     const float *target, const float *output)
{
    return lat_input_nll_spread(input, likelihood, target, output, NULL);
}

double lat_row_nll(enum lat_likelihood likelihood, const float *target, const float *output,
                   size_t n)
{
    return formulas[likelihood] ? formulas[likelihood](target, output, n) : (double)NAN;
}
