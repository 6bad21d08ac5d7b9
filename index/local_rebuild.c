/* A new index beside the old one: to reclaim dead slots, to train lists, or for other settings.
 * Law 5.
 *
 *   copy      live rows of the old index, in chunks, into a private one
 *   build     train, link, calibrate: searches and writes go on with the old one
 *   catch up  rows written meanwhile, until few are left
 *   switch    an exclusive task of the writer: the last rows, every bit that differs, and the
 *             pointer
 *
 * During the switch no write is under way, because the writer is the one who does it; searches
 * only wait for the exchange of a pointer. Nothing is logged meanwhile: what was deleted or
 * hidden shows in the old index's bitmaps, and `origin` says where each position came from. */
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "index/faiss_index.h"
#include "index/local_store.h"

#include "base/banned.h"

enum {
    COPY_CHUNK = 512, /* rows copied in one hold of the lock */
    LINK_CHUNK = 256, /* rows linked between two looks at the clock and the caller */
    FEW = 1000,       /* rows left to the writer */
};

struct rebuilding {
    struct lat_local *store;
    struct lat_collection *collection;
    const struct lat_rebuild *how;
    struct lat_index *old, *fresh;
    uint32_t *origin; /* [fresh->map.n] position in the old index */
    size_t origin_capacity;
    size_t copied; /* positions of the old index looked at */
};

/* ---- copy ---- */

static enum lat_status make_room(struct rebuilding *r, size_t more, size_t id_bytes,
                                 struct lat_error *err)
{
    const size_t need = r->fresh->map.staged + more;
    if (need > r->origin_capacity) {
        const size_t capacity = need + need / 2;
        uint32_t *origin = lat_realloc(r->origin, capacity, sizeof(*origin));
        if (!origin)
            return lat_fail_memory(err);
        r->origin = origin;
        r->origin_capacity = capacity;
    }
    return lat_index_reserve(r->fresh, NULL, more, id_bytes, err);
}

/* The next rows of the old index. Its author is not at work, or only adds behind `end`. */
static enum lat_status copy_chunk(struct rebuilding *r, size_t end, struct lat_error *err)
{
    const struct lat_index *old = r->old;
    const size_t stop = end - r->copied < COPY_CHUNK ? end : r->copied + COPY_CHUNK;
    enum lat_status status =
        make_room(r, stop - r->copied, (stop - r->copied) * LAT_ID_MAX, err);
    if (status != LAT_OK)
        return status;
    lat_rwlock_read(&r->collection->lock);
    for (size_t i = r->copied; i < stop; i++) {
        if (lat_bit(old->map.gone, i))
            continue;
        r->origin[r->fresh->map.staged] = (uint32_t)i;
        lat_index_stage_raw(r->fresh, old->map.slots[i],
                            lat_slot_map_id(&old->map, (uint32_t)i),
                            lat_vectors_row(&old->vectors, i));
        lat_index_publish(r->fresh, !lat_bit(old->map.shown, i));
    }
    lat_rwlock_unlock(&r->collection->lock);
    r->copied = stop;
    return LAT_OK;
}

static size_t old_count(const struct rebuilding *r)
{
    lat_rwlock_read(&r->collection->lock);
    const size_t n = r->old->map.n;
    lat_rwlock_unlock(&r->collection->lock);
    return n;
}

static enum lat_status go_on(const struct rebuilding *r, double done, struct lat_error *err)
{
    if (atomic_load(&r->store->closing) ||
        (r->how->progress && !r->how->progress(r->how->context, done)))
        return lat_fail(err, LAT_CANCELLED, NULL, "the rebuild was cancelled");
    return LAT_OK;
}

static enum lat_status copy_all(struct rebuilding *r, struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    size_t n = old_count(r);
    while (status == LAT_OK && r->copied < n) {
        status = copy_chunk(r, n, err);
        if (status == LAT_OK)
            status = go_on(r, 0.05 * (double)r->copied / (double)n, err);
        if (r->copied == n)
            n = old_count(r);
    }
    return status;
}

/* ---- build ---- */

static enum lat_status link_up_to(struct rebuilding *r, size_t end, struct lat_error *err)
{
    struct lat_index *fresh = r->fresh;
    enum lat_status status = LAT_OK;
    while (fresh->linked < end && status == LAT_OK) {
        const size_t left = end - fresh->linked;
        status = lat_ann_link(fresh->ann, &fresh->vectors, NULL,
                              left < LINK_CHUNK ? left : LINK_CHUNK, &fresh->linked, err);
        if (status == LAT_OK)
            status = go_on(r, 0.1 + 0.9 * (double)fresh->linked / (double)end, err);
    }
    return status;
}

