/* Writing interactions: one task a call, any number of them.
 *
 *   caller's thread    check each -> sort by user, item, type, time -> keep the last of each
 *   writer's thread    a user: find or insert its number
 *                        an item of his: its number from the tally; a row if it has none
 *                          the rows there are, compared with what comes -> insert or update
 *   commit hook        counts into the tally
 *
 * Sorting puts the rows of one user on neighbouring pages into one go, and everything about one
 * (user, item) together: then what the user thought of the item before and after is known, and
 * with it the change in the number of its fans. A new user has no rows to compare with.
 *
 * A number is given to an item before the commit (tally.h): one that is rolled back keeps it
 * and has no rows, which is why the item's row is inserted as long as it has none, and again is
 * ignored. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"
#include "index/local_generation.h"
#include "index/local_interactions.h"

#include "base/banned.h"

/* The years 1 to 9999: what a date can be written for. */
#define AT_MIN_MS INT64_C(-62135596800000)
#define AT_MAX_MS INT64_C(253402300799999)

enum { PUBLISH_CHUNK = 4096 /* counts a hold of the lock */ };

/* The writer's statements, found once a task. */
struct statements {
    struct lat_stmt *add_user, *add_item, *have, *put;
};

struct interact_task {
    struct lat_task task;
    const struct lat_interaction **sorted; /* [n] no two of one user, item and type */
    size_t n;
    bool *stale;                      /* [n] what is there is later */
    struct lat_tally_change *changes; /* [n] */
    size_t n_changes;
    struct statements sql;
};

/* ---- what can be said without the rows ---- */

static enum lat_status refuse(struct lat_error *err, const char *code, const char *pointer,
                              const char *words)
{
    const enum lat_status status = lat_fail(err, LAT_INVALID, code, "%s", words);
    lat_error_at(err, "%s", pointer);
    return status;
}

enum lat_status lat_interaction_check(const struct lat_interaction *one, struct lat_error *err)
{
    static const char id_words[] = "an id is 1 to 256 bytes of UTF-8 without NUL";
    const size_t type_len = one->type ? strlen(one->type) : 0;
    if (!one->user || !lat_id_valid(one->user, strlen(one->user)))
        return refuse(err, "invalid_id", "/user", id_words);
    if (!one->item || !lat_id_valid(one->item, strlen(one->item)))
        return refuse(err, "invalid_id", "/item", id_words);
    if (!one->type || type_len > LAT_INTERACTION_TYPE_MAX ||
        !lat_utf8_valid(one->type, type_len))
        return refuse(err, "invalid_type", "/type", "a type is up to 64 bytes of UTF-8");
    if (!isfinite(one->weight))
        return refuse(err, "invalid_weight", "/weight", "a weight is a finite number");
    if (one->at_ms < AT_MIN_MS || one->at_ms > AT_MAX_MS)
        return refuse(err, "invalid_time", "/at", "a time is between the years 1 and 9999");
    return LAT_OK;
}

static int by_key(const struct lat_interaction *a, const struct lat_interaction *b)
{
    int order = strcmp(a->user, b->user);
    if (order == 0)
        order = strcmp(a->item, b->item);
    return order ? order : strcmp(a->type, b->type);
}

/* The one that counts last: the later, among equals the one further on in the caller's array.
 */
static int by_key_and_time(const void *a, const void *b)
{
    const struct lat_interaction *x = *(const struct lat_interaction *const *)a;
    const struct lat_interaction *y = *(const struct lat_interaction *const *)b;
    const int order = by_key(x, y);
    if (order)
        return order;
    return x->at_ms != y->at_ms ? (x->at_ms > y->at_ms) - (x->at_ms < y->at_ms)
                                : (x > y) - (x < y);
}

