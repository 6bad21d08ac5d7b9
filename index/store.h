/* The store: collections of items, each an id, a code, metadata, the original input.
 *
 * One interface for several backends, of which there is one so far: local_store.c, SQLite rows
 * and a FAISS index. A backend is one `const struct lat_store_ops` and one line in
 * lat_store_backends[] (docs/adding-a-backend.md).
 *
 * What every backend keeps (the law; how local_store.c keeps it stands at the head of that
 * file):
 * 1. The row is the truth, the index a cache that may be deleted at any time.
 * 2. Index slots are never reused; the slot of a row is in the row.
 * 3. A write is acknowledged after its commit is durable, and the next search finds it.
 * 4. Every change has a sequence number; the index file knows the last one it contains; opening
 *    replays the rest, and a larger gap rebuilds.
 * 5. A delete marks the row first; a search never returns a deleted row; dead slots are
 *    excluded and reclaimed by a rebuild that searches do not wait for.
 * 6. Files are written to a temporary name, synced, renamed, and carry a checksum.
 * 7. Dimension, metric and model version of a collection never change within a generation.
 * 8. A filter is counted first: when few rows pass, the answer is an exact scan over them.
 *
 * Threads: every function may be called from any thread, and blocks until it is done. Writers
 * share commits. Searches never wait for a rebuild and at most one bounded chunk of an
 * insertion. Errors carry words naming the collection and the item. LAT_DISK_FULL on a write:
 * nothing of it was done and reads go on. */
#ifndef LAT_INDEX_STORE_H
#define LAT_INDEX_STORE_H

#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"
#include "index/filter.h"

enum {
    LAT_ID_MAX = 256,
    LAT_COLLECTION_NAME_MAX = 64,
    LAT_MODEL_REF_MAX = 80,
    LAT_FACTORY_MAX = 128,
    LAT_MIME_MAX = 64,
    LAT_JOB_ID_SIZE = 33,
    LAT_JOB_WORD_MAX = 16,
    LAT_JOB_SUBJECT_MAX = 80,
    LAT_JOB_CODE_MAX = 48
};

enum lat_distance { LAT_DISTANCE_L2, LAT_DISTANCE_COSINE, LAT_DISTANCE_IP };
enum lat_index_type {
    LAT_INDEX_AUTO,
    LAT_INDEX_FLAT,
    LAT_INDEX_HNSW,
    LAT_INDEX_IVF,
    LAT_INDEX_FACTORY
};
extern const char *const lat_distance_names[3];   /* "l2" "cosine" "ip" */
extern const char *const lat_index_type_names[5]; /* "auto" "flat" "hnsw" "ivf" "factory" */

struct lat_index_spec {
    enum lat_index_type type;      /* auto: flat while small, hnsw beyond */
    char factory[LAT_FACTORY_MAX]; /* FAISS factory string when type is factory, else "" */
    uint32_t m, ef_construction, ef_search; /* hnsw; 0 = default */
    uint32_t nlist, nprobe;                 /* ivf; 0 = default (nlist from the count) */
};

struct lat_collection_spec {
    char name[LAT_COLLECTION_NAME_MAX];
    char model[LAT_MODEL_REF_MAX]; /* "m@v", "" when codes come from outside */
    uint32_t dimension;            /* 0: interactions only */
    enum lat_distance metric;
    struct lat_index_spec index;
    bool keep_inputs;
    double max_error; /* of pictures kept compressed; 0: inputs are kept as they came */
};

struct lat_collection_info {
    struct lat_collection_spec spec;
    uint64_t items, hidden, dead; /* live rows (hidden among them); dead slots in the index */
    char index_kind[LAT_FACTORY_MAX]; /* what is built now: "Flat", "HNSW32,Flat", ... */
    const char *index_state;          /* "ready" or "rebuilding"; static storage */
    uint64_t index_bytes, data_bytes; /* memory of the index; rows on disk (approximate) */
    uint64_t sequence;                /* last change */
    uint64_t lag;     /* committed changes the index file does not contain yet */
    uint64_t waiting; /* rows the approximate index has not taken in yet; found by scanning */
    int64_t created_ms;
    uint64_t users, interactions;        /* index/interactions.h */
    char recommender[LAT_MODEL_REF_MAX]; /* the model that serves its users, "" for none */
};

