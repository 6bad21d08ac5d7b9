/* The interface's own part: names, releases, and the way to the backend. There is one backend
 * so far, so opening takes the first; a second is one more line in lat_store_backends[] and a
 * word in the options that chooses. */
#include "index/store.h"

#include "base/mem.h"
#include "index/faiss_index.h"
#include "index/sqlite/db.h"
#include "index/store_ops.h"

#include "base/banned.h"

const char *const lat_distance_names[3] = {"l2", "cosine", "ip"};
const char *const lat_index_type_names[5] = {"auto", "flat", "hnsw", "ivf", "factory"};

static const struct lat_store_ops *const lat_store_backends[] = {&lat_local_store};

enum { CHEAP_K = 100 }; /* more hits than this are work for a worker */

void lat_item_release(struct lat_item *item)
{
    lat_free(item->id);
    lat_free(item->metadata);
    lat_free(item->code);
    lat_free(item->input);
    *item = (struct lat_item){0};
}

void lat_item_list_release(struct lat_item_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        lat_item_release(&list->items[i]);
    lat_free(list->items);
    lat_free(list->next_cursor);
    *list = (struct lat_item_list){0};
}

void lat_search_result_release(struct lat_search_result *result)
{
    lat_free(result->memory);
    *result = (struct lat_search_result){0};
}

void lat_job_rows_release(struct lat_job_row *rows, size_t n)
{
    for (size_t i = 0; rows && i < n; i++) {
        lat_free(rows[i].request);
        lat_free(rows[i].result);
        lat_free(rows[i].curve);
    }
    lat_free(rows);
}

bool lat_store_search_is_cheap(const struct lat_query *query)
{
    return !query->filter && !query->parts && !query->exact && query->k <= CHEAP_K &&
           query->n_exclude <= CHEAP_K;
}

enum lat_status lat_store_open(const struct lat_store_options *options,
                               struct lat_store **out_store, struct lat_error *err)
{
    return lat_store_backends[0]->open(options, out_store, err);
}

enum lat_status lat_store_load(struct lat_store *store,
                               const struct lat_store_progress *progress, struct lat_error *err)
{
    return store->ops->load(store, progress, err);
}

void lat_store_close(struct lat_store *store)
{
    if (store)
        store->ops->close(store);
}

enum lat_status lat_store_create(struct lat_store *store,
                                 const struct lat_collection_spec *spec, bool *out_created,
                                 struct lat_error *err)
{
    return store->ops->create(store, spec, out_created, err);
}

enum lat_status lat_store_drop(struct lat_store *store, const char *collection,
                               struct lat_error *err)
{
    return store->ops->drop(store, collection, err);
}

enum lat_status lat_store_describe(struct lat_store *store, const char *collection,
                                   struct lat_collection_info *out_info, struct lat_error *err)
{
    return store->ops->describe(store, collection, out_info, err);
}

enum lat_status lat_store_spec(struct lat_store *store, const char *collection,
                               struct lat_collection_spec *out_spec, struct lat_error *err)
{
    return store->ops->spec(store, collection, out_spec, err);
}

enum lat_status lat_store_collections(struct lat_store *store, const char *after, size_t limit,
                                      struct lat_collection_info **out_infos, size_t *out_n,
                                      struct lat_error *err)
{
    return store->ops->collections(store, after, limit, out_infos, out_n, err);
}

enum lat_status lat_store_write(struct lat_store *store, const char *collection,
                                const struct lat_write *writes, size_t n, bool atomic,
                                struct lat_write_result *out_results, struct lat_error *err)
{
    return store->ops->write(store, collection, writes, n, atomic, out_results, err);
}

enum lat_status lat_store_delete_where(struct lat_store *store, const char *collection,
                                       const struct lat_filter *filter, bool dry_run,
                                       uint64_t *out_n, struct lat_error *err)
{
    return store->ops->delete_where(store, collection, filter, dry_run, out_n, err);
}

enum lat_status lat_store_get(struct lat_store *store, const char *collection, const char *id,
                              unsigned parts, struct lat_item *out_item, struct lat_error *err)
{
    return store->ops->get(store, collection, id, parts, out_item, err);
}

enum lat_status lat_store_list(struct lat_store *store, const char *collection,
                               const struct lat_filter *filter, const char *cursor,
                               size_t limit, unsigned parts, struct lat_item_list *out_list,
                               struct lat_error *err)
{
    return store->ops->list(store, collection, filter, cursor, limit, parts, out_list, err);
}

enum lat_status lat_store_count(struct lat_store *store, const char *collection,
                                const struct lat_filter *filter, uint64_t *out_n,
                                struct lat_error *err)
{
    return store->ops->count(store, collection, filter, out_n, err);
}

enum lat_status lat_store_sample(struct lat_store *store, const char *collection, size_t n,
                                 struct lat_item_list *out_list, struct lat_error *err)
{
    return store->ops->sample(store, collection, n, out_list, err);
}

enum lat_status lat_store_worst(struct lat_store *store, const char *collection,
                                const char *cursor, size_t limit,
                                struct lat_item_list *out_list, struct lat_error *err)
{
    return store->ops->worst(store, collection, cursor, limit, out_list, err);
}

enum lat_status lat_store_unscored(struct lat_store *store, const char *collection,
                                   uint64_t after, size_t limit, struct lat_item_list *out_list,
                                   uint64_t *out_slots, struct lat_error *err)
{
    return store->ops->unscored(store, collection, after, limit, out_list, out_slots, err);
}

enum lat_status lat_store_set_scores(struct lat_store *store, const uint64_t *slots,
                                     const float *scores, size_t n, struct lat_error *err)
{
    return store->ops->set_scores(store, slots, scores, n, err);
}

enum lat_status lat_store_search(struct lat_store *store, const char *collection,
                                 const struct lat_query *query,
                                 struct lat_search_result *out_result, struct lat_error *err)
{
    return store->ops->search(store, collection, query, out_result, err);
}

enum lat_status lat_store_changes(struct lat_store *store, const char *collection,
                                  uint64_t after, size_t limit, struct lat_changes *out_changes,
                                  struct lat_error *err)
{
    return store->ops->changes(store, collection, after, limit, out_changes, err);
}

enum lat_status lat_store_reindex(struct lat_store *store, const char *collection,
                                  const struct lat_index_spec *spec,
                                  bool (*progress)(void *context, double done), void *context,
                                  struct lat_error *err)
{
    return store->ops->reindex(store, collection, spec, progress, context, err);
}

enum lat_status lat_store_job_save(struct lat_store *store, const struct lat_job_row *row,
                                   struct lat_error *err)
{
    return store->ops->job_save(store, row, err);
}

enum lat_status lat_store_job_forget(struct lat_store *store, const char *id,
                                     struct lat_error *err)
{
    return store->ops->job_forget(store, id, err);
}

enum lat_status lat_store_jobs(struct lat_store *store, size_t limit,
                               struct lat_job_row **out_rows, size_t *out_n,
                               struct lat_error *err)
{
    return store->ops->jobs(store, limit, out_rows, out_n, err);
}

enum lat_status lat_store_check(const char *folder,
                                void (*report)(void *context, const char *line), void *context,
                                uint64_t *out_faults, struct lat_error *err)
{
    return lat_store_backends[0]->check(folder, report, context, out_faults, err);
}

const char *lat_store_sqlite_version(void)
{
    return lat_db_library_version();
}

const char *lat_store_faiss_version(void)
{
    return lat_faiss_version();
}
