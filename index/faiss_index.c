/* The two kinds of accelerator under one name, and the loop that takes rows in. What FAISS does
 * is in faiss_graph.cpp and faiss_shim.cpp.
 *
 * Taking in, for each row of a graph (or few rows of another index):
 *     grow if there is no room    copy beside, exchange under the lock
 *     prepare                     no lock
 *     commit                      under the lock, some microseconds
 * Only the linker changes anything here, so what prepare saw still holds at commit. */
#include "index/faiss_index.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/urgency.h"
#include "index/distance.h"
#include "index/faiss_shim.h"

#include "base/banned.h"

enum {
    EF_DEFAULT = 96, /* until it is calibrated */
    CALIBRATED_K = 10,
    EF_MOST = 1024,
    NPROBE_DEFAULT = 16,
    FACTORY_CHUNK = 32, /* rows added to a factory index in one hold of the lock */
    OVERSAMPLE = 4,     /* candidates per hit of an index that may be lossy */
    OVERSAMPLE_LEAST = 64,
};

struct lat_ann {
    enum lat_distance metric;
    size_t d;
    char kind[LAT_FACTORY_MAX];
    struct lat_shim_graph *graph; /* one of the two */
    struct lat_shim_index *index;
    uint32_t breadth;
    uint64_t trained;
};

static enum lat_status tell(enum lat_status status, const struct lat_shim_error *error,
                            struct lat_error *err)
{
    return status == LAT_OK ? LAT_OK : lat_fail(err, status, NULL, "FAISS: %s", error->words);
}

const char *lat_faiss_version(void)
{
    static char text[64];
    if (!text[0])
        snprintf(text, sizeof(text), "%s (%s)", lat_shim_version(), LAT_FAISS_MARCH);
    return text;
}

/* The words of "Error in FUNCTION at FILE:LINE: WORDS": where in FAISS that is says nothing to
 * a client. */
static const char *words_of(const char *text)
{
    const char *file = strstr(text, ".cpp:");
    const char *words = file ? strstr(file, ": ") : NULL;
    return words ? words + 2 : text;
}

enum lat_status lat_ann_check_factory(const char *factory, size_t d, struct lat_error *err)
{
    struct lat_shim_error error = {""};
    struct lat_shim_index *index = NULL;
    const enum lat_status status =
        lat_shim_index_new(LAT_DISTANCE_L2, d, factory, &index, &error);
    lat_shim_index_free(index);
    if (status == LAT_OK || status == LAT_NO_MEMORY)
        return tell(status, &error, err);
    return lat_fail(err, LAT_INVALID, "invalid_factory", "index factory '%s': FAISS says: %s",
                    factory, words_of(error.words));
}

/* ---- life ---- */

static struct lat_ann *new_ann(enum lat_distance metric, size_t d)
{
    struct lat_ann *ann = lat_alloc(1, sizeof(*ann));
    if (!ann)
        return NULL;
    ann->metric = metric;
    ann->d = d;
    return ann;
}

enum lat_status lat_ann_new_graph(enum lat_distance metric, size_t d, uint32_t m,
                                  uint32_t ef_construction, struct lat_ann **out_ann,
                                  struct lat_error *err)
{
    struct lat_shim_error error = {""};
    struct lat_ann *ann = new_ann(metric, d);
    if (!ann)
        return lat_fail_memory(err);
    m = m ? m : LAT_HNSW_M;
    snprintf(ann->kind, sizeof(ann->kind), "HNSW%u,Flat", m);
    ann->breadth = EF_DEFAULT;
    const enum lat_status status = lat_shim_graph_new(
        metric, m, ef_construction ? ef_construction : LAT_HNSW_EF_CONSTRUCTION, &ann->graph,
        &error);
    if (status != LAT_OK) {
        lat_ann_free(ann);
        return tell(status, &error, err);
    }
    *out_ann = ann;
    return LAT_OK;
}

