/* Open addressing without deletion: what is gone stays as a signpost until a rebuild, or until
 * an equal row takes its place. */
#include "index/code_table.h"

#include <string.h>

#include "base/mem.h"
#include "base/hash.h"

#include "base/banned.h"

enum { SIZE_FIRST = 128 };

void lat_code_table_release(struct lat_code_table *codes)
{
    lat_free(codes->table);
    *codes = (struct lat_code_table){.seed = codes->seed};
}

static size_t home(const struct lat_code_table *codes, const struct lat_vectors *vectors,
                   const float *row)
{
    return lat_hash_bytes(codes->seed, row, vectors->d * sizeof(*row)) & (codes->size - 1);
}

static bool equals(const struct lat_vectors *vectors, uint32_t entry, const float *row)
{
    return memcmp(lat_vectors_row(vectors, entry - 1), row, vectors->d * sizeof(*row)) == 0;
}

enum lat_status lat_code_table_grow(const struct lat_code_table *codes,
                                    const struct lat_vectors *vectors, size_t n,
                                    struct lat_code_table *grown, struct lat_error *err)
{
    size_t size = codes->size ? codes->size : SIZE_FIRST;
    *grown = *codes;
    while (size < 2 * n)
        size *= 2;
    if (size == codes->size)
        return LAT_OK;
    uint32_t *table = lat_alloc(size, sizeof(*table));
    if (!table)
        return lat_fail_memory(err);
    grown->table = table;
    grown->size = size;
    for (size_t i = 0; i < codes->size; i++) {
        if (!codes->table[i])
            continue;
        size_t at = home(grown, vectors, lat_vectors_row(vectors, codes->table[i] - 1));
        while (table[at])
            at = (at + 1) & (size - 1);
        table[at] = codes->table[i];
    }
    return LAT_OK;
}

void lat_code_table_retire(struct lat_code_table *old, const struct lat_code_table *now)
{
    if (old->table != now->table)
        lat_free(old->table);
}

void lat_code_table_put(struct lat_code_table *codes, const struct lat_vectors *vectors,
                        const struct lat_slot_map *map, uint32_t position)
{
    const float *row = lat_vectors_row(vectors, position);
    const size_t mask = codes->size - 1;
    size_t at = home(codes, vectors, row), twins = 0;
    for (; codes->table[at]; at = (at + 1) & mask) {
        if (!equals(vectors, codes->table[at], row))
            continue;
        if (lat_bit(map->gone, codes->table[at] - 1)) {
            codes->table[at] = position + 1;
            return;
        }
        if (++twins == LAT_TWINS_MAX)
            return;
    }
    codes->table[at] = position + 1;
}

size_t lat_code_table_find(const struct lat_code_table *codes,
                           const struct lat_vectors *vectors, const float *row,
                           uint32_t out[LAT_TWINS_MAX])
{
    if (!codes->size)
        return 0;
    const size_t mask = codes->size - 1;
    size_t n = 0;
    for (size_t at = home(codes, vectors, row); codes->table[at] && n < LAT_TWINS_MAX;
         at = (at + 1) & mask)
        if (equals(vectors, codes->table[at], row))
            out[n++] = codes->table[at] - 1;
    return n;
}