static enum lat_status build(struct rebuilding *r, const struct lat_index_spec *spec,
                             struct lat_error *err)
{
    struct lat_index *fresh = r->fresh;
    enum lat_status status = lat_index_new_accelerator(
        fresh, spec, NULL, true, r->store->rebuild_threads, &fresh->ann, err);
    if (status != LAT_OK || !fresh->ann)
        return status;
    const size_t n = fresh->map.n;
    const size_t queries = n > 20 * LAT_TUNE_QUERIES ? LAT_TUNE_QUERIES : 0;
    status = link_up_to(r, n - queries, err);
    if (status == LAT_OK)
        status = lat_index_calibrate(fresh, NULL, queries, err);
    if (status == LAT_OK)
        status = link_up_to(r, n, err);
    return status;
}

static enum lat_status catch_up(struct rebuilding *r, struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    while (status == LAT_OK && old_count(r) - r->copied > FEW) {
        status = copy_all(r, err);
        if (status == LAT_OK && r->fresh->ann)
            status = link_up_to(r, r->fresh->map.n, err);
    }
    return status;
}

/* ---- switch ---- */

struct switch_task {
    struct lat_task task;
    struct rebuilding *rebuilding;
    const struct lat_index_spec *spec; /* NULL: as it was */
};

/* Deletions and hidings of rows that were copied before they happened. */
static void sync_bits(struct rebuilding *r)
{
    struct lat_index *fresh = r->fresh;
    const struct lat_slot_map *old = &r->old->map;
    for (uint32_t i = 0; i < fresh->map.n; i++) {
        const uint32_t from = r->origin[i];
        if (lat_bit(old->gone, from))
            lat_index_kill(fresh, i);
        else if (lat_bit(old->shown, from) != lat_bit(fresh->map.shown, i))
            lat_index_hide(fresh, i, !lat_bit(old->shown, from));
    }
}

static enum lat_status store_spec(struct lat_local *store, int64_t key,
                                  const struct lat_index_spec *spec, struct lat_error *err)
{
    struct lat_stmt *stmt;
    const enum lat_status status = lat_db_statement(
        store->writer.db,
        "UPDATE collections SET index_type=?2, factory=?3, m=?4, ef_construction=?5,"
        " ef_search=?6, nlist=?7, nprobe=?8 WHERE collection=?1",
        &stmt, err);
    if (status != LAT_OK)
        return status;
    lat_stmt_bind_i64(stmt, 1, key);
    lat_stmt_bind_text(stmt, 2, lat_index_type_names[spec->type]);
    lat_stmt_bind_text(stmt, 3, spec->factory);
    lat_stmt_bind_i64(stmt, 4, spec->m);
    lat_stmt_bind_i64(stmt, 5, spec->ef_construction);
    lat_stmt_bind_i64(stmt, 6, spec->ef_search);
    lat_stmt_bind_i64(stmt, 7, spec->nlist);
    lat_stmt_bind_i64(stmt, 8, spec->nprobe);
    return lat_stmt_run(stmt, err);
}

/* On the writer's thread, in a transaction of its own: nothing is being written. */
static enum lat_status apply_switch(struct lat_task *base, struct lat_local *store,
                                    struct lat_error *err)
{
    struct switch_task *task = (struct switch_task *)base;
    struct rebuilding *r = task->rebuilding;
    enum lat_status status = LAT_OK;
    if (base->collection->dropped || base->collection->index != r->old)
        return lat_fail(err, LAT_CANCELLED, NULL, "the collection was dropped");
    while (status == LAT_OK && r->copied < r->old->map.n)
        status = copy_chunk(r, r->old->map.n, err);
    if (status == LAT_OK && task->spec)
        status = store_spec(store, base->collection->key, task->spec, err);
    if (status != LAT_OK)
        return status;
    sync_bits(r);
    r->fresh->sequence = r->old->sequence;
    r->fresh->last_slot = r->old->last_slot;
    r->fresh->corrupt = r->old->corrupt;
    return LAT_OK;
}

static void commit_switch(struct lat_task *base, struct lat_local *store)
{
    struct switch_task *task = (struct switch_task *)base;
    struct lat_collection *collection = base->collection;
    (void)store;
    lat_rwlock_write(&collection->lock);
    struct lat_index *old = collection->index;
    collection->index = lat_index_ref(task->rebuilding->fresh);
    collection->saved_linked = 0; /* the file has the old positions: worth saving anew */
    if (task->spec)
        collection->spec.index = *task->spec;
    lat_rwlock_unlock(&collection->lock);
    lat_index_unref(old);
    lat_metric_add(LAT_METRIC_REBUILDS, collection->name, 1);
    lat_metric_set(LAT_METRIC_INDEX_DEAD, collection->name,
                   (double)lat_index_dead(task->rebuilding->fresh));
}

