/* Users and their interactions in the local store (interactions.h). Rows are the truth; the
 * tally (tally.h), one a collection and made from the rows, answers what every search for
 * popular items asks. The writer alone changes both. */
#ifndef LAT_INDEX_LOCAL_INTERACTIONS_H
#define LAT_INDEX_LOCAL_INTERACTIONS_H

#include "index/interactions.h"
#include "index/local_store.h"

/* local_interact.c, local_forget.c: writing interactions, and deleting users. */
enum lat_status lat_local_interact(struct lat_store *base, const char *name,
                                   const struct lat_interaction *interactions, size_t n,
                                   struct lat_error *err);
enum lat_status lat_local_user_delete(struct lat_store *base, const char *name,
                                      const char *user, struct lat_error *err);
/* Inside apply: *out_number is 0 when there is no such user. */
enum lat_status lat_user_find(struct lat_local *store, int64_t key, const char *user,
                              int64_t *out_number, struct lat_error *err);
/* What users.hash holds for a name: the store's own, from its uuid. */
int64_t lat_user_hash(const struct lat_local *store, const char *user);
/* Commit hook: the counts of a task's changes, and the draft's. */
void lat_interactions_publish(struct lat_collection *collection,
                              const struct lat_tally_change *changes, size_t n);
/* Inside apply: some rows of the first dropped collection. */
enum lat_status lat_interactions_purge(struct lat_db *db, int64_t n_rows,
                                       struct lat_error *err);
/* Writer thread: empties the log of what deleted users left, or notes when to try again. */
void lat_users_wipe(struct lat_local *store);
/* Keeper: tries again when it is time. Whether there is something left to do. */
bool lat_users_wipe_again(struct lat_local *store);
enum lat_status lat_local_recommender_set(struct lat_store *base, const char *name,
                                          const char *model, struct lat_error *err);

/* local_history.c, local_popular.c, local_visible.c: reading them. */
enum lat_status lat_local_history(struct lat_store *base, const char *name, const char *user,
                                  const char *cursor, size_t limit,
                                  struct lat_history_page *out_page, struct lat_error *err);
enum lat_status lat_local_history_at_once(struct lat_store *base, const char *name,
                                          const char *user, size_t most,
                                          struct lat_history_page *out_page,
                                          struct lat_error *err);
enum lat_status lat_local_interactions_each(struct lat_store *base, const char *name,
                                            bool (*each)(void *context,
                                                         const struct lat_interaction *one),
                                            void *context, struct lat_error *err);
enum lat_status lat_local_popular(struct lat_store *base, const char *name,
                                  const struct lat_popular_query *query,
                                  struct lat_popular_list *out_list, struct lat_error *err);
enum lat_status lat_local_visible(struct lat_store *base, const char *name,
                                  const struct lat_filter *filter, const char *const *ids,
                                  size_t n, bool *out_visible, struct lat_error *err);
enum lat_status lat_collection_visible(struct lat_local *store,
                                       struct lat_collection *collection,
                                       const struct lat_filter *filter, const char *const *ids,
                                       size_t n, bool *out_visible, struct lat_error *err);

/* local_window.c: scores since a time, remembered. Recall gives a copy, lat_free'd. */
uint64_t lat_windows_changes(struct lat_collection *collection);
bool lat_windows_recall(struct lat_collection *collection, int64_t since_ms,
                        uint32_t **out_scores, size_t *out_n);
void lat_windows_remember(struct lat_collection *collection, int64_t since_ms, uint64_t changes,
                          const uint32_t *scores, size_t n);
void lat_windows_forget(struct lat_collection *collection);

/* local_tally.c: the tally from the rows; nobody writes interactions before it is ready.
 * *out_unknown: rows of items nobody knows. */
enum lat_status lat_tally_read(struct lat_db *db, int64_t key, struct lat_tally *tally,
                               uint64_t *out_unknown, struct lat_error *err);
enum lat_status lat_tally_load(struct lat_local *store, struct lat_collection *collection,
                               struct lat_error *err);
/* The counts of interactions go over; who still looks into the old ones is told to come again.
 * Under the lock of the table of collections, so that who finds a name finds them. */
void lat_tally_move(struct lat_collection *from, struct lat_collection *to);
/* Whether the interactions are in memory, and have not gone over to another generation. */
bool lat_tally_is_ready(struct lat_collection *collection);
/* A reference by name to a collection whose tally is ready. LAT_NOT_FOUND, LAT_UNAVAILABLE. */
enum lat_status lat_collection_with_tally(struct lat_local *store, const char *name,
                                          struct lat_collection **out_collection,
                                          struct lat_error *err);
enum { LAT_TALLY_TRIES = 3 };
/* Whether what was read through this reference may have gone over to another generation
 * meanwhile: then it is read once more, by name. `nothing`: no rows were found. */
bool lat_tally_may_have_moved(const struct lat_local *store, struct lat_collection *collection,
                              bool nothing);
/* The name of an item's number, NUL included, at the end of `out`: the tally's own goes with
 * the tally, which may go over to another generation and with that. False when nobody has the
 * number. */
bool lat_collection_item_name(struct lat_collection *collection, int64_t number,
                              struct lat_buf *out);

#endif
