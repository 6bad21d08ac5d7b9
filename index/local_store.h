/* What the files of the local store share. The law and the picture stand at the head of
 * local_store.c; here is only who owns and guards what.
 *
 * Locks, in the order they nest (base/sync.h): the table of collections (COLLECTION), a
 * collection's lock (INDEX), the pool of readers (DATABASE), the writer's and the keeper's
 * queues (QUEUE), the filter cache and the tally of interactions (LEAF). No lock is held while
 * SQLite works for a search, a commit is waited for, or an index is built. */
#ifndef LAT_INDEX_LOCAL_STORE_H
#define LAT_INDEX_LOCAL_STORE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/metrics.h"
#include "base/sync.h"
#include "index/aliases.h"
#include "index/memory_index.h"
#include "index/sqlite/db.h"
#include "index/store_ops.h"
#include "index/tally.h"

enum {
    LAT_AUTO_GRAPH_ITEMS = 10000, /* `auto` becomes a graph at this many positions */
    LAT_PATH_MAX = 4096,
    LAT_UUID_LEN = 16,
    LAT_FILTER_CACHE = 16, /* filters a collection remembers */
    LAT_WINDOWS = 4,       /* windows of popular items a collection remembers */
};

struct lat_local;
struct lat_filter_entry;

/* The writer's counters of one collection inside a transaction. */
struct lat_draft {
    uint64_t sequence, items, hidden, pruned, users, interactions;
};

/* The scores of popular items since a time, as of so many changes. */
struct lat_window {
    int64_t since_ms;
    uint64_t changes;
    uint32_t *scores; /* [n] by item number; NULL: none */
    size_t n;
};

struct lat_collection {
    atomic_uint refs;
    int64_t key; /* collections.collection */
    /* A hidden generation gets the second name when it begins to serve. */
    const char *_Atomic name;
    char names[2][LAT_COLLECTION_NAME_MAX];
    bool former; /* a hidden generation that has served: loaded only to serve again */
    int64_t created_ms;

    struct lat_rwlock lock; /* guards what follows, and the index inside */
    struct lat_collection_spec spec;
    struct lat_index *index; /* one reference; NULL until loaded, or without codes */
    bool loaded, dropped;
    uint64_t sequence, items, hidden; /* committed and searchable */
    uint64_t saved_sequence;          /* what the index file contains */
    uint64_t saved_linked;            /* rows its accelerator has */
    uint64_t save_again;              /* after a failure: unsaved work at which to try again */
    uint64_t pruned;                  /* tombstones up to here are gone */
    uint64_t users, interactions;     /* committed */
    char recommender[LAT_MODEL_REF_MAX];

    struct lat_rwlock tally_lock; /* guards what follows; the writer alone changes the tally */
    struct lat_tally tally;
    uint64_t changes; /* published calls that changed interactions */
    struct lat_window windows[LAT_WINDOWS];
    size_t next_window; /* the one to be replaced */

    /* The writer thread alone. */
    struct lat_draft draft;
    bool touched;
    size_t pending_rows, pending_id_bytes;

    atomic_bool building; /* a rebuild is under way or waits */
    atomic_uint_fast64_t
        rebuild_again; /* after a failure: the sequence at which to try again */

    /* The keeper alone. */
    size_t calibrated; /* rows at the last calibration */
    uint64_t tended;   /* the generation that is about */
    uint64_t glimpsed; /* the sequence when it was looked at last */

    atomic_uint_fast64_t searched_ns; /* when a search began lately, to within SEARCHED_NS */

    struct lat_mutex filters_mutex;
    struct lat_filter_entry *filters[LAT_FILTER_CACHE]; /* newest first */

    struct lat_series *seconds; /* of searches */
};

