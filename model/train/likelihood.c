/* Likelihoods: the negative logarithm of each element, constants left out, and what an exported
 * decoder gives.
 *
 * gaussian     unit variance: (x - t)^2 / 2. Gives the mean. With a learned spread s, of which
 *              the decoder gives the logarithm: ((x - t) / s)^2 / 2 + log s; student_t alike.
 * bernoulli    cross-entropy of t in [0,1]. Gives the probability.
 * student_t    unit scale and three degrees of freedom, both fixed: 2 log(1 + (x - t)^2 / 3)
 *              (Lange, Little & Taylor 1989, eq. 1; three degrees, the least that Mattei &
 *              Frellsen 2019 let their decoder choose, still have a variance). Far outliers
 *              pull with a force that falls off, not one that grows. Gives the centre.
 * multinomial  t counts or weights, not negative: -t log softmax(x) over a whole row (Liang et
 *              al. 2018, eq. 2). Gives the probabilities, which sum to 1 over a row.
 * codean       half of (mean squared error + cosine distance), times the elements of a row so
 *              that it is summed as the others are: (x - t)^2 / 2 an element and
 *              elements/2 (1 - x.t / |x| |t|) a row, spread evenly over its elements. The
 *              squared error says how much, the cosine in which direction: faint rows count
 *              as bright ones do. Gives x.
 * mixed        the columns of a table: numbers as gaussian, standardised; words as a softmax,
 *              -t log softmax(x) over the categories of the column. Gives standardised numbers
 *              and the probabilities of the categories. */
#include "model/table.h"
#include "model/row_nll.h"
#include "model/train/parts.h"

#include "base/banned.h"

/* ---- gaussian, bernoulli ---- */

/* (x - t) / s. */
static struct lat_value *off(struct lat_build *build, struct lat_value *output,
                             struct lat_value *target)
{
    struct lat_graph *g = build->graph;
    struct lat_value *difference = lat_graph_sub(g, output, target);
    if (build->log_spread == NULL) {
        return difference;
    }
    return lat_graph_mul(g, difference, lat_graph_exp(g, lat_graph_neg(g, build->log_spread)));
}

/* nll + log s. */
static struct lat_value *with_spread(struct lat_build *build, struct lat_value *nll)
{
    return build->log_spread == NULL ? nll
                                     : lat_graph_add(build->graph, nll, build->log_spread);
}

static struct lat_value *gaussian_nll(struct lat_build *build, struct lat_value *output,
                                      struct lat_value *target)
{
    struct lat_value *square = lat_graph_square(build->graph, off(build, output, target));
    return with_spread(build, lat_graph_scale(build->graph, square, 0.5F));
}

static struct lat_value *linear_mean(struct lat_build *build, struct lat_value *output)
{
    (void)build;
    return output;
}

/* -t log s(x) - (1 - t) log(1 - s(x)) with s the sigmoid is softplus(x) - x t, which neither
 * overflows nor takes the logarithm of 0. */
static struct lat_value *bernoulli_nll(struct lat_build *build, struct lat_value *output,
                                       struct lat_value *target)
{
    struct lat_graph *g = build->graph;
    return lat_graph_sub(g, lat_graph_softplus(g, output), lat_graph_mul(g, output, target));
}

static struct lat_value *bernoulli_mean(struct lat_build *build, struct lat_value *output)
{
    return lat_graph_sigmoid(build->graph, output);
}

/* ---- student_t ---- */

static struct lat_value *student_t_nll(struct lat_build *build, struct lat_value *output,
                                       struct lat_value *target)
{
    struct lat_graph *g = build->graph;
    const float degrees = LAT_STUDENT_T_DEGREES;
    struct lat_value *square = lat_graph_square(g, off(build, output, target));
    struct lat_value *ratio = lat_graph_shift(g, lat_graph_scale(g, square, 1 / degrees), 1);
    return with_spread(build, lat_graph_scale(g, lat_graph_log(g, ratio), (degrees + 1) / 2));
}

/* ---- multinomial ---- */

/* [items, ...] -> [items, elements]. */
static struct lat_value *flat(struct lat_build *build, struct lat_value *rows)
{
    if (rows == NULL) {
        return NULL;
    }
    const int64_t items = rows->shape.dims[0];
    const int64_t elements = (int64_t)lat_shape_elements(&rows->shape) / items;
    return lat_graph_reshape(build->graph, rows, &(struct lat_shape){2, {items, elements}});
}

static struct lat_value *multinomial_nll(struct lat_build *build, struct lat_value *output,
                                         struct lat_value *target)
{
    struct lat_graph *g = build->graph;
    struct lat_value *logarithms = lat_graph_log_softmax(g, flat(build, output));
    return lat_graph_neg(g, lat_graph_mul(g, flat(build, target), logarithms));
}

static struct lat_value *multinomial_mean(struct lat_build *build, struct lat_value *output)
{
    if (output == NULL) {
        return NULL;
    }
    struct lat_value *shares = lat_graph_softmax(build->graph, flat(build, output));
    return lat_graph_reshape(build->graph, shares, &output->shape);
}

/* ---- codean ---- */

/* The sum of a b over each row: [items, 1]. */
static struct lat_value *inner(struct lat_graph *g, struct lat_value *a, struct lat_value *b)
{
    const int64_t axis = 1;
    return lat_graph_sum(g, lat_graph_mul(g, a, b), &axis, 1, true);
}

/* A row of zeros has no direction: LAT_CODEAN_LEAST keeps its length from 0, and so its cosine
 * at 0. */
