/* One search, from the query to the hits.
 *
 *   query -> code in the index's form -> filter's bitmap -> candidates (memory_search.c)
 *         -> exact distances, exclusions, order (under the lock) -> rows, if parts are wanted
 *
 * Without filter and parts no database is touched, and the only locks are two held for reading.
 * Ids and rows of an index stay where they are while a reference is held, so pointers to them
 * outlive the lock.
 *
 * An index replaced on the way (a rebuild switched), or a hit whose row is gone when it is read
 * (a write came between), means starting over; the last of a few rounds leaves such hits out.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "index/distance.h"
#include "index/local_generation.h"
#include "index/local_rows.h"

#include "base/banned.h"

enum { ROUNDS = 4, K_MAX = 1000000 };

/* A candidate on its way to a hit. */
struct found {
    const char *id; /* in the index */
    uint64_t slot;
    float distance;
    bool self; /* the item the query names */
    bool lost; /* its row was gone */
    float error;
    size_t metadata_at, code_at; /* in the buffers of `struct search` */
};

struct search {
    struct lat_local *store;
    struct lat_collection *collection;
    const struct lat_query *query;
    struct lat_index *index; /* one reference */
    float *code;             /* [d] owned, in the index's form */
    struct lat_filter_entry *filter;
    uint32_t self;      /* position of the query's own item */
    uint32_t *excluded; /* [n_excluded] positions, sorted */
    size_t n_excluded;
    struct lat_top top;
    struct found *found;
    size_t n_found;
    struct lat_buf metadata, codes;
    enum lat_search_way way;
    uint64_t index_ns, db_ns;
};

static void forget(struct search *s)
{
    lat_index_unref(s->index);
    lat_free(s->code);
    lat_filter_entry_unref(s->filter);
    lat_free(s->excluded);
    lat_top_release(&s->top);
    lat_free(s->found);
    lat_buf_release(&s->metadata);
    lat_buf_release(&s->codes);
    *s = (struct search){.store = s->store,
                         .collection = s->collection,
                         .query = s->query,
                         .index_ns = s->index_ns,
                         .db_ns = s->db_ns};
}

/* ---- the query ---- */

static enum lat_status check_query(const struct lat_collection *collection,
                                   const struct lat_query *query, struct lat_error *err)
{
    if (!collection->spec.dimension)
        return lat_fail(err, LAT_INVALID, "no_codes", "the collection has no codes to search");
    if (query->k == 0 || query->k > K_MAX)
        return lat_fail(err, LAT_INVALID, "invalid_k", "k is %zu: 1 to %d are possible",
                        query->k, K_MAX);
    if (!query->code == !query->id)
        return lat_fail(err, LAT_INVALID, "invalid_query",
                        "a query has a code or an id, and not both");
    if (query->exclude_self && !query->id)
        return lat_fail(err, LAT_INVALID, "invalid_query", "exclude_self goes with an id only");
    if (isnan(query->max_distance))
        return lat_fail(err, LAT_INVALID, "invalid_query", "max_distance is not a number");
    return query->code ? lat_code_check(collection->spec.metric, query->code,
                                        collection->spec.dimension, err)
                       : LAT_OK;
}

/* Under the lock: the query item's row. */
static enum lat_status code_of_item(struct search *s, struct lat_error *err)
{
    const struct lat_index *index = s->index;
    s->self = lat_slot_map_find(&index->map, s->query->id);
    if (s->self == LAT_NO_POSITION)
        return lat_fail(err, LAT_NOT_FOUND, "item_not_found", "no item '%s'", s->query->id);
    memcpy(s->code, lat_vectors_row(&index->vectors, s->self), index->d * sizeof(float));
    return LAT_OK;
}