/* A change for the writer thread. Lives on its caller's stack, which waits. */
struct lat_task {
    struct lat_task *next;
    struct lat_collection *collection; /* borrowed; NULL: none */
    /* Inside the transaction. What it did to the database is undone when the group fails, so it
     * may run again. */
    enum lat_status (*apply)(struct lat_task *task, struct lat_local *store,
                             struct lat_error *err);
    /* After the commit is durable, in the order of the group; cannot fail. NULL: nothing to do.
     */
    void (*commit)(struct lat_task *task, struct lat_local *store);
    bool isolated;  /* its own savepoint: failing undoes it alone */
    bool exclusive; /* a transaction of its own: it exchanges an index */
    bool taken, done;
    enum lat_status status;
    struct lat_error err;
};

struct lat_writer {
    struct lat_db *db;
    pthread_t thread;
    struct lat_mutex mutex; /* guards the queue and the flags of tasks */
    struct lat_cond arrived, finished;
    struct lat_task *first, *last;
    size_t n_waiting, usual; /* tasks queued; tasks of the last groups, for lingering */
    bool closing, started;
    uint64_t next_slot; /* writer thread alone */
};

struct lat_pool {
    struct lat_mutex mutex;
    struct lat_cond returned;
    struct lat_db **idle;
    unsigned n_idle, n;
};

/* The thread that links, saves, purges and starts rebuilds. */
struct lat_keeper {
    pthread_t thread;
    struct lat_mutex mutex;
    struct lat_cond wake, progress; /* progress: rows were linked, a rebuild ended */
    bool signalled, closing, started;
    size_t untrimmed;    /* rows linked since memory was given back; its thread alone */
    atomic_bool purging; /* there may be rows of dropped collections */
    /* What a deleted user left may still be in the log: when to try again; 0: it is not. */
    atomic_uint_fast64_t empty_again_ns;
    pthread_t rebuilder;
    bool rebuilder_started, rebuilder_done;
    struct lat_collection *rebuilding; /* of the rebuilder, a reference */
};

struct lat_local {
    struct lat_store base;
    char folder[LAT_PATH_MAX];
    int lock_fd;
    uint8_t uuid[LAT_UUID_LEN];
    uint64_t busy_ns;
    unsigned rebuild_threads;
    atomic_bool closing;

    struct lat_rwlock table_lock;
    struct lat_collection **table; /* by name; one reference each */
    size_t n_table, table_capacity;
    struct lat_alias *aliases; /* by name; the writer alone exchanges it, under the same lock */
    size_t n_aliases;
    atomic_bool held;        /* writers wait for a generation to be switched to */
    atomic_bool has_aliases; /* so that a store without does not look */

    struct lat_writer writer;
    struct lat_pool pool;
    struct lat_keeper keeper;
};

static inline struct lat_local *lat_local_of(struct lat_store *store)
{
    return (struct lat_local *)store;
}

/* local_open.c */
enum lat_status lat_local_open(const struct lat_store_options *options,
                               struct lat_store **out_store, struct lat_error *err);
void lat_local_close(struct lat_store *base);
/* flock on FOLDER/lock; *out_fd is closed to release it. LAT_CONFLICT when another has it. */
enum lat_status lat_local_lock(const char *folder, int *out_fd, struct lat_error *err);
/* FOLDER/index/NAME-KEY.index */
void lat_local_index_path(const struct lat_local *store,
                          const struct lat_collection *collection, char *out, size_t size);

enum lat_status lat_local_read_uuid(struct lat_db *db, uint8_t out[LAT_UUID_LEN],
                                    struct lat_error *err);

/* local_pool.c: connections for reading. */
enum lat_status lat_pool_open(struct lat_pool *pool, const char *path, unsigned n,
                              struct lat_error *err);
void lat_pool_close(struct lat_pool *pool);
struct lat_db *lat_pool_take(struct lat_pool *pool); /* waits for one */
struct lat_db *lat_pool_try(struct lat_pool *pool);  /* NULL: none is idle */
void lat_pool_give(struct lat_pool *pool, struct lat_db *db);

/* local_writer.c: the one thread that changes rows. */
enum lat_status lat_writer_start(struct lat_local *store, struct lat_error *err);
/* Runs what is queued, then stops. */
void lat_writer_stop(struct lat_local *store);
/* Waits until the task is durable and searchable, or has failed. LAT_BUSY when the writer did
 * not come to it in time; then nothing was done. */
