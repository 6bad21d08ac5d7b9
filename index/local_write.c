/* Writing items: one task a call, any number of items.
 *
 * Before it is queued a write is checked on its caller's thread (numbers, ids). Inside the
 * transaction each item looks up its row first, so that an item that fails by itself (not
 * found, If-Match) has touched nothing and the others go on. The room in memory is made before
 * the commit: what happens after it cannot fail.
 *
 * A PUT always takes a new slot: the old row is deleted with its code and input, and a
 * tombstone says which slot died. A PATCH keeps the slot. Every change takes a sequence number,
 * which is the row's version and its ETag. */
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "index/distance.h"
#include "index/local_generation.h"
#include "index/local_rows.h"

#include "base/banned.h"

enum {
    PUBLISH_CHUNK = 256, /* rows a hold of the lock: some 50 microseconds */
    INPUT_MAX = 1 << 29  /* bytes of one input; SQLite holds at most twice that in a row */
};

struct write_task {
    struct lat_task task;
    const struct lat_write *writes;
    size_t n;
    bool atomic;
    struct lat_write_result *results;
    uint64_t *slots;          /* [n] the new slot of each PUT */
    bool *replaced;           /* [n] a row was there before */
    enum lat_status *checked; /* [n] what could be said before queueing */
};

/* ---- one item ---- */

static enum lat_status put(struct write_task *task, size_t i, struct lat_local *store,
                           const struct lat_row_before *before, struct lat_error *err)
{
    const struct lat_write *write = &task->writes[i];
    struct lat_collection *collection = task->task.collection;
    struct lat_db *db = store->writer.db;
    const size_t d = collection->spec.dimension;
    enum lat_status status = LAT_OK;
    task->slots[i] = lat_writer_new_slot(store);
    if (before->there)
        status = lat_rows_delete(db, collection, before->slot, collection->draft.sequence, err);
    if (status == LAT_OK)
        status = lat_row_insert(db, collection, write, task->slots[i], before, err);
    if (status == LAT_OK && d)
        status = lat_row_insert_code(db, write, task->slots[i], d, err);
    if (status == LAT_OK && write->input && collection->spec.keep_inputs)
        status = lat_row_insert_input(db, write, task->slots[i], err);
    if (status != LAT_OK)
        return status;
    collection->draft.items += !before->there;
    collection->draft.hidden -= before->there && before->hidden;
    collection->draft.hidden += write->hidden == 1;
    collection->pending_rows++;
    collection->pending_id_bytes += strlen(write->id);
    return LAT_OK;
}

static enum lat_status patch(const struct lat_write *write, struct lat_local *store,
                             struct lat_collection *collection,
                             const struct lat_row_before *before, struct lat_error *err)
{
    struct lat_stmt *stmt;
    const bool hidden = write->hidden < 0 ? before->hidden : write->hidden != 0;
    const enum lat_status status = lat_db_statement(
        store->writer.db,
        "UPDATE items SET version=?2, hidden=?3, updated_ms=?4, metadata=ifnull(?5, metadata)"
        " WHERE slot=?1",
        &stmt, err);
    if (status != LAT_OK)
        return status;
    lat_stmt_bind_i64(stmt, 1, (int64_t)before->slot);
    lat_stmt_bind_i64(stmt, 2, (int64_t)collection->draft.sequence);
    lat_stmt_bind_i64(stmt, 3, hidden);
    lat_stmt_bind_i64(stmt, 4, lat_clock_wall_ms());
    if (write->metadata)
        lat_stmt_bind_text(stmt, 5, write->metadata);
    else
        lat_stmt_bind_null(stmt, 5);
    collection->draft.hidden -= before->hidden;
    collection->draft.hidden += hidden;
    return lat_stmt_run(stmt, err);
}

/* Whether the write may go on, by what is there. */
static enum lat_status admit(const struct lat_write *write, const struct lat_row_before *before,
                             struct lat_error *err)
{
    const uint64_t forbidden = write->if_none_match;
    if (forbidden && before->there && (forbidden == UINT64_MAX || forbidden == before->version))
        return lat_fail(err, LAT_PRECONDITION, NULL, "item '%s' is there already", write->id);
    if (write->if_match && !(before->there && (write->if_match == UINT64_MAX ||
                                               write->if_match == before->version)))
        return lat_fail(err, LAT_PRECONDITION, NULL,
                        "item '%s' is not in the version asked for", write->id);
    if (write->kind != LAT_WRITE_PUT && !before->there)
        return lat_fail(err, LAT_NOT_FOUND, "item_not_found", "no item '%s'", write->id);
    return LAT_OK;
}

static bool is_object(struct lat_db *db, const char *metadata, enum lat_status *status,
                      struct lat_error *err)
{
    struct lat_stmt *stmt;
    bool row = false;
    *status = lat_db_statement(
        db, "SELECT CASE WHEN json_valid(?1) THEN json_type(?1)='object' ELSE 0 END", &stmt,
        err);
    if (*status != LAT_OK)
        return false;
    lat_stmt_bind_text(stmt, 1, metadata);
    *status = lat_stmt_step(stmt, &row, err);
    const bool object = *status == LAT_OK && row && lat_stmt_i64(stmt, 0) == 1;
    if (*status == LAT_OK)
        lat_stmt_reset(stmt);
    return object;
}

