/* Blocks are about 2 MB, allocated without being touched: pages of a block become memory when
 * rows are written. */
#include "index/vectors.h"

#include <string.h>

#include "base/mem.h"

#include "base/banned.h"

enum {
    BLOCK_BYTES = 1 << 21, /* a block is at most this, but holds at least BLOCK_ROWS_MIN rows */
    BLOCK_ROWS_MIN = 64,
    ALIGNMENT = 64,
    TABLE_FIRST = 16,
};

void lat_vectors_init(struct lat_vectors *vectors, size_t d)
{
    *vectors = (struct lat_vectors){.d = d};
    const size_t row = d ? d * sizeof(float) : sizeof(float);
    size_t rows = BLOCK_ROWS_MIN;
    vectors->shift = 6;
    while (rows * 2 * row <= BLOCK_BYTES) {
        rows *= 2;
        vectors->shift++;
    }
}

void lat_vectors_release(struct lat_vectors *vectors)
{
    for (size_t i = 0; i < vectors->n_blocks; i++)
        lat_free(vectors->bases[i]);
    lat_free(vectors->bases);
    lat_free(vectors->blocks);
    *vectors = (struct lat_vectors){.d = vectors->d, .shift = vectors->shift};
}

static enum lat_status grow_tables(const struct lat_vectors *vectors, size_t n_blocks,
                                   struct lat_vectors *grown, struct lat_error *err)
{
    if (n_blocks <= vectors->capacity)
        return LAT_OK;
    size_t capacity = vectors->capacity ? vectors->capacity * 2 : TABLE_FIRST;
    if (capacity < n_blocks)
        capacity = n_blocks;
    float **blocks = lat_alloc(capacity, sizeof(*blocks));
    void **bases = lat_alloc(capacity, sizeof(*bases));
    if (!blocks || !bases) {
        lat_free(blocks);
        lat_free(bases);
        return lat_fail_memory(err);
    }
    if (vectors->n_blocks) {
        memcpy(blocks, vectors->blocks, vectors->n_blocks * sizeof(*blocks));
        memcpy(bases, vectors->bases, vectors->n_blocks * sizeof(*bases));
    }
    grown->blocks = blocks;
    grown->bases = bases;
    grown->capacity = capacity;
    return LAT_OK;
}

static bool add_block(struct lat_vectors *grown)
{
    size_t floats, bytes;
    if (!lat_mul_size((size_t)1 << grown->shift, grown->d, &floats) ||
        !lat_mul_size(floats, sizeof(float), &bytes) || !lat_add_size(bytes, ALIGNMENT, &bytes))
        return false;
    char *base = lat_alloc_raw(bytes, 1);
    if (!base)
        return false;
    const size_t past = (uintptr_t)base % ALIGNMENT;
    grown->bases[grown->n_blocks] = base;
    grown->blocks[grown->n_blocks] = (float *)(void *)(base + (past ? ALIGNMENT - past : 0));
    grown->n_blocks++;
    return true;
}

enum lat_status lat_vectors_grow(const struct lat_vectors *vectors, size_t n,
                                 struct lat_vectors *grown, struct lat_error *err)
{
    *grown = *vectors;
    if (!vectors->d)
        return LAT_OK;
    const size_t rows = (size_t)1 << vectors->shift;
    const size_t n_blocks = n / rows + (n % rows != 0);
    const enum lat_status status = grow_tables(vectors, n_blocks, grown, err);
    if (status != LAT_OK)
        return status;
    while (grown->n_blocks < n_blocks) {
        if (!add_block(grown)) {
            lat_vectors_forget(vectors, grown);
            return lat_fail_memory(err);
        }
    }
    return LAT_OK;
}

void lat_vectors_forget(const struct lat_vectors *vectors, struct lat_vectors *grown)
{
    for (size_t i = vectors->n_blocks; i < grown->n_blocks; i++)
        lat_free(grown->bases[i]);
    if (grown->blocks != vectors->blocks) {
        lat_free(grown->blocks);
        lat_free(grown->bases);
    }
    *grown = *vectors;
}

void lat_vectors_retire(struct lat_vectors *old, const struct lat_vectors *now)
{
    if (old->blocks == now->blocks)
        return;
    lat_free(old->blocks);
    lat_free(old->bases);
}

enum lat_status lat_vectors_view(const struct lat_vectors *vectors,
                                 struct lat_vectors *out_view, struct lat_error *err)
{
    float **blocks = lat_alloc(vectors->n_blocks ? vectors->n_blocks : 1, sizeof(*blocks));
    if (!blocks)
        return lat_fail_memory(err);
    if (vectors->n_blocks)
        memcpy(blocks, vectors->blocks, vectors->n_blocks * sizeof(*blocks));
    *out_view = *vectors;
    out_view->blocks = blocks;
    out_view->bases = NULL;
    return LAT_OK;
}

void lat_vectors_view_end(struct lat_vectors *view)
{
    lat_free(view->blocks);
    view->blocks = NULL;
}

size_t lat_vectors_bytes(const struct lat_vectors *vectors)
{
    return vectors->n_blocks * (((size_t)1 << vectors->shift) * vectors->d * sizeof(float));
}
