/* Which positions pass a filter, as a bitmap, and a small memory of the last filters.
 *
 * Asking SQLite about every row costs about a microsecond a row, so a bitmap is kept and
 * brought up to date: a later query with the same filter only asks about rows whose version is
 * newer. That works because a position keeps its slot and a slot its item: what passed still
 * passes until a change writes a newer version. Positions that are gone need no care, the index
 * excludes them itself.
 *
 * Entries are never changed once they are in the list: bringing up to date makes a new one. A
 * bitmap is about one generation of an index; a rebuild gives positions anew and the entry is
 * useless.
 *
 * The sequence written into an entry is the one the index had *before* the rows were read: the
 * rows may be newer, and are then asked about once more next time. */
#include <string.h>

#include "base/mem.h"
#include "index/filter_sql.h"
#include "index/local_store.h"

#include "base/banned.h"

void lat_filter_entry_unref(struct lat_filter_entry *entry)
{
    if (!entry || atomic_fetch_sub(&entry->refs, 1) != 1)
        return;
    lat_free(entry->key);
    lat_free(entry->passed);
    lat_free(entry);
}

void lat_filter_forget_all(struct lat_collection *collection)
{
    for (size_t i = 0; i < LAT_FILTER_CACHE; i++) {
        lat_filter_entry_unref(collection->filters[i]);
        collection->filters[i] = NULL;
    }
}

/* The entry of that filter and index, moved to the front; a reference, or NULL. */
static struct lat_filter_entry *recall(struct lat_collection *collection, const char *key,
                                       size_t key_len, uint64_t generation)
{
    struct lat_filter_entry *entry = NULL;
    lat_mutex_lock(&collection->filters_mutex);
    for (size_t i = 0; i < LAT_FILTER_CACHE && collection->filters[i]; i++) {
        struct lat_filter_entry *other = collection->filters[i];
        if (other->generation != generation || other->key_len != key_len ||
            memcmp(other->key, key, key_len) != 0)
            continue;
        memmove(&collection->filters[1], &collection->filters[0], i * sizeof(entry));
        collection->filters[0] = entry = other;
        atomic_fetch_add(&entry->refs, 1);
        break;
    }
    lat_mutex_unlock(&collection->filters_mutex);
    return entry;
}

/* Puts the entry in front, in place of an older one of the same filter, or of the last. */
static void remember(struct lat_collection *collection, struct lat_filter_entry *entry)
{
    lat_mutex_lock(&collection->filters_mutex);
    size_t i = 0;
    while (i < LAT_FILTER_CACHE - 1 && collection->filters[i] &&
           (collection->filters[i]->key_len != entry->key_len ||
            memcmp(collection->filters[i]->key, entry->key, entry->key_len) != 0))
        i++;
    struct lat_filter_entry *out = collection->filters[i];
    memmove(&collection->filters[1], &collection->filters[0], i * sizeof(entry));
    atomic_fetch_add(&entry->refs, 1);
    collection->filters[0] = entry;
    lat_mutex_unlock(&collection->filters_mutex);
    lat_filter_entry_unref(out);
}

/* A new entry for n positions, holding what `old` knew (NULL: nothing). Takes `key`. */
static struct lat_filter_entry *new_entry(char *key, size_t key_len,
                                          const struct lat_filter_entry *old, size_t n)
{
    struct lat_filter_entry *entry = lat_alloc(1, sizeof(*entry));
    size_t words = (n + 63) / 64;
    if (old && old->n_words > words)
        words = old->n_words;
    uint64_t *passed = entry ? lat_alloc(words ? words : 1, sizeof(*passed)) : NULL;
    if (!passed) {
        lat_free(entry);
        lat_free(key);
        return NULL;
    }
    if (old)
        memcpy(passed, old->passed, old->n_words * sizeof(*passed));
    atomic_init(&entry->refs, 1);
    entry->key = key;
    entry->key_len = key_len;
    entry->passed = passed;
    entry->n_words = words;
    return entry;
}

static enum lat_status prepare(struct lat_db *db, const struct lat_collection *collection,
                               const struct lat_sql *sql, uint64_t since,
                               struct lat_stmt **out_stmt, struct lat_error *err)
{
    struct lat_buf text = {0};
    lat_buf_text(&text, "SELECT i.slot, ");
    if (since)
        lat_buf_append(&text, sql->text.data, sql->text.len);
    else
        lat_buf_text(&text, "1");
    lat_buf_text(&text, " FROM items i WHERE i.collection=?1 AND ");
    if (since)
        lat_buf_text(&text, "i.version>?2");
    else
        lat_buf_append(&text, sql->text.data, sql->text.len);
    const enum lat_status status =
        lat_sql_prepare(sql, db, &text, collection->key, out_stmt, err);
    if (status == LAT_OK && since)
        lat_stmt_bind_i64(*out_stmt, 2, (int64_t)since);
    return status;
}

