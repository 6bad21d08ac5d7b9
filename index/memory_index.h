/* One collection as searches see it: rows of floats, their ids and slots, and, over the first
 * `linked` positions, an accelerator (faiss_index.h). The rest, the *tail*, is searched
 * exactly. So a row is found the moment it is published, and the accelerator follows in the
 * background.
 *
 *      position   0 ............... linked ......... n ........ staged
 *                 |  accelerator    |  exact scan    |  not yet seen |
 *
 * Who may do what (`lock` is the collection's read-write lock):
 *  - searches hold it for reading, for one bounded chunk at a time;
 *  - one thread, the *author*, stages, publishes, kills, hides and grows: the store's writer,
 *    or whoever builds a private index nobody else can see. Growing prepares without the lock
 *    and exchanges pointers under it;
 *  - one thread, the *linker*, moves `linked` on: the store's maintenance, or the same builder.
 * A NULL lock means the index is private. References keep an index alive after it was replaced.
 */
#ifndef LAT_INDEX_MEMORY_INDEX_H
#define LAT_INDEX_MEMORY_INDEX_H

#include <stdatomic.h>

#include "base/sync.h"
#include "index/code_table.h"
#include "index/exact.h"
#include "index/slot_map.h"
#include "index/vectors.h"

struct lat_ann;

struct lat_index {
    atomic_uint refs;
    uint64_t generation; /* unique in this process */
    enum lat_distance metric;
    size_t d;
    struct lat_vectors vectors;
    struct lat_slot_map map;
    struct lat_code_table codes;
    struct lat_ann *ann;  /* owned; NULL: none */
    atomic_size_t linked; /* positions the accelerator has; moves on without the lock */
    uint64_t sequence;    /* the last change contained */
    uint64_t last_slot;   /* rows up to this slot have been looked at, damaged ones included */
    uint64_t live;        /* positions that are not gone */
    uint64_t hidden;      /* of these, hidden */
    uint64_t corrupt;     /* rows left out because their code is damaged */
};

/* A new index with one reference. */
enum lat_status lat_index_new(enum lat_distance metric, size_t d, struct lat_index **out_index,
                              struct lat_error *err) LAT_MUST_USE;
struct lat_index *lat_index_ref(struct lat_index *index);
void lat_index_unref(struct lat_index *index); /* NULL is fine */

/* Room for `more` rows whose ids have `id_bytes`; what follows cannot fail then. Author. */
enum lat_status lat_index_reserve(struct lat_index *index, struct lat_rwlock *lock, size_t more,
                                  size_t id_bytes, struct lat_error *err) LAT_MUST_USE;
/* Writes a row behind the published ones. `code` [d] as the item has it; brought to unit length
 * for cosine. Author, no lock wanted. */
void lat_index_stage(struct lat_index *index, uint64_t slot, const char *id, const float *code);
/* A row as it lies in another index's memory. */
void lat_index_stage_raw(struct lat_index *index, uint64_t slot, const char *id,
                         const float *row);
/* A position as a file has it, its row written already. Private indexes only. A
 * second live position of the same id replaces the first, which a sane file does not have. */
void lat_index_stage_id(struct lat_index *index, uint64_t slot, const char *id, bool gone,
                        bool hidden);
/* The next staged row appears; an older one of the same id is gone in the same moment. Author,
 * under the lock, as the two below. */
void lat_index_publish(struct lat_index *index, bool hidden);
void lat_index_kill(struct lat_index *index, uint32_t position);
void lat_index_hide(struct lat_index *index, uint32_t position, bool hidden);

/* A query inside one index. */
struct lat_index_query {
    const float *code; /* [d], unit length for cosine */
    size_t k;
    const uint64_t *passed; /* a filter's bitmap by position, or NULL */
    size_t n_passed_words;
    bool exact;
    uint32_t ef, nprobe; /* 0: the accelerator's own */
};

/* How a query was answered. */
enum lat_search_way { LAT_WAY_INDEX, LAT_WAY_EXACT, LAT_WAY_FILTERED };

/* The k nearest shown positions into `top` (initialised, empty, k slots at least); unsorted.
 * Takes and gives the lock itself, chunk by chunk: a position may have gone in the meantime. */
enum lat_status lat_index_search(const struct lat_index *index, struct lat_rwlock *lock,
                                 const struct lat_index_query *query, struct lat_top *top,
                                 enum lat_search_way *out_way,
                                 struct lat_error *err) LAT_MUST_USE;

/* Positions that are shown and pass the bitmap (NULL: all). Under the lock. */
uint64_t lat_index_count(const struct lat_index *index, const uint64_t *passed, size_t n_words);

/* Bytes of memory, and slots that are gone. Under the lock. */
uint64_t lat_index_bytes(const struct lat_index *index);
static inline uint64_t lat_index_dead(const struct lat_index *index)
{
    return index->map.n - index->live;
}

/* The lock of an index for reading; a private one has none. */
static inline void lat_index_hold(struct lat_rwlock *lock)
{
    if (lock)
        lat_rwlock_read(lock);
}

static inline void lat_index_let_go(struct lat_rwlock *lock)
{
    if (lock)
        lat_rwlock_unlock(lock);
}

#endif
