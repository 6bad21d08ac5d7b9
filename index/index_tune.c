/* How broadly an approximate index must look depends on the data: 32 candidates do for
 * clustered codes what 400 do for noise. So the breadth is measured: some rows that are waiting
 * to be linked serve as queries the index has never seen, their true ten nearest come from a
 * scan, and the smallest step of the ladder that finds enough of them becomes the default of
 * searches. */

#include "base/log.h"
#include "base/mem.h"
#include "index/faiss_index.h"
#include "index/local_store.h"

#include "base/banned.h"

#define RECALL_WANTED 0.97

enum { NEAREST = 10, BREADTH_LEAST = 24 };

static const uint32_t ladder[] = {1,  2,   4,   8,   12,  16,  24,  32,   48,   64,
                                  96, 128, 192, 256, 384, 512, 768, 1024, 2048, 4096};

struct tuning {
    struct lat_index *index;
    struct lat_rwlock *lock;
    struct lat_vectors rows; /* a view */
    size_t first, n_queries;
    float *bounds; /* [n_queries] score of the tenth nearest */
    size_t *wanted;
};

static void take(const struct tuning *t)
{
    if (t->lock)
        lat_rwlock_read(t->lock);
}

static void give(const struct tuning *t)
{
    if (t->lock)
        lat_rwlock_unlock(t->lock);
}

/* True neighbours among the linked rows, a chunk at a time. */
static enum lat_status scan(struct tuning *t, size_t q, struct lat_error *err)
{
    struct lat_top top;
    const enum lat_status status = lat_top_init(&top, NEAREST, NULL, err);
    if (status != LAT_OK)
        return status;
    const size_t linked = t->first;
    const struct lat_scan scan = {.metric = t->index->metric,
                                  .query = lat_vectors_row(&t->rows, t->first + q)};
    lat_scan_range(&t->rows, 0, linked, &scan, &top);
    t->wanted[q] = top.n;
    t->bounds[q] = lat_top_bound(&top);
    if (top.n && top.n < NEAREST)
        t->bounds[q] = top.items[0].score;
    lat_top_release(&top);
    return LAT_OK;
}

/* The share of true neighbours found with this breadth. */
static enum lat_status recall(struct tuning *t, uint32_t breadth, double *out,
                              struct lat_error *err)
{
    size_t found = 0, wanted = 0;
    struct lat_top top;
    enum lat_status status = lat_top_init(&top, NEAREST, NULL, err);
    if (status != LAT_OK)
        return status;
    for (size_t q = 0; q < t->n_queries && status == LAT_OK; q++) {
        const struct lat_ann_effort effort = {
            .n = t->first, .k = NEAREST, .ef = breadth, .nprobe = breadth};
        top.n = 0;
        take(t);
        status = lat_ann_search(t->index->ann, &t->rows,
                                lat_vectors_row(&t->rows, t->first + q), &effort, &top, err);
        give(t);
        for (size_t i = 0; i < top.n; i++)
            found += top.items[i].score <= t->bounds[q];
        wanted += t->wanted[q];
    }
    lat_top_release(&top);
    *out = wanted ? (double)found / (double)wanted : 1;
    return status;
}

static enum lat_status climb(struct tuning *t, struct lat_error *err)
{
    const uint32_t most = lat_ann_max_breadth(t->index->ann);
    const uint32_t least = lat_ann_is_graph(t->index->ann) ? BREADTH_LEAST : 1;
    uint32_t breadth = most;
    double reached = 0;
    for (size_t i = 0; i < LAT_ARRAY_LEN(ladder); i++) {
        if (ladder[i] < least || ladder[i] >= most)
            continue;
        const enum lat_status status = recall(t, ladder[i], &reached, err);
        if (status != LAT_OK)
            return status;
        if (reached >= RECALL_WANTED) {
            breadth = ladder[i];
            break;
        }
    }
    if (t->lock)
        lat_rwlock_write(t->lock);
    lat_ann_set_breadth(t->index->ann, breadth);
    if (t->lock)
        lat_rwlock_unlock(t->lock);
    lat_log(LAT_LOG_DEBUG, "index calibrated", "\"rows\":%zu,\"breadth\":%u,\"recall\":%.3f",
            t->first, breadth, reached);
    return LAT_OK;
}

enum lat_status lat_index_calibrate(struct lat_index *index, struct lat_rwlock *lock,
                                    size_t n_queries, struct lat_error *err)
{
    struct tuning t = {
        .index = index, .lock = lock, .first = index->linked, .n_queries = n_queries};
    if (!lat_ann_max_breadth(index->ann) || !n_queries)
        return LAT_OK;
    t.bounds = lat_alloc(n_queries, sizeof(*t.bounds));
    t.wanted = lat_alloc(n_queries, sizeof(*t.wanted));
    enum lat_status status = t.bounds && t.wanted ? LAT_OK : lat_fail_memory(err);
    if (status == LAT_OK) {
        take(&t);
        status = lat_vectors_view(&index->vectors, &t.rows, err);
        give(&t);
    }
    for (size_t q = 0; q < n_queries && status == LAT_OK; q++)
        status = scan(&t, q, err);
    if (status == LAT_OK)
        status = climb(&t, err);
    lat_vectors_view_end(&t.rows);
    lat_free(t.bounds);
    lat_free(t.wanted);
    return status;
}
