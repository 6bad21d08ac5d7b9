/* Open addressing with linear probing and deletion by shifting back, so the table never fills
 * with tombstones. It is at most half full. Growing builds a new table beside the old one: the
 * lock is held only for the exchange of pointers.
 *
 * An id never straddles two chunks: what does not fit starts the next one. */
#include "index/slot_map.h"

#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/hash.h"

#include "base/banned.h"

enum { CAPACITY_FIRST = 64, TABLE_FIRST = 128, CHUNK_TABLE_FIRST = 16 };

static size_t words_of(size_t n)
{
    return n / 64 + (n % 64 != 0);
}

void lat_slot_map_init(struct lat_slot_map *map)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    *map = (struct lat_slot_map){0};
    map->seed = (uint64_t)now.tv_nsec * UINT64_C(0x9E3779B97F4A7C15) ^ (uintptr_t)map ^
                (uint64_t)now.tv_sec;
}

void lat_slot_map_release(struct lat_slot_map *map)
{
    for (size_t i = 0; i < map->n_chunks; i++)
        lat_free(map->chunks[i]);
    lat_free(map->chunks);
    lat_free(map->slots);
    lat_free(map->id_at);
    lat_free(map->gone);
    lat_free(map->shown);
    lat_free(map->table);
    *map = (struct lat_slot_map){.seed = map->seed};
}

static uint64_t hash_id(uint64_t seed, const char *id)
{
    return lat_hash_bytes(seed, id, strlen(id));
}

/* Where the id is, or the free entry where it belongs. */
static size_t probe(const struct lat_slot_map *map, const char *id)
{
    const size_t mask = map->table_size - 1;
    size_t at = hash_id(map->seed, id) & mask;
    while (map->table[at] && strcmp(lat_slot_map_id(map, map->table[at] - 1), id) != 0)
        at = (at + 1) & mask;
    return at;
}

/* Empties the entry and pulls back those behind it that were pushed past their own place. */
static void unname(struct lat_slot_map *map, size_t hole)
{
    const size_t mask = map->table_size - 1;
    for (size_t at = (hole + 1) & mask; map->table[at]; at = (at + 1) & mask) {
        const char *id = lat_slot_map_id(map, map->table[at] - 1);
        const size_t home = hash_id(map->seed, id) & mask;
        if (((at - home) & mask) < ((at - hole) & mask))
            continue;
        map->table[hole] = map->table[at];
        hole = at;
    }
    map->table[hole] = 0;
    map->n_named--;
}

static bool grow_rows(const struct lat_slot_map *map, size_t capacity,
                      struct lat_slot_map *grown)
{
    const size_t words = words_of(capacity), old_words = words_of(map->capacity);
    grown->slots = lat_alloc_raw(capacity, sizeof(*grown->slots));
    grown->id_at = lat_alloc_raw(capacity, sizeof(*grown->id_at));
    grown->gone = lat_alloc(words, sizeof(*grown->gone));
    grown->shown = lat_alloc(words, sizeof(*grown->shown));
    grown->capacity = capacity;
    if (!grown->slots || !grown->id_at || !grown->gone || !grown->shown)
        return false;
    if (map->capacity) {
        memcpy(grown->slots, map->slots, map->staged * sizeof(*map->slots));
        memcpy(grown->id_at, map->id_at, map->staged * sizeof(*map->id_at));
        memcpy(grown->gone, map->gone, old_words * sizeof(*map->gone));
        memcpy(grown->shown, map->shown, old_words * sizeof(*map->shown));
    }
    return true;
}

static bool grow_table(const struct lat_slot_map *map, size_t size, struct lat_slot_map *grown)
{
    grown->table = lat_alloc(size, sizeof(*grown->table));
    grown->table_size = size;
    if (!grown->table)
        return false;
    const size_t mask = size - 1;
    for (size_t i = 0; i < map->table_size; i++) {
        if (!map->table[i])
            continue;
        size_t at = hash_id(map->seed, lat_slot_map_id(map, map->table[i] - 1)) & mask;
        while (grown->table[at])
            at = (at + 1) & mask;
        grown->table[at] = map->table[i];
    }
    return true;
}

/* Chunks for `units` more; each may waste a little at its end where an id did not fit. */
static bool grow_chunks(const struct lat_slot_map *map, size_t units,
                        struct lat_slot_map *grown)
{
    const size_t chunk_units = LAT_ID_CHUNK / LAT_ID_UNIT;
    const size_t usable = chunk_units - 256 / LAT_ID_UNIT - 1;
    const size_t left = map->n_chunks * chunk_units - map->id_end;
    const size_t spare = left > 256 / LAT_ID_UNIT + 1 ? left - 256 / LAT_ID_UNIT - 1 : 0;
    const size_t n_chunks = map->n_chunks + (units > spare ? (units - spare) / usable + 1 : 0);
    if (n_chunks > UINT32_MAX / chunk_units)
        return false;
    if (n_chunks > map->chunk_capacity) {
        size_t capacity = map->chunk_capacity ? map->chunk_capacity * 2 : CHUNK_TABLE_FIRST;
        capacity = capacity < n_chunks ? n_chunks : capacity;
        grown->chunks = lat_alloc(capacity, sizeof(*grown->chunks));
        grown->chunk_capacity = capacity;
        if (!grown->chunks)
            return false;
        if (map->n_chunks)
            memcpy(grown->chunks, map->chunks, map->n_chunks * sizeof(*map->chunks));
    }
    while (grown->n_chunks < n_chunks) {
        char *chunk = lat_alloc_raw(LAT_ID_CHUNK, 1);
        if (!chunk)
            return false;
        grown->chunks[grown->n_chunks++] = chunk;
    }
    return true;
}

