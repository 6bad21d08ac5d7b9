/* Blocks in a list, newest first; a request that does not fit opens a block of its own size or
 * twice the last one, whichever is larger. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#include "base/banned.h"

enum { FIRST_BLOCK = 4096, LARGEST_STEP = 1 << 20, ALIGNMENT = 16 };

struct lat_arena_block {
    struct lat_arena_block *next;
    size_t size; /* bytes after the header */
    size_t used;
    size_t padding; /* keeps the header a multiple of ALIGNMENT */
};

static struct lat_arena_block *open_block(struct lat_arena *arena, size_t need)
{
    size_t size = arena->head ? arena->head->size * 2 : FIRST_BLOCK;
    if (size > LARGEST_STEP)
        size = LARGEST_STEP;
    if (size < need)
        size = need;
    struct lat_arena_block *block = lat_alloc_raw(1, sizeof(*block) + size);
    if (!block)
        return NULL;
    block->next = arena->head;
    block->size = size;
    block->used = 0;
    arena->head = block;
    return block;
}

void *lat_arena_alloc_raw(struct lat_arena *arena, size_t n, size_t size)
{
    size_t bytes;
    if (!lat_mul_size(n, size, &bytes) || bytes > PTRDIFF_MAX / 2)
        return NULL;
    bytes = (bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (arena->limit && bytes > arena->limit - arena->used)
        return NULL;
    struct lat_arena_block *block = arena->head;
    if (!block || block->size - block->used < bytes)
        block = open_block(arena, bytes);
    if (!block)
        return NULL;
    char *memory = (char *)(block + 1) + block->used;
    block->used += bytes;
    arena->used += bytes;
    return memory;
}

void *lat_arena_alloc(struct lat_arena *arena, size_t n, size_t size)
{
    void *memory = lat_arena_alloc_raw(arena, n, size);
    if (memory)
        memset(memory, 0, n * size);
    return memory;
}

char *lat_arena_strndup(struct lat_arena *arena, const char *text, size_t len)
{
    char *copy = lat_arena_alloc_raw(arena, len + 1, 1);
    if (!copy)
        return NULL;
    memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

char *lat_arena_strdup(struct lat_arena *arena, const char *text)
{
    return lat_arena_strndup(arena, text, strlen(text));
}

char *lat_arena_printf(struct lat_arena *arena, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    const int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    char *text = len < 0 ? NULL : lat_arena_alloc_raw(arena, (size_t)len + 1, 1);
    if (text)
        vsnprintf(text, (size_t)len + 1, fmt, again);
    va_end(again);
    return text;
}

void lat_arena_clear(struct lat_arena *arena)
{
    struct lat_arena_block *keep = arena->head;
    if (keep) {
        struct lat_arena_block *block = keep->next;
        while (block) {
            struct lat_arena_block *next = block->next;
            lat_free(block);
            block = next;
        }
        keep->next = NULL;
        keep->used = 0;
    }
    arena->used = 0;
}

void lat_arena_release(struct lat_arena *arena)
{
    lat_arena_clear(arena);
    lat_free(arena->head);
    arena->head = NULL;
}
