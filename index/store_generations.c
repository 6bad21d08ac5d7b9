/* The interface's own part of generations: the way to the backend. */
#include "index/store_ops.h"

#include "base/banned.h"

enum lat_status lat_store_generation(struct lat_store *store, const char *collection,
                                     struct lat_generation *out, struct lat_error *err)
{
    return store->ops->generation(store, collection, out, err);
}

enum lat_status lat_store_generation_begin(struct lat_store *store, const char *collection,
                                           const struct lat_collection_spec *spec,
                                           struct lat_generation *out, struct lat_error *err)
{
    return store->ops->generation_begin(store, collection, spec, out, err);
}

enum lat_status lat_store_generation_note(struct lat_store *store, const char *collection,
                                          uint64_t synced, struct lat_error *err)
{
    return store->ops->generation_note(store, collection, synced, err);
}

enum lat_status lat_store_generation_prune(struct lat_store *store, const char *collection,
                                           struct lat_error *err)
{
    return store->ops->generation_prune(store, collection, err);
}

void lat_store_generation_hold(struct lat_store *store, bool held)
{
    store->ops->generation_hold(store, held);
}

enum lat_status lat_store_generation_switch(struct lat_store *store, const char *collection,
                                            uint64_t synced, struct lat_error *err)
{
    return store->ops->generation_switch(store, collection, synced, err);
}

enum lat_status lat_store_generation_drop(struct lat_store *store, const char *collection,
                                          struct lat_error *err)
{
    return store->ops->generation_drop(store, collection, err);
}

enum lat_status lat_store_without_input(struct lat_store *store, const char *collection,
                                        uint64_t *out_n, char *out_id, struct lat_error *err)
{
    return store->ops->without_input(store, collection, out_n, out_id, err);
}
