/* What a store backend is: one table of functions behind the calls of store.h, whose contracts
 * hold word for word. A backend is one such table and one line in lat_store_backends[]
 * (store.c). */
#ifndef LAT_INDEX_STORE_OPS_H
#define LAT_INDEX_STORE_OPS_H

#include "index/aliases.h"
#include "index/changes.h"
#include "index/generations.h"
#include "index/interactions.h"

struct lat_store_ops {
    const char *name; /* "local" */

    enum lat_status (*open)(const struct lat_store_options *options,
                            struct lat_store **out_store, struct lat_error *err);
    enum lat_status (*load)(struct lat_store *store, const struct lat_store_progress *progress,
                            struct lat_error *err);
    void (*close)(struct lat_store *store);

    enum lat_status (*create)(struct lat_store *store, const struct lat_collection_spec *spec,
                              bool *out_created, struct lat_error *err);
    enum lat_status (*drop)(struct lat_store *store, const char *collection,
                            struct lat_error *err);
    enum lat_status (*describe)(struct lat_store *store, const char *collection,
                                struct lat_collection_info *out_info, struct lat_error *err);
    enum lat_status (*spec)(struct lat_store *store, const char *collection,
                            struct lat_collection_spec *out_spec, struct lat_error *err);
    enum lat_status (*collections)(struct lat_store *store, const char *after, size_t limit,
                                   struct lat_collection_info **out_infos, size_t *out_n,
                                   struct lat_error *err);

    enum lat_status (*write)(struct lat_store *store, const char *collection,
                             const struct lat_write *writes, size_t n, bool atomic,
                             struct lat_write_result *out_results, struct lat_error *err);
    enum lat_status (*delete_where)(struct lat_store *store, const char *collection,
                                    const struct lat_filter *filter, bool dry_run,
                                    uint64_t *out_n, struct lat_error *err);

    enum lat_status (*get)(struct lat_store *store, const char *collection, const char *id,
                           unsigned parts, struct lat_item *out_item, struct lat_error *err);
    enum lat_status (*list)(struct lat_store *store, const char *collection,
                            const struct lat_filter *filter, const char *cursor, size_t limit,
                            unsigned parts, struct lat_item_list *out_list,
                            struct lat_error *err);
    enum lat_status (*count)(struct lat_store *store, const char *collection,
                             const struct lat_filter *filter, uint64_t *out_n,
                             struct lat_error *err);

    enum lat_status (*search)(struct lat_store *store, const char *collection,
                              const struct lat_query *query,
                              struct lat_search_result *out_result, struct lat_error *err);
    enum lat_status (*changes)(struct lat_store *store, const char *collection, uint64_t after,
                               size_t limit, struct lat_changes *out_changes,
                               struct lat_error *err);
    enum lat_status (*reindex)(struct lat_store *store, const char *collection,
                               const struct lat_index_spec *spec,
                               bool (*progress)(void *context, double done), void *context,
                               struct lat_error *err);
    enum lat_status (*job_save)(struct lat_store *store, const struct lat_job_row *row,
                                struct lat_error *err);
    enum lat_status (*job_forget)(struct lat_store *store, const char *id,
                                  struct lat_error *err);
    enum lat_status (*jobs)(struct lat_store *store, size_t limit,
                            struct lat_job_row **out_rows, size_t *out_n,
                            struct lat_error *err);
    enum lat_status (*interact)(struct lat_store *store, const char *collection,
                                const struct lat_interaction *interactions, size_t n,
                                struct lat_error *err);
    enum lat_status (*history)(struct lat_store *store, const char *collection,
                               const char *user, const char *cursor, size_t limit,
                               struct lat_history_page *out_page, struct lat_error *err);
    enum lat_status (*history_at_once)(struct lat_store *store, const char *collection,
                                       const char *user, size_t most,
                                       struct lat_history_page *out_page,
                                       struct lat_error *err);
    enum lat_status (*user_delete)(struct lat_store *store, const char *collection,
                                   const char *user, struct lat_error *err);
    enum lat_status (*popular)(struct lat_store *store, const char *collection,
                               const struct lat_popular_query *query,
                               struct lat_popular_list *out_list, struct lat_error *err);
    enum lat_status (*visible)(struct lat_store *store, const char *collection,
                               const struct lat_filter *filter, const char *const *ids,
                               size_t n, bool *out_visible, struct lat_error *err);
    enum lat_status (*interactions_each)(struct lat_store *store, const char *collection,
                                         bool (*each)(void *context,
                                                      const struct lat_interaction *one),
                                         void *context, struct lat_error *err);
    enum lat_status (*recommender_set)(struct lat_store *store, const char *collection,
                                       const char *model, struct lat_error *err);
    enum lat_status (*alias_set)(struct lat_store *store, const char *alias,
                                 const char *collection, struct lat_alias *out,
                                 bool *out_created, struct lat_error *err);
    enum lat_status (*alias_drop)(struct lat_store *store, const char *alias,
                                  struct lat_error *err);
    enum lat_status (*alias_get)(struct lat_store *store, const char *alias,
                                 struct lat_alias *out, struct lat_error *err);
    enum lat_status (*aliases)(struct lat_store *store, const char *after, size_t limit,
                               struct lat_alias **out_aliases, size_t *out_n,
                               struct lat_error *err);
    bool (*alias_resolve)(struct lat_store *store, const char *name,
                          char out_collection[LAT_COLLECTION_NAME_MAX]);
    enum lat_status (*sample)(struct lat_store *store, const char *collection, size_t n,
                              struct lat_item_list *out_list, struct lat_error *err);
    enum lat_status (*worst)(struct lat_store *store, const char *collection,
                             const char *cursor, size_t limit, struct lat_item_list *out_list,
                             struct lat_error *err);
    enum lat_status (*unscored)(struct lat_store *store, const char *collection, uint64_t after,
                                size_t limit, struct lat_item_list *out_list,
                                uint64_t *out_slots, struct lat_error *err);
    enum lat_status (*set_scores)(struct lat_store *store, const uint64_t *slots,
                                  const float *scores, size_t n, struct lat_error *err);
    enum lat_status (*generation)(struct lat_store *store, const char *collection,
                                  struct lat_generation *out, struct lat_error *err);
    enum lat_status (*generation_begin)(struct lat_store *store, const char *collection,
                                        const struct lat_collection_spec *spec,
                                        struct lat_generation *out, struct lat_error *err);
    enum lat_status (*generation_note)(struct lat_store *store, const char *collection,
                                       uint64_t synced, struct lat_error *err);
    enum lat_status (*generation_prune)(struct lat_store *store, const char *collection,
                                        struct lat_error *err);
    void (*generation_hold)(struct lat_store *store, bool held);
    enum lat_status (*generation_switch)(struct lat_store *store, const char *collection,
                                         uint64_t synced, struct lat_error *err);
    enum lat_status (*generation_drop)(struct lat_store *store, const char *collection,
                                       struct lat_error *err);
    enum lat_status (*without_input)(struct lat_store *store, const char *collection,
                                     uint64_t *out_n, char *out_id, struct lat_error *err);
    enum lat_status (*check)(const char *folder,
                             void (*report)(void *context, const char *line), void *context,
                             uint64_t *out_faults, struct lat_error *err);
};

/* What every backend's store begins with. */
struct lat_store {
    const struct lat_store_ops *ops;
};

extern const struct lat_store_ops lat_local_store; /* local_store.c */

#endif
