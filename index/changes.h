/* What was stored or changed since: for those who keep something of their own about a
 * collection's items and want to keep up. */
#ifndef LAT_INDEX_CHANGES_H
#define LAT_INDEX_CHANGES_H

#include "index/store.h"

struct lat_change {
    const char *id;
    uint64_t version; /* the sequence number of its last change */
};

struct lat_changes {
    struct lat_change *rows; /* by version; owned, with the ids, by `memory` */
    size_t n;
    void *memory;
};
void lat_changes_release(struct lat_changes *changes);

/* The items there are, hidden ones among them, whose last change has a sequence number above
 * `after`, in the order of those numbers, at most `limit`. Deleted ones are not told. */
enum lat_status lat_store_changes(struct lat_store *store, const char *collection,
                                  uint64_t after, size_t limit, struct lat_changes *out_changes,
                                  struct lat_error *err) LAT_MUST_USE;

#endif