static enum lat_status arrange(struct interact_task *task, const struct lat_interaction *all,
                               size_t n, struct lat_error *err)
{
    for (size_t i = 0; i < n; i++) {
        struct lat_error why = LAT_ERROR_INIT;
        const enum lat_status status = lat_interaction_check(&all[i], &why);
        if (status != LAT_OK) {
            lat_error_at(&why, "/%zu", i);
            if (err && err->status == LAT_OK)
                *err = why;
            return status;
        }
        task->sorted[i] = &all[i];
    }
    qsort(task->sorted, n, sizeof(*task->sorted), by_key_and_time);
    for (size_t i = 0; i < n; i++)
        if (i + 1 == n || by_key(task->sorted[i], task->sorted[i + 1]) != 0)
            task->sorted[task->n++] = task->sorted[i];
    return LAT_OK;
}

/* ---- users and items ---- */

int64_t lat_user_hash(const struct lat_local *store, const char *user)
{
    uint64_t seed;
    memcpy(&seed, store->uuid, sizeof(seed));
    return (int64_t)lat_hash_bytes(seed, user, strlen(user));
}

enum lat_status lat_user_find(struct lat_local *store, int64_t key, const char *user,
                              int64_t *out_number, struct lat_error *err)
{
    struct lat_stmt *stmt;
    bool row = false;
    enum lat_status status = lat_db_statement(
        store->writer.db,
        "SELECT number FROM users WHERE collection=?1 AND hash=?2 AND name=?3", &stmt, err);
    if (status != LAT_OK)
        return status;
    lat_stmt_bind_i64(stmt, 1, key);
    lat_stmt_bind_i64(stmt, 2, lat_user_hash(store, user));
    lat_stmt_bind_text(stmt, 3, user);
    status = lat_stmt_step(stmt, &row, err);
    if (status != LAT_OK)
        return status;
    *out_number = row ? lat_stmt_i64(stmt, 0) : 0;
    lat_stmt_reset(stmt);
    return LAT_OK;
}

static enum lat_status add_user(struct interact_task *task, const struct lat_local *store,
                                const char *user, int64_t *out_number, struct lat_error *err)
{
    struct lat_collection *collection = task->task.collection;
    bool row = false;
    lat_stmt_bind_i64(task->sql.add_user, 1, collection->key);
    lat_stmt_bind_i64(task->sql.add_user, 2, lat_user_hash(store, user));
    lat_stmt_bind_text(task->sql.add_user, 3, user);
    const enum lat_status status = lat_stmt_step(task->sql.add_user, &row, err);
    if (status != LAT_OK)
        return status;
    *out_number = lat_stmt_i64(task->sql.add_user, 0);
    lat_stmt_reset(task->sql.add_user);
    collection->draft.users++;
    return LAT_OK;
}

/* Lookups need no lock: this thread alone changes the tally. */
static enum lat_status item_number(struct interact_task *task, const char *item,
                                   uint32_t *out_number, struct lat_error *err)
{
    struct lat_collection *collection = task->task.collection;
    enum lat_status status = LAT_OK;
    uint32_t number = lat_tally_find(&collection->tally, item);
    if (number == LAT_NO_NUMBER) {
        lat_rwlock_write(&collection->tally_lock);
        status = lat_tally_add(&collection->tally, item, &number, err);
        lat_rwlock_unlock(&collection->tally_lock);
    }
    if (status == LAT_OK && !collection->tally.items[number].rows) {
        lat_stmt_bind_i64(task->sql.add_item, 1, collection->key);
        lat_stmt_bind_i64(task->sql.add_item, 2, number);
        lat_stmt_bind_text(task->sql.add_item, 3, item);
        status = lat_stmt_run(task->sql.add_item, err);
    }
    *out_number = number;
    return status;
}

/* ---- one user and item ---- */

/* What the rows of one (user, item) say, before and after. */
struct opinion {
    bool liked_before, liked_after;
    size_t n_known; /* rows that were there already, of those that come */
};

