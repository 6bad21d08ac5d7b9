/* Searching a memory index: the accelerator over the first positions, an exact scan over the
 * rest, merged in one heap of exact scores.
 *
 * With a filter the passing rows are counted first. An exact scan over m rows costs m
 * distances; a walk of a graph that keeps ef of the passing ones visits about ef * n / m nodes
 * with some LINKS new distances each. The scan is taken while it is the cheaper one: m * m <=
 * LINKS * ef * n. It is also taken when the accelerator brought fewer hits than there are rows
 * that pass.
 *
 * The lock is held for a chunk of CHUNK_BYTES of rows at a time, some 100 microseconds, so that
 * a writer waits no longer and holds back other searches no longer. */

#include "index/distance.h"
#include "index/faiss_index.h"
#include "index/memory_index.h"

#include "base/banned.h"

enum {
    CHUNK_BYTES = 1 << 20,
    LINKS = 20,    /* new distances a visited node costs, measured over several graphs */
    EF_GUESS = 64, /* for accelerators that have no ef */
};

static void scan_chunks(const struct lat_index *index, struct lat_rwlock *lock, size_t from,
                        size_t to, const struct lat_index_query *query, struct lat_top *top)
{
    size_t rows = CHUNK_BYTES / (index->d * sizeof(float)) / 64 * 64;
    if (rows < 64)
        rows = 64;
    while (from < to) {
        /* Whole words of the bitmaps from the second chunk on. */
        const size_t end = from / rows * rows + rows;
        const size_t stop = end < to ? end : to;
        lat_index_hold(lock);
        const struct lat_scan scan = {.metric = index->metric,
                                      .query = query->code,
                                      .shown = index->map.shown,
                                      .passed = query->passed,
                                      .n_passed_words = query->n_passed_words};
        top->ids = &index->map;
        lat_scan_range(&index->vectors, from, stop, &scan, top);
        lat_index_let_go(lock);
        from = stop;
    }
}

static bool scan_is_cheaper(const struct lat_index *index, const struct lat_index_query *query,
                            uint64_t visible)
{
    uint64_t ef = query->ef ? query->ef : lat_ann_breadth(index->ann);
    if (!lat_ann_is_graph(index->ann))
        ef = EF_GUESS;
    if (ef < query->k)
        ef = query->k;
    return (double)visible * (double)visible <=
           (double)LINKS * (double)ef * (double)index->map.n;
}

static bool is_visible(const struct lat_index *index, const struct lat_index_query *query,
                       uint32_t position)
{
    return lat_bit(index->map.shown, position) &&
           (!query->passed ||
            (position / 64 < query->n_passed_words && lat_bit(query->passed, position)));
}

/* Rows that equal the query, in case the accelerator missed them. Under the lock. */
static void offer_twins(const struct lat_index *index, const struct lat_index_query *query,
                        size_t linked, struct lat_top *top)
{
    uint32_t twins[LAT_TWINS_MAX];
    const size_t n = lat_code_table_find(&index->codes, &index->vectors, query->code, twins);
    for (size_t i = 0; i < n; i++) {
        bool there = twins[i] >= linked || !is_visible(index, query, twins[i]);
        for (size_t j = 0; !there && j < top->n; j++)
            there = top->items[j].position == twins[i];
        if (there)
            continue;
        const float *row = lat_vectors_row(&index->vectors, twins[i]);
        lat_top_offer(top, (struct lat_candidate){
                               lat_score(index->metric, query->code, row, index->d), twins[i]});
    }
}

/* Asks the accelerator; *out_linked is where the exact scan has to begin. Under the lock. */
static enum lat_status ask_accelerator(const struct lat_index *index,
                                       const struct lat_index_query *query, uint64_t visible,
                                       struct lat_top *top, size_t *out_linked,
                                       struct lat_error *err)
{
    const size_t linked = atomic_load_explicit(&index->linked, memory_order_acquire);
    *out_linked = 0;
    if (query->exact || !index->ann || !linked || scan_is_cheaper(index, query, visible))
        return LAT_OK;
    const struct lat_ann_effort effort = {.n = linked,
                                          .k = query->k,
                                          .ef = query->ef,
                                          .nprobe = query->nprobe,
                                          .shown = index->map.shown,
                                          .passed = query->passed,
                                          .n_passed_words = query->n_passed_words};
    top->ids = &index->map;
    const enum lat_status status =
        lat_ann_search(index->ann, &index->vectors, query->code, &effort, top, err);
    if (status != LAT_OK)
        return status;
    offer_twins(index, query, linked, top);
    *out_linked = linked;
    return LAT_OK;
}

enum lat_status lat_index_search(const struct lat_index *index, struct lat_rwlock *lock,
                                 const struct lat_index_query *query, struct lat_top *top,
                                 enum lat_search_way *out_way, struct lat_error *err)
{
    size_t linked = 0;
    lat_index_hold(lock);
    const size_t n = index->map.n;
    const uint64_t visible = lat_index_count(index, query->passed, query->n_passed_words);
    const enum lat_status status = ask_accelerator(index, query, visible, top, &linked, err);
    lat_index_let_go(lock);
    if (status != LAT_OK)
        return status;
    scan_chunks(index, lock, linked, n, query, top);
    const size_t wanted = query->k < visible ? query->k : (size_t)visible;
    if (linked && top->n < wanted) {
        top->n = 0;
        linked = 0;
        scan_chunks(index, lock, 0, n, query, top);
    }
    *out_way = query->passed ? LAT_WAY_FILTERED : linked ? LAT_WAY_INDEX : LAT_WAY_EXACT;
    return LAT_OK;
}