/* One item to be written, borrowed for the call. */
enum lat_write_kind { LAT_WRITE_PUT, LAT_WRITE_PATCH, LAT_WRITE_DELETE };
struct lat_write {
    enum lat_write_kind kind;
    const char *id;       /* NUL-terminated, lat_id_valid */
    const float *code;    /* PUT: [dimension], NULL for a collection without codes */
    const char *model;    /* the model the code is of: another one now is LAT_CONFLICT
                             (generation_changed); NULL: not said */
    const char *metadata; /* JSON object text or NULL (PUT: {}; PATCH: unchanged) */
    const void *input;    /* PUT: original bytes or NULL; ignored without keep_inputs */
    size_t input_len;
    const char *input_type; /* its media type, or NULL */
    float error;            /* PUT: reconstruction error, NaN when not known */
    int hidden;             /* 0, 1, or -1 for unchanged (PUT: -1 = 0) */
    uint64_t if_match;      /* required current version, 0 = any, UINT64_MAX = must exist */
    uint64_t
        if_none_match; /* version it must not have, 0 = none, UINT64_MAX = must not exist */
};
struct lat_write_result {
    enum lat_status status; /* LAT_OK, LAT_NOT_FOUND, LAT_PRECONDITION, LAT_INVALID */
    bool created;           /* PUT of an id that was not there */
    uint64_t version;       /* the row's sequence number: its ETag */
};

/* A stored item. Filled by the store, released by lat_item_release. */
struct lat_item {
    char *id;
    char *metadata; /* JSON object text */
    float *code;    /* [dimension] when asked for, else NULL */
    void *input;    /* bytes when asked for and kept, else NULL */
    size_t input_len;
    bool has_input;
    char input_type[LAT_MIME_MAX];
    float error; /* NaN when not known */
    bool hidden;
    uint64_t version;
    int64_t created_ms, updated_ms;
};
enum lat_item_parts { LAT_ITEM_METADATA = 1, LAT_ITEM_CODE = 2, LAT_ITEM_INPUT = 4 };
void lat_item_release(struct lat_item *item);

struct lat_item_list {
    struct lat_item *items; /* owned */
    size_t n;
    char *next_cursor; /* owned; NULL at the end. Opaque, printable ASCII */
};
void lat_item_list_release(struct lat_item_list *list);

/* One query. */
struct lat_query {
    const float *code; /* [dimension], finite; NULL with `id` */
    const char *id;    /* search by a stored item's own code */
    const char *model; /* the model `code` is of, as in struct lat_write; NULL: not said */
    size_t k;
    const struct lat_filter *filter; /* NULL = none */
    float max_distance;              /* INFINITY = none */
    bool exact, exclude_self;
    uint32_t ef, nprobe; /* 0 = the collection's own */
    const char *const *exclude_ids;
    size_t n_exclude;
    unsigned parts; /* enum lat_item_parts of each hit */
};
struct lat_hit {
    char *id;       /* owned by the result */
    float distance; /* ascending: l2 Euclidean, cosine 1 - cos, ip the negative inner product */
    char *metadata; /* NULL unless asked for; owned by the result */
    float *code;
    float error; /* stored reconstruction error, NaN when not known */
};
struct lat_search_result {
    struct lat_hit *hits; /* in (distance, id) order; owned */
    size_t n;
    void *memory;             /* one block behind all of the above */
    uint64_t index_ns, db_ns; /* where the time went */
};
void lat_search_result_release(struct lat_search_result *result);

/* A background job as the service left it: the store keeps it and reads nothing out of it. */
struct lat_job_row {
    char id[LAT_JOB_ID_SIZE];
    char type[LAT_JOB_WORD_MAX], state[LAT_JOB_WORD_MAX];
    char subject[LAT_JOB_SUBJECT_MAX];
    double progress;
    uint32_t attempts; /* how often it was begun without getting on */
    int64_t created_ms, started_ms, ended_ms;
    char *request, *result; /* texts; NULL is "" when saved, never NULL when read */
    void *curve;            /* curve_len bytes */
    size_t curve_len;
    struct lat_error error; /* status LAT_OK: none. When read, `code` is "": see error_code */
    char error_code[LAT_JOB_CODE_MAX];
};

struct lat_store_options {
    const char *folder;       /* data directory: latentd.db, index/ */
    unsigned readers;         /* database connections for reading; 0 = 4 */
    unsigned rebuild_threads; /* 0 = 1 */
    int64_t busy_ms;          /* how long a write may wait for its commit; 0 = 30 s */
};