enum { BATCH = 1024 }; /* rows mapped to positions a hold of the lock */

struct batch {
    uint64_t slots[BATCH];
    bool pass[BATCH];
    size_t n;
};

static void map_batch(struct lat_collection *collection, const struct lat_index *index,
                      struct batch *batch, struct lat_filter_entry *entry)
{
    lat_rwlock_read(&collection->lock);
    for (size_t i = 0; i < batch->n; i++) {
        const uint32_t position = lat_slot_map_find_slot(&index->map, batch->slots[i]);
        if (position != LAT_NO_POSITION && position / 64 < entry->n_words)
            lat_bit_set(entry->passed, position, batch->pass[i]);
    }
    lat_rwlock_unlock(&collection->lock);
    batch->n = 0;
}

/* What a bitmap is wanted of. */
struct wanted {
    struct lat_local *store;
    struct lat_collection *collection;
    const struct lat_index *index;
    struct lat_sql sql;
};

static enum lat_status evaluate(const struct wanted *wanted, uint64_t since,
                                struct lat_filter_entry *entry, struct lat_error *err)
{
    struct lat_stmt *stmt;
    bool row = false;
    struct batch *batch = lat_alloc(1, sizeof(*batch));
    if (!batch)
        return lat_fail_memory(err);
    struct lat_db *db = lat_pool_take(&wanted->store->pool);
    enum lat_status status = prepare(db, wanted->collection, &wanted->sql, since, &stmt, err);
    if (status == LAT_OK) {
        while ((status = lat_stmt_step(stmt, &row, err)) == LAT_OK && row) {
            batch->slots[batch->n] = (uint64_t)lat_stmt_i64(stmt, 0);
            batch->pass[batch->n++] = lat_stmt_i64(stmt, 1) != 0;
            if (batch->n == BATCH)
                map_batch(wanted->collection, wanted->index, batch, entry);
        }
        lat_stmt_free(stmt);
    }
    lat_pool_give(&wanted->store->pool, db);
    if (status == LAT_OK)
        map_batch(wanted->collection, wanted->index, batch, entry);
    lat_free(batch);
    return status;
}

static uint64_t sequence_of(const struct wanted *wanted, size_t *out_n)
{
    lat_rwlock_read(&wanted->collection->lock);
    const uint64_t sequence = wanted->index->sequence;
    *out_n = wanted->index->map.n;
    lat_rwlock_unlock(&wanted->collection->lock);
    return sequence;
}

/* Brings `old` (NULL: nothing) up to date. Takes `key`. */
static enum lat_status renew(const struct wanted *wanted, struct lat_filter_entry *old,
                             char *key, size_t key_len, struct lat_filter_entry **out_entry,
                             struct lat_error *err)
{
    size_t n;
    const uint64_t sequence = sequence_of(wanted, &n);
    struct lat_filter_entry *entry = new_entry(key, key_len, old, n);
    if (!entry)
        return lat_fail_memory(err);
    entry->generation = wanted->index->generation;
    entry->sequence = sequence;
    const enum lat_status status = evaluate(wanted, old ? old->sequence : 0, entry, err);
    if (status != LAT_OK) {
        lat_filter_entry_unref(entry);
        return status;
    }
    remember(wanted->collection, entry);
    *out_entry = entry;
    return LAT_OK;
}

enum lat_status lat_filter_bitmap(struct lat_local *store, struct lat_collection *collection,
                                  const struct lat_index *index,
                                  const struct lat_filter *filter,
                                  struct lat_filter_entry **out_entry, struct lat_error *err)
{
    struct wanted wanted = {.store = store, .collection = collection, .index = index};
    size_t key_len = 0, n;
    enum lat_status status = lat_filter_sql(filter, 3, &wanted.sql, err);
    if (status != LAT_OK)
        return status;
    char *key = lat_sql_key(&wanted.sql, &key_len);
    struct lat_filter_entry *old =
        key ? recall(collection, key, key_len, index->generation) : NULL;
    if (!key) {
        status = lat_fail_memory(err);
    } else if (old && old->sequence >= sequence_of(&wanted, &n)) {
        *out_entry = old;
        old = NULL;
        lat_free(key);
    } else {
        status = renew(&wanted, old, key, key_len, out_entry, err);
    }
    lat_filter_entry_unref(old);
    lat_sql_release(&wanted.sql);
    return status;
}
