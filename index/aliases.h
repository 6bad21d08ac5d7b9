/* Second names of collections. An alias is taken wherever a collection's name is, but for
 * creating one; it points to a collection, never to another alias, and no name is both. A
 * collection that has an alias cannot be dropped. */
#ifndef LAT_INDEX_ALIASES_H
#define LAT_INDEX_ALIASES_H

#include "index/store.h"

struct lat_alias {
    char name[LAT_COLLECTION_NAME_MAX], collection[LAT_COLLECTION_NAME_MAX];
    int64_t created_ms, updated_ms; /* when it was first set, and pointed to where it does */
};

/* Points the alias to the collection, in one step for all who look: durable on return. `out` is
 * how it stands. LAT_NOT_FOUND for an unknown collection; LAT_CONFLICT (exists) when a
 * collection has the alias's name; LAT_INVALID for a name that is none. */
enum lat_status lat_store_alias_set(struct lat_store *store, const char *alias,
                                    const char *collection, struct lat_alias *out,
                                    bool *out_created, struct lat_error *err) LAT_MUST_USE;
/* LAT_NOT_FOUND alias_not_found, here and below. */
enum lat_status lat_store_alias_drop(struct lat_store *store, const char *alias,
                                     struct lat_error *err) LAT_MUST_USE;
enum lat_status lat_store_alias_get(struct lat_store *store, const char *alias,
                                    struct lat_alias *out, struct lat_error *err) LAT_MUST_USE;
/* Names after `after` ("" = from the start) in order, at most `limit`; *out_aliases is
 * lat_free'd. */
enum lat_status lat_store_aliases(struct lat_store *store, const char *after, size_t limit,
                                  struct lat_alias **out_aliases, size_t *out_n,
                                  struct lat_error *err) LAT_MUST_USE;
/* The name behind a name: false when it is no alias. From memory, for hot paths. */
bool lat_store_alias_resolve(struct lat_store *store, const char *name,
                             char out_collection[LAT_COLLECTION_NAME_MAX]);

#endif