enum lat_status lat_index_rebuild(struct lat_local *store, struct lat_collection *collection,
                                  const struct lat_rebuild *rebuild, struct lat_error *err)
{
    struct rebuilding r = {.store = store, .collection = collection, .how = rebuild};
    char kind[LAT_FACTORY_MAX];
    r.old = lat_collection_index(collection);
    if (!r.old)
        return lat_fail(err, LAT_UNAVAILABLE, "loading", "its index is being loaded");
    lat_rwlock_read(&collection->lock);
    struct lat_index_spec spec = collection->spec.index;
    const uint64_t live = r.old->live;
    lat_rwlock_unlock(&collection->lock);
    if (rebuild->spec)
        spec = *rebuild->spec;
    enum lat_status status = lat_index_new(r.old->metric, r.old->d, &r.fresh, err);
    if (status == LAT_OK)
        status = make_room(&r, live, 8 * live, err);
    if (status == LAT_OK)
        status = copy_all(&r, err);
    if (status == LAT_OK)
        status = build(&r, &spec, err);
    if (status == LAT_OK)
        status = catch_up(&r, err);
    if (status == LAT_OK) {
        /* From the switch on it is others who change it. */
        snprintf(kind, sizeof(kind), "%s", r.fresh->ann ? lat_ann_kind(r.fresh->ann) : "Flat");
        struct switch_task task = {.task = {.collection = collection,
                                            .apply = apply_switch,
                                            .commit = commit_switch,
                                            .exclusive = true},
                                   .rebuilding = &r,
                                   .spec = rebuild->spec};
        status = lat_writer_run(store, &task.task, err);
    }
    if (status == LAT_OK)
        lat_log(LAT_LOG_INFO, "index rebuilt", "\"collection\":\"%s\",\"kind\":\"%s\"",
                collection->name, kind);
    lat_free(r.origin);
    lat_index_unref(r.fresh);
    lat_index_unref(r.old);
    return status;
}

/* Waits until no other rebuild of this collection is under way, and takes its place. */
static enum lat_status take_turn(struct lat_local *store, struct lat_collection *collection,
                                 struct lat_error *err)
{
    struct lat_keeper *keeper = &store->keeper;
    bool expected = false;
    while (!atomic_compare_exchange_strong(&collection->building, &expected, true)) {
        expected = false;
        if (atomic_load(&store->closing))
            return lat_fail(err, LAT_CANCELLED, NULL, "the store is closing");
        lat_mutex_lock(&keeper->mutex);
        if (atomic_load(&collection->building) && !keeper->closing)
            lat_cond_wait(&keeper->progress, &keeper->mutex);
        lat_mutex_unlock(&keeper->mutex);
    }
    return LAT_OK;
}

static void end_turn(struct lat_local *store, struct lat_collection *collection)
{
    lat_mutex_lock(&store->keeper.mutex);
    atomic_store(&collection->building, false);
    lat_cond_broadcast(&store->keeper.progress);
    lat_mutex_unlock(&store->keeper.mutex);
    lat_keeper_wake(store);
}

static enum lat_status check_settings(const struct lat_collection *collection,
                                      const struct lat_index_spec *spec, struct lat_error *err)
{
    if (!collection->spec.dimension)
        return lat_fail(err, LAT_INVALID, "no_codes", "the collection has no codes to index");
    if (spec && (spec->m > 256 || spec->m == 1))
        return lat_fail(err, LAT_INVALID, "invalid_index", "m is %u: 2 to 256 are possible",
                        spec->m);
    return spec && spec->type == LAT_INDEX_FACTORY
               ? lat_ann_check_factory(spec->factory, collection->spec.dimension, err)
               : LAT_OK;
}

enum lat_status lat_local_reindex(struct lat_store *base, const char *name,
                                  const struct lat_index_spec *spec,
                                  bool (*progress)(void *context, double done), void *context,
                                  struct lat_error *err)
{
    struct lat_local *store = lat_local_of(base);
    struct lat_collection *collection;
    const struct lat_rebuild rebuild = {spec, progress, context};
    enum lat_status status = lat_collection_find(store, name, &collection, err);
    if (status != LAT_OK)
        return status;
    status = check_settings(collection, spec, err);
    if (status == LAT_OK)
        status = take_turn(store, collection, err);
    if (status == LAT_OK) {
        status = lat_index_rebuild(store, collection, &rebuild, err);
        end_turn(store, collection);
    }
    lat_error_prefix(err, "collection '%s'", name);
    lat_collection_unref(collection);
    return status;
}
