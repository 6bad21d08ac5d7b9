/* Creating, describing and dropping collections: tasks of the writer like any other change. The
 * rows of a dropped collection are deleted afterwards, bit by bit, by the keeper. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "index/faiss_index.h"
#include "index/local_generation.h"

#include "base/banned.h"

/* ---- specs and their rows ---- */

static int word_of(const char *const *words, size_t n, const char *word)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(words[i], word) == 0)
            return (int)i;
    return -1;
}

static enum lat_status read_one(struct lat_local *store, struct lat_stmt *row,
                                struct lat_error *err)
{
    struct lat_collection_spec spec = {.dimension = (uint32_t)lat_stmt_i64(row, 3)};
    snprintf(spec.name, sizeof(spec.name), "%s", lat_stmt_text(row, 1));
    snprintf(spec.model, sizeof(spec.model), "%s", lat_stmt_text(row, 2));
    const int metric = word_of(lat_distance_names, 3, lat_stmt_text(row, 4));
    const int type = word_of(lat_index_type_names, 5, lat_stmt_text(row, 5));
    if (metric < 0 || type < 0)
        return lat_fail(err, LAT_CORRUPT, NULL, "collection '%s': unknown metric or index type",
                        spec.name);
    spec.metric = (enum lat_distance)metric;
    spec.index.type = (enum lat_index_type)type;
    snprintf(spec.index.factory, sizeof(spec.index.factory), "%s", lat_stmt_text(row, 6));
    spec.index.m = (uint32_t)lat_stmt_i64(row, 7);
    spec.index.ef_construction = (uint32_t)lat_stmt_i64(row, 8);
    spec.index.ef_search = (uint32_t)lat_stmt_i64(row, 9);
    spec.index.nlist = (uint32_t)lat_stmt_i64(row, 10);
    spec.index.nprobe = (uint32_t)lat_stmt_i64(row, 11);
    spec.keep_inputs = lat_stmt_i64(row, 12) != 0;
    spec.max_error = lat_stmt_real(row, 21);
    struct lat_collection *collection;
    enum lat_status status = lat_collection_new(lat_stmt_i64(row, 0), &spec,
                                                lat_stmt_i64(row, 13), &collection, err);
    if (status != LAT_OK)
        return status;
    collection->sequence = (uint64_t)lat_stmt_i64(row, 14);
    collection->pruned = (uint64_t)lat_stmt_i64(row, 15);
    collection->items = (uint64_t)lat_stmt_i64(row, 16);
    collection->hidden = (uint64_t)lat_stmt_i64(row, 17);
    snprintf(collection->recommender, sizeof(collection->recommender), "%s",
             lat_stmt_text(row, 18));
    collection->users = (uint64_t)lat_stmt_i64(row, 19);
    collection->interactions = (uint64_t)lat_stmt_i64(row, 20);
    collection->former = lat_stmt_i64(row, 22) != 0;
    collection->loaded = !spec.dimension;
    status = lat_collection_enter(store, collection, err);
    if (status != LAT_OK)
        lat_collection_unref(collection);
    return status;
}

enum lat_status lat_collections_read(struct lat_local *store, struct lat_db *db,
                                     struct lat_error *err)
{
    struct lat_stmt *stmt;
    enum lat_status status = lat_db_prepare(
        db,
        "SELECT collection, name, model, dimension, metric, index_type, factory, m,"
        " ef_construction, ef_search, nlist, nprobe, keep_inputs, created_ms, sequence, pruned,"
        " items, hidden, recommender, users, interactions, max_error,"
        " collection IN (SELECT collection FROM generations WHERE former) FROM collections",
        &stmt, err);
    if (status != LAT_OK)
        return status;
    bool row = false;
    while ((status = lat_stmt_step(stmt, &row, err)) == LAT_OK && row) {
        status = read_one(store, stmt, err);
        if (status != LAT_OK)
            break;
    }
    lat_stmt_free(stmt);
    return status;
}

static enum lat_status check_spec(const struct lat_collection_spec *spec, struct lat_error *err)
{
    if (!lat_name_valid(spec->name))
        return lat_fail(err, LAT_INVALID, "invalid_name",
                        "'%s' is no name: [a-z0-9][a-z0-9._-]{0,62}", spec->name);
    if (spec->dimension > 65536)
        return lat_fail(err, LAT_INVALID, "invalid_dimension",
                        "dimension %u: at most 65536 are possible", spec->dimension);
    if (spec->index.m > 256 || spec->index.m == 1)
        return lat_fail(err, LAT_INVALID, "invalid_index", "m is %u: 2 to 256 are possible",
                        spec->index.m);
    if (spec->index.type == LAT_INDEX_FACTORY && spec->dimension)
        return lat_ann_check_factory(spec->index.factory, spec->dimension, err);
    return LAT_OK;
}

