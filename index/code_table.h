/* Positions by their very numbers: which rows equal a query, bit for bit.
 *
 * A graph misses a row now and then, even the one a query is. A stored code must find itself,
 * so it is looked up here as well. Of rows that are all equal only the first few are kept.
 *
 * Threads: as slot_map.h. */
#ifndef LAT_INDEX_CODE_TABLE_H
#define LAT_INDEX_CODE_TABLE_H

#include "index/slot_map.h"
#include "index/vectors.h"

enum { LAT_TWINS_MAX = 8 }; /* equal rows that are kept */

struct lat_code_table {
    uint32_t *table; /* [size] position + 1, 0 is free */
    size_t size;     /* a power of two, or 0 */
    uint64_t seed;
};

void lat_code_table_release(struct lat_code_table *codes);

/* Room for n rows altogether, in `grown`; as lat_vectors_grow. Rows are those of `vectors`. */
enum lat_status lat_code_table_grow(const struct lat_code_table *codes,
                                    const struct lat_vectors *vectors, size_t n,
                                    struct lat_code_table *grown,
                                    struct lat_error *err) LAT_MUST_USE;
void lat_code_table_retire(struct lat_code_table *old, const struct lat_code_table *now);

/* Enters a position whose row is written; takes the place of an equal one that is gone. */
void lat_code_table_put(struct lat_code_table *codes, const struct lat_vectors *vectors,
                        const struct lat_slot_map *map, uint32_t position);

/* Positions equal to `row`, gone ones among them; returns their number. */
size_t lat_code_table_find(const struct lat_code_table *codes,
                           const struct lat_vectors *vectors, const float *row,
                           uint32_t out[LAT_TWINS_MAX]);

#endif