/* What becomes of this item by itself goes into its result; a status other than LAT_OK means
 * the whole task fails. */
static enum lat_status write_one(struct write_task *task, size_t i, struct lat_local *store,
                                 struct lat_error *err)
{
    const struct lat_write *write = &task->writes[i];
    struct lat_collection *collection = task->task.collection;
    struct lat_write_result *result = &task->results[i];
    struct lat_row_before before = {0};
    enum lat_status status = LAT_OK;
    if (result->status != LAT_OK)
        return LAT_OK;
    if (write->metadata && strcmp(write->metadata, "{}") != 0 &&
        !is_object(store->writer.db, write->metadata, &status, err) && status == LAT_OK)
        result->status = lat_fail(err, LAT_INVALID, "bad_metadata",
                                  "the metadata of item '%s' is no JSON object", write->id);
    if (status == LAT_OK && result->status == LAT_OK)
        status = lat_row_find(store->writer.db, collection->key, write->id, &before, err);
    if (status != LAT_OK)
        return status;
    if (result->status == LAT_OK)
        result->status = admit(write, &before, err);
    if (result->status != LAT_OK)
        return LAT_OK;
    task->replaced[i] = before.there;
    result->created = write->kind == LAT_WRITE_PUT && !before.there;
    result->version = ++collection->draft.sequence;
    if (write->kind == LAT_WRITE_PUT)
        return put(task, i, store, &before, err);
    if (write->kind == LAT_WRITE_PATCH)
        return patch(write, store, collection, &before, err);
    collection->draft.items--;
    collection->draft.hidden -= before.hidden;
    return lat_rows_delete(store->writer.db, collection, before.slot, result->version, err);
}

/* ---- the task ---- */

/* Rows have been touched by now: the writer must not go on as if the item had failed by itself.
 */
static enum lat_status whole_fault(enum lat_status status)
{
    if (status == LAT_INVALID)
        return LAT_CORRUPT; /* metadata and ids were checked: a broken constraint is damage */
    return status == LAT_TOO_LARGE ? LAT_INTERNAL : status;
}

static enum lat_status apply_write(struct lat_task *base, struct lat_local *store,
                                   struct lat_error *err)
{
    struct write_task *task = (struct write_task *)base;
    struct lat_collection *collection = base->collection;
    if (collection->dropped)
        return lat_fail(err, LAT_NOT_FOUND, "collection_not_found", "no collection '%s'",
                        collection->name);
    for (size_t i = 0; i < task->n; i++) {
        struct lat_error why = LAT_ERROR_INIT;
        task->results[i] = (struct lat_write_result){.status = task->checked[i]};
        enum lat_status status = whole_fault(write_one(task, i, store, &why));
        if (status == LAT_OK && task->atomic)
            status = task->results[i].status;
        if (status == LAT_OK)
            continue;
        if (task->atomic)
            lat_error_at(&why, "/items/%zu", i);
        if (err && err->status == LAT_OK)
            *err = why;
        return status;
    }
    if (!collection->index || !collection->pending_rows)
        return LAT_OK;
    return whole_fault(lat_index_reserve(collection->index, &collection->lock,
                                         collection->pending_rows, collection->pending_id_bytes,
                                         err));
}

/* One change in memory, under the lock. A row whose code was damaged is in no index. */
static void publish_one(const struct write_task *task, size_t i, struct lat_index *index)
{
    const struct lat_write *write = &task->writes[i];
    const uint32_t position = lat_slot_map_find(&index->map, write->id);
    if (write->kind != LAT_WRITE_PATCH && task->replaced[i] && position == LAT_NO_POSITION &&
        index->corrupt)
        index->corrupt--;
    if (write->kind == LAT_WRITE_PUT)
        lat_index_publish(index, write->hidden == 1);
    else if (position != LAT_NO_POSITION && write->kind == LAT_WRITE_DELETE)
        lat_index_kill(index, position);
    else if (position != LAT_NO_POSITION && write->hidden >= 0)
        lat_index_hide(index, position, write->hidden != 0);
}

static void count_up(const struct write_task *task, struct lat_collection *collection)
{
    uint64_t acknowledged = 0;
    for (size_t i = 0; i < task->n; i++)
        acknowledged += task->results[i].status == LAT_OK;
    lat_metric_add(LAT_METRIC_WRITES, NULL, (double)acknowledged);
    lat_metric_set(LAT_METRIC_ITEMS, collection->name, (double)collection->items);
    if (collection->index)
        lat_metric_set(LAT_METRIC_INDEX_DEAD, collection->name,
                       (double)lat_index_dead(collection->index));
}

/* The collection's counters are the group's last ones from the first task on: nobody can tell.
 */
