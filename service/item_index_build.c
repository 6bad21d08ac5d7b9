/* The build, in steps:
 *
 *   axes    a score's error is w e for a query w and an error e of a row; over queries with the
 *           second moment C its square is e' C e on average. So rows are multiplied with a root
 *           of C, which makes that |e|^2, and turned to their principal axes
 *   lists   k-means of a sample along these axes
 *   parts   axes in groups of like products of variances (the greedy allocation of Ge et al.
 *           2013), 16 levels a group by k-means of the ways from centre to item
 *   codes   of all rows
 *   effort  what a search has to look at (item_index_effort.c) */
#include "service/item_index_internal.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "model/train/linear.h"
#include "service/clusters.h"

#include "base/banned.h"

#define RIDGE 0.001 /* of the mean eigenvalue: for directions in which no query went */

enum {
    SAMPLE = 65536,
    SAMPLE_LEVELS = 16384,
    ROUNDS = 8,
    ROUNDS_LEVELS = 12,
    LIST_ITEMS = 1000, /* on average */
    LISTS_MAX = 1024,
    AT_ONCE = 1024 /* rows */
};

struct build {
    const struct lat_item_source *source;
    const atomic_bool *stop;
    struct lat_item_index *index;
    struct lat_rng rng;
    size_t n_sample;
    float *sample;     /* [n_sample][n_axes]: coordinates */
    double *variances; /* [n_axes] */
    uint32_t *list_of; /* [n] */
    uint8_t *codes;    /* [n][n_parts] */
};

static enum lat_status check_stop(const struct build *b, struct lat_error *err)
{
    return atomic_load(b->stop)
               ? lat_fail(err, LAT_CANCELLED, NULL, "stopped while its index was built")
               : LAT_OK;
}

/* ---- axes ---- */

/* inout_gram [d][d] += rows' rows, rows [n][d] less `mean` (NULL: as they are). */
static enum lat_status add_gram(const float *rows, size_t n, size_t d, const double *mean,
                                double *inout_gram, struct lat_error *err)
{
    double *some = lat_alloc_raw(AT_ONCE * d, sizeof(*some));
    if (!some)
        return lat_fail_memory(err);
    for (size_t at = 0; at < n; at += AT_ONCE) {
        const size_t m = n - at < AT_ONCE ? n - at : AT_ONCE;
        for (size_t i = 0; i < m * d; i++)
            some[i] = (double)rows[at * d + i] - (mean ? mean[i % d] : 0);
        lat_linear_add_gram(some, m, d, inout_gram);
    }
    lat_free(some);
    return LAT_OK;
}

/* Of the symmetric matrix whose upper triangle is `gram` over n, a ridge added: the roots of
 * its eigenvalues [d] and its vectors [d][d]. Destroys it. */
static enum lat_status take_roots(double *gram, size_t d, size_t n, double *out_roots,
                                  double *out_vectors, struct lat_error *err)
{
    double trace = 0;
    for (size_t i = 0; i < d * d; i++)
        gram[i] /= (double)n;
    for (size_t i = 0; i < d; i++)
        trace += gram[i * d + i];
    for (size_t i = 0; i < d; i++)
        gram[i * d + i] += RIDGE * trace / (double)d + 1e-30;
    enum lat_status status = lat_linear_eigen(gram, d, d, out_roots, out_vectors, err);
    for (size_t i = 0; i < d && status == LAT_OK; i++)
        out_roots[i] = sqrt(fmax(out_roots[i], 1e-30));
    return status;
}

/* there [d][d] takes rows, and back [d][d] queries, to where errors of rows count alike. */
static enum lat_status level_queries(const struct build *b, float *there, float *back,
                                     struct lat_error *err)
{
    const size_t d = b->source->d, n = b->source->n_queries - LAT_ITEM_TRIED;
    double *gram = lat_alloc((2 * d + 1) * d, sizeof(*gram));
    if (!gram)
        return lat_fail_memory(err);
    double *vectors = gram + d * d, *roots = vectors + d * d;
    enum lat_status status = add_gram(b->source->queries, n, d, NULL, gram, err);
    if (status == LAT_OK)
        status = take_roots(gram, d, n, roots, vectors, err);
    for (size_t i = 0; i < d * d && status == LAT_OK; i++) {
        there[i] = (float)(vectors[i] * roots[i / d]);
        back[i] = (float)(vectors[i] / roots[i / d]);
    }
    lat_free(gram);
    return status;
}