enum lat_status lat_ann_new_factory(enum lat_distance metric, size_t d, const char *factory,
                                    const float *train, size_t n_train, unsigned threads,
                                    struct lat_ann **out_ann, struct lat_error *err)
{
    struct lat_shim_error error = {""};
    struct lat_ann *ann = new_ann(metric, d);
    if (!ann)
        return lat_fail_memory(err);
    snprintf(ann->kind, sizeof(ann->kind), "%s", factory);
    enum lat_status status = lat_shim_index_new(metric, d, factory, &ann->index, &error);
    if (status == LAT_OK && lat_shim_index_needs_training(ann->index))
        status = n_train ? lat_shim_index_train(ann->index, n_train, train, threads, &error)
                         : LAT_INVALID;
    if (status != LAT_OK) {
        lat_ann_free(ann);
        return tell(status, &error, err);
    }
    const uint32_t most = lat_ann_max_breadth(ann);
    lat_ann_set_breadth(ann, most < NPROBE_DEFAULT ? most : NPROBE_DEFAULT);
    *out_ann = ann;
    return LAT_OK;
}

void lat_ann_free(struct lat_ann *ann)
{
    if (!ann)
        return;
    if (ann->graph)
        lat_shim_graph_free(ann->graph);
    if (ann->index)
        lat_shim_index_free(ann->index);
    lat_free(ann);
}

/* ---- what it is ---- */

const char *lat_ann_kind(const struct lat_ann *ann)
{
    return ann->kind;
}

bool lat_ann_is_graph(const struct lat_ann *ann)
{
    return ann->graph != NULL;
}

size_t lat_ann_bytes(const struct lat_ann *ann)
{
    if (!ann)
        return 0;
    return ann->graph ? lat_shim_graph_bytes(ann->graph) : lat_shim_index_bytes(ann->index);
}

size_t lat_ann_count(const struct lat_ann *ann)
{
    return ann->graph ? lat_shim_graph_count(ann->graph) : lat_shim_index_count(ann->index);
}

uint64_t lat_ann_trained(const struct lat_ann *ann)
{
    return ann->trained;
}

void lat_ann_set_trained(struct lat_ann *ann, uint64_t rows)
{
    ann->trained = rows;
}

uint32_t lat_ann_breadth(const struct lat_ann *ann)
{
    return ann->breadth;
}

void lat_ann_set_breadth(struct lat_ann *ann, uint32_t breadth)
{
    ann->breadth = breadth;
    if (ann->index)
        lat_shim_index_set_breadth(ann->index, breadth);
}

uint32_t lat_ann_max_breadth(const struct lat_ann *ann)
{
    if (ann->graph)
        return EF_MOST;
    const size_t most = lat_shim_index_max_breadth(ann->index);
    return most < UINT32_MAX ? (uint32_t)most : UINT32_MAX;
}

/* ---- taking rows in ---- */

static void take(struct lat_rwlock *lock)
{
    if (lock)
        lat_rwlock_write(lock);
}

static void give(struct lat_rwlock *lock)
{
    if (lock)
        lat_rwlock_unlock(lock);
}

static enum lat_status link_row(struct lat_ann *ann, const struct lat_vectors *vectors,
                                struct lat_rwlock *lock, size_t n_more, atomic_size_t *linked,
                                struct lat_shim_error *error)
{
    struct lat_shim_graph *graph = ann->graph;
    enum lat_status status = LAT_OK;
    if (!lat_shim_graph_has_room(graph)) {
        status = lat_shim_graph_grow(graph, n_more, error);
        if (status != LAT_OK)
            return status;
        take(lock);
        lat_shim_graph_grown(graph);
        give(lock);
        lat_shim_graph_trim(graph);
    }
    lat_urgency_pause();
    status = lat_shim_graph_prepare(graph, vectors, error);
    if (status != LAT_OK)
        return status;
    /* A lock that is held for every row would be waited for by every search whenever the
     * scheduler takes the CPU from the linker right then. */
    if (lat_shim_graph_may_commit_beside(graph))
        lock = NULL;
    take(lock);
    lat_shim_graph_commit(graph);
    atomic_store_explicit(linked, lat_shim_graph_count(graph), memory_order_release);
    give(lock);
    return LAT_OK;
}

