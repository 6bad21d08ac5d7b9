/* A search:
 *
 *   query -> its coordinates -> the lists by the inner product with their centres
 *         -> tables of bytes, one a part -> the codes of the best lists, summed up
 *         -> the best items by that -> their exact scores -> the best k
 *
 * A sum stands for an inner product with the way from centre to item, so one set of tables
 * serves all lists; what differs is the centre's own product, which is added.
 *
 * Items found are kept in a reservoir twice as large as what will be scored. When it is full
 * the worse half goes, and the worst of the better half is what later items must reach: most
 * blocks of 32 are dismissed by one comparison. */
#include "service/item_index.h"

#include <math.h>

#include "base/mem.h"
#include "base/vector.h"
#include "index/exact.h"
#include "service/item_index_internal.h"

#include "base/banned.h"

enum {
    AHEAD = 6,        /* rows fetched before they are needed */
    LINE = 16,        /* floats */
    ONE_BLOCK = 40,   /* the shift of a lat_vectors whose rows all lie in one block */
    STEPS = UINT8_MAX /* of the bytes in the tables */
};

void lat_item_index_free(struct lat_item_index *index)
{
    if (!index)
        return;
    lat_free(index->items);
    lat_free(index->turn);
    lat_free(index->levels);
    lat_free(index->centres);
    lat_free(index->lists);
    lat_free(index->blocks);
    lat_free(index->numbers);
    lat_free(index);
}

struct lat_item_effort lat_item_index_effort(const struct lat_item_index *index)
{
    return index->effort;
}

static bool passes(const uint64_t *passed, uint32_t item)
{
    return !passed || (passed[item / 64] >> (item % 64) & 1);
}

/* Candidates have scores that are better the lower they are. */
static void give(struct lat_top *top, struct lat_ranked *out_items, size_t *out_n)
{
    lat_top_sort(top);
    for (size_t i = 0; i < top->n; i++)
        out_items[i] = (struct lat_ranked){top->items[i].position, -top->items[i].score};
    *out_n = top->n;
}

enum lat_status lat_item_scan(const float *rows, size_t n, size_t d,
                              const struct lat_item_query *query, struct lat_ranked *out_items,
                              size_t *out_n, struct lat_error *err)
{
    struct lat_top top;
    float *block = (float *)(uintptr_t)rows;
    const struct lat_vectors vectors = {
        .d = d, .shift = ONE_BLOCK, .blocks = &block, .n_blocks = 1};
    const struct lat_scan scan = {.metric = LAT_DISTANCE_IP,
                                  .query = query->vector,
                                  .passed = query->passed,
                                  .n_passed_words = (n + 63) / 64};
    const enum lat_status status = lat_top_init(&top, query->k, NULL, err);
    if (status != LAT_OK)
        return status;
    lat_scan_range(&vectors, 0, n, &scan, &top);
    give(&top, out_items, out_n);
    lat_top_release(&top);
    return LAT_OK;
}

/* ---- one search ---- */

struct search {
    const struct lat_item_index *index;
    const struct lat_item_query *query;
    struct lat_item_effort effort;
    float *turned;        /* [n_axes] */
    struct lat_top lists; /* score: minus the product with the centre */
    uint8_t tables[LAT_ITEM_PARTS * LAT_NIBBLES_LEVELS];
    float least, step;        /* a sum s stands for least + s * step */
    uint32_t most;            /* the largest sum there can be */
    struct lat_ranked *found; /* [2 * keep], scores by the codes */
    size_t n, keep;
    float bound; /* what is found has to reach */
};

static enum lat_status turn(struct search *s, struct lat_error *err)
{
    const struct lat_item_index *index = s->index;
    s->turned = lat_alloc_raw(index->n_axes, sizeof(*s->turned));
    if (!s->turned)
        return lat_fail_memory(err);
    for (size_t i = 0; i < index->n_axes; i++)
        s->turned[i] = lat_vector_dot(index->turn + i * index->d, s->query->vector, index->d);
    return LAT_OK;
}

static enum lat_status choose_lists(struct search *s, struct lat_error *err)
{
    const struct lat_item_index *index = s->index;
    const enum lat_status status = lat_top_init(&s->lists, s->effort.lists, NULL, err);
    if (status != LAT_OK)
        return status;
    for (size_t i = 0; i < index->n_lists; i++) {
        const float product =
            lat_vector_dot(index->centres + i * index->n_axes, s->turned, index->n_axes);
        if (index->lists[i].n)
            lat_top_offer(&s->lists, (struct lat_candidate){-product, (uint32_t)i});
    }
    lat_top_sort(&s->lists);
    return LAT_OK;
}

