/* The local store: SQLite rows and, over them, an index in memory.
 *
 * The law
 *
 *   (to be completed)
 */
#include "index/local_store.h"

#include "base/banned.h"

const struct lat_store_ops lat_local_store = {
    .name = "local",
    .open = lat_local_open,
    .load = lat_local_load,
    .close = lat_local_close,
    .create = lat_local_create,
    .drop = lat_local_drop,
    .describe = lat_local_describe,
    .spec = lat_local_spec,
    .collections = lat_local_collections,
    .write = lat_local_write,
    .delete_where = lat_local_delete_where,
    .get = lat_local_get,
    .list = lat_local_list,
    .count = lat_local_count,
    .search = lat_local_search,
    .reindex = lat_local_reindex,
    .check = lat_local_check,
};
