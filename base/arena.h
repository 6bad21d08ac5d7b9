/* An arena: many small allocations that die together. One thread at a time. */
#ifndef LAT_BASE_ARENA_H
#define LAT_BASE_ARENA_H

#include <stddef.h>

#include "base/status.h"

struct lat_arena_block;

/* Zero-initialise (`struct lat_arena arena = {0}`) and use. */
struct lat_arena {
    struct lat_arena_block *head;
    size_t used;  /* bytes given out in all blocks */
    size_t limit; /* hard cap on `used`; 0 means none */
};

/* n * size zeroed bytes, 16-byte aligned, owned by the arena. NULL when out of memory, over the
 * limit, or the product does not fit. */
void *lat_arena_alloc(struct lat_arena *arena, size_t n, size_t size) LAT_MUST_USE;

/* Like lat_arena_alloc, bytes undefined: for buffers that are written whole. */
void *lat_arena_alloc_raw(struct lat_arena *arena, size_t n, size_t size) LAT_MUST_USE;

/* A NUL-terminated copy of the first `len` bytes. */
char *lat_arena_strndup(struct lat_arena *arena, const char *text, size_t len) LAT_MUST_USE;
char *lat_arena_strdup(struct lat_arena *arena, const char *text) LAT_MUST_USE;
char *lat_arena_printf(struct lat_arena *arena, const char *fmt, ...) LAT_MUST_USE
    LAT_PRINTF(2, 3);

/* Forgets everything but keeps one block for the next round. */
void lat_arena_clear(struct lat_arena *arena);

/* Gives all memory back; the arena is empty and usable again. */
void lat_arena_release(struct lat_arena *arena);

#endif
