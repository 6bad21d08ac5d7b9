/* The items most users like.
 *
 *   scores   of all time: the tally's; since a time: counted from the rows, or remembered
 *   best     the m with the highest scores that are not excluded, under the tally's lock, under
 *            which their names are copied: the tally may go over to another generation
 *   visible  which of them may be shown; too few: m grows and it begins again
 *
 * Hidden items are few, so one round is the rule; a filter that few items pass makes m grow
 * until all items have been looked at. No lock is held while items are looked up. */
#include <string.h>

#include "base/mem.h"
#include "base/text_set.h"
#include "index/local_generation.h"
#include "index/local_interactions.h"

#include "base/banned.h"

enum { K_MAX = 1000000, SPARE = 32, GROWTH = 4 };

struct search {
    struct lat_local *store;
    struct lat_collection *collection;
    const struct lat_popular_query *query;
    struct lat_text_set excluded;
    uint32_t *scores; /* [n_scores] by number; NULL: the tally's */
    size_t n_scores;
    struct lat_tally_best *best; /* [m] */
    struct lat_buf names;        /* what `best` points to */
    const char **ids;            /* [m] their names */
    bool *visible;               /* [m] */
    size_t m, n;
};

static void forget(struct search *s)
{
    lat_text_set_release(&s->excluded);
    lat_free(s->scores);
    lat_free(s->best);
    lat_buf_release(&s->names);
    lat_free(s->ids);
    lat_free(s->visible);
}

/* ---- scores since a time ---- */

/* A row an item and user: the rows of one user lie together, those of one item among them too.
 */
static enum lat_status count_since(struct search *s, struct lat_db *db, struct lat_error *err)
{
    struct lat_stmt *stmt;
    bool row = false;
    int64_t last_user = 0, last_item = -1;
    enum lat_status status = lat_db_statement(
        db,
        "SELECT x.user, x.item FROM users u NOT INDEXED CROSS JOIN interactions x"
        " ON x.user=u.number WHERE u.collection=?1 AND x.at_ms>=?2 AND x.weight>=0"
        " ORDER BY u.number, x.item",
        &stmt, err);
    if (status != LAT_OK)
        return status;
    lat_stmt_bind_i64(stmt, 1, s->collection->key);
    lat_stmt_bind_i64(stmt, 2, s->query->since_ms);
    while ((status = lat_stmt_step(stmt, &row, err)) == LAT_OK && row) {
        const int64_t user = lat_stmt_i64(stmt, 0), item = lat_stmt_i64(stmt, 1);
        if (item >= 0 && (uint64_t)item < s->n_scores &&
            (user != last_user || item != last_item))
            s->scores[item]++;
        last_user = user;
        last_item = item;
    }
    lat_stmt_reset(stmt);
    return status;
}

static enum lat_status score(struct search *s, struct lat_error *err)
{
    if (s->query->since_ms == 0 || s->query->since_ms == INT64_MIN)
        return LAT_OK;
    if (lat_windows_recall(s->collection, s->query->since_ms, &s->scores, &s->n_scores))
        return LAT_OK;
    const uint64_t changes = lat_windows_changes(s->collection);
    lat_rwlock_read(&s->collection->tally_lock);
    s->n_scores = s->collection->tally.n;
    lat_rwlock_unlock(&s->collection->tally_lock);
    s->scores = lat_alloc(s->n_scores ? s->n_scores : 1, sizeof(*s->scores));
    if (!s->scores)
        return lat_fail_memory(err);
    struct lat_db *db = lat_pool_take(&s->store->pool);
    const enum lat_status status = count_since(s, db, err);
    lat_pool_give(&s->store->pool, db);
    if (status == LAT_OK)
        lat_windows_remember(s->collection, s->query->since_ms, changes, s->scores,
                             s->n_scores);
    return status;
}

/* ---- the best that may be shown ---- */

static bool is_excluded(const void *context, const char *name)
{
    return lat_text_set_has(context, name);
}

static enum lat_status resize(struct search *s, size_t m, struct lat_error *err)
{
    lat_free(s->best);
    lat_free(s->ids);
    lat_free(s->visible);
    s->m = m;
    s->best = lat_alloc_raw(m, sizeof(*s->best));
    s->ids = lat_alloc_raw(m, sizeof(*s->ids));
    s->visible = lat_alloc_raw(m, sizeof(*s->visible));
    return s->best && s->ids && s->visible ? LAT_OK : lat_fail_memory(err);
}

/* Under the tally's lock: the names of n items into memory of their own. */
static enum lat_status copy_names(struct search *s, size_t n, struct lat_error *err)
{
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++)
        bytes += strlen(s->best[i].name) + 1;
    lat_buf_clear(&s->names);
    if (!lat_buf_reserve(&s->names, bytes)) /* then they do not move */
        return lat_buf_check(&s->names, err);
    for (size_t i = 0; i < n; i++) {
        const char *name = s->best[i].name;
        const size_t at = s->names.len;
        lat_buf_append(&s->names, name, strlen(name) + 1);
        s->best[i].name = s->names.data + at;
    }
    return LAT_OK;
}