enum lat_status lat_slot_map_grow(const struct lat_slot_map *map, size_t more, size_t id_bytes,
                                  struct lat_slot_map *grown, struct lat_error *err)
{
    const size_t n = map->staged + more;
    *grown = *map;
    if (n >= LAT_NO_POSITION)
        return lat_fail(err, LAT_TOO_LARGE, "too_many_items",
                        "an index holds at most %u items, deleted ones included",
                        LAT_NO_POSITION - 1);
    bool ok = true;
    if (n > map->capacity) {
        const size_t half_more = map->capacity + map->capacity / 2 + CAPACITY_FIRST;
        ok = grow_rows(map, half_more < n ? n : half_more, grown);
    }
    size_t size = map->table_size ? map->table_size : TABLE_FIRST;
    while (size < 2 * (map->n_named + (map->staged - map->n) + more))
        size *= 2;
    if (ok && size > map->table_size)
        ok = grow_table(map, size, grown);
    if (ok)
        ok = grow_chunks(map, (id_bytes + more * LAT_ID_UNIT) / LAT_ID_UNIT + more, grown);
    if (ok)
        return LAT_OK;
    lat_slot_map_forget(map, grown);
    return lat_fail_memory(err);
}

/* Frees what `mine` has and `other` has not. */
static void free_difference(const struct lat_slot_map *mine, const struct lat_slot_map *other)
{
    if (mine->slots != other->slots) {
        lat_free(mine->slots);
        lat_free(mine->id_at);
        lat_free(mine->gone);
        lat_free(mine->shown);
    }
    if (mine->table != other->table)
        lat_free(mine->table);
    if (mine->chunks != other->chunks)
        lat_free(mine->chunks);
}

void lat_slot_map_forget(const struct lat_slot_map *map, struct lat_slot_map *grown)
{
    if (grown->chunks)
        for (size_t i = map->n_chunks; i < grown->n_chunks; i++)
            lat_free(grown->chunks[i]);
    free_difference(grown, map);
    *grown = *map;
}

void lat_slot_map_retire(struct lat_slot_map *old, const struct lat_slot_map *now)
{
    free_difference(old, now);
}

uint32_t lat_slot_map_stage(struct lat_slot_map *map, uint64_t slot, const char *id)
{
    const size_t len = strlen(id) + 1;
    const size_t units = (len + LAT_ID_UNIT - 1) / LAT_ID_UNIT;
    const size_t chunk_units = LAT_ID_CHUNK / LAT_ID_UNIT;
    if (map->id_end % chunk_units + units > chunk_units)
        map->id_end += chunk_units - map->id_end % chunk_units;
    const size_t byte = map->id_end * LAT_ID_UNIT;
    memcpy(map->chunks[byte / LAT_ID_CHUNK] + byte % LAT_ID_CHUNK, id, len);
    map->id_at[map->staged] = (uint32_t)map->id_end;
    map->slots[map->staged] = slot;
    map->id_end += units;
    return (uint32_t)map->staged++;
}

void lat_slot_map_publish(struct lat_slot_map *map, bool hidden)
{
    const uint32_t position = (uint32_t)map->n++;
    map->table[probe(map, lat_slot_map_id(map, position))] = position + 1;
    map->n_named++;
    lat_bit_set(map->gone, position, false);
    lat_bit_set(map->shown, position, !hidden);
}

void lat_slot_map_publish_gone(struct lat_slot_map *map)
{
    lat_bit_set(map->gone, map->n, true);
    lat_bit_set(map->shown, map->n, false);
    map->n++;
}

void lat_slot_map_kill(struct lat_slot_map *map, uint32_t position)
{
    if (lat_bit(map->gone, position))
        return;
    const size_t at = probe(map, lat_slot_map_id(map, position));
    if (map->table[at] == position + 1)
        unname(map, at);
    lat_bit_set(map->gone, position, true);
    lat_bit_set(map->shown, position, false);
}

void lat_slot_map_show(struct lat_slot_map *map, uint32_t position, bool hidden)
{
    lat_bit_set(map->shown, position, !hidden && !lat_bit(map->gone, position));
}

uint32_t lat_slot_map_find(const struct lat_slot_map *map, const char *id)
{
    if (!map->table_size)
        return LAT_NO_POSITION;
    const size_t at = probe(map, id);
    return map->table[at] ? map->table[at] - 1 : LAT_NO_POSITION;
}

uint32_t lat_slot_map_find_slot(const struct lat_slot_map *map, uint64_t slot)
{
    size_t low = 0, high = map->n;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (map->slots[middle] < slot)
            low = middle + 1;
        else
            high = middle;
    }
    return low < map->n && map->slots[low] == slot ? (uint32_t)low : LAT_NO_POSITION;
}

size_t lat_slot_map_bytes(const struct lat_slot_map *map)
{
    return map->capacity * (sizeof(*map->slots) + sizeof(*map->id_at)) +
           2 * words_of(map->capacity) * sizeof(*map->gone) +
           map->table_size * sizeof(*map->table) + map->n_chunks * LAT_ID_CHUNK;
}