static int by_position(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Under the lock: positions of what is to be left out; ids nobody has are ignored. */
static void find_excluded(struct search *s)
{
    for (size_t i = 0; i < s->query->n_exclude; i++) {
        const uint32_t position = lat_slot_map_find(&s->index->map, s->query->exclude_ids[i]);
        if (position != LAT_NO_POSITION)
            s->excluded[s->n_excluded++] = position;
    }
    if (s->query->exclude_self)
        s->excluded[s->n_excluded++] = s->self;
    qsort(s->excluded, s->n_excluded, sizeof(*s->excluded), by_position);
}

static bool is_excluded(const struct search *s, uint32_t position)
{
    return s->n_excluded && bsearch(&position, s->excluded, s->n_excluded, sizeof(position),
                                    by_position) != NULL;
}

static enum lat_status prepare(struct search *s, struct lat_error *err)
{
    const size_t d = s->collection->spec.dimension;
    s->self = LAT_NO_POSITION;
    s->index = lat_collection_index(s->collection);
    if (!s->index)
        return lat_fail(err, LAT_UNAVAILABLE, "loading", "its index is being loaded");
    s->code = lat_alloc_raw(d, sizeof(float));
    s->excluded = lat_alloc_raw(s->query->n_exclude + 1, sizeof(*s->excluded));
    if (!s->code || !s->excluded)
        return lat_fail_memory(err);
    if (s->query->code && s->collection->spec.metric == LAT_DISTANCE_COSINE)
        lat_unit_length(s->query->code, s->code, d);
    else if (s->query->code)
        memcpy(s->code, s->query->code, d * sizeof(float));
    enum lat_status status = LAT_OK;
    if (s->query->id || s->query->n_exclude) {
        lat_rwlock_read(&s->collection->lock);
        status = s->query->id ? code_of_item(s, err) : LAT_OK;
        if (status == LAT_OK)
            find_excluded(s);
        lat_rwlock_unlock(&s->collection->lock);
    }
    if (status != LAT_OK || !s->query->filter)
        return status;
    const uint64_t start = lat_clock_ns();
    status =
        lat_filter_bitmap(s->store, s->collection, s->index, s->query->filter, &s->filter, err);
    s->db_ns += lat_clock_ns() - start;
    return status;
}

/* ---- candidates ---- */

static enum lat_status look(struct search *s, struct lat_error *err)
{
    const size_t k = s->query->k + s->n_excluded;
    lat_keeper_note_search(s->collection);
    lat_rwlock_read(&s->collection->lock);
    const size_t n = s->index->map.n;
    const uint32_t ef = s->query->ef ? s->query->ef : s->collection->spec.index.ef_search;
    const uint32_t nprobe =
        s->query->nprobe ? s->query->nprobe : s->collection->spec.index.nprobe;
    lat_rwlock_unlock(&s->collection->lock);
    const struct lat_index_query query = {
        .code = s->code,
        .k = k < n ? k : n,
        .passed = s->filter ? s->filter->passed : NULL,
        .n_passed_words = s->filter ? s->filter->n_words : 0,
        .exact = s->query->exact,
        .ef = ef,
        .nprobe = nprobe,
    };
    enum lat_status status = lat_top_init(&s->top, query.k, NULL, err);
    if (status == LAT_OK)
        status =
            lat_index_search(s->index, &s->collection->lock, &query, &s->top, &s->way, err);
    return status;
}

/* Distance, then the item asked for, then id. */
static int by_distance(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    if (x->distance < y->distance || x->distance > y->distance)
        return x->distance < y->distance ? -1 : 1;
    if (x->self != y->self)
        return x->self ? -1 : 1;
    return strcmp(x->id, y->id);
}

static void add_found(struct search *s, uint32_t position)
{
    const struct lat_index *index = s->index;
    if (!lat_bit(index->map.shown, position) || is_excluded(s, position))
        return;
    const float distance = lat_distance_between(
        index->metric, s->code, lat_vectors_row(&index->vectors, position), index->d);
    if (distance > s->query->max_distance)
        return;
    s->found[s->n_found++] = (struct found){.id = lat_slot_map_id(&index->map, position),
                                            .slot = index->map.slots[position],
                                            .distance = distance,
                                            .self = position == s->self,
                                            .error = NAN};
}

/* The item a query names is among its own candidates even if an approximate index missed it. */
static bool self_is_missing(const struct search *s)
{
    if (s->self == LAT_NO_POSITION || s->query->exclude_self)
        return false;
    if (s->filter &&
        !(s->self / 64 < s->filter->n_words && lat_bit(s->filter->passed, s->self)))
        return false;
    for (size_t i = 0; i < s->top.n; i++)
        if (s->top.items[i].position == s->self)
            return false;
    return true;
}

/* *out_again: the index was replaced meanwhile. */
static enum lat_status settle(struct search *s, bool *out_again, struct lat_error *err)
{
    s->found = lat_alloc_raw(s->top.n + 1, sizeof(*s->found));
    if (!s->found)
        return lat_fail_memory(err);
    lat_rwlock_read(&s->collection->lock);
    *out_again = s->collection->index != s->index;
    for (size_t i = 0; !*out_again && i < s->top.n; i++)
        add_found(s, s->top.items[i].position);
    if (!*out_again && self_is_missing(s))
        add_found(s, s->self);
    lat_rwlock_unlock(&s->collection->lock);
    qsort(s->found, s->n_found, sizeof(*s->found), by_distance);
    if (s->n_found > s->query->k)
        s->n_found = s->query->k;
    return LAT_OK;
}

/* ---- rows ---- */

static enum lat_status read_hit(struct search *s, struct lat_db *db, struct found *hit,
                                struct lat_error *err)
{
    struct lat_stmt *stmt;
    bool row = false;
    size_t len = 0;
    enum lat_status status =
        lat_db_statement(db,
                         "SELECT CASE WHEN json_valid(i.metadata) THEN i.metadata END,"
                         " i.error, c.crc, c.code FROM items i"
                         " LEFT JOIN codes c ON c.slot=i.slot WHERE i.slot=?1",
                         &stmt, err);
    if (status != LAT_OK)
        return status;
    lat_stmt_bind_i64(stmt, 1, (int64_t)hit->slot);
    status = lat_stmt_step(stmt, &row, err);
    if (status != LAT_OK)
        return status;
    hit->lost = !row;
    if (row) {
        hit->error = lat_stmt_is_null(stmt, 1) ? NAN : (float)lat_stmt_real(stmt, 1);
        hit->metadata_at = s->metadata.len;
        if (s->query->parts & LAT_ITEM_METADATA) {
            const char *text = lat_stmt_text(stmt, 0);
            hit->lost = lat_stmt_is_null(stmt, 0);
            lat_buf_append(&s->metadata, text, strlen(text) + 1);
        }
    }
    if (row && s->query->parts & LAT_ITEM_CODE) {
        const void *code = lat_stmt_bytes(stmt, 3, &len);
        hit->code_at = s->codes.len;
        hit->lost = hit->lost || len != s->index->d * sizeof(float) ||
                    lat_stmt_i64(stmt, 2) != (int64_t)lat_code_crc(hit->slot, code, len);
        if (!hit->lost)
            lat_buf_append(&s->codes, code, len);
    }
    lat_stmt_reset(stmt);
    return LAT_OK;
}

static enum lat_status read_rows(struct search *s, bool last_round, bool *out_again,
                                 struct lat_error *err)
{
    const uint64_t start = lat_clock_ns();
    enum lat_status status = LAT_OK;
    struct lat_db *db = lat_pool_take(&s->store->pool);
    for (size_t i = 0; i < s->n_found && status == LAT_OK && !*out_again; i++) {
        status = read_hit(s, db, &s->found[i], err);
        *out_again = status == LAT_OK && s->found[i].lost && !last_round;
    }
    lat_pool_give(&s->store->pool, db);
    if (status == LAT_OK)
        status = lat_buf_check(&s->metadata, err);
    if (status == LAT_OK)
        status = lat_buf_check(&s->codes, err);
    s->db_ns += lat_clock_ns() - start;
    return status;
}

/* ---- the result ---- */

/* One block: hits, codes, then texts. */
static enum lat_status assemble(const struct search *s, struct lat_search_result *out,
                                struct lat_error *err)
{
    size_t bytes = s->codes.len + s->metadata.len, hits_bytes;
    for (size_t i = 0; i < s->n_found; i++)
        bytes += strlen(s->found[i].id) + 1;
    if (!lat_mul_size(s->n_found, sizeof(struct lat_hit), &hits_bytes) ||
        !lat_add_size(bytes, hits_bytes, &bytes))
        return lat_fail_memory(err);
    char *memory = lat_alloc_raw(bytes ? bytes : 1, 1);
    if (!memory)
        return lat_fail_memory(err);
    struct lat_hit *hits = (struct lat_hit *)(void *)memory;
    char *codes = memory + hits_bytes, *metadata = codes + s->codes.len;
    char *ids = metadata + s->metadata.len;
    if (s->codes.len)
        memcpy(codes, s->codes.data, s->codes.len);
    if (s->metadata.len)
        memcpy(metadata, s->metadata.data, s->metadata.len);
    size_t n = 0;
    for (size_t i = 0; i < s->n_found; i++) {
        const struct found *hit = &s->found[i];
        if (hit->lost)
            continue;
        const size_t len = strlen(hit->id) + 1;
        memcpy(ids, hit->id, len);
        hits[n++] = (struct lat_hit){
            .id = ids,
            .distance = hit->distance,
            .error = hit->error,
            .metadata =
                s->query->parts & LAT_ITEM_METADATA ? metadata + hit->metadata_at : NULL,
            .code = s->query->parts & LAT_ITEM_CODE ? (float *)(void *)(codes + hit->code_at)
                                                    : NULL,
        };
        ids += len;
    }
    *out = (struct lat_search_result){
        .hits = hits, .n = n, .memory = memory, .index_ns = s->index_ns, .db_ns = s->db_ns};
    return LAT_OK;
}

/* One attempt; *out_again asks for another. */
static enum lat_status attempt(struct search *s, bool last_round, bool *out_again,
                               struct lat_error *err)
{
    *out_again = false;
    enum lat_status status = prepare(s, err);
    const uint64_t start = lat_clock_ns();
    if (status == LAT_OK)
        status = look(s, err);
    if (status == LAT_OK)
        status = settle(s, out_again, err);
    s->index_ns += lat_clock_ns() - start;
    if (status == LAT_OK && !*out_again && s->query->parts)
        status = read_rows(s, last_round, out_again, err);
    return status;
}

static void measure(const struct search *s, uint64_t start)
{
    static const char *const ways[] = {
        [LAT_WAY_INDEX] = "index", [LAT_WAY_EXACT] = "exact", [LAT_WAY_FILTERED] = "filtered"};
    static _Atomic(struct lat_series *) series[LAT_ARRAY_LEN(ways)];
    struct lat_series *mine = atomic_load(&series[s->way]);
    if (!mine) {
        mine = lat_metric_series(LAT_METRIC_SEARCHES, ways[s->way]);
        atomic_store(&series[s->way], mine);
    }
    lat_series_add(mine, 1);
    lat_series_observe(s->collection->seconds, (double)(lat_clock_ns() - start) / 1e9);
}

enum lat_status lat_local_search(struct lat_store *base, const char *name,
                                 const struct lat_query *query,
                                 struct lat_search_result *out_result, struct lat_error *err)
{
    struct search s = {.store = lat_local_of(base), .query = query};
    const uint64_t start = lat_clock_ns();
    enum lat_status status = lat_collection_find(s.store, name, &s.collection, err);
    if (status != LAT_OK)
        return status;
    status = lat_generation_check(s.collection, query->model, err);
    if (status == LAT_OK)
        status = check_query(s.collection, query, err);
    bool again = status == LAT_OK;
    for (int round = 0; again && status == LAT_OK && round < ROUNDS; round++) {
        forget(&s);
        status = attempt(&s, round == ROUNDS - 1, &again, err);
    }
    if (status == LAT_OK)
        status = assemble(&s, out_result, err);
    if (status == LAT_OK)
        measure(&s, start);
    else
        lat_error_prefix(err, "collection '%s'", name);
    struct lat_collection *collection = s.collection;
    forget(&s);
    lat_collection_unref(collection);
    return status;
}