/* The m best, of which those that may be shown come first; *out_all: there are no more. */
static enum lat_status look(struct search *s, bool *out_all, struct lat_error *err)
{
    struct lat_collection *collection = s->collection;
    lat_rwlock_read(&collection->tally_lock);
    const size_t n =
        lat_tally_best(&collection->tally, s->scores, s->n_scores,
                       s->excluded.n ? is_excluded : NULL, &s->excluded, s->best, s->m);
    enum lat_status status = copy_names(s, n, err);
    lat_rwlock_unlock(&collection->tally_lock);
    for (size_t i = 0; i < n; i++)
        s->ids[i] = s->best[i].name;
    if (status == LAT_OK)
        status = lat_collection_visible(s->store, collection, s->query->filter, s->ids, n,
                                        s->visible, err);
    if (status != LAT_OK)
        return status;
    s->n = 0;
    for (size_t i = 0; i < n; i++)
        if (s->visible[i])
            s->best[s->n++] = s->best[i];
    *out_all = n < s->m;
    return LAT_OK;
}

static enum lat_status find(struct search *s, struct lat_error *err)
{
    bool all = false;
    enum lat_status status = LAT_OK;
    for (size_t m = s->query->k + SPARE; status == LAT_OK; m *= GROWTH) {
        lat_rwlock_read(&s->collection->tally_lock);
        const size_t n_items = s->collection->tally.n;
        lat_rwlock_unlock(&s->collection->tally_lock);
        status = resize(s, m < n_items + 1 ? m : n_items + 1, err);
        if (status == LAT_OK)
            status = look(s, &all, err);
        if (all || s->n >= s->query->k)
            break;
    }
    if (s->n > s->query->k)
        s->n = s->query->k;
    return status;
}

static enum lat_status make_list(const struct search *s, struct lat_popular_list *out_list,
                                 struct lat_error *err)
{
    size_t bytes = s->n * sizeof(struct lat_popular_row) + 1;
    for (size_t i = 0; i < s->n; i++)
        bytes += strlen(s->best[i].name) + 1;
    struct lat_popular_list list = {.n = s->n, .memory = lat_alloc_raw(bytes, 1)};
    if (!list.memory)
        return lat_fail_memory(err);
    list.rows = list.memory;
    char *end = (char *)list.memory + s->n * sizeof(*list.rows);
    for (size_t i = 0; i < s->n; i++) {
        const size_t len = strlen(s->best[i].name) + 1;
        list.rows[i] = (struct lat_popular_row){.item = memcpy(end, s->best[i].name, len),
                                                .score = s->best[i].score};
        end += len;
    }
    *out_list = list;
    return LAT_OK;
}

static enum lat_status run(struct search *s, struct lat_popular_list *out_list,
                           struct lat_error *err)
{
    const struct lat_popular_query *query = s->query;
    size_t first;
    if (query->k == 0 || query->k > K_MAX)
        return lat_fail(err, LAT_INVALID, "invalid_k", "k is %zu: 1 to %d are possible",
                        query->k, K_MAX);
    for (size_t i = 0; i < query->n_exclude; i++)
        if (!lat_text_set_add(&s->excluded, query->exclude_ids[i], i, &first))
            return lat_fail_memory(err);
    enum lat_status status = score(s, err);
    if (status == LAT_OK)
        status = find(s, err);
    return status == LAT_OK ? make_list(s, out_list, err) : status;
}

static enum lat_status popular_once(struct lat_local *store, const char *name,
                                    const struct lat_popular_query *query, bool *out_moved,
                                    struct lat_popular_list *out_list, struct lat_error *err)
{
    struct search s = {.store = store, .query = query};
    struct lat_popular_list list = {0};
    enum lat_status status = lat_collection_with_tally(store, name, &s.collection, err);
    if (status != LAT_OK)
        return status;
    status = run(&s, &list, err);
    *out_moved = status == LAT_OK && lat_tally_may_have_moved(store, s.collection, !list.n);
    if (*out_moved)
        lat_popular_list_release(&list);
    else if (status == LAT_OK)
        *out_list = list;
    else
        lat_error_prefix(err, "collection '%s'", name);
    forget(&s);
    lat_collection_unref(s.collection);
    return status;
}

enum lat_status lat_local_popular(struct lat_store *base, const char *name,
                                  const struct lat_popular_query *query,
                                  struct lat_popular_list *out_list, struct lat_error *err)
{
    struct lat_local *store = lat_local_of(base);
    for (int i = 0; i < LAT_TALLY_TRIES; i++) {
        bool moved = false;
        const enum lat_status status = popular_once(store, name, query, &moved, out_list, err);
        if (status != LAT_OK || !moved)
            return status;
        lat_generation_wait(store, name);
    }
    return lat_fail(err, LAT_BUSY, NULL, "collection '%s' is changing over", name);
}