static void commit_write(struct lat_task *base, struct lat_local *store)
{
    struct write_task *task = (struct write_task *)base;
    struct lat_collection *collection = base->collection;
    struct lat_index *index = collection->index;
    (void)store;
    for (size_t i = 0; index && i < task->n; i++)
        if (task->results[i].status == LAT_OK && task->writes[i].kind == LAT_WRITE_PUT)
            lat_index_stage(index, task->slots[i], task->writes[i].id, task->writes[i].code);
    for (size_t i = 0; i < task->n;) {
        lat_rwlock_write(&collection->lock);
        for (size_t end = i + PUBLISH_CHUNK; i < task->n && i < end; i++) {
            if (task->results[i].status != LAT_OK)
                continue;
            if (index) {
                publish_one(task, i, index);
                index->sequence = task->results[i].version;
            }
            collection->sequence = task->results[i].version;
        }
        collection->items = collection->draft.items;
        collection->hidden = collection->draft.hidden;
        lat_rwlock_unlock(&collection->lock);
    }
    count_up(task, collection);
}

/* ---- the call ---- */

/* What can be said without the rows. */
static enum lat_status check_one(const struct lat_collection *collection,
                                 const struct lat_write *write, struct lat_error *err)
{
    if (!write->id || !lat_id_valid(write->id, strlen(write->id)))
        return lat_fail(err, LAT_INVALID, "invalid_id",
                        "an id is 1 to 256 bytes of UTF-8 without NUL");
    if (write->input_len > INPUT_MAX ||
        (write->metadata && strlen(write->metadata) > INPUT_MAX))
        return lat_fail(err, LAT_TOO_LARGE, NULL, "item '%s': more than %d bytes", write->id,
                        INPUT_MAX);
    if (write->kind != LAT_WRITE_PUT || !collection->spec.dimension)
        return LAT_OK;
    if (!write->code)
        return lat_fail(err, LAT_INVALID, "code_missing", "item '%s' has no code", write->id);
    const enum lat_status status =
        lat_code_check(collection->spec.metric, write->code, collection->spec.dimension, err);
    lat_error_prefix(err, "item '%s'", write->id);
    return status;
}

static enum lat_status check_all(struct write_task *task, struct lat_error *err)
{
    for (size_t i = 0; i < task->n; i++) {
        struct lat_error why = LAT_ERROR_INIT;
        task->checked[i] = check_one(task->task.collection, &task->writes[i], &why);
        if (task->checked[i] == LAT_OK || !task->atomic)
            continue;
        lat_error_at(&why, "/items/%zu", i);
        if (err && err->status == LAT_OK)
            *err = why;
        return task->checked[i];
    }
    return LAT_OK;
}

static enum lat_status check_models(const struct write_task *task, struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    for (size_t i = 0; i < task->n && status == LAT_OK; i++)
        status = lat_generation_check(task->task.collection, task->writes[i].model, err);
    return status;
}

static enum lat_status write_once(struct lat_store *base, const char *name,
                                  const struct lat_write *writes, size_t n, bool atomic,
                                  struct lat_write_result *out_results, struct lat_error *err)
{
    struct lat_local *store = lat_local_of(base);
    struct write_task task = {
        .task = {.apply = apply_write, .commit = commit_write, .isolated = atomic && n > 1},
        .writes = writes,
        .n = n,
        .atomic = atomic,
        .results = out_results};
    if (n == 0)
        return LAT_OK;
    enum lat_status status = lat_collection_find(store, name, &task.task.collection, err);
    if (status != LAT_OK)
        return status;
    status = check_models(&task, err);
    task.slots = lat_alloc(n, sizeof(*task.slots));
    task.replaced = lat_alloc(n, sizeof(*task.replaced));
    task.checked = lat_alloc(n, sizeof(*task.checked));
    if (status == LAT_OK && (!task.slots || !task.replaced || !task.checked))
        status = lat_fail_memory(err);
    if (status == LAT_OK)
        status = check_all(&task, err);
    if (status == LAT_OK) {
        lat_keeper_throttle(store, task.task.collection, n);
        status = lat_writer_run(store, &task.task, err);
    }
    if (status != LAT_OK)
        lat_error_prefix(err, "collection '%s'", name);
    lat_free(task.slots);
    lat_free(task.replaced);
    lat_free(task.checked);
    lat_collection_unref(task.task.collection);
    return status;
}

/* The collection that was found may be a generation that served until a moment ago: the name
 * has another one now. */
enum lat_status lat_local_write(struct lat_store *base, const char *name,
                                const struct lat_write *writes, size_t n, bool atomic,
                                struct lat_write_result *out_results, struct lat_error *err)
{
    struct lat_error first = LAT_ERROR_INIT;
    lat_generation_wait(lat_local_of(base), name);
    enum lat_status status = write_once(base, name, writes, n, atomic, out_results, &first);
    if (lat_generation_moved(lat_local_of(base), name, status, &first))
        return write_once(base, name, writes, n, atomic, out_results, err);
    if (status != LAT_OK && err && err->status == LAT_OK)
        *err = first;
    return status;
}
