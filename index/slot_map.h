/* Which item lies where: position <-> slot <-> id, and which positions a search may see.
 *
 * A *slot* is the number an item's row carries (unique in the store, never reused, growing). A
 * *position* is where the item lies in this index's memory: 0, 1, 2, ... in the order of slots,
 * dense, given anew by every rebuild. So slots of positions ascend and a slot is found by
 * binary search.
 *
 * Compact: per item 8 bytes of slot, 4 of id offset, the id, 2 bits, and 8 bytes of hash table
 * on average. Ids are unique among the positions that are not gone.
 *
 * Threads: the owner's lock (memory_index.h): readers share it, lat_slot_map_publish, _kill and
 * _show want it alone; _stage writes behind the published positions and needs no lock. */
#ifndef LAT_INDEX_SLOT_MAP_H
#define LAT_INDEX_SLOT_MAP_H

#include <stdint.h>

#include "base/status.h"

#define LAT_NO_POSITION UINT32_MAX

enum {
    LAT_ID_CHUNK = 1 << 18,
    LAT_ID_UNIT = 4
}; /* ids lie in chunks, at multiples of 4 bytes */

struct lat_slot_map {
    uint64_t *slots; /* [capacity] */
    uint32_t *id_at; /* [capacity] where the id starts, in units, over all chunks */
    uint64_t *gone;  /* bit set: deleted or replaced */
    uint64_t *shown; /* bit set: neither gone nor hidden */
    uint32_t *table; /* [table_size] position + 1 by the hash of the id, 0 is free */
    char **chunks;   /* [n_chunks] of LAT_ID_CHUNK bytes */
    size_t n;        /* published positions */
    size_t staged;   /* positions written, published or not */
    size_t capacity;
    size_t table_size; /* a power of two */
    size_t n_named;    /* entries in the table */
    size_t n_chunks, chunk_capacity;
    size_t id_end; /* units in use */
    uint64_t seed;
};

void lat_slot_map_init(struct lat_slot_map *map);
void lat_slot_map_release(struct lat_slot_map *map);

/* Room for `more` further positions with ids of `id_bytes` altogether (NULs not counted). As
 * lat_vectors_grow: publish *map = *grown under the lock, then retire the old; or forget. */
enum lat_status lat_slot_map_grow(const struct lat_slot_map *map, size_t more, size_t id_bytes,
                                  struct lat_slot_map *grown,
                                  struct lat_error *err) LAT_MUST_USE;
void lat_slot_map_forget(const struct lat_slot_map *map, struct lat_slot_map *grown);
void lat_slot_map_retire(struct lat_slot_map *old, const struct lat_slot_map *now);

/* Writes slot and id at the next position, returned; nobody sees it yet. Room must have been
 * made. */
uint32_t lat_slot_map_stage(struct lat_slot_map *map, uint64_t slot, const char *id);
/* The next staged position appears under its id, which no other position may have (kill it
 * first). */
void lat_slot_map_publish(struct lat_slot_map *map, bool hidden);
/* The next staged position appears as gone: it keeps its place and has no name. */
void lat_slot_map_publish_gone(struct lat_slot_map *map);
/* The position is deleted. */
void lat_slot_map_kill(struct lat_slot_map *map, uint32_t position);
void lat_slot_map_show(struct lat_slot_map *map, uint32_t position, bool hidden);

/* LAT_NO_POSITION when there is none; never one that is gone (by slot: also those). */
uint32_t lat_slot_map_find(const struct lat_slot_map *map, const char *id);
uint32_t lat_slot_map_find_slot(const struct lat_slot_map *map, uint64_t slot);

static inline const char *lat_slot_map_id(const struct lat_slot_map *map, uint32_t position)
{
    const size_t byte = (size_t)map->id_at[position] * LAT_ID_UNIT;
    return map->chunks[byte / LAT_ID_CHUNK] + byte % LAT_ID_CHUNK;
}

static inline bool lat_bit(const uint64_t *bits, size_t i)
{
    return bits[i / 64] >> (i % 64) & 1;
}

static inline void lat_bit_set(uint64_t *bits, size_t i, bool on)
{
    const uint64_t one = UINT64_C(1) << (i % 64);
    bits[i / 64] = on ? bits[i / 64] | one : bits[i / 64] & ~one;
}

size_t lat_slot_map_bytes(const struct lat_slot_map *map);

#endif