static enum lat_status add_rows(struct lat_ann *ann, const struct lat_vectors *vectors,
                                struct lat_rwlock *lock, size_t n, atomic_size_t *linked,
                                struct lat_shim_error *error)
{
    float *rows = lat_alloc_raw(n * ann->d, sizeof(*rows));
    if (!rows)
        return LAT_NO_MEMORY;
    const size_t first = lat_shim_index_count(ann->index);
    for (size_t i = 0; i < n; i++)
        memcpy(rows + i * ann->d, lat_vectors_row(vectors, first + i), ann->d * sizeof(*rows));
    enum lat_status status = lat_shim_index_prepare(ann->index, n, rows, error);
    if (status == LAT_OK) {
        take(lock);
        status = lat_shim_index_commit(ann->index, error);
        atomic_store_explicit(linked, lat_shim_index_count(ann->index), memory_order_release);
        give(lock);
    }
    lat_free(rows);
    return status;
}

enum lat_status lat_ann_link(struct lat_ann *ann, const struct lat_vectors *vectors,
                             struct lat_rwlock *lock, size_t n, atomic_size_t *linked,
                             struct lat_error *err)
{
    struct lat_shim_error error = {"out of memory"};
    enum lat_status status = LAT_OK;
    while (n && status == LAT_OK) {
        const size_t step = ann->graph ? 1 : n < FACTORY_CHUNK ? n : FACTORY_CHUNK;
        status = ann->graph ? link_row(ann, vectors, lock, n, linked, &error)
                            : add_rows(ann, vectors, lock, step, linked, &error);
        n -= step;
    }
    return tell(status, &error, err);
}

/* ---- searching ---- */

static enum lat_status search_index(const struct lat_ann *ann,
                                    const struct lat_vectors *vectors, const float *query,
                                    const struct lat_ann_effort *effort, uint32_t breadth,
                                    struct lat_top *top, struct lat_error *err)
{
    struct lat_shim_error error = {""};
    const struct lat_shim_select select = {effort->shown, effort->passed,
                                           effort->n_passed_words};
    const size_t count = lat_shim_index_count(ann->index);
    size_t k = effort->k * OVERSAMPLE + OVERSAMPLE_LEAST;
    k = k < count ? k : count;
    int64_t *found = lat_alloc_raw(k ? k : 1, sizeof(*found));
    if (!found)
        return lat_fail_memory(err);
    const enum lat_status status =
        lat_shim_index_search(ann->index, query, k, breadth, &select, found, &error);
    for (size_t i = 0; status == LAT_OK && i < k; i++) {
        if (found[i] < 0 || (size_t)found[i] >= count)
            continue;
        const float *row = lat_vectors_row(vectors, (size_t)found[i]);
        lat_top_offer(top, (struct lat_candidate){lat_score(ann->metric, query, row, ann->d),
                                                  (uint32_t)found[i]});
    }
    lat_free(found);
    return tell(status, &error, err);
}

enum lat_status lat_ann_search(const struct lat_ann *ann, const struct lat_vectors *vectors,
                               const float *query, const struct lat_ann_effort *effort,
                               struct lat_top *top, struct lat_error *err)
{
    if (ann->index) {
        const uint32_t breadth = effort->nprobe ? effort->nprobe
                                 : effort->ef   ? effort->ef
                                                : ann->breadth;
        return search_index(ann, vectors, query, effort, breadth, top, err);
    }
    struct lat_shim_error error = {""};
    const struct lat_shim_select select = {effort->shown, effort->passed,
                                           effort->n_passed_words};
    uint32_t ef = effort->ef ? effort->ef : ann->breadth;
    /* Calibrated for a handful of hits: more of them need as much more. */
    if (!effort->ef && effort->k > CALIBRATED_K)
        ef += (uint32_t)effort->k;
    if (ef < effort->k)
        ef = (uint32_t)effort->k;
    return tell(
        lat_shim_graph_search(ann->graph, effort->n, vectors, query, ef, &select, top, &error),
        &error, err);
}

