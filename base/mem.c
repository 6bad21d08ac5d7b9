/* The one place that calls the C allocator. `countdown` is negative while no fault is wanted.
 */
#include "base/mem.h"

#ifdef __linux__
#include <malloc.h>
#endif
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static atomic_long countdown = -1;
static atomic_bool reached = false;

void lat_mem_fail_after(long n)
{
    atomic_store(&reached, false);
    atomic_store(&countdown, n);
}

void lat_mem_fail_never(void)
{
    atomic_store(&countdown, -1);
}

bool lat_mem_fail_reached(void)
{
    return atomic_load(&reached);
}

static bool must_fail(void)
{
    if (atomic_load_explicit(&countdown, memory_order_relaxed) < 0)
        return false;
    long left = atomic_load(&countdown);
    while (left > 1 && !atomic_compare_exchange_weak(&countdown, &left, left - 1))
        ;
    if (left < 0 || left > 1)
        return false;
    atomic_store(&reached, true);
    return true;
}

bool lat_mul_size(size_t a, size_t b, size_t *out_product)
{
    return !__builtin_mul_overflow(a, b, out_product);
}

bool lat_add_size(size_t a, size_t b, size_t *out_sum)
{
    return !__builtin_add_overflow(a, b, out_sum);
}

/* Bytes to ask for; 0 when the product does not fit or a fault is due. */
static size_t checked(size_t n, size_t size)
{
    size_t bytes;
    if (!lat_mul_size(n, size, &bytes) || bytes > PTRDIFF_MAX - 64 || must_fail())
        return 0;
    return bytes ? bytes : 1;
}

void *lat_alloc(size_t n, size_t size)
{
    const size_t bytes = checked(n, size);
    return bytes ? calloc(1, bytes) : NULL;
}

void *lat_alloc_raw(size_t n, size_t size)
{
    const size_t bytes = checked(n, size);
    return bytes ? malloc(bytes) : NULL;
}

void *lat_realloc(void *old, size_t n, size_t size)
{
    const size_t bytes = checked(n, size);
    return bytes ? realloc(old, bytes) : NULL;
}

void *lat_alloc_aligned(size_t n, size_t size)
{
    const size_t bytes = checked(n, size);
    if (!bytes)
        return NULL;
    const size_t rounded = (bytes + 63) & ~(size_t)63;
    void *memory = aligned_alloc(64, rounded);
    if (memory)
        memset(memory, 0, rounded);
    return memory;
}

char *lat_strndup(const char *text, size_t len)
{
    char *copy = lat_alloc_raw(len + 1, 1);
    if (!copy)
        return NULL;
    memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

char *lat_strdup(const char *text)
{
    return lat_strndup(text, strlen(text));
}

void lat_free(void *memory)
{
    free(memory);
}

void lat_mem_trim(void)
{
#ifdef __GLIBC__
    (void)malloc_trim(0);
#endif
}
