/* The life of an index and its author's verbs. Searching is in memory_search.c. */
#include "index/memory_index.h"

#include <string.h>

#include "base/mem.h"
#include "index/distance.h"
#include "index/faiss_index.h"

#include "base/banned.h"

enum lat_status lat_index_new(enum lat_distance metric, size_t d, struct lat_index **out_index,
                              struct lat_error *err)
{
    static atomic_uint_fast64_t generations;
    struct lat_index *index = lat_alloc(1, sizeof(*index));
    if (!index)
        return lat_fail_memory(err);
    atomic_init(&index->refs, 1);
    index->generation = atomic_fetch_add(&generations, 1) + 1;
    index->metric = metric;
    index->d = d;
    lat_vectors_init(&index->vectors, d);
    lat_slot_map_init(&index->map);
    index->codes.seed = index->map.seed;
    *out_index = index;
    return LAT_OK;
}

struct lat_index *lat_index_ref(struct lat_index *index)
{
    atomic_fetch_add(&index->refs, 1);
    return index;
}

void lat_index_unref(struct lat_index *index)
{
    if (!index || atomic_fetch_sub(&index->refs, 1) != 1)
        return;
    lat_ann_free(index->ann);
    lat_vectors_release(&index->vectors);
    lat_slot_map_release(&index->map);
    lat_code_table_release(&index->codes);
    lat_free(index);
}

enum lat_status lat_index_reserve(struct lat_index *index, struct lat_rwlock *lock, size_t more,
                                  size_t id_bytes, struct lat_error *err)
{
    struct lat_vectors vectors, old_vectors = index->vectors;
    struct lat_slot_map map, old_map = index->map;
    struct lat_code_table codes, old_codes = index->codes;
    const size_t n = old_map.staged + more;
    enum lat_status status = lat_vectors_grow(&old_vectors, n, &vectors, err);
    if (status != LAT_OK)
        return status;
    status = lat_slot_map_grow(&old_map, more, id_bytes, &map, err);
    if (status == LAT_OK) {
        status = lat_code_table_grow(&old_codes, &vectors, n, &codes, err);
        if (status != LAT_OK)
            lat_slot_map_forget(&old_map, &map);
    }
    if (status != LAT_OK) {
        lat_vectors_forget(&old_vectors, &vectors);
        return status;
    }
    if (lock)
        lat_rwlock_write(lock);
    index->vectors = vectors;
    index->map = map;
    index->codes = codes;
    if (lock)
        lat_rwlock_unlock(lock);
    lat_vectors_retire(&old_vectors, &vectors);
    lat_slot_map_retire(&old_map, &map);
    lat_code_table_retire(&old_codes, &codes);
    return LAT_OK;
}

void lat_index_stage_raw(struct lat_index *index, uint64_t slot, const char *id,
                         const float *row)
{
    index->last_slot = slot;
    const uint32_t position = lat_slot_map_stage(&index->map, slot, id);
    memcpy(lat_vectors_row(&index->vectors, position), row, index->d * sizeof(*row));
}

void lat_index_stage(struct lat_index *index, uint64_t slot, const char *id, const float *code)
{
    index->last_slot = slot;
    const uint32_t position = lat_slot_map_stage(&index->map, slot, id);
    float *row = lat_vectors_row(&index->vectors, position);
    if (index->metric == LAT_DISTANCE_COSINE && lat_unit_length(code, row, index->d))
        return;
    memcpy(row, code, index->d * sizeof(*row));
}

void lat_index_stage_id(struct lat_index *index, uint64_t slot, const char *id, bool gone,
                        bool hidden)
{
    index->last_slot = slot;
    lat_slot_map_stage(&index->map, slot, id);
    if (gone)
        lat_slot_map_publish_gone(&index->map);
    else
        lat_index_publish(index, hidden);
}

void lat_index_publish(struct lat_index *index, bool hidden)
{
    const uint32_t staged = (uint32_t)index->map.n;
    const uint32_t before =
        lat_slot_map_find(&index->map, lat_slot_map_id(&index->map, staged));
    if (before != LAT_NO_POSITION)
        lat_index_kill(index, before);
    lat_slot_map_publish(&index->map, hidden);
    lat_code_table_put(&index->codes, &index->vectors, &index->map, staged);
    index->live++;
    index->hidden += hidden;
}

void lat_index_kill(struct lat_index *index, uint32_t position)
{
    if (lat_bit(index->map.gone, position))
        return;
    index->live--;
    index->hidden -= !lat_bit(index->map.shown, position);
    lat_slot_map_kill(&index->map, position);
}

void lat_index_hide(struct lat_index *index, uint32_t position, bool hidden)
{
    if (lat_bit(index->map.gone, position))
        return;
    index->hidden -= !lat_bit(index->map.shown, position);
    index->hidden += hidden;
    lat_slot_map_show(&index->map, position, hidden);
}

uint64_t lat_index_count(const struct lat_index *index, const uint64_t *passed, size_t n_words)
{
    if (!passed)
        return index->live - index->hidden;
    uint64_t n = 0;
    const size_t words = (index->map.n + 63) / 64;
    for (size_t i = 0; i < words && i < n_words; i++)
        n += (uint64_t)__builtin_popcountll(passed[i] & index->map.shown[i]);
    return n;
}

uint64_t lat_index_bytes(const struct lat_index *index)
{
    const size_t used = index->map.n * index->d * sizeof(float);
    const size_t reserved = lat_vectors_bytes(&index->vectors);
    return (used < reserved ? used : reserved) + lat_slot_map_bytes(&index->map) +
           index->codes.size * sizeof(*index->codes.table) + lat_ann_bytes(index->ann);
}
