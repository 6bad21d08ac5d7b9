/* Linking of waiting rows, one piece of the keeper's round. The keeper's thread alone. */
#ifndef LAT_INDEX_LOCAL_LINK_H
#define LAT_INDEX_LOCAL_LINK_H

#include "index/local_store.h"

/* When to look again. */
enum lat_next { LAT_NEXT_WOKEN, LAT_NEXT_LATER, LAT_NEXT_AT_ONCE };

/* What the keeper has to know, read in one hold of the lock. */
struct lat_sight {
    size_t n, linked;
    uint64_t live, dead, sequence, unsaved;
    bool dropped;
    struct lat_index_spec spec;
};

/* Takes the collection's lock for a moment. */
struct lat_sight lat_sight_of(struct lat_collection *collection, const struct lat_index *index);

/* Links some rows of `index`, the collection's, which gets its accelerator when it is time;
 * tunes it. *inout_sight is looked at again afterwards; *out_next: when there is more to link.
 */
enum lat_status lat_link_rows(struct lat_local *store, struct lat_collection *collection,
                              struct lat_index *index, struct lat_sight *inout_sight,
                              enum lat_next *out_next, struct lat_error *err);

#endif
