/* Rows of floats that never move: blocks of a power of two rows, so growing copies nothing and
 * a search may read while rows are added behind the ones it knows.
 *
 * Threads: the owner's lock (memory_index.h). A row once written is never written again. */
#ifndef LAT_INDEX_VECTORS_H
#define LAT_INDEX_VECTORS_H

#include <stdint.h>

#include "base/status.h"

struct lat_vectors {
    size_t d;       /* floats a row */
    unsigned shift; /* log2 of rows a block */
    float **blocks; /* [n_blocks], each 64-byte aligned; inside memory that `bases` owns */
    void **bases;
    size_t n_blocks, capacity; /* blocks there, pointers there is room for */
};

/* d may be 0: then there are no blocks and reserving does nothing. */
void lat_vectors_init(struct lat_vectors *vectors, size_t d);
void lat_vectors_release(struct lat_vectors *vectors);

/* Room for n rows in `grown`, which starts as a copy of `vectors` and may have new pointer
 * tables and more blocks. The caller publishes it (*vectors = *grown) under its lock and then
 * calls lat_vectors_retire with the old value; or, on failure, nothing has changed. */
enum lat_status lat_vectors_grow(const struct lat_vectors *vectors, size_t n,
                                 struct lat_vectors *grown, struct lat_error *err) LAT_MUST_USE;
/* Undoes a lat_vectors_grow that is not published. */
void lat_vectors_forget(const struct lat_vectors *vectors, struct lat_vectors *grown);
/* Frees the tables of `old` that `now` has replaced. */
void lat_vectors_retire(struct lat_vectors *old, const struct lat_vectors *now);

/* The published rows as they are now, for reading without the lock: rows stay where they are,
 * only the tables of pointers are copied. Made under the lock; ended by lat_vectors_view_end.
 */
enum lat_status lat_vectors_view(const struct lat_vectors *vectors,
                                 struct lat_vectors *out_view,
                                 struct lat_error *err) LAT_MUST_USE;
void lat_vectors_view_end(struct lat_vectors *view);

static inline float *lat_vectors_row(const struct lat_vectors *vectors, size_t i)
{
    const size_t in_block = i & (((size_t)1 << vectors->shift) - 1);
    return vectors->blocks[i >> vectors->shift] + in_block * vectors->d;
}

/* Bytes of the blocks. */
size_t lat_vectors_bytes(const struct lat_vectors *vectors);

#endif
