/* What a search has to look at is tried: queries that had no part in the axes, their true best
 * by a scan, and then numbers of lists and of items scored, the cheapest pair first, until
 * enough of the best are found. What costs is bytes of memory: those of codes, one after the
 * other, and those of rows, here and there, which count twice. What comes is not quite what was
 * tried: twice of what would do is spent. */
#include "service/item_index_internal.h"

#include <stdlib.h>

#include "base/mem.h"

#include "base/banned.h"

#define RECALL_WANTED 0.99
#define RECALL_LEAST  0.98 /* below it a scan answers */

enum {
    HALVINGS = 4,  /* of the lists: all, a half, … a sixteenth */
    DOUBLINGS = 6, /* of the items scored: MULTIPLE_LEAST times as many as wanted, … */
    MULTIPLE_LEAST = 2,
    N_CHOICES = (HALVINGS + 1) * (DOUBLINGS + 1),
    ROW_EXTRA = 128 /* bytes: a row does not come alone */
};

struct trial {
    struct lat_item_index *index;
    const float *queries; /* [LAT_ITEM_TRIED][d] */
    const atomic_bool *stop;
    struct lat_ranked *best;  /* [LAT_ITEM_TRIED][LAT_ITEM_DEEP], the true ones */
    struct lat_ranked *found; /* [LAT_ITEM_DEEP] */
    size_t n_best;            /* of a query: fewer when there are not so many items */
};

struct choice {
    struct lat_item_effort effort;
    double cost;
};

static enum lat_status check_stop(const struct trial *t, struct lat_error *err)
{
    return atomic_load(t->stop)
               ? lat_fail(err, LAT_CANCELLED, NULL, "stopped while its index was tried")
               : LAT_OK;
}

static enum lat_status find_best(struct trial *t, struct lat_error *err)
{
    const struct lat_item_index *index = t->index;
    enum lat_status status = LAT_OK;
    for (size_t q = 0; q < LAT_ITEM_TRIED && status == LAT_OK; q++) {
        const struct lat_item_query query = {.vector = t->queries + q * index->d,
                                             .k = LAT_ITEM_DEEP};
        status = lat_item_scan(index->rows, index->n, index->d, &query,
                               t->best + q * LAT_ITEM_DEEP, &t->n_best, err);
        if (status == LAT_OK)
            status = check_stop(t, err);
    }
    return status;
}

/* The share of the best k that a search finds, of the kind of queries (every other one) of
 * which it finds less. Equal scores are as good. */
static enum lat_status measure(struct trial *t, struct lat_item_effort effort, size_t k,
                               double *out_recall, struct lat_error *err)
{
    const struct lat_item_index *index = t->index;
    size_t n = 0, hits[2] = {0};
    enum lat_status status = LAT_OK;
    for (size_t q = 0; q < LAT_ITEM_TRIED && status == LAT_OK; q++) {
        const struct lat_item_query query = {.vector = t->queries + q * index->d, .k = k};
        const float least = t->best[q * LAT_ITEM_DEEP + k - 1].score;
        status = lat_item_index_spend(index, &query, effort, t->found, &n, err);
        for (size_t i = 0; i < n && status == LAT_OK; i++)
            hits[q % 2] += t->found[i].score >= least;
        if (status == LAT_OK)
            status = check_stop(t, err);
    }
    *out_recall =
        2.0 * (double)(hits[0] < hits[1] ? hits[0] : hits[1]) / (double)(k * LAT_ITEM_TRIED);
    return status;
}

static int by_cost(const void *a, const void *b)
{
    const struct choice *x = a, *y = b;
    return (x->cost > y->cost) - (x->cost < y->cost);
}

static size_t list_choices(const struct lat_item_index *index, size_t k, struct choice *out)
{
    const double row = 2 * (double)index->d * sizeof(float) + ROW_EXTRA;
    size_t n = 0;
    for (unsigned half = 0; half <= HALVINGS && index->n_lists >> half; half++)
        for (unsigned doubling = 0; doubling <= DOUBLINGS; doubling++) {
            const struct lat_item_effort effort = {
                .lists = (uint32_t)(index->n_lists >> half),
                .items = (uint32_t)(k * MULTIPLE_LEAST << doubling)};
            const double codes = (double)(index->n >> half) * (double)index->n_parts / 2;
            out[n++] = (struct choice){effort, codes + effort.items * row};
        }
    qsort(out, n, sizeof(*out), by_cost);
    return n;
}

/* The cheapest that finds enough of the best k; else the one that found most. */
static enum lat_status choose(struct trial *t, size_t k, struct lat_item_effort *out_effort,
                              struct lat_error *err)
{
    struct choice choices[N_CHOICES];
    const size_t n = list_choices(t->index, k, choices);
    struct lat_item_effort best = {.recall = -1};
    enum lat_status status = LAT_OK;
    for (size_t i = 0; i < n && status == LAT_OK && best.recall < RECALL_WANTED; i++) {
        struct lat_item_effort effort = choices[i].effort;
        status = measure(t, effort, k, &effort.recall, err);
        if (effort.recall > best.recall)
            best = effort;
    }
    *out_effort = best;
    out_effort->items *= 2;
    out_effort->lists *= 2;
    if (out_effort->lists > t->index->n_lists)
        out_effort->lists = (uint32_t)t->index->n_lists;
    return status;
}

static enum lat_status try_both(struct trial *t, struct lat_error *err)
{
    struct lat_item_index *index = t->index;
    enum lat_status status = find_best(t, err);
    const size_t near = t->n_best < LAT_ITEM_NEAREST ? t->n_best : LAT_ITEM_NEAREST;
    if (status == LAT_OK)
        status = choose(t, near, &index->effort, err);
    if (status == LAT_OK && index->effort.recall < RECALL_LEAST)
        status = lat_fail(err, LAT_CAPABILITY, "not_indexable",
                          "an index over %zu items finds %.3f of the best hundred", index->n,
                          index->effort.recall);
    if (status == LAT_OK)
        status = choose(t, t->n_best, &index->deep, err);
    return status;
}

enum lat_status lat_item_index_try(struct lat_item_index *index,
                                   const struct lat_item_source *source,
                                   const atomic_bool *stop, struct lat_error *err)
{
    struct trial t = {.index = index, .stop = stop};
    t.queries = source->queries + (source->n_queries - LAT_ITEM_TRIED) * index->d;
    t.best = lat_alloc_raw((LAT_ITEM_TRIED + 1) * LAT_ITEM_DEEP, sizeof(*t.best));
    if (!t.best)
        return lat_fail_memory(err);
    t.found = t.best + LAT_ITEM_TRIED * LAT_ITEM_DEEP;
    const enum lat_status status = try_both(&t, err);
    lat_free(t.best);
    return status;
}
