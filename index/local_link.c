/* Linking: what the keeper does with the rows that no accelerator has yet.
 *
 * A search scans them, the tail; so the tail is bounded, and shorter while there are searches.
 * Rows are linked a batch at a time, when somebody searches or the tail is half full; writers
 * are held back while it is full. Each time the index has doubled, rows about to be linked are
 * the queries that the breadth of searches is measured on. */
#include "index/local_link.h"

#include "base/clock.h"
#include "index/faiss_index.h"

#include "base/banned.h"

enum {
    LINK_BATCH = 64,               /* rows linked before looking at the next collection */
    TAIL_BYTES = 8 << 20,          /* rows waiting to be linked are scanned by every search */
    TAIL_BYTES_SEARCHED = 1 << 20, /* the same while there are searches: some 50 us */
    TAIL_ROWS_MIN = 1024,
    TAIL_ROWS_MAX = 65536,
    THROTTLE_MS = 1000, /* a write is held back no longer */
    TUNE_FIRST = 2000,  /* rows at the first calibration; then at every doubling */
};

#define SEARCHED_NS (100 * LAT_NS_PER_MS)

void lat_keeper_note_search(struct lat_collection *collection)
{
    const uint64_t now = lat_clock_ns();
    if (now - atomic_load_explicit(&collection->searched_ns, memory_order_relaxed) >
        SEARCHED_NS)
        atomic_store_explicit(&collection->searched_ns, now, memory_order_relaxed);
}

static bool is_searched(struct lat_collection *collection)
{
    const uint64_t last = atomic_load_explicit(&collection->searched_ns, memory_order_relaxed);
    return last && lat_clock_ns() - last < 2 * SEARCHED_NS;
}

/* How many rows may wait to be linked before writers are held back. */
static size_t tail_limit(struct lat_collection *collection)
{
    const size_t bytes = is_searched(collection) ? TAIL_BYTES_SEARCHED : TAIL_BYTES;
    const size_t rows = bytes / (collection->spec.dimension * sizeof(float));
    return rows < TAIL_ROWS_MIN ? TAIL_ROWS_MIN : rows > TAIL_ROWS_MAX ? TAIL_ROWS_MAX : rows;
}

struct lat_sight lat_sight_of(struct lat_collection *collection, const struct lat_index *index)
{
    lat_rwlock_read(&collection->lock);
    const uint64_t saved_linked =
        collection->saved_linked < index->linked ? collection->saved_linked : index->linked;
    const struct lat_sight sight = {
        .n = index->map.n,
        .linked = index->linked,
        .live = index->live,
        .dead = lat_index_dead(index),
        .sequence = index->sequence,
        .unsaved = index->sequence - collection->saved_sequence + index->linked - saved_linked,
        .spec = collection->spec.index,
        .dropped = collection->dropped,
    };
    lat_rwlock_unlock(&collection->lock);
    return sight;
}

static enum lat_status accelerate(struct lat_collection *collection, struct lat_index *index,
                                  const struct lat_sight *sight, struct lat_error *err)
{
    struct lat_ann *ann = NULL;
    const enum lat_status status =
        lat_index_new_accelerator(index, &sight->spec, &collection->lock, false, 1, &ann, err);
    if (status != LAT_OK || !ann)
        return status;
    lat_rwlock_write(&collection->lock);
    index->ann = ann;
    index->linked = 0;
    lat_rwlock_unlock(&collection->lock);
    return LAT_OK;
}

/* While rows come in and nobody searches, linking them can wait for a quieter moment: only
 * searches pay for a tail, and it stays bounded. */
static bool may_wait(struct lat_collection *collection, const struct lat_sight *sight)
{
    const bool growing = sight->sequence != collection->glimpsed;
    collection->glimpsed = sight->sequence;
    return growing && !is_searched(collection) &&
           sight->n - sight->linked < tail_limit(collection) / 2;
}

static bool must_tune(const struct lat_collection *collection, const struct lat_sight *sight)
{
    const size_t next =
        collection->calibrated ? 2 * collection->calibrated : (size_t)TUNE_FIRST;
    return sight->linked >= next && sight->n - sight->linked >= LAT_TUNE_QUERIES;
}

static enum lat_status link_some(struct lat_collection *collection, struct lat_index *index,
                                 size_t n, struct lat_error *err)
{
    struct lat_vectors rows;
    lat_rwlock_read(&collection->lock);
    enum lat_status status = lat_vectors_view(&index->vectors, &rows, err);
    lat_rwlock_unlock(&collection->lock);
    if (status != LAT_OK)
        return status;
    status = lat_ann_link(index->ann, &rows, &collection->lock, n, &index->linked, err);
    lat_vectors_view_end(&rows);
    return status;
}

enum lat_status lat_link_rows(struct lat_local *store, struct lat_collection *collection,
                              struct lat_index *index, struct lat_sight *sight,
                              enum lat_next *out_next, struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    if (!index->ann)
        status = accelerate(collection, index, sight, err);
    if (status != LAT_OK || !index->ann)
        return status;
    if (collection->tended != index->generation) {
        /* Loaded or rebuilt: what it brings along was calibrated. */
        collection->tended = index->generation;
        collection->calibrated = sight->linked >= 2 * TUNE_FIRST ? sight->linked : 0;
    }
    if (sight->linked < sight->n && may_wait(collection, sight)) {
        *out_next = LAT_NEXT_LATER;
        return LAT_OK;
    }
    if (must_tune(collection, sight)) {
        status = lat_index_calibrate(index, &collection->lock, LAT_TUNE_QUERIES, err);
        collection->calibrated = sight->linked;
    }
    const size_t waiting = sight->n - sight->linked;
    const size_t n = waiting < LINK_BATCH ? waiting : LINK_BATCH;
    if (status == LAT_OK && n)
        status = link_some(collection, index, n, err);
    store->keeper.untrimmed += n;
    *sight = lat_sight_of(collection, index);
    *out_next = sight->linked < sight->n ? LAT_NEXT_AT_ONCE : LAT_NEXT_WOKEN;
    lat_mutex_lock(&store->keeper.mutex);
    lat_cond_broadcast(&store->keeper.progress);
    lat_mutex_unlock(&store->keeper.mutex);
    return status;
}

static size_t tail_of(struct lat_collection *collection, size_t *out_linked)
{
    size_t tail = 0;
    lat_rwlock_read(&collection->lock);
    const struct lat_index *index = collection->index;
    if (index && index->ann) {
        *out_linked = index->linked;
        tail = index->map.n - index->linked;
    }
    lat_rwlock_unlock(&collection->lock);
    return tail;
}

void lat_keeper_throttle(struct lat_local *store, struct lat_collection *collection, size_t n)
{
    struct lat_keeper *keeper = &store->keeper;
    if (!collection->spec.dimension)
        return;
    const size_t limit = tail_limit(collection);
    size_t begin = 0, linked = 0;
    if (tail_of(collection, &begin) <= limit)
        return;
    const uint64_t deadline = lat_clock_ns() + THROTTLE_MS * LAT_NS_PER_MS;
    bool in_time = true;
    while (in_time && !atomic_load(&store->closing) && tail_of(collection, &linked) > limit &&
           linked < begin + n && linked >= begin) {
        lat_mutex_lock(&keeper->mutex);
        in_time = lat_cond_wait_until(&keeper->progress, &keeper->mutex, deadline);
        lat_mutex_unlock(&keeper->mutex);
    }
}