/* ---- tables ---- */

/* Products of the query with a part's levels into out [16]. */
static void multiply_levels(const struct search *s, const struct lat_item_part *part,
                            float *out)
{
    const float *level = s->index->levels + part->levels_at;
    for (size_t l = 0; l < LAT_NIBBLES_LEVELS; l++) {
        float sum = 0;
        for (size_t j = 0; j < part->n; j++)
            sum += *level++ * s->turned[s->index->axes[part->first + j]];
        out[l] = sum;
    }
}

/* The products as bytes: each part from its own least one on, all in the same steps. */
static void fill_tables(struct search *s)
{
    float products[LAT_ITEM_PARTS][LAT_NIBBLES_LEVELS], lowest[LAT_ITEM_PARTS], widest = 0;
    s->least = 0;
    s->most = 0;
    for (size_t p = 0; p < s->index->n_parts; p++) {
        multiply_levels(s, &s->index->parts[p], products[p]);
        float high = lowest[p] = products[p][0];
        for (size_t l = 1; l < LAT_NIBBLES_LEVELS; l++) {
            lowest[p] = fminf(lowest[p], products[p][l]);
            high = fmaxf(high, products[p][l]);
        }
        s->least += lowest[p];
        widest = fmaxf(widest, high - lowest[p]);
    }
    s->step = widest > 0 ? widest / STEPS : 1;
    for (size_t p = 0; p < s->index->n_parts; p++) {
        uint8_t highest = 0, *table = s->tables + p * LAT_NIBBLES_LEVELS;
        for (size_t l = 0; l < LAT_NIBBLES_LEVELS; l++) {
            table[l] = (uint8_t)lrintf((products[p][l] - lowest[p]) / s->step);
            highest = table[l] > highest ? table[l] : highest;
        }
        s->most += highest;
    }
}

/* ---- going through the codes ---- */

/* Puts the `n_best` best of [0, n) in front, in any order but for the worst of them, which is
 * the last; 0 < n_best <= n (Hoare 1961, "Find"). */
static void divide(struct lat_ranked *items, size_t n, size_t n_best)
{
    const int64_t wanted = (int64_t)n_best - 1;
    for (int64_t low = 0, high = (int64_t)n - 1; low < high;) {
        const float pivot = items[low + (high - low) / 2].score;
        int64_t i = low, j = high;
        while (i <= j) {
            while (items[i].score > pivot)
                i++;
            while (items[j].score < pivot)
                j--;
            if (i > j)
                break;
            const struct lat_ranked item = items[i];
            items[i++] = items[j];
            items[j--] = item;
        }
        if (wanted > j && wanted < i)
            return;
        if (wanted <= j)
            high = j;
        else
            low = i;
    }
}

static void shrink(struct search *s)
{
    if (s->n <= s->keep)
        return;
    divide(s->found, s->n, s->keep);
    s->n = s->keep;
    s->bound = s->found[s->keep - 1].score;
}

/* The least sum that reaches the bound around a centre. */
static uint32_t least_sum(const struct search *s, float centre)
{
    const float sum = ceilf((s->bound - centre - s->least) / s->step);
    return !(sum > 0) ? 0 : sum > UINT16_MAX ? UINT16_MAX + 1 : (uint32_t)sum;
}

/* Takes the rows of a block whose bit is set. */
static void take(struct search *s, const uint32_t *numbers, uint32_t reached,
                 const uint16_t *sums, float base)
{
    for (; reached; reached &= reached - 1) {
        const int i = __builtin_ctz(reached);
        if (!passes(s->query->passed, numbers[i]))
            continue;
        s->found[s->n++] = (struct lat_ranked){numbers[i], base + (float)sums[i] * s->step};
    }
    if (s->n > 2 * s->keep)
        shrink(s);
}