struct lat_store; /* begins with `const struct lat_store_ops *ops` */

/* Called once a listed collection is searchable; for readiness and its log line. */
struct lat_store_progress {
    void (*opened)(void *context, const char *collection, uint64_t items, uint64_t replayed,
                   bool rebuilt);
    void *context;
};

/* Opens the data directory (created when absent). LAT_CONFLICT when another process has it
 * open. Rows are usable at once; indexes are loaded, replayed or rebuilt by lat_store_load,
 * which may run on another thread: a search of a collection not loaded yet is LAT_UNAVAILABLE.
 */
enum lat_status lat_store_open(const struct lat_store_options *options,
                               struct lat_store **out_store,
                               struct lat_error *err) LAT_MUST_USE;
enum lat_status lat_store_load(struct lat_store *store,
                               const struct lat_store_progress *progress,
                               struct lat_error *err) LAT_MUST_USE;
/* Waits for writers, saves the index files, closes. */
void lat_store_close(struct lat_store *store);

/* *out_created is false when the same collection exists; LAT_CONFLICT (code exists) when it
 * exists with other settings, naming the first that differs. */
enum lat_status lat_store_create(struct lat_store *store,
                                 const struct lat_collection_spec *spec, bool *out_created,
                                 struct lat_error *err) LAT_MUST_USE;
enum lat_status lat_store_drop(struct lat_store *store, const char *collection,
                               struct lat_error *err) LAT_MUST_USE;
enum lat_status lat_store_describe(struct lat_store *store, const char *collection,
                                   struct lat_collection_info *out_info,
                                   struct lat_error *err) LAT_MUST_USE;
/* The spec alone, without touching the database: for hot paths. */
enum lat_status lat_store_spec(struct lat_store *store, const char *collection,
                               struct lat_collection_spec *out_spec,
                               struct lat_error *err) LAT_MUST_USE;
/* Names after `after` ("" = from the start) in order, at most `limit`; *out_infos is
 * lat_free'd. */
enum lat_status lat_store_collections(struct lat_store *store, const char *after, size_t limit,
                                      struct lat_collection_info **out_infos, size_t *out_n,
                                      struct lat_error *err) LAT_MUST_USE;

/* Applies the writes in order, in one transaction with those of other callers, and returns when
 * it is durable and searchable. results[i] says what became of writes[i]; the status is LAT_OK
 * even if some of them failed on their own. With `atomic`, one failed write undoes all: its
 * status is returned and err's pointer is "/items/i". An id twice in one call: the caller's
 * business (API: duplicate_id). */
enum lat_status lat_store_write(struct lat_store *store, const char *collection,
                                const struct lat_write *writes, size_t n, bool atomic,
                                struct lat_write_result *out_results,
                                struct lat_error *err) LAT_MUST_USE;
/* Deletes every row that passes; *out_n their number (with dry_run: only counted). */
enum lat_status lat_store_delete_where(struct lat_store *store, const char *collection,
                                       const struct lat_filter *filter, bool dry_run,
                                       uint64_t *out_n, struct lat_error *err) LAT_MUST_USE;

enum lat_status lat_store_get(struct lat_store *store, const char *collection, const char *id,
                              unsigned parts, struct lat_item *out_item,
                              struct lat_error *err) LAT_MUST_USE;
/* By id in byte order; hidden items are in the list, and marked. LAT_INVALID for a foreign
 * cursor. */
enum lat_status lat_store_list(struct lat_store *store, const char *collection,
                               const struct lat_filter *filter, const char *cursor,
                               size_t limit, unsigned parts, struct lat_item_list *out_list,
                               struct lat_error *err) LAT_MUST_USE;
enum lat_status lat_store_count(struct lat_store *store, const char *collection,
                                const struct lat_filter *filter, uint64_t *out_n,
                                struct lat_error *err) LAT_MUST_USE;

/* ---- scores of stored items ----
 *
 * An item's `error` is its score by the collection's model, or not known: it was stored with
 * it, or gets it later by lat_store_set_scores. */

/* Up to `n` items that are not hidden, ids and errors alone: all where there are no more, else
 * drawn from all over the collection, differently each time. */
enum lat_status lat_store_sample(struct lat_store *store, const char *collection, size_t n,
                                 struct lat_item_list *out_list,
                                 struct lat_error *err) LAT_MUST_USE;