/* The rows of the sample, each out of another n-th part of all. */
static void draw(struct build *b, float *out_rows)
{
    const size_t n = b->source->n, d = b->source->d;
    for (size_t i = 0; i < b->n_sample; i++) {
        const size_t row = (i * n + lat_rng_below(&b->rng, n)) / b->n_sample;
        memcpy(out_rows + i * d, b->source->rows + row * d, d * sizeof(float));
    }
}

/* Principal axes of rows [n][d] into out_axes [n_axes][d]. */
static enum lat_status find_axes(struct build *b, const float *rows, float *out_axes,
                                 struct lat_error *err)
{
    const size_t d = b->source->d, k = b->index->n_axes;
    double *gram = lat_alloc((d + 1 + k) * d, sizeof(*gram));
    if (!gram)
        return lat_fail_memory(err);
    double *mean = gram + d * d, *vectors = mean + d;
    for (size_t i = 0; i < b->n_sample * d; i++)
        mean[i % d] += (double)rows[i] / (double)b->n_sample;
    enum lat_status status = add_gram(rows, b->n_sample, d, mean, gram, err);
    if (status == LAT_OK)
        status = lat_linear_eigen(gram, d, k, b->variances, vectors, err);
    for (size_t i = 0; i < k * d && status == LAT_OK; i++)
        out_axes[i] = (float)vectors[i];
    lat_free(gram);
    return status;
}

static enum lat_status make_axes(struct build *b, struct lat_error *err)
{
    struct lat_item_index *index = b->index;
    const size_t d = index->d, k = index->n_axes, n = b->n_sample;
    float *drawn = lat_alloc_raw(n * d, sizeof(*drawn));
    float *moved = lat_alloc_raw(n * d, sizeof(*moved));
    float *there = lat_alloc_raw((2 * d + k) * d, sizeof(*there));
    enum lat_status status = drawn && moved && there ? LAT_OK : lat_fail_memory(err);
    if (status == LAT_OK) {
        float *back = there + d * d, *axes = back + d * d;
        draw(b, drawn);
        status = level_queries(b, there, back, err);
        if (status == LAT_OK) {
            lat_linear_multiply(drawn, there, true, n, d, d, moved);
            status = find_axes(b, moved, axes, err);
        }
        if (status == LAT_OK) {
            lat_linear_multiply(axes, there, false, k, d, d, index->items);
            lat_linear_multiply(axes, back, false, k, d, d, index->turn);
            lat_linear_multiply(drawn, index->items, true, n, k, d, b->sample);
        }
    }
    lat_free(drawn);
    lat_free(moved);
    lat_free(there);
    return status;
}

/* ---- parts ---- */

/* The axes, most variance first, each to the part whose product is least and that has room. */
static void make_parts(struct build *b)
{
    struct lat_item_index *index = b->index;
    const size_t n = index->n_parts, room = (index->n_axes + n - 1) / n;
    double products[LAT_ITEM_PARTS] = {0};
    uint32_t part_of[LAT_ITEM_AXES];
    for (size_t i = 0; i < index->n_axes; i++) {
        size_t best = n;
        for (size_t p = 0; p < n; p++)
            if (index->parts[p].n < room && (best == n || products[p] < products[best]))
                best = p;
        products[best] +=
            log(fmax(b->variances[i] / fmax(b->variances[0], 1e-300), 1e-12)) + 30;
        index->parts[best].n++;
        part_of[i] = (uint32_t)best;
    }
    uint32_t at = 0;
    for (size_t p = 0; p < n; p++) {
        index->parts[p].first = at;
        index->parts[p].levels_at = (size_t)at * LAT_NIBBLES_LEVELS;
        for (uint32_t i = 0; i < index->n_axes; i++)
            if (part_of[i] == p)
                index->axes[at++] = i;
    }
}

/* The coordinates of a part out of rows [n][n_axes]. */
static void cut_out(const struct lat_item_index *index, const struct lat_item_part *part,
                    const float *rows, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < part->n; j++)
            *out++ = rows[i * index->n_axes + index->axes[part->first + j]];
}

/* rows [n][n_axes] less their centres. */
static void subtract_centres(const struct lat_item_index *index, float *rows, size_t n,
                             const uint32_t *list_of)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < index->n_axes; j++)
            rows[i * index->n_axes + j] -= index->centres[list_of[i] * index->n_axes + j];
}