/* ---- bytes ---- */

/* What stands before the bytes of either kind. */
struct ann_head {
    char kind[LAT_FACTORY_MAX];
    uint32_t is_graph, breadth;
    uint64_t trained;
};

struct bridge {
    lat_ann_write_fn *write;
    lat_ann_read_fn *read;
    void *context;
    enum lat_status status;
    struct lat_error *err;
};

static bool bridge_write(void *context, const void *bytes, size_t len)
{
    struct bridge *bridge = context;
    bridge->status = len ? bridge->write(bridge->context, bytes, len, bridge->err) : LAT_OK;
    return bridge->status == LAT_OK;
}

static bool bridge_read(void *context, void *bytes, size_t len)
{
    struct bridge *bridge = context;
    bridge->status = len ? bridge->read(bridge->context, bytes, len, bridge->err) : LAT_OK;
    return bridge->status == LAT_OK;
}

/* The bridge's own failure comes first: the shim only knows that it was interrupted. */
static enum lat_status end_bridge(const struct bridge *bridge, enum lat_status status,
                                  const struct lat_shim_error *error, struct lat_error *err)
{
    return bridge->status != LAT_OK ? bridge->status : tell(status, error, err);
}

enum lat_status lat_ann_save(const struct lat_ann *ann, lat_ann_write_fn *write, void *context,
                             struct lat_error *err)
{
    struct lat_shim_error error = {""};
    struct bridge bridge = {.write = write, .context = context, .err = err};
    struct ann_head head = {
        .is_graph = ann->graph != NULL, .breadth = ann->breadth, .trained = ann->trained};
    memcpy(head.kind, ann->kind, sizeof(head.kind));
    if (!bridge_write(&bridge, &head, sizeof(head)))
        return bridge.status;
    const enum lat_status status =
        ann->graph ? lat_shim_graph_write(ann->graph, bridge_write, &bridge, &error)
                   : lat_shim_index_write(ann->index, bridge_write, &bridge, &error);
    return end_bridge(&bridge, status, &error, err);
}

enum lat_status lat_ann_load(enum lat_distance metric, size_t d, size_t n,
                             lat_ann_read_fn *read, void *context, struct lat_ann **out_ann,
                             struct lat_error *err)
{
    struct lat_shim_error error = {""};
    struct bridge bridge = {.read = read, .context = context, .err = err};
    struct ann_head head;
    struct lat_ann *ann = new_ann(metric, d);
    if (!ann)
        return lat_fail_memory(err);
    if (!bridge_read(&bridge, &head, sizeof(head))) {
        lat_ann_free(ann);
        return bridge.status;
    }
    head.kind[sizeof(head.kind) - 1] = '\0';
    memcpy(ann->kind, head.kind, sizeof(ann->kind));
    ann->trained = head.trained;
    enum lat_status status =
        head.is_graph
            ? lat_shim_graph_read(metric, n, bridge_read, &bridge, &ann->graph, &error)
            : lat_shim_index_read(d, bridge_read, &bridge, &ann->index, &error);
    status = end_bridge(&bridge, status, &error, err);
    if (status == LAT_OK && lat_ann_count(ann) > n)
        status = lat_fail(err, LAT_CORRUPT, NULL, "%zu rows in an index of %zu",
                          lat_ann_count(ann), n);
    if (status != LAT_OK) {
        lat_ann_free(ann);
        return status;
    }
    lat_ann_set_breadth(ann, head.breadth);
    *out_ann = ann;
    return LAT_OK;
}