/* Items by error, the largest first, equal ones by id, without parts; hidden ones and those
 * without an error are not in the list. LAT_INVALID for a foreign cursor. */
enum lat_status lat_store_worst(struct lat_store *store, const char *collection,
                                const char *cursor, size_t limit,
                                struct lat_item_list *out_list,
                                struct lat_error *err) LAT_MUST_USE;
/* At most `limit` items without an error whose inputs were kept, with their inputs and codes,
 * in the order in which they were stored, behind the slot `after` (0: from the start).
 * out_slots [limit]: theirs. */
enum lat_status lat_store_unscored(struct lat_store *store, const char *collection,
                                   uint64_t after, size_t limit, struct lat_item_list *out_list,
                                   uint64_t *out_slots, struct lat_error *err) LAT_MUST_USE;
/* Gives the items in these slots their errors (NaN: left alone). One that was replaced
 * meanwhile has another slot and is passed over; versions stay. Durable on return. */
enum lat_status lat_store_set_scores(struct lat_store *store, const uint64_t *slots,
                                     const float *scores, size_t n,
                                     struct lat_error *err) LAT_MUST_USE;

/* LAT_NOT_FOUND for an unknown collection or query id; LAT_INVALID for bad parameters. */
enum lat_status lat_store_search(struct lat_store *store, const char *collection,
                                 const struct lat_query *query,
                                 struct lat_search_result *out_result,
                                 struct lat_error *err) LAT_MUST_USE;
/* Whether this query is answered from memory in bounded time (no filter, no metadata, small k):
 * then it may run on a network thread. */
bool lat_store_search_is_cheap(const struct lat_query *query);

/* Rebuilds the index from the rows beside the old one and switches; `spec` NULL keeps the
 * settings. Blocks the caller (a job), not searches or writes. `progress` may be NULL: 0..1;
 * returning false cancels. */
enum lat_status lat_store_reindex(struct lat_store *store, const char *collection,
                                  const struct lat_index_spec *spec,
                                  bool (*progress)(void *context, double done), void *context,
                                  struct lat_error *err) LAT_MUST_USE;

/* Jobs. Saving inserts by id or overwrites all but the request, durable on return; a job that
 * is not there is forgotten without a word. The list is newest first, at most `limit`; release
 * it with lat_job_rows_release. */
enum lat_status lat_store_job_save(struct lat_store *store, const struct lat_job_row *row,
                                   struct lat_error *err) LAT_MUST_USE;
enum lat_status lat_store_job_forget(struct lat_store *store, const char *id,
                                     struct lat_error *err) LAT_MUST_USE;
enum lat_status lat_store_jobs(struct lat_store *store, size_t limit,
                               struct lat_job_row **out_rows, size_t *out_n,
                               struct lat_error *err) LAT_MUST_USE;
void lat_job_rows_release(struct lat_job_row *rows, size_t n);

/* Every invariant of a closed data directory; prints one line a finding through `report`.
 * *out_faults is the number of findings. */
enum lat_status lat_store_check(const char *folder,
                                void (*report)(void *context, const char *line), void *context,
                                uint64_t *out_faults, struct lat_error *err) LAT_MUST_USE;

/* Rows copied while they change (backups). */
struct lat_copy_request {
    const char *folder;    /* a data directory, open here, elsewhere or nowhere */
    const char *to;        /* the new file */
    const char *omit_jobs; /* jobs of this type are left out; NULL: none */
    bool (*progress)(void *context, double done); /* may be NULL; false: LAT_CANCELLED */
    void *context;
};
/* Writes every row as of one moment, not before the call, into one file that is a latentd.db by
 * itself; writers are not held back. It is not synced; on failure it is gone. Appends the
 * models that the collections there use, a line each, to `out_models`. LAT_NOT_FOUND when there
 * is no store in the folder. */
enum lat_status lat_store_copy(const struct lat_copy_request *request,
                               struct lat_buf *out_models, struct lat_error *err) LAT_MUST_USE;
/* Of the rows this program writes; it reads those up to it. */
int lat_store_schema_version(void);

/* The libraries behind the store, for --version and GET /v1/info: "3.40.1"; "1.7.3 (x86-64-v3)"
 * with what FAISS was compiled for ("baseline" without AVX2). Static storage. */
const char *lat_store_sqlite_version(void);
const char *lat_store_faiss_version(void);

#endif