/* Goes through the rows there are and sorted[from, to) together, both by type. */
static enum lat_status compare(struct interact_task *task, int64_t user, uint32_t item,
                               size_t from, size_t to, struct opinion *opinion,
                               struct lat_error *err)
{
    struct lat_stmt *have = task->sql.have;
    enum lat_status status;
    bool row = false;
    size_t i = from;
    lat_stmt_bind_i64(have, 1, user);
    lat_stmt_bind_i64(have, 2, item);
    while ((status = lat_stmt_step(have, &row, err)) == LAT_OK && row) {
        const char *type = lat_stmt_text(have, 0);
        const bool liked = lat_stmt_real(have, 1) >= 0;
        while (i < to && strcmp(task->sorted[i]->type, type) < 0)
            i++;
        const bool known = i < to && strcmp(task->sorted[i]->type, type) == 0;
        const bool stays = !known || lat_stmt_i64(have, 2) > task->sorted[i]->at_ms;
        opinion->liked_before |= liked;
        opinion->liked_after |= stays && liked;
        opinion->n_known += known;
        if (known)
            task->stale[i] = stays;
    }
    lat_stmt_reset(have);
    return status;
}

static enum lat_status put(struct interact_task *task, int64_t user, uint32_t item,
                           const struct lat_interaction *one, struct lat_error *err)
{
    struct lat_stmt *put = task->sql.put;
    lat_stmt_bind_i64(put, 1, user);
    lat_stmt_bind_i64(put, 2, item);
    lat_stmt_bind_text(put, 3, one->type);
    lat_stmt_bind_real(put, 4, (double)one->weight);
    lat_stmt_bind_i64(put, 5, one->at_ms);
    return lat_stmt_run(put, err);
}

static enum lat_status write_item(struct interact_task *task, int64_t user, bool is_new,
                                  size_t from, size_t to, struct lat_error *err)
{
    struct opinion opinion = {0};
    uint32_t item = 0;
    memset(&task->stale[from], 0, (to - from) * sizeof(*task->stale));
    enum lat_status status = item_number(task, task->sorted[from]->item, &item, err);
    if (status == LAT_OK && !is_new)
        status = compare(task, user, item, from, to, &opinion, err);
    for (size_t i = from; i < to && status == LAT_OK; i++) {
        if (task->stale[i])
            continue;
        opinion.liked_after |= task->sorted[i]->weight >= 0;
        status = put(task, user, item, task->sorted[i], err);
    }
    const size_t n_new = to - from - opinion.n_known;
    task->task.collection->draft.interactions += n_new;
    if (n_new || opinion.liked_before != opinion.liked_after)
        task->changes[task->n_changes++] = (struct lat_tally_change){
            item, (int32_t)n_new, opinion.liked_after - opinion.liked_before};
    return status;
}

static enum lat_status write_user(struct interact_task *task, struct lat_local *store,
                                  size_t from, size_t to, struct lat_error *err)
{
    const char *name = task->sorted[from]->user;
    int64_t user = 0;
    enum lat_status status = lat_user_find(store, task->task.collection->key, name, &user, err);
    const bool is_new = !user;
    if (status == LAT_OK && is_new)
        status = add_user(task, store, name, &user, err);
    for (size_t end; from < to && status == LAT_OK; from = end) {
        for (end = from + 1;
             end < to && strcmp(task->sorted[from]->item, task->sorted[end]->item) == 0;)
            end++;
        status = write_item(task, user, is_new, from, end, err);
    }
    return status;
}

/* ---- the task ---- */

static enum lat_status find_statements(struct lat_db *db, struct statements *sql,
                                       struct lat_error *err)
{
    enum lat_status status =
        lat_db_statement(db,
                         "INSERT INTO users(collection, hash, name) VALUES(?1,?2,?3)"
                         " RETURNING number",
                         &sql->add_user, err);
    if (status == LAT_OK)
        status =
            lat_db_statement(db,
                             "INSERT OR IGNORE INTO interaction_items(collection, number, name)"
                             " VALUES(?1,?2,?3)",
                             &sql->add_item, err);
    if (status == LAT_OK)
        status = lat_db_statement(
            db, "SELECT type, weight, at_ms FROM interactions WHERE user=?1 AND item=?2",
            &sql->have, err);
    if (status == LAT_OK)
        status = lat_db_statement(db,
                                  "INSERT INTO interactions(user, item, type, weight, at_ms)"
                                  " VALUES(?1,?2,?3,?4,?5) ON CONFLICT(user, item, type)"
                                  " DO UPDATE SET weight=?4, at_ms=?5",
                                  &sql->put, err);
    return status;
}