static enum lat_status make_levels(struct build *b, struct lat_error *err)
{
    struct lat_item_index *index = b->index;
    const size_t n = b->n_sample < SAMPLE_LEVELS ? b->n_sample : SAMPLE_LEVELS;
    const size_t step = b->n_sample / n;
    float *cut = lat_alloc_raw(b->n_sample * index->n_axes, sizeof(*cut));
    enum lat_status status = cut ? LAT_OK : lat_fail_memory(err);
    /* The sample is in the rows' order: some out of all of it. */
    for (size_t i = 0; i < n && status == LAT_OK; i++)
        memcpy(b->sample + i * index->n_axes, b->sample + i * step * index->n_axes,
               index->n_axes * sizeof(float));
    for (size_t p = 0; p < index->n_parts && status == LAT_OK; p++) {
        const struct lat_item_part *part = &index->parts[p];
        const struct lat_clusters levels = {part->n, LAT_NIBBLES_LEVELS,
                                            index->levels + part->levels_at};
        if (!part->n)
            continue;
        cut_out(index, part, b->sample, n, cut);
        status = lat_clusters_find(&levels, cut, n, ROUNDS_LEVELS, &b->rng, b->stop, err);
    }
    lat_free(cut);
    return status;
}

static enum lat_status make_lists(struct build *b, struct lat_error *err)
{
    struct lat_item_index *index = b->index;
    const struct lat_clusters lists = {index->n_axes, index->n_lists, index->centres};
    enum lat_status status =
        lat_clusters_find(&lists, b->sample, b->n_sample, ROUNDS, &b->rng, b->stop, err);
    if (status == LAT_OK)
        status = lat_clusters_assign(&lists, b->sample, b->n_sample, b->list_of, err);
    if (status != LAT_OK)
        return status;
    subtract_centres(index, b->sample, b->n_sample, b->list_of);
    make_parts(b);
    return make_levels(b, err);
}

/* ---- codes ---- */

/* Rows [at, at + m): their lists and codes. `x` [m][n_axes] and `cut` as large are scratch,
 * `nearest` [m] too. */
static enum lat_status encode_some(struct build *b, size_t at, size_t m, float *x, float *cut,
                                   uint32_t *nearest, struct lat_error *err)
{
    struct lat_item_index *index = b->index;
    const struct lat_clusters lists = {index->n_axes, index->n_lists, index->centres};
    lat_linear_multiply(index->rows + at * index->d, index->items, true, m, index->n_axes,
                        index->d, x);
    enum lat_status status = lat_clusters_assign(&lists, x, m, b->list_of + at, err);
    subtract_centres(index, x, m, b->list_of + at);
    for (size_t p = 0; p < index->n_parts && status == LAT_OK; p++) {
        const struct lat_item_part *part = &index->parts[p];
        const struct lat_clusters levels = {part->n, LAT_NIBBLES_LEVELS,
                                            index->levels + part->levels_at};
        if (!part->n)
            continue;
        cut_out(index, part, x, m, cut);
        status = lat_clusters_assign(&levels, cut, m, nearest, err);
        for (size_t i = 0; i < m && status == LAT_OK; i++)
            b->codes[(at + i) * index->n_parts + p] = (uint8_t)nearest[i];
    }
    return status;
}

static enum lat_status encode(struct build *b, struct lat_error *err)
{
    const struct lat_item_index *index = b->index;
    float *x = lat_alloc_raw(2 * AT_ONCE * index->n_axes, sizeof(*x));
    uint32_t *nearest = lat_alloc_raw(AT_ONCE, sizeof(*nearest));
    b->codes = lat_alloc(index->n, index->n_parts);
    enum lat_status status = x && nearest && b->codes ? LAT_OK : lat_fail_memory(err);
    for (size_t at = 0; at < index->n && status == LAT_OK; at += AT_ONCE) {
        const size_t m = index->n - at < AT_ONCE ? index->n - at : AT_ONCE;
        status = encode_some(b, at, m, x, x + AT_ONCE * index->n_axes, nearest, err);
        if (status == LAT_OK)
            status = check_stop(b, err);
    }
    lat_free(x);
    lat_free(nearest);
    return status;
}

