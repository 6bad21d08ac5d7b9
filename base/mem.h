/* Memory: sizes are checked, every allocation can be made to fail in a test.
 *
 * A failed allocation returns NULL and nothing else; callers turn it into LAT_NO_MEMORY (macro
 * lat_fail_memory). Thread-safe. */
#ifndef LAT_BASE_MEM_H
#define LAT_BASE_MEM_H

#include <stddef.h>

#include "base/status.h"

/* n * size zeroed bytes, or NULL when there are none or the product does not fit. n or size of
 * 0 still gives a unique pointer. Takes nothing; the caller owns the result (lat_free). */
void *lat_alloc(size_t n, size_t size) LAT_MUST_USE;

/* Like lat_alloc without the zeroes: for large buffers that are written whole. */
void *lat_alloc_raw(size_t n, size_t size) LAT_MUST_USE;

/* Resizes to n * size bytes, new bytes undefined. On failure `old` stays valid and NULL
 * returns. */
void *lat_realloc(void *old, size_t n, size_t size) LAT_MUST_USE;

/* 64-byte aligned, zeroed: rows of floats that vector instructions read. Freed by lat_free. */
void *lat_alloc_aligned(size_t n, size_t size) LAT_MUST_USE;

char *lat_strdup(const char *text) LAT_MUST_USE;
char *lat_strndup(const char *text, size_t len) LAT_MUST_USE;

/* NULL is fine. */
void lat_free(void *memory);

/* Gives what is free back to the system, also in the midst of the heap; nothing where the C
 * library cannot. After work that has allocated much: it takes milliseconds. */
void lat_mem_trim(void);

/* *out_product = a * b, false when it does not fit. */
bool lat_mul_size(size_t a, size_t b, size_t *out_product) LAT_MUST_USE;
bool lat_add_size(size_t a, size_t b, size_t *out_sum) LAT_MUST_USE;

#define lat_fail_memory(err) lat_fail(err, LAT_NO_MEMORY, NULL, "out of memory")

/* Fault injection for tests, per process: the n-th allocation from now on (1 = the next one)
 * and every later one fails until lat_mem_fail_never(). lat_mem_fail_reached() says whether it
 * did. */
void lat_mem_fail_after(long n);
void lat_mem_fail_never(void);
bool lat_mem_fail_reached(void);

#endif