enum lat_status lat_writer_run(struct lat_local *store, struct lat_task *task,
                               struct lat_error *err);
uint64_t lat_writer_new_slot(struct lat_local *store); /* inside apply */

/* local_table.c: collections as objects, and the table of them by name. */
enum lat_status lat_collection_new(int64_t key, const struct lat_collection_spec *spec,
                                   int64_t created_ms, struct lat_collection **out_collection,
                                   struct lat_error *err);
struct lat_collection *lat_collection_ref(struct lat_collection *collection);
void lat_collection_unref(struct lat_collection *collection);
/* A reference by name. LAT_NOT_FOUND. */
enum lat_status lat_collection_find(struct lat_local *store, const char *name,
                                    struct lat_collection **out_collection,
                                    struct lat_error *err);
/* The same without a look at the aliases. */
enum lat_status lat_collection_find_exact(struct lat_local *store, const char *name,
                                          struct lat_collection **out_collection,
                                          struct lat_error *err);
/* Puts it into the table, which takes over the caller's reference. */
enum lat_status lat_collection_enter(struct lat_local *store, struct lat_collection *collection,
                                     struct lat_error *err);
/* Takes it out, unless another has its name by now, and gives back the table's reference. */
void lat_collection_leave(struct lat_local *store, struct lat_collection *collection);
/* `hidden` takes the name and the place of `serving`, which leaves; `former` enters, its
 * reference is taken over. Commit hook: cannot fail, the table has the room. */
void lat_collection_exchange(struct lat_local *store, struct lat_collection *serving,
                             struct lat_collection *hidden, struct lat_collection *former);
/* References to all, in a list to be lat_free'd after unref'ing each. */
enum lat_status lat_collection_all(struct lat_local *store, struct lat_collection ***out_list,
                                   size_t *out_n, struct lat_error *err);
/* The index and its reference, or NULL when there is none (yet). */
struct lat_index *lat_collection_index(struct lat_collection *collection);

/* local_collection.c: create, drop, describe. */
/* Every row of `collections`, on the given connection, becomes an entry of the table. */
enum lat_status lat_collections_read(struct lat_local *store, struct lat_db *db,
                                     struct lat_error *err);
/* As lat_local_create, for a name that is none. */
enum lat_status lat_collection_create_hidden(struct lat_local *store,
                                             const struct lat_collection_spec *spec,
                                             bool *out_created, struct lat_error *err);
enum lat_status lat_local_create(struct lat_store *base, const struct lat_collection_spec *spec,
                                 bool *out_created, struct lat_error *err);
enum lat_status lat_local_drop(struct lat_store *base, const char *name, struct lat_error *err);
enum lat_status lat_local_describe(struct lat_store *base, const char *name,
                                   struct lat_collection_info *out_info, struct lat_error *err);
enum lat_status lat_local_spec(struct lat_store *base, const char *name,
                               struct lat_collection_spec *out_spec, struct lat_error *err);
enum lat_status lat_local_collections(struct lat_store *base, const char *after, size_t limit,
                                      struct lat_collection_info **out_infos, size_t *out_n,
                                      struct lat_error *err);

/* local_write.c, local_delete.c */
enum lat_status lat_local_write(struct lat_store *base, const char *name,
                                const struct lat_write *writes, size_t n, bool atomic,
                                struct lat_write_result *out_results, struct lat_error *err);
enum lat_status lat_local_delete_where(struct lat_store *base, const char *name,
                                       const struct lat_filter *filter, bool dry_run,
                                       uint64_t *out_n, struct lat_error *err);

/* local_read.c */
enum lat_status lat_local_get(struct lat_store *base, const char *name, const char *id,
                              unsigned parts, struct lat_item *out_item, struct lat_error *err);
enum lat_status lat_local_list(struct lat_store *base, const char *name,
                               const struct lat_filter *filter, const char *cursor,
                               size_t limit, unsigned parts, struct lat_item_list *out_list,
                               struct lat_error *err);
