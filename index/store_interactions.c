/* The interface's own part of interactions: releases, and the way to the backend. */
#include "base/mem.h"
#include "index/store_ops.h"

#include "base/banned.h"

void lat_history_page_release(struct lat_history_page *page)
{
    lat_free(page->memory);
    *page = (struct lat_history_page){0};
}

void lat_popular_list_release(struct lat_popular_list *list)
{
    lat_free(list->memory);
    *list = (struct lat_popular_list){0};
}

enum lat_status lat_store_interact(struct lat_store *store, const char *collection,
                                   const struct lat_interaction *interactions, size_t n,
                                   struct lat_error *err)
{
    return store->ops->interact(store, collection, interactions, n, err);
}

enum lat_status lat_store_history(struct lat_store *store, const char *collection,
                                  const char *user, const char *cursor, size_t limit,
                                  struct lat_history_page *out_page, struct lat_error *err)
{
    return store->ops->history(store, collection, user, cursor, limit, out_page, err);
}

enum lat_status lat_store_history_at_once(struct lat_store *store, const char *collection,
                                          const char *user, size_t most,
                                          struct lat_history_page *out_page,
                                          struct lat_error *err)
{
    return store->ops->history_at_once(store, collection, user, most, out_page, err);
}

enum lat_status lat_store_user_delete(struct lat_store *store, const char *collection,
                                      const char *user, struct lat_error *err)
{
    return store->ops->user_delete(store, collection, user, err);
}

enum lat_status lat_store_popular(struct lat_store *store, const char *collection,
                                  const struct lat_popular_query *query,
                                  struct lat_popular_list *out_list, struct lat_error *err)
{
    return store->ops->popular(store, collection, query, out_list, err);
}

enum lat_status lat_store_visible(struct lat_store *store, const char *collection,
                                  const struct lat_filter *filter, const char *const *ids,
                                  size_t n, bool *out_visible, struct lat_error *err)
{
    return store->ops->visible(store, collection, filter, ids, n, out_visible, err);
}

enum lat_status lat_store_interactions_each(struct lat_store *store, const char *collection,
                                            bool (*each)(void *context,
                                                         const struct lat_interaction *one),
                                            void *context, struct lat_error *err)
{
    return store->ops->interactions_each(store, collection, each, context, err);
}

enum lat_status lat_store_recommender_set(struct lat_store *store, const char *collection,
                                          const char *model, struct lat_error *err)
{
    return store->ops->recommender_set(store, collection, model, err);
}
