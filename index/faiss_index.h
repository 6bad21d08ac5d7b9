/* The accelerator of one collection: FAISS behind our own status and words.
 *
 * It knows positions 0 ... n - 1 of a memory index and nothing of ids. Two kinds:
 *  - a *graph* (HNSW): FAISS's links over the memory index's own rows, which are not copied.
 *    One linker adds a row at a time: all the work is done beside the searches, and only the
 *    finished lists are exchanged under the lock;
 *  - a *factory* index, any FAISS factory string (ivf is one of them): FAISS holds its own
 *    copy of the rows in whatever form, candidates are scored again with the memory index's
 *    rows.
 *
 * No C++ exception leaves it: std::bad_alloc is LAT_NO_MEMORY, what FAISS refuses is
 * LAT_INVALID with FAISS's words. FAISS's own threads are held to one, except while training
 * and building.
 *
 * Threads: searching may be concurrent with searching; lat_ann_link takes the lock where it
 * must. */
#ifndef LAT_INDEX_FAISS_INDEX_H
#define LAT_INDEX_FAISS_INDEX_H

#include <stdatomic.h>

#include "base/sync.h"
#include "index/exact.h"
#include "index/store.h"
#include "index/vectors.h"

enum {
    LAT_HNSW_M = 32, /* links a row on the upper levels; twice as many on the lowest */
    LAT_HNSW_EF_CONSTRUCTION = 80 /* candidates looked at while linking */
};

struct lat_ann;

/* The kinds of FAISS and its version: "1.7.3 (x86-64-v3)". */
const char *lat_faiss_version(void);

/* LAT_INVALID when FAISS does not know the factory string for this dimension, or the kind of
 * index cannot be used here. */
enum lat_status lat_ann_check_factory(const char *factory, size_t d,
                                      struct lat_error *err) LAT_MUST_USE;

/* A graph without rows. m and ef_construction: 0 for the defaults. */
enum lat_status lat_ann_new_graph(enum lat_distance metric, size_t d, uint32_t m,
                                  uint32_t ef_construction, struct lat_ann **out_ann,
                                  struct lat_error *err) LAT_MUST_USE;
/* A factory index, trained with n_train rows where it needs it. LAT_INVALID when those are too
 * few. */
enum lat_status lat_ann_new_factory(enum lat_distance metric, size_t d, const char *factory,
                                    const float *train, size_t n_train, unsigned threads,
                                    struct lat_ann **out_ann,
                                    struct lat_error *err) LAT_MUST_USE;
void lat_ann_free(struct lat_ann *ann); /* NULL is fine */

/* "HNSW32,Flat", or the factory string. Lives as long as the accelerator. */
const char *lat_ann_kind(const struct lat_ann *ann);
bool lat_ann_is_graph(const struct lat_ann *ann);
size_t lat_ann_bytes(const struct lat_ann *ann);     /* 0 for NULL */
size_t lat_ann_count(const struct lat_ann *ann);     /* positions taken in */
uint64_t lat_ann_trained(const struct lat_ann *ann); /* rows there were when it was trained */
void lat_ann_set_trained(struct lat_ann *ann, uint64_t rows);

/* Takes in positions [lat_ann_count, lat_ann_count + n) of `vectors`, whose rows must be there.
 * `shown` is not needed: rows that are gone stay stepping stones. `lock` may be NULL for a
 * private one; it is held while rows are added to a factory index, and when a graph's arrays or
 * its entry point change; other links are set while searches run. `linked` is set to the count
 * after each step (release). Linker only. */
enum lat_status lat_ann_link(struct lat_ann *ann, const struct lat_vectors *vectors,
                             struct lat_rwlock *lock, size_t n, atomic_size_t *linked,
                             struct lat_error *err) LAT_MUST_USE;

/* How hard to look. */
struct lat_ann_effort {
    size_t n; /* positions to look at: `linked`, read before (acquire) */
    size_t k;
    uint32_t ef, nprobe;   /* 0: the calibrated ones */
    const uint64_t *shown; /* bitmaps as in lat_scan */
    const uint64_t *passed;
    size_t n_passed_words;
};
/* Offers at most about max(k, ef) candidates with exact scores to `top`. Under the lock
 * (reading). */
enum lat_status lat_ann_search(const struct lat_ann *ann, const struct lat_vectors *vectors,
                               const float *query, const struct lat_ann_effort *effort,
                               struct lat_top *top, struct lat_error *err) LAT_MUST_USE;

/* The breadth a query gets by default: ef of a graph, nprobe of lists; 0 when it has none. Set
 * by calibration (index_tune.c) or by the collection's settings. Under the lock. */
uint32_t lat_ann_breadth(const struct lat_ann *ann);
void lat_ann_set_breadth(struct lat_ann *ann, uint32_t breadth);
uint32_t lat_ann_max_breadth(const struct lat_ann *ann);

/* Its bytes, piece by piece, and back. The reader checks every number it follows. `read` fills
 * the whole buffer or fails. LAT_CORRUPT for bytes that make no accelerator of n positions. */
typedef enum lat_status lat_ann_write_fn(void *context, const void *bytes, size_t len,
                                         struct lat_error *err);
typedef enum lat_status lat_ann_read_fn(void *context, void *bytes, size_t len,
                                        struct lat_error *err);
enum lat_status lat_ann_save(const struct lat_ann *ann, lat_ann_write_fn *write, void *context,
                             struct lat_error *err) LAT_MUST_USE;
enum lat_status lat_ann_load(enum lat_distance metric, size_t d, size_t n,
                             lat_ann_read_fn *read, void *context, struct lat_ann **out_ann,
                             struct lat_error *err) LAT_MUST_USE;

#endif
