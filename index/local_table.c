/* Collections as objects, and the table of those that are open: an array sorted by name, read
 * by every call, written by create, drop, the switch of a generation, and opening. An entry
 * holds one reference; whoever works on a collection holds another, so a dropped collection
 * lives until its last search ends. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "index/local_interactions.h"

#include "base/banned.h"

enum lat_status lat_collection_new(int64_t key, const struct lat_collection_spec *spec,
                                   int64_t created_ms, struct lat_collection **out_collection,
                                   struct lat_error *err)
{
    struct lat_collection *collection = lat_alloc(1, sizeof(*collection));
    if (!collection)
        return lat_fail_memory(err);
    atomic_init(&collection->refs, 1);
    collection->key = key;
    collection->spec = *spec;
    collection->created_ms = created_ms;
    snprintf(collection->names[0], sizeof(collection->names[0]), "%s", spec->name);
    atomic_init(&collection->name, collection->names[0]);
    lat_rwlock_init(&collection->lock, LAT_RANK_INDEX, "collection");
    lat_mutex_init(&collection->filters_mutex, LAT_RANK_LEAF, "filters");
    lat_rwlock_init(&collection->tally_lock, LAT_RANK_LEAF, "tally");
    lat_tally_init(&collection->tally);
    collection->seconds = lat_metric_series(LAT_METRIC_SEARCH_SECONDS, spec->name);
    *out_collection = collection;
    return LAT_OK;
}

struct lat_collection *lat_collection_ref(struct lat_collection *collection)
{
    atomic_fetch_add(&collection->refs, 1);
    return collection;
}

void lat_collection_unref(struct lat_collection *collection)
{
    if (!collection || atomic_fetch_sub(&collection->refs, 1) != 1)
        return;
    lat_filter_forget_all(collection);
    lat_index_unref(collection->index);
    lat_windows_forget(collection);
    lat_tally_release(&collection->tally);
    lat_rwlock_release(&collection->tally_lock);
    lat_mutex_release(&collection->filters_mutex);
    lat_rwlock_release(&collection->lock);
    lat_free(collection);
}

struct lat_index *lat_collection_index(struct lat_collection *collection)
{
    lat_rwlock_read(&collection->lock);
    struct lat_index *index = collection->index ? lat_index_ref(collection->index) : NULL;
    lat_rwlock_unlock(&collection->lock);
    return index;
}

/* ---- the table ---- */

/* Where `name` is, or belongs. Under the table's lock. */
static size_t place(const struct lat_local *store, const char *name, bool *out_there)
{
    size_t low = 0, high = store->n_table;
    *out_there = false;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = strcmp(store->table[middle]->name, name);
        if (order == 0) {
            *out_there = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

enum lat_status lat_collection_find(struct lat_local *store, const char *name,
                                    struct lat_collection **out_collection,
                                    struct lat_error *err)
{
    char behind[LAT_COLLECTION_NAME_MAX];
    const bool alias = lat_local_alias_resolve(&store->base, name, behind);
    return lat_collection_find_exact(store, alias ? behind : name, out_collection, err);
}

enum lat_status lat_collection_find_exact(struct lat_local *store, const char *name,
                                          struct lat_collection **out_collection,
                                          struct lat_error *err)
{
    bool there;
    lat_rwlock_read(&store->table_lock);
    const size_t at = place(store, name, &there);
    if (there)
        *out_collection = lat_collection_ref(store->table[at]);
    lat_rwlock_unlock(&store->table_lock);
    return there ? LAT_OK
                 : lat_fail(err, LAT_NOT_FOUND, "collection_not_found", "no collection '%s'",
                            name);
}

/* Takes one out; under the table's lock for writing. */
static void take_out(struct lat_local *store, const char *name)
{
    bool there;
    const size_t at = place(store, name, &there);
    if (!there)
        return;
    store->n_table--;
    memmove(&store->table[at], &store->table[at + 1],
            (store->n_table - at) * sizeof(struct lat_collection *));
}

/* Puts one in where there is room. */
static void put_in(struct lat_local *store, struct lat_collection *collection)
{
    bool there;
    const size_t at = place(store, collection->name, &there);
    memmove(&store->table[at + 1], &store->table[at],
            (store->n_table - at) * sizeof(struct lat_collection *));
    store->table[at] = collection;
    store->n_table++;
}

enum lat_status lat_collection_enter(struct lat_local *store, struct lat_collection *collection,
                                     struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    lat_rwlock_write(&store->table_lock);
    if (store->n_table == store->table_capacity) {
        const size_t capacity = store->table_capacity ? store->table_capacity * 2 : 16;
        struct lat_collection **table =
            lat_realloc(store->table, capacity, sizeof(struct lat_collection *));
        if (table) {
            store->table = table;
            store->table_capacity = capacity;
        } else {
            status = lat_fail_memory(err);
        }
    }
    if (status == LAT_OK)
        put_in(store, collection);
    lat_rwlock_unlock(&store->table_lock);
    return status;
}

void lat_collection_exchange(struct lat_local *store, struct lat_collection *serving,
                             struct lat_collection *hidden, struct lat_collection *former)
{
    snprintf(hidden->names[1], sizeof(hidden->names[1]), "%s", serving->name);
    lat_rwlock_write(&store->table_lock);
    take_out(store, serving->name);
    take_out(store, hidden->name);
    lat_tally_move(serving, hidden);
    atomic_store(&hidden->name, hidden->names[1]);
    lat_rwlock_write(&hidden->lock);
    memcpy(hidden->spec.name, hidden->names[1], sizeof(hidden->spec.name));
    lat_rwlock_unlock(&hidden->lock);
    put_in(store, hidden);
    put_in(store, former);
    lat_rwlock_unlock(&store->table_lock);
    hidden->seconds = lat_metric_series(LAT_METRIC_SEARCH_SECONDS, hidden->names[1]);
    lat_collection_unref(serving); /* the table's */
}

void lat_collection_leave(struct lat_local *store, struct lat_collection *collection)
{
    bool there;
    lat_rwlock_write(&store->table_lock);
    const size_t at = place(store, collection->name, &there);
    there = there && store->table[at] == collection;
    if (there)
        take_out(store, collection->name);
    lat_rwlock_unlock(&store->table_lock);
    if (there)
        lat_collection_unref(collection);
}

enum lat_status lat_collection_all(struct lat_local *store, struct lat_collection ***out_list,
                                   size_t *out_n, struct lat_error *err)
{
    lat_rwlock_read(&store->table_lock);
    const size_t n = store->n_table;
    struct lat_collection **list = lat_alloc(n ? n : 1, sizeof(struct lat_collection *));
    for (size_t i = 0; list && i < n; i++)
        list[i] = lat_collection_ref(store->table[i]);
    lat_rwlock_unlock(&store->table_lock);
    if (!list)
        return lat_fail_memory(err);
    *out_list = list;
    *out_n = n;
    return LAT_OK;
}