/* Codes into the blocks of their lists, in the order of the items. */
static enum lat_status distribute(struct build *b, struct lat_error *err)
{
    struct lat_item_index *index = b->index;
    size_t n_blocks = 0;
    for (size_t i = 0; i < index->n; i++)
        index->lists[b->list_of[i]].n++;
    for (size_t l = 0; l < index->n_lists; l++) {
        index->lists[l].first = n_blocks;
        n_blocks += (index->lists[l].n + LAT_NIBBLES_ROWS - 1) / LAT_NIBBLES_ROWS;
        index->lists[l].n = 0;
    }
    index->blocks = lat_alloc_aligned(n_blocks, lat_nibbles_block_len(index->n_parts));
    index->numbers = lat_alloc(n_blocks * LAT_NIBBLES_ROWS, sizeof(*index->numbers));
    if (!index->blocks || !index->numbers)
        return lat_fail_memory(err);
    for (size_t i = 0; i < index->n; i++) {
        struct lat_item_cluster *list = &index->lists[b->list_of[i]];
        const size_t at = list->first * LAT_NIBBLES_ROWS + list->n++;
        index->numbers[at] = (uint32_t)i;
        lat_nibbles_put(index->blocks +
                            at / LAT_NIBBLES_ROWS * lat_nibbles_block_len(index->n_parts),
                        index->n_parts, at % LAT_NIBBLES_ROWS, b->codes + i * index->n_parts);
    }
    return LAT_OK;
}

/* ---- all of it ---- */

static void measure_out(const struct lat_item_source *source, struct lat_item_index *index)
{
    const size_t lists = source->n / LIST_ITEMS;
    index->rows = source->rows;
    index->n = source->n;
    index->d = source->d;
    index->n_axes = source->d < LAT_ITEM_AXES ? source->d : LAT_ITEM_AXES;
    index->n_parts = index->n_axes / 4 * 2;
    index->n_parts = index->n_parts ? index->n_parts : 2;
    index->n_lists = !lists ? 1 : lists < LISTS_MAX ? lists : LISTS_MAX;
    index->scan = lat_nibbles_quickest();
}

static enum lat_status get_memory(struct build *b, struct lat_error *err)
{
    struct lat_item_index *index = b->index;
    const size_t k = index->n_axes;
    b->n_sample = index->n < SAMPLE ? index->n : SAMPLE;
    b->sample = lat_alloc_raw(b->n_sample * k, sizeof(*b->sample));
    b->variances = lat_alloc_raw(k, sizeof(*b->variances));
    b->list_of = lat_alloc_raw(index->n, sizeof(*b->list_of));
    index->items = lat_alloc_raw(k * index->d, sizeof(*index->items));
    index->turn = lat_alloc_raw(k * index->d, sizeof(*index->turn));
    index->levels = lat_alloc(k * LAT_NIBBLES_LEVELS, sizeof(*index->levels));
    index->centres = lat_alloc_aligned(index->n_lists * k, sizeof(*index->centres));
    index->lists = lat_alloc(index->n_lists, sizeof(*index->lists));
    return b->sample && b->variances && b->list_of && index->items && index->turn &&
                   index->levels && index->centres && index->lists
               ? LAT_OK
               : lat_fail_memory(err);
}

static enum lat_status build(struct build *b, struct lat_error *err)
{
    enum lat_status status = get_memory(b, err);
    if (status == LAT_OK)
        status = make_axes(b, err);
    if (status == LAT_OK)
        status = make_lists(b, err);
    if (status == LAT_OK)
        status = encode(b, err);
    if (status == LAT_OK)
        status = distribute(b, err);
    lat_free(b->sample);
    lat_free(b->variances);
    lat_free(b->list_of);
    lat_free(b->codes);
    return status;
}

enum lat_status lat_item_index_build(const struct lat_item_source *source,
                                     const atomic_bool *stop, struct lat_item_index **out_index,
                                     struct lat_error *err)
{
    struct lat_item_index *index = lat_alloc(1, sizeof(*index));
    struct build b = {.source = source, .stop = stop, .index = index};
    if (!index)
        return lat_fail_memory(err);
    lat_rng_seed(&b.rng, 1);
    measure_out(source, index);
    enum lat_status status = build(&b, err);
    if (status == LAT_OK)
        status = lat_item_index_try(index, source, stop, err);
    if (status == LAT_OK)
        *out_index = index;
    else
        lat_item_index_free(index);
    return status;
}