enum lat_status lat_local_count(struct lat_store *base, const char *name,
                                const struct lat_filter *filter, uint64_t *out_n,
                                struct lat_error *err);

/* local_search.c */
enum lat_status lat_local_search(struct lat_store *base, const char *name,
                                 const struct lat_query *query,
                                 struct lat_search_result *out_result, struct lat_error *err);

/* local_changes.c */
struct lat_changes;
enum lat_status lat_local_changes(struct lat_store *base, const char *name, uint64_t after,
                                  size_t limit, struct lat_changes *out_changes,
                                  struct lat_error *err);

/* local_filter.c: which positions pass a filter, remembered. */
struct lat_filter_entry {
    atomic_uint refs;
    char *key; /* SQL and values, as bytes */
    size_t key_len;
    uint64_t generation; /* of the index the bitmap is about */
    uint64_t sequence;   /* changes up to here are in it */
    uint64_t *passed;    /* bitmap by position */
    size_t n_words;
};
enum lat_status lat_filter_bitmap(struct lat_local *store, struct lat_collection *collection,
                                  const struct lat_index *index,
                                  const struct lat_filter *filter,
                                  struct lat_filter_entry **out_entry, struct lat_error *err);
void lat_filter_entry_unref(struct lat_filter_entry *entry);
void lat_filter_forget_all(struct lat_collection *collection);

/* local_load.c: from file and rows to a searchable index. */
/* Makes it searchable if it is not. */
enum lat_status lat_collection_load(struct lat_local *store, struct lat_collection *collection,
                                    struct lat_error *err);
enum lat_status lat_local_load(struct lat_store *base,
                               const struct lat_store_progress *progress,
                               struct lat_error *err);
/* Brings `index` from its sequence to that of the rows `db` sees. *out_replayed: changes. */
enum lat_status lat_index_replay(struct lat_db *db, const struct lat_collection *collection,
                                 struct lat_index *index, struct lat_rwlock *lock,
                                 uint64_t *out_replayed, struct lat_error *err);

/* local_keeper.c */
enum lat_status lat_keeper_start(struct lat_local *store, struct lat_error *err);
void lat_keeper_stop(struct lat_local *store);
void lat_keeper_wake(struct lat_local *store);

/* local_link.c */
/* Somebody searches this collection: its new rows are linked soon. */
void lat_keeper_note_search(struct lat_collection *collection);
/* Holds a writer of `n` rows back while the rows not linked yet are many. */
void lat_keeper_throttle(struct lat_local *store, struct lat_collection *collection, size_t n);

/* index_tune.c: chooses the breadth at which `index` finds 97 % of the ten nearest of rows it
 * does not contain yet: positions [linked, linked + n_queries). Linker; `lock` as in
 * memory_index.h. */
enum { LAT_TUNE_QUERIES = 64 };
enum lat_status lat_index_calibrate(struct lat_index *index, struct lat_rwlock *lock,
                                    size_t n_queries, struct lat_error *err);

/* local_save.c */
enum lat_status lat_index_save(struct lat_local *store, struct lat_collection *collection,
                               struct lat_error *err);
enum lat_status lat_index_load_file(const struct lat_local *store,
                                    const struct lat_collection *collection,
                                    struct lat_index **out_index, struct lat_error *err);

/* local_accelerator.c */
/* A new accelerator for `index` by the settings, without rows yet; *out_ann is NULL when there
 * is to be none (flat, auto while small, too few rows to train with). */
enum lat_status lat_index_new_accelerator(const struct lat_index *index,
                                          const struct lat_index_spec *spec,
                                          struct lat_rwlock *lock, bool may_train,
                                          unsigned threads, struct lat_ann **out_ann,
                                          struct lat_error *err);
/* Whether rows are to be trained on before there can be an accelerator. */
bool lat_index_wants_training(const struct lat_index_spec *spec, uint64_t live);

/* local_rebuild.c */
struct lat_rebuild {
    const struct lat_index_spec *spec; /* NULL: as it is */
    bool (*progress)(void *context, double done);
    void *context;
};
/* Builds a new index beside the old one and switches. The caller has set collection->building.
 */