static void go_through(struct search *s, const struct lat_item_cluster *list, float centre)
{
    const struct lat_item_index *index = s->index;
    const size_t block_len = lat_nibbles_block_len(index->n_parts);
    uint16_t sums[LAT_NIBBLES_ROWS];
    for (uint32_t i = 0; i < list->n; i += LAT_NIBBLES_ROWS) {
        const uint32_t least = least_sum(s, centre);
        if (least > s->most)
            return;
        const size_t block = list->first + i / LAT_NIBBLES_ROWS;
        uint32_t reached = index->scan(index->blocks + block * block_len, index->n_parts,
                                       s->tables, (uint16_t)least, sums);
        if (list->n - i < LAT_NIBBLES_ROWS)
            reached &= (UINT32_C(1) << (list->n - i)) - 1;
        if (reached)
            take(s, index->numbers + block * LAT_NIBBLES_ROWS, reached, sums,
                 centre + s->least);
    }
}

/* ---- exact scores ---- */

static void score(struct search *s, struct lat_top *top)
{
    const size_t d = s->index->d;
    for (size_t i = 0; i < s->n; i++) {
        if (i + AHEAD < s->n) {
            const float *row = s->index->rows + s->found[i + AHEAD].item * d;
            for (size_t at = 0; at < d; at += LINE)
                __builtin_prefetch(row + at);
        }
        const uint32_t item = s->found[i].item;
        const float product = lat_vector_dot(s->index->rows + item * d, s->query->vector, d);
        lat_top_offer(top, (struct lat_candidate){-product, item});
    }
}

static enum lat_status run(struct search *s, struct lat_ranked *out_items, size_t *out_n,
                           struct lat_error *err)
{
    struct lat_top top;
    enum lat_status status = turn(s, err);
    if (status == LAT_OK)
        status = choose_lists(s, err);
    if (status != LAT_OK)
        return status;
    fill_tables(s);
    for (size_t i = 0; i < s->lists.n; i++)
        go_through(s, &s->index->lists[s->lists.items[i].position], -s->lists.items[i].score);
    shrink(s);
    status = lat_top_init(&top, s->query->k, NULL, err);
    if (status != LAT_OK)
        return status;
    score(s, &top);
    give(&top, out_items, out_n);
    lat_top_release(&top);
    return LAT_OK;
}

enum lat_status lat_item_index_spend(const struct lat_item_index *index,
                                     const struct lat_item_query *query,
                                     struct lat_item_effort effort,
                                     struct lat_ranked *out_items, size_t *out_n,
                                     struct lat_error *err)
{
    struct search s = {.index = index, .query = query, .effort = effort, .bound = -INFINITY};
    s.keep = effort.items > query->k ? effort.items : query->k;
    s.keep = s.keep < index->n ? s.keep : index->n;
    s.keep = s.keep ? s.keep : 1;
    s.found = lat_alloc_raw(2 * s.keep + LAT_NIBBLES_ROWS, sizeof(*s.found));
    const enum lat_status status =
        s.found ? run(&s, out_items, out_n, err) : lat_fail_memory(err);
    lat_free(s.found);
    lat_free(s.turned);
    lat_top_release(&s.lists);
    return status;
}

/* ---- how much to spend ---- */

static size_t count(const uint64_t *passed, size_t n)
{
    size_t count = 0;
    if (!passed)
        return n;
    for (size_t i = 0; i < (n + 63) / 64; i++)
        count += (size_t)__builtin_popcountll(passed[i]);
    return count;
}

/* The best k of those that pass reach as deep as the best k n / n_passed of all. Down to a
 * hundred and to a thousand it is known what that takes; what lies deeper takes all lists. */
static struct lat_item_effort effort_for(const struct lat_item_index *index,
                                         const struct lat_item_query *query)
{
    const size_t n_passed = count(query->passed, index->n);
    const double depth =
        (double)query->k * (double)index->n / (double)(n_passed ? n_passed : 1);
    struct lat_item_effort effort = depth <= LAT_ITEM_NEAREST ? index->effort : index->deep;
    if (query->k > LAT_ITEM_DEEP)
        effort.items = (uint32_t)fmin((double)effort.items / LAT_ITEM_DEEP * (double)query->k,
                                      (double)index->n);
    if (depth > LAT_ITEM_DEEP)
        effort.lists = (uint32_t)index->n_lists;
    return effort;
}

enum lat_status lat_item_index_search(const struct lat_item_index *index,
                                      const struct lat_item_query *query,
                                      struct lat_ranked *out_items, size_t *out_n,
                                      struct lat_error *err)
{
    return lat_item_index_spend(index, query, effort_for(index, query), out_items, out_n, err);
}