static enum lat_status apply_interact(struct lat_task *base, struct lat_local *store,
                                      struct lat_error *err)
{
    struct interact_task *task = (struct interact_task *)base;
    if (base->collection->dropped)
        return lat_fail(err, LAT_NOT_FOUND, "collection_not_found", "no collection '%s'",
                        base->collection->name);
    task->n_changes = 0;
    enum lat_status status = find_statements(store->writer.db, &task->sql, err);
    for (size_t from = 0, end; from < task->n && status == LAT_OK; from = end) {
        for (end = from + 1;
             end < task->n && strcmp(task->sorted[from]->user, task->sorted[end]->user) == 0;)
            end++;
        status = write_user(task, store, from, end, err);
    }
    /* Rows have been touched: the writer must not go on as if only this call had failed. */
    if (status == LAT_INVALID || status == LAT_TOO_LARGE)
        return status == LAT_INVALID ? LAT_CORRUPT : LAT_INTERNAL;
    return status;
}

void lat_interactions_publish(struct lat_collection *collection,
                              const struct lat_tally_change *changes, size_t n)
{
    for (size_t i = 0; i < n; i += PUBLISH_CHUNK) {
        lat_rwlock_write(&collection->tally_lock);
        lat_tally_apply(&collection->tally, changes + i,
                        n - i < PUBLISH_CHUNK ? n - i : PUBLISH_CHUNK);
        lat_rwlock_unlock(&collection->tally_lock);
    }
    lat_rwlock_write(&collection->tally_lock);
    collection->changes++;
    lat_rwlock_unlock(&collection->tally_lock);
    lat_rwlock_write(&collection->lock);
    collection->users = collection->draft.users;
    collection->interactions = collection->draft.interactions;
    lat_rwlock_unlock(&collection->lock);
}

static void commit_interact(struct lat_task *base, struct lat_local *store)
{
    struct interact_task *task = (struct interact_task *)base;
    (void)store;
    lat_interactions_publish(base->collection, task->changes, task->n_changes);
}

static enum lat_status interact_once(struct lat_local *store, const char *name,
                                     const struct lat_interaction *interactions, size_t n,
                                     struct lat_error *err)
{
    struct interact_task task = {.task = {.apply = apply_interact, .commit = commit_interact}};
    enum lat_status status = lat_collection_with_tally(store, name, &task.task.collection, err);
    if (status != LAT_OK)
        return status;
    task.sorted = lat_alloc_raw(n, sizeof(*task.sorted));
    task.stale = lat_alloc_raw(n, sizeof(*task.stale));
    task.changes = lat_alloc_raw(n, sizeof(*task.changes));
    if (!task.sorted || !task.stale || !task.changes)
        status = lat_fail_memory(err);
    if (status == LAT_OK)
        status = arrange(&task, interactions, n, err);
    if (status == LAT_OK && n)
        status = lat_writer_run(store, &task.task, err);
    if (status != LAT_OK)
        lat_error_prefix(err, "collection '%s'", name);
    lat_free(task.sorted);
    lat_free(task.stale);
    lat_free(task.changes);
    lat_collection_unref(task.task.collection);
    return status;
}

enum lat_status lat_local_interact(struct lat_store *base, const char *name,
                                   const struct lat_interaction *interactions, size_t n,
                                   struct lat_error *err)
{
    struct lat_local *store = lat_local_of(base);
    struct lat_error first = LAT_ERROR_INIT;
    lat_generation_wait(store, name);
    const enum lat_status status = interact_once(store, name, interactions, n, &first);
    if (lat_generation_moved(store, name, status, &first))
        return interact_once(store, name, interactions, n, err);
    if (status != LAT_OK && err && err->status == LAT_OK)
        *err = first;
    return status;
}
