/* FAISS behind extern "C", for faiss_index.c alone. Every call catches all C++ exceptions: it
 * returns a status and leaves FAISS's words in `words`. What the C API of FAISS lacks is here:
 * an index over rows it does not own, selectors and search breadth by query, additions prepared
 * beside searches.
 *
 * A graph is faiss::HNSW, the links alone; its rows are the caller's (struct lat_vectors). */
#ifndef LAT_INDEX_FAISS_SHIM_H
#define LAT_INDEX_FAISS_SHIM_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "index/exact.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { LAT_SHIM_WORDS = 256 };

struct lat_shim_error {
    char words[LAT_SHIM_WORDS];
};

/* Which positions may be found. */
struct lat_shim_select {
    const uint64_t *shown;  /* NULL: all */
    const uint64_t *passed; /* NULL: all */
    size_t n_passed_words;
};

/* Sequential bytes; false: failed. */
typedef bool lat_shim_write_fn(void *context, const void *bytes, size_t len);
typedef bool lat_shim_read_fn(void *context, void *bytes, size_t len);

const char *lat_shim_version(void);

/* ---- graph (faiss_graph.cpp) ---- */

struct lat_shim_graph;

enum lat_status lat_shim_graph_new(enum lat_distance metric, uint32_t m,
                                   uint32_t ef_construction, struct lat_shim_graph **out,
                                   struct lat_shim_error *error);
void lat_shim_graph_free(struct lat_shim_graph *graph);
size_t lat_shim_graph_bytes(const struct lat_shim_graph *graph);
size_t lat_shim_graph_count(const struct lat_shim_graph *graph);

/* Whether the next row fits without moving the links; if not, _grow makes larger copies beside
 * them and _grown exchanges the two (quick: under the lock), _trim frees the old ones. */
bool lat_shim_graph_has_room(const struct lat_shim_graph *graph);
enum lat_status lat_shim_graph_grow(struct lat_shim_graph *graph, size_t n_more,
                                    struct lat_shim_error *error);
void lat_shim_graph_grown(struct lat_shim_graph *graph);
void lat_shim_graph_trim(struct lat_shim_graph *graph);

/* Finds the neighbours of the next row and what becomes of theirs, without changing what a
 * search sees; then makes it so (quick, cannot fail). _may_commit_beside, asked in between,
 * says whether searches may run during that; they must be kept out otherwise. */
enum lat_status lat_shim_graph_prepare(struct lat_shim_graph *graph,
                                       const struct lat_vectors *vectors,
                                       struct lat_shim_error *error);
bool lat_shim_graph_may_commit_beside(const struct lat_shim_graph *graph);
void lat_shim_graph_commit(struct lat_shim_graph *graph);

/* Among the first n rows, n being at most lat_shim_graph_count() at some moment before. */
enum lat_status lat_shim_graph_search(const struct lat_shim_graph *graph, size_t n,
                                      const struct lat_vectors *vectors, const float *query,
                                      uint32_t ef, const struct lat_shim_select *select,
                                      struct lat_top *top, struct lat_shim_error *error);
/* FAISS's own walk of the same links: the reference twin. */
enum lat_status lat_shim_graph_search_faiss(const struct lat_shim_graph *graph,
                                            const struct lat_vectors *vectors,
                                            const float *query, uint32_t ef,
                                            struct lat_top *top, struct lat_shim_error *error);

enum lat_status lat_shim_graph_write(const struct lat_shim_graph *graph,
                                     lat_shim_write_fn *write, void *context,
                                     struct lat_shim_error *error);
/* LAT_CORRUPT unless it is a whole graph of n rows: every link is checked. */
enum lat_status lat_shim_graph_read(enum lat_distance metric, size_t n, lat_shim_read_fn *read,
                                    void *context, struct lat_shim_graph **out,
                                    struct lat_shim_error *error);

/* ---- factory indexes (faiss_shim.cpp) ---- */

struct lat_shim_index;

/* Makes one from its string; it may need training. */
enum lat_status lat_shim_index_new(enum lat_distance metric, size_t d, const char *factory,
                                   struct lat_shim_index **out, struct lat_shim_error *error);
void lat_shim_index_free(struct lat_shim_index *index);
bool lat_shim_index_needs_training(const struct lat_shim_index *index);
enum lat_status lat_shim_index_train(struct lat_shim_index *index, size_t n, const float *rows,
                                     unsigned threads, struct lat_shim_error *error);
size_t lat_shim_index_count(const struct lat_shim_index *index);
size_t lat_shim_index_bytes(const struct lat_shim_index *index);
/* The largest breadth a search can take: lists of an inverted file, rows for a graph, 0 for
 * others. Setting it is for indexes that take none by query; not beside a search. */
size_t lat_shim_index_max_breadth(const struct lat_shim_index *index);
void lat_shim_index_set_breadth(struct lat_shim_index *index, uint32_t breadth);

/* Adds rows in two steps where the index allows it: what is slow in prepare, the rest in
 * commit. */
enum lat_status lat_shim_index_prepare(struct lat_shim_index *index, size_t n,
                                       const float *rows, struct lat_shim_error *error);
enum lat_status lat_shim_index_commit(struct lat_shim_index *index,
                                      struct lat_shim_error *error);

/* Up to k positions into out [k], -1 where there are none. `breadth`: nprobe, or ef of a graph
 * inside. */
enum lat_status lat_shim_index_search(const struct lat_shim_index *index, const float *query,
                                      size_t k, uint32_t breadth,
                                      const struct lat_shim_select *select, int64_t *out,
                                      struct lat_shim_error *error);

enum lat_status lat_shim_index_write(const struct lat_shim_index *index,
                                     lat_shim_write_fn *write, void *context,
                                     struct lat_shim_error *error);
enum lat_status lat_shim_index_read(size_t d, lat_shim_read_fn *read, void *context,
                                    struct lat_shim_index **out, struct lat_shim_error *error);

#ifdef __cplusplus
}
#endif

#endif