enum lat_status lat_index_rebuild(struct lat_local *store, struct lat_collection *collection,
                                  const struct lat_rebuild *rebuild, struct lat_error *err);
enum lat_status lat_local_reindex(struct lat_store *base, const char *name,
                                  const struct lat_index_spec *spec,
                                  bool (*progress)(void *context, double done), void *context,
                                  struct lat_error *err);

/* local_alias.c */
enum lat_status lat_aliases_read(struct lat_local *store, struct lat_db *db,
                                 struct lat_error *err);
enum lat_status lat_local_alias_set(struct lat_store *base, const char *alias,
                                    const char *collection, struct lat_alias *out,
                                    bool *out_created, struct lat_error *err);
enum lat_status lat_local_alias_drop(struct lat_store *base, const char *alias,
                                     struct lat_error *err);
enum lat_status lat_local_alias_get(struct lat_store *base, const char *name,
                                    struct lat_alias *out, struct lat_error *err);
enum lat_status lat_local_aliases(struct lat_store *base, const char *after, size_t limit,
                                  struct lat_alias **out_aliases, size_t *out_n,
                                  struct lat_error *err);
bool lat_local_alias_resolve(struct lat_store *base, const char *name,
                             char out_collection[LAT_COLLECTION_NAME_MAX]);
/* Inside apply: no alias has this name; none points to this collection. LAT_CONFLICT. */
enum lat_status lat_alias_check_free(struct lat_local *store, const char *name,
                                     struct lat_error *err);
enum lat_status lat_alias_check_none(struct lat_local *store, const char *collection,
                                     struct lat_error *err);

/* local_jobs.c */
enum lat_status lat_local_job_save(struct lat_store *base, const struct lat_job_row *row,
                                   struct lat_error *err);
enum lat_status lat_local_job_forget(struct lat_store *base, const char *id,
                                     struct lat_error *err);
enum lat_status lat_local_jobs(struct lat_store *base, size_t limit,
                               struct lat_job_row **out_rows, size_t *out_n,
                               struct lat_error *err);

/* local_read.c: columns of a stored item, and the item of such a row; `item` starts empty and
 * is released by the caller on failure. */
#define LAT_ITEM_COLUMNS                                                                       \
    "i.slot, i.id, i.version, i.hidden, i.error, i.created_ms, i.updated_ms,"                  \
    " CASE WHEN json_valid(i.metadata) THEN i.metadata END, n.type, n.slot IS NOT NULL"
#define LAT_ITEM_FROM " FROM items i LEFT JOIN inputs n ON n.slot=i.slot "
enum lat_status lat_item_read_row(struct lat_db *db, struct lat_stmt *row, size_t d,
                                  unsigned parts, struct lat_item *item, struct lat_error *err);

/* local_cursor.c: a text of a list of this collection, as a cursor (NULL without memory) and
 * back into out [size]; LAT_INVALID bad_cursor. */
char *lat_cursor_make(int64_t key, const char *text);
/* What cursors of items and histories belong to: the collection's name, as ids and users
 * outlive a change of the generation. */
int64_t lat_cursor_key(const struct lat_collection *collection);
enum lat_status lat_cursor_read(int64_t key, const char *cursor, char *out, size_t size,
                                struct lat_error *err);

/* local_scores.c */
enum lat_status lat_local_sample(struct lat_store *base, const char *name, size_t n,
                                 struct lat_item_list *out_list, struct lat_error *err);
enum lat_status lat_local_worst(struct lat_store *base, const char *name, const char *cursor,
                                size_t limit, struct lat_item_list *out_list,
                                struct lat_error *err);
enum lat_status lat_local_unscored(struct lat_store *base, const char *name, uint64_t after,
                                   size_t limit, struct lat_item_list *out_list,
                                   uint64_t *out_slots, struct lat_error *err);
enum lat_status lat_local_set_scores(struct lat_store *base, const uint64_t *slots,
                                     const float *scores, size_t n, struct lat_error *err);

#endif
