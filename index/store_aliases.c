/* The interface's own part of aliases: the way to the backend. */
#include "index/store_ops.h"

#include "base/banned.h"

enum lat_status lat_store_alias_set(struct lat_store *store, const char *alias,
                                    const char *collection, struct lat_alias *out,
                                    bool *out_created, struct lat_error *err)
{
    return store->ops->alias_set(store, alias, collection, out, out_created, err);
}

enum lat_status lat_store_alias_drop(struct lat_store *store, const char *alias,
                                     struct lat_error *err)
{
    return store->ops->alias_drop(store, alias, err);
}

enum lat_status lat_store_alias_get(struct lat_store *store, const char *alias,
                                    struct lat_alias *out, struct lat_error *err)
{
    return store->ops->alias_get(store, alias, out, err);
}

enum lat_status lat_store_aliases(struct lat_store *store, const char *after, size_t limit,
                                  struct lat_alias **out_aliases, size_t *out_n,
                                  struct lat_error *err)
{
    return store->ops->aliases(store, after, limit, out_aliases, out_n, err);
}

bool lat_store_alias_resolve(struct lat_store *store, const char *name,
                             char out_collection[LAT_COLLECTION_NAME_MAX])
{
    return store->ops->alias_resolve(store, name, out_collection);
}