/* The first setting in which the two differ, or NULL. */
static const char *difference(const struct lat_collection_spec *a,
                              const struct lat_collection_spec *b)
{
    if (strcmp(a->model, b->model) != 0)
        return "model";
    if (a->dimension != b->dimension)
        return "dimension";
    if (a->metric != b->metric)
        return "metric";
    if (a->index.type != b->index.type || strcmp(a->index.factory, b->index.factory) != 0 ||
        a->index.m != b->index.m || a->index.ef_construction != b->index.ef_construction ||
        a->index.ef_search != b->index.ef_search || a->index.nlist != b->index.nlist ||
        a->index.nprobe != b->index.nprobe)
        return "index";
    if (a->keep_inputs != b->keep_inputs || (a->max_error > 0) != (b->max_error > 0))
        return "keep_inputs";
    return fabs(a->max_error - b->max_error) > 0 ? "max_error" : NULL;
}

/* ---- create ---- */

struct create_task {
    struct lat_task task;
    const struct lat_collection_spec *spec;
    struct lat_collection *collection; /* made inside apply */
    bool created, again;
};

/* Compares with the one that is there. */
static enum lat_status same_as(struct lat_collection *there,
                               const struct lat_collection_spec *spec, struct lat_error *err)
{
    lat_rwlock_read(&there->lock);
    const struct lat_collection_spec have = there->spec;
    lat_rwlock_unlock(&there->lock);
    const char *what = difference(&have, spec);
    return what ? lat_fail(err, LAT_CONFLICT, "exists",
                           "collection '%s' exists with another '%s'", spec->name, what)
                : LAT_OK;
}

static enum lat_status insert_spec(struct lat_db *db, const struct lat_collection_spec *spec,
                                   int64_t now, int64_t *out_key, struct lat_error *err)
{
    struct lat_stmt *stmt;
    enum lat_status status = lat_db_statement(
        db,
        "INSERT INTO collections(name, model, dimension, metric, index_type, factory, m,"
        " ef_construction, ef_search, nlist, nprobe, keep_inputs, created_ms, sequence, pruned,"
        " items, hidden, max_error)"
        " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,0,0,0,0,?14)"
        " RETURNING collection",
        &stmt, err);
    if (status != LAT_OK)
        return status;
    lat_stmt_bind_text(stmt, 1, spec->name);
    lat_stmt_bind_text(stmt, 2, spec->model);
    lat_stmt_bind_i64(stmt, 3, spec->dimension);
    lat_stmt_bind_text(stmt, 4, lat_distance_names[spec->metric]);
    lat_stmt_bind_text(stmt, 5, lat_index_type_names[spec->index.type]);
    lat_stmt_bind_text(stmt, 6, spec->index.factory);
    lat_stmt_bind_i64(stmt, 7, spec->index.m);
    lat_stmt_bind_i64(stmt, 8, spec->index.ef_construction);
    lat_stmt_bind_i64(stmt, 9, spec->index.ef_search);
    lat_stmt_bind_i64(stmt, 10, spec->index.nlist);
    lat_stmt_bind_i64(stmt, 11, spec->index.nprobe);
    lat_stmt_bind_i64(stmt, 12, spec->keep_inputs);
    lat_stmt_bind_i64(stmt, 13, now);
    lat_stmt_bind_real(stmt, 14, spec->max_error);
    bool row = false;
    status = lat_stmt_step(stmt, &row, err);
    if (status == LAT_OK)
        *out_key = lat_stmt_i64(stmt, 0);
    lat_stmt_reset(stmt);
    return status;
}

/* Tables change on the writer thread only, so what is not there now stays away until the
 * commit. */
static enum lat_status apply_create(struct lat_task *base, struct lat_local *store,
                                    struct lat_error *err)
{
    struct create_task *task = (struct create_task *)base;
    struct lat_collection *there = NULL;
    int64_t key = 0;
    const int64_t now = lat_clock_wall_ms();
    lat_collection_unref(task->collection); /* of a run before, rolled back */
    task->collection = NULL;
    task->created = task->again = false;
    if (lat_collection_find_exact(store, task->spec->name, &there, NULL) == LAT_OK) {
        const enum lat_status status = same_as(there, task->spec, err);
        lat_collection_unref(there);
        return status;
    }
    enum lat_status status = lat_alias_check_free(store, task->spec->name, err);
    if (status != LAT_OK)
        return status;
    status = insert_spec(store->writer.db, task->spec, now, &key, err);
    /* Two of one name in one group: the other's row is there, but not in the table yet. */
    task->again = status == LAT_INVALID;
    if (status == LAT_OK)
        status = lat_collection_new(key, task->spec, now, &task->collection, err);
    if (status == LAT_OK && task->spec->dimension)
        status = lat_index_new(task->spec->metric, task->spec->dimension,
                               &task->collection->index, err);
    if (status == LAT_OK)
        task->collection->loaded = task->collection->tally.ready = task->created = true;
    return status;
}

