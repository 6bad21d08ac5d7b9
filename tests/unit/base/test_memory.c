#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "tests/support/support.h"

Test(memory, products_that_do_not_fit_give_null)
{
    cr_assert_null(lat_alloc(SIZE_MAX / 2, 3));
    cr_assert_null(lat_alloc_raw(SIZE_MAX, 2));
    cr_assert_null(lat_realloc(NULL, SIZE_MAX, 8));
    cr_assert_null(lat_alloc_aligned(SIZE_MAX - 8, 1));
    size_t out = 7;
    cr_assert_not(lat_mul_size(SIZE_MAX, 2, &out));
    cr_assert_not(lat_add_size(SIZE_MAX, 1, &out));
    cr_assert(lat_mul_size(6, 7, &out));
    cr_assert_eq(out, 42u);
}

Test(memory, allocations_are_zeroed_and_aligned)
{
    unsigned char *plain = lat_alloc(100, 3);
    for (int i = 0; i < 300; i++)
        cr_assert_eq(plain[i], 0);
    float *rows = lat_alloc_aligned(33, sizeof(float));
    cr_assert_eq((uintptr_t)rows % 64, 0u);
    for (int i = 0; i < 33; i++)
        cr_assert_eq(rows[i], 0.0F);
    lat_free(plain);
    lat_free(rows);
    lat_free(NULL);
}

Test(memory, nothing_is_still_a_pointer)
{
    void *a = lat_alloc(0, 8);
    void *b = lat_alloc_raw(8, 0);
    cr_assert_not_null(a);
    cr_assert_not_null(b);
    cr_assert_neq(a, b);
    lat_free(a);
    lat_free(b);
}

Test(memory, the_nth_allocation_and_all_later_ones_fail)
{
    lat_mem_fail_after(2);
    void *first = lat_alloc(1, 1);
    cr_assert_not_null(first);
    cr_assert_not(lat_mem_fail_reached());
    cr_assert_null(lat_alloc_raw(1, 1));
    cr_assert(lat_mem_fail_reached());
    cr_assert_null(lat_alloc_aligned(1, 1));
    cr_assert_null(lat_realloc(NULL, 1, 1));
    cr_assert_null(lat_strdup("x"));
    lat_mem_fail_never();
    char *text = lat_strdup("back");
    cr_assert_str_eq(text, "back");
    lat_free(text);
    lat_free(first);
}

Test(memory, a_failed_realloc_leaves_the_old_block)
{
    char *block = lat_strndup("hello world", 5);
    lat_mem_fail_after(1);
    cr_assert_null(lat_realloc(block, 1000, 1));
    lat_mem_fail_never();
    cr_assert_str_eq(block, "hello");
    lat_free(block);
}

Test(arena, gives_aligned_zeroed_separate_pieces)
{
    struct lat_arena arena = {0};
    unsigned char *last = NULL;
    for (size_t size = 1; size < 3000; size += 37) {
        unsigned char *piece = lat_arena_alloc(&arena, size, 1);
        cr_assert_not_null(piece);
        cr_assert_eq((uintptr_t)piece % 16, 0u);
        for (size_t i = 0; i < size; i++)
            cr_assert_eq(piece[i], 0);
        memset(piece, 0xFF, size);
        cr_assert_neq(piece, last);
        last = piece;
    }
    lat_arena_release(&arena);
    cr_assert_eq(arena.used, 0u);
}

Test(arena, copies_and_prints)
{
    struct lat_arena arena = {0};
    cr_assert_str_eq(lat_arena_strdup(&arena, "abc"), "abc");
    cr_assert_str_eq(lat_arena_strndup(&arena, "abcdef", 2), "ab");
    cr_assert_str_eq(lat_arena_printf(&arena, "%s-%d", "n", 12), "n-12");
    lat_arena_release(&arena);
}

Test(arena, clear_keeps_a_block_and_starts_again)
{
    struct lat_arena arena = {0};
    for (int i = 0; i < 100; i++)
        cr_assert_not_null(lat_arena_alloc_raw(&arena, 1000, 1));
    lat_arena_clear(&arena);
    cr_assert_eq(arena.used, 0u);
    lat_mem_fail_after(1);
    cr_assert_not_null(lat_arena_alloc(&arena, 1000, 1));
    cr_assert_not(lat_mem_fail_reached());
    lat_mem_fail_never();
    lat_arena_release(&arena);
}

Test(arena, the_limit_holds)
{
    struct lat_arena arena = {.limit = 100};
    cr_assert_not_null(lat_arena_alloc(&arena, 96, 1));
    cr_assert_null(lat_arena_alloc(&arena, 16, 1));
    cr_assert_null(lat_arena_alloc(&arena, SIZE_MAX / 2, 4));
    lat_arena_release(&arena);
}

static enum lat_status fill_arena(void *context, struct lat_error *err)
{
    (void)context;
    struct lat_arena arena = {0};
    enum lat_status status = LAT_OK;
    for (int i = 0; i < 8 && status == LAT_OK; i++)
        if (!lat_arena_alloc(&arena, 3000, 1) || !lat_arena_printf(&arena, "%d", i))
            status = lat_fail_memory(err);
    lat_arena_release(&arena);
    return status;
}

Test(arena, survives_every_failing_allocation)
{
    TEST_TORTURE(fill_arena, NULL);
}