static struct lat_value *length(struct lat_graph *g, struct lat_value *a)
{
    return lat_graph_sqrt(g, lat_graph_shift(g, inner(g, a, a), LAT_CODEAN_LEAST));
}

static struct lat_value *codean_nll(struct lat_build *build, struct lat_value *output,
                                    struct lat_value *target)
{
    struct lat_graph *g = build->graph;
    struct lat_value *x = flat(build, output);
    struct lat_value *t = flat(build, target);
    struct lat_value *cosine =
        lat_graph_div(g, inner(g, x, t), lat_graph_mul(g, length(g, x), length(g, t)));
    struct lat_value *distance = lat_graph_shift(g, lat_graph_neg(g, cosine), 1);
    return lat_graph_add(g, gaussian_nll(build, x, t), lat_graph_scale(g, distance, 0.5F));
}

/* ---- mixed ---- */

/* The elements begin <= e < end of every row. */
static struct lat_value *elements_of(struct lat_build *build, struct lat_value *x, size_t begin,
                                     size_t end)
{
    const int64_t from[2] = {0, (int64_t)begin}, to[2] = {build->batch, (int64_t)end};
    return lat_graph_slice(build->graph, x, from, to);
}

/* The elements from column *inout_column on that go together: one categorical column, or all
 * the numeric ones that follow one another. */
static size_t next_group(const struct lat_table *table, size_t *inout_column)
{
    size_t c = *inout_column;
    const bool words = lat_column_has_words(&table->columns[c]);
    do
        c++;
    while (!words && c < table->names.n && !lat_column_has_words(&table->columns[c]));
    *inout_column = c;
    return c < table->names.n ? table->columns[c].start : table->elements;
}

/* Applies a function to each group of columns and puts the results side by side. */
static struct lat_value *by_columns(
    struct lat_build *build, struct lat_value *output, struct lat_value *target,
    struct lat_value *(*numeric)(struct lat_build *, struct lat_value *, struct lat_value *),
    struct lat_value *(*categorical)(struct lat_build *, struct lat_value *,
                                     struct lat_value *))
{
    const struct lat_table *table = build->input->table;
    struct lat_value *log_spread = build->log_spread;
    struct lat_graph *g = build->graph;
    size_t n = 0;
    if (table == NULL)
        return lat_graph_fail(g, LAT_INVALID, "the likelihood 'mixed' wants a table");
    struct lat_value **parts =
        lat_arena_alloc(&g->arena, table->names.n, sizeof(struct lat_value *));
    if (parts == NULL)
        return lat_graph_fail(g, LAT_NO_MEMORY, "out of memory");
    for (size_t c = 0; c < table->names.n;) {
        const struct lat_column *column = &table->columns[c];
        const size_t begin = column->start, end = next_group(table, &c);
        build->log_spread = log_spread ? elements_of(build, log_spread, begin, end) : NULL;
        parts[n++] = (lat_column_has_words(column) ? categorical : numeric)(
            build, elements_of(build, output, begin, end),
            target ? elements_of(build, target, begin, end) : NULL);
    }
    build->log_spread = log_spread;
    return n == 1 ? parts[0] : lat_graph_concat(g, parts, n, 1);
}

/* -t log softmax(x); the elements of a category that is not the cell's are 0. */
static struct lat_value *softmax_nll(struct lat_build *build, struct lat_value *output,
                                     struct lat_value *target)
{
    struct lat_graph *g = build->graph;
    return lat_graph_neg(g, lat_graph_mul(g, target, lat_graph_log_softmax(g, output)));
}

static struct lat_value *mixed_nll(struct lat_build *build, struct lat_value *output,
                                   struct lat_value *target)
{
    return by_columns(build, output, target, gaussian_nll, softmax_nll);
}

/* Of a table student_t is what the numbers follow; words are a softmax as in `mixed`. */
static struct lat_value *heavy_nll(struct lat_build *build, struct lat_value *output,
                                   struct lat_value *target)
{
    return build->input->table ? by_columns(build, output, target, student_t_nll, softmax_nll)
                               : student_t_nll(build, output, target);
}

static struct lat_value *same(struct lat_build *build, struct lat_value *output,
                              struct lat_value *unused)
{
    (void)build;
    (void)unused;
    return output;
}

static struct lat_value *shares(struct lat_build *build, struct lat_value *output,
                                struct lat_value *unused)
{
    (void)unused;
    return lat_graph_softmax(build->graph, output);
}

static struct lat_value *mixed_mean(struct lat_build *build, struct lat_value *output)
{
    return by_columns(build, output, NULL, same, shares);
}

static struct lat_value *heavy_mean(struct lat_build *build, struct lat_value *output)
{
    return build->input->table ? mixed_mean(build, output) : linear_mean(build, output);
}

static const struct lat_likelihood_part likelihoods[] = {
    {LAT_LIKELIHOOD_GAUSSIAN, gaussian_nll, linear_mean},
    {LAT_LIKELIHOOD_BERNOULLI, bernoulli_nll, bernoulli_mean},
    {LAT_LIKELIHOOD_STUDENT_T, heavy_nll, heavy_mean},
    {LAT_LIKELIHOOD_MULTINOMIAL, multinomial_nll, multinomial_mean},
    {LAT_LIKELIHOOD_CODEAN, codean_nll, linear_mean},
    {LAT_LIKELIHOOD_MIXED, mixed_nll, mixed_mean},
};

const struct lat_likelihood_part *lat_likelihood_find(enum lat_likelihood id)
{
    for (size_t i = 0; i < LAT_ARRAY_LEN(likelihoods); i++) {
        if (likelihoods[i].id == id) {
            return &likelihoods[i];
        }
    }
    return NULL;
}
