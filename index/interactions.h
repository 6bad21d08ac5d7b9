/* Interactions: who dealt with which item, how much they liked it, and when. They belong to a
 * collection, beside its items; an item of an interaction need not be stored, and a collection
 * without codes may have nothing but interactions.
 *
 * One interaction is one (user, item, type); writing it again replaces weight and time unless
 * what is there is later, so that events out of order do no harm. A negative weight is negative
 * feedback.
 *
 * What every backend keeps:
 * 1. A call that writes is one transaction, durable and visible on return, and shares its
 *    commit with all other writers.
 * 2. A user that was deleted is gone from the rows at once, and from the bytes of the files
 *    once they are compacted, which the store does by itself.
 * 3. Dropping a collection drops its interactions.
 *
 * Threads: every function may be called from any thread, and blocks until it is done. Until
 * lat_store_load has come to the collection they fail with LAT_UNAVAILABLE (code loading); an
 * unknown collection is LAT_NOT_FOUND (collection_not_found). */
#ifndef LAT_INDEX_INTERACTIONS_H
#define LAT_INDEX_INTERACTIONS_H

#include "index/store.h"

enum { LAT_INTERACTION_TYPE_MAX = 64 /* bytes of a type */ };

/* One interaction, borrowed for the call. */
struct lat_interaction {
    const char *user, *item; /* NUL-terminated, lat_id_valid */
    const char *type;        /* "view", "rating"; "" when not said */
    float weight;            /* finite; negative: negative feedback */
    int64_t at_ms;           /* since 1970 UTC */
};

/* Whether lat_store_interact would take it: LAT_INVALID with code invalid_id, invalid_type,
 * invalid_weight or invalid_time, and "/user", "/item", "/type", "/weight" or "/at" as pointer.
 */
enum lat_status lat_interaction_check(const struct lat_interaction *interaction,
                                      struct lat_error *err) LAT_MUST_USE;

/* Writes all n or, on failure, none; of two on the same (user, item, type) the later `at_ms`
 * counts, among equals the later written. The call sorts them itself. Large calls are cheap
 * calls: an importer passes tens of thousands. LAT_INVALID as above, "/i" before the pointer.
 * LAT_DISK_FULL: nothing of it was done. */
enum lat_status lat_store_interact(struct lat_store *store, const char *collection,
                                   const struct lat_interaction *interactions, size_t n,
                                   struct lat_error *err) LAT_MUST_USE;

struct lat_history_row {
    const char *item, *type; /* in the page's memory */
    float weight;
    int64_t at_ms;
};
struct lat_history_page {
    struct lat_history_row *rows; /* newest first: at descending, then item, then type */
    size_t n;
    char *next_cursor; /* NULL at the end. Opaque, printable ASCII */
    void *memory;      /* one block behind all of the above */
};
void lat_history_page_release(struct lat_history_page *page);

/* At most `limit` rows after `cursor` (NULL or "": from the newest on); a limit of 0 is all of
 * them in one page. What was written between two pages is in the second if it sorts there.
 * LAT_NOT_FOUND (unknown_user); LAT_INVALID (bad_cursor) for one of another list. */
enum lat_status lat_store_history(struct lat_store *store, const char *collection,
                                  const char *user, const char *cursor, size_t limit,
                                  struct lat_history_page *out_page,
                                  struct lat_error *err) LAT_MUST_USE;

/* All of them in one page if that takes no waiting: LAT_BUSY when no reader is idle, or when
 * there are more than `most` rows. */
enum lat_status lat_store_history_at_once(struct lat_store *store, const char *collection,
                                          const char *user, size_t most,
                                          struct lat_history_page *out_page,
                                          struct lat_error *err) LAT_MUST_USE;

/* The user and all their interactions, for good; an item nobody else dealt with is forgotten
 * with them (stored items are not touched). LAT_NOT_FOUND (unknown_user). */
enum lat_status lat_store_user_delete(struct lat_store *store, const char *collection,
                                      const char *user, struct lat_error *err) LAT_MUST_USE;

/* What most users like. */
struct lat_popular_query {
    int64_t since_ms; /* interactions from then on count; INT64_MIN or 0: all */
    size_t k;
    const struct lat_filter *filter; /* NULL: none; else only stored items that pass */
    const char *const *exclude_ids;
    size_t n_exclude;
};
struct lat_popular_row {
    const char *item; /* in the list's memory */
    uint64_t score;   /* users with an interaction that is not negative */
};
struct lat_popular_list {
    struct lat_popular_row *rows; /* score descending, then item by its bytes */
    size_t n;
    void *memory;
};
void lat_popular_list_release(struct lat_popular_list *list);

/* The k items with the highest scores; hidden items are not among them. Without a time this is
 * answered from memory; since a time too while nothing is written and the time is the same as
 * before (so round it), else by a pass over the collection's interactions. */
enum lat_status lat_store_popular(struct lat_store *store, const char *collection,
                                  const struct lat_popular_query *query,
                                  struct lat_popular_list *out_list,
                                  struct lat_error *err) LAT_MUST_USE;

/* Which of these items may be shown: those that are not hidden and, with a filter, are stored
 * and pass it. Without a filter an id that is not stored is visible. out_visible[n]. Needs no
 * lat_store_load, but is slow before it. */
enum lat_status lat_store_visible(struct lat_store *store, const char *collection,
                                  const struct lat_filter *filter, const char *const *ids,
                                  size_t n, bool *out_visible,
                                  struct lat_error *err) LAT_MUST_USE;

/* Every interaction of one consistent moment, user by user (in the order of their ids), within
 * a user by item and type in an order that stays the same; for training. The strings live until
 * the call back returns. Returning false ends it with LAT_CANCELLED. It keeps a reader of the
 * database busy all the while. */
enum lat_status lat_store_interactions_each(struct lat_store *store, const char *collection,
                                            bool (*each)(void *context,
                                                         const struct lat_interaction *one),
                                            void *context, struct lat_error *err) LAT_MUST_USE;

/* The model that recommends for this collection's users, "" for none: a word the store keeps
 * (lat_collection_info.recommender) and does not look into. */
enum lat_status lat_store_recommender_set(struct lat_store *store, const char *collection,
                                          const char *model,
                                          struct lat_error *err) LAT_MUST_USE;

#endif
