/* What is known of collections without asking the database. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "index/faiss_index.h"
#include "index/local_store.h"

#include "base/banned.h"

enum {
    LIST_MAX = 1000,
    ROW_BYTES = 200, /* an items row with its index entries, about */
    INTERACTION_BYTES = 24
};

static void describe_index(struct lat_collection *collection, struct lat_collection_info *info)
{
    const struct lat_index *index = collection->index;
    const bool graph = index && index->ann && lat_ann_is_graph(index->ann);
    const bool behind = graph && index->map.n - index->linked > index->map.n / 2 &&
                        index->map.n - index->linked > LAT_AUTO_GRAPH_ITEMS;
    info->index_state = !collection->loaded || behind || atomic_load(&collection->building)
                            ? "rebuilding"
                            : "ready";
    snprintf(info->index_kind, sizeof(info->index_kind), "%s",
             index && index->ann ? lat_ann_kind(index->ann) : "Flat");
    if (!index)
        return;
    info->waiting = index->ann ? index->map.n - index->linked : 0;
    info->dead = lat_index_dead(index);
    info->index_bytes = lat_index_bytes(index);
}

static void describe(struct lat_collection *collection, struct lat_collection_info *info)
{
    lat_rwlock_read(&collection->lock);
    *info = (struct lat_collection_info){.spec = collection->spec,
                                         .items = collection->items,
                                         .hidden = collection->hidden,
                                         .sequence = collection->sequence,
                                         .created_ms = collection->created_ms,
                                         .users = collection->users,
                                         .interactions = collection->interactions};
    snprintf(info->recommender, sizeof(info->recommender), "%s", collection->recommender);
    info->data_bytes = collection->items * (ROW_BYTES + sizeof(float) * info->spec.dimension) +
                       collection->interactions * INTERACTION_BYTES;
    info->lag = info->spec.dimension ? collection->sequence - collection->saved_sequence : 0;
    describe_index(collection, info);
    lat_rwlock_unlock(&collection->lock);
}

enum lat_status lat_local_describe(struct lat_store *base, const char *name,
                                   struct lat_collection_info *out_info, struct lat_error *err)
{
    struct lat_collection *collection;
    const enum lat_status status =
        lat_collection_find(lat_local_of(base), name, &collection, err);
    if (status != LAT_OK)
        return status;
    describe(collection, out_info);
    lat_collection_unref(collection);
    return LAT_OK;
}

enum lat_status lat_local_spec(struct lat_store *base, const char *name,
                               struct lat_collection_spec *out_spec, struct lat_error *err)
{
    struct lat_collection *collection;
    const enum lat_status status =
        lat_collection_find(lat_local_of(base), name, &collection, err);
    if (status != LAT_OK)
        return status;
    lat_rwlock_read(&collection->lock);
    *out_spec = collection->spec;
    lat_rwlock_unlock(&collection->lock);
    lat_collection_unref(collection);
    return LAT_OK;
}

enum lat_status lat_local_collections(struct lat_store *base, const char *after, size_t limit,
                                      struct lat_collection_info **out_infos, size_t *out_n,
                                      struct lat_error *err)
{
    struct lat_collection **list;
    size_t n_list, n = 0;
    enum lat_status status = lat_collection_all(lat_local_of(base), &list, &n_list, err);
    if (status != LAT_OK)
        return status;
    if (limit > LIST_MAX)
        limit = LIST_MAX;
    const size_t most = limit < n_list ? limit : n_list;
    struct lat_collection_info *infos = lat_alloc(most ? most : 1, sizeof(*infos));
    if (!infos)
        status = lat_fail_memory(err);
    for (size_t i = 0; i < n_list; i++) {
        const char *name = list[i]->name;
        if (status == LAT_OK && n < most && name[0] != '~' && strcmp(name, after) > 0)
            describe(list[i], &infos[n++]);
        lat_collection_unref(list[i]);
    }
    lat_free(list);
    if (status != LAT_OK)
        return status;
    *out_infos = infos;
    *out_n = n;
    return LAT_OK;
}