static void commit_create(struct lat_task *base, struct lat_local *store)
{
    struct create_task *task = (struct create_task *)base;
    if (!task->created)
        return;
    /* A failure leaves the collection to the next start: the row is there. */
    base->status = lat_collection_enter(store, task->collection, &base->err);
    if (base->status == LAT_OK)
        task->collection = NULL;
}

enum lat_status lat_local_create(struct lat_store *base, const struct lat_collection_spec *spec,
                                 bool *out_created, struct lat_error *err)
{
    const enum lat_status status = check_spec(spec, err);
    return status == LAT_OK
               ? lat_collection_create_hidden(lat_local_of(base), spec, out_created, err)
               : status;
}

enum lat_status lat_collection_create_hidden(struct lat_local *store,
                                             const struct lat_collection_spec *spec,
                                             bool *out_created, struct lat_error *err)
{
    struct create_task task = {
        .task = {.apply = apply_create, .commit = commit_create, .isolated = true},
        .spec = spec};
    enum lat_status status = lat_writer_run(store, &task.task, err);
    if (status == LAT_INVALID && task.again) {
        lat_error_clear(err);
        status = lat_writer_run(store, &task.task, err);
    }
    lat_collection_unref(task.collection);
    if (status == LAT_OK)
        *out_created = task.created;
    return status;
}

/* ---- drop ---- */

static enum lat_status apply_drop(struct lat_task *task, struct lat_local *store,
                                  struct lat_error *err)
{
    static const char *const steps[] = {
        "DELETE FROM collections WHERE collection=?1",
        "DELETE FROM tombstones WHERE collection=?1",
        "DELETE FROM generations WHERE collection=?1",
        "INSERT OR IGNORE INTO dropped VALUES(?1)",
    };
    struct lat_collection *collection = task->collection;
    if (collection->dropped)
        return lat_fail(err, LAT_NOT_FOUND, "collection_not_found", "no collection '%s'",
                        collection->name);
    const enum lat_status unnamed = lat_alias_check_none(store, collection->name, err);
    if (unnamed != LAT_OK)
        return unnamed;
    for (size_t i = 0; i < LAT_ARRAY_LEN(steps); i++) {
        struct lat_stmt *stmt;
        enum lat_status status = lat_db_statement(store->writer.db, steps[i], &stmt, err);
        if (status != LAT_OK)
            return status;
        lat_stmt_bind_i64(stmt, 1, collection->key);
        status = lat_stmt_run(stmt, err);
        if (status != LAT_OK)
            return status;
    }
    return LAT_OK;
}

static void commit_drop(struct lat_task *task, struct lat_local *store)
{
    struct lat_collection *collection = task->collection;
    char path[LAT_PATH_MAX];
    lat_rwlock_write(&collection->lock);
    collection->dropped = true;
    lat_rwlock_unlock(&collection->lock);
    lat_collection_leave(store, collection);
    lat_local_index_path(store, collection, path, sizeof(path));
    unlink(path);
    atomic_store(&store->keeper.purging, true);
    lat_metric_set(LAT_METRIC_ITEMS, collection->name, 0);
    lat_metric_set(LAT_METRIC_INDEX_DEAD, collection->name, 0);
}

enum lat_status lat_local_drop(struct lat_store *base, const char *name, struct lat_error *err)
{
    struct lat_local *store = lat_local_of(base);
    struct lat_collection *collection;
    enum lat_status status = lat_collection_find(store, name, &collection, err);
    if (status != LAT_OK)
        return status;
    struct lat_task task = {
        .collection = collection, .apply = apply_drop, .commit = commit_drop, .isolated = true};
    lat_rwlock_read(&store->table_lock);
    status = lat_alias_check_none(store, collection->name, err);
    lat_rwlock_unlock(&store->table_lock);
    if (status != LAT_OK) {
        lat_collection_unref(collection);
        return status;
    }
    status = lat_local_generation_drop(base, name, NULL); /* the hidden one goes first */
    status = status == LAT_NOT_FOUND ? LAT_OK : status;
    if (status == LAT_OK)
        status = lat_writer_run(store, &task, err);
    else
        lat_fail(err, status, NULL, "its other generation cannot be dropped");
    lat_collection_unref(collection);
    return status;
}
