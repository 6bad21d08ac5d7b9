#include <criterion/criterion.h>
#include <string.h>

#include "service/served.h"
#include "tests/support/support.h"

static struct lat_served *made(size_t n_kept, size_t n_items)
{
    struct lat_served *served = NULL;
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(lat_served_new(n_kept, n_items, &served, &err), LAT_OK, "%s", err.message);
    return served;
}

static const char *begin(struct lat_served *served, uint64_t whose, size_t n)
{
    static char ids[8][LAT_SERVED_ID_SIZE];
    static size_t next;
    uint64_t items[64];
    char *id = ids[next++ % 8];
    for (size_t i = 0; i < n; i++)
        items[i] = i;
    lat_served_begin(served, whose, "model", items, n, id);
    return id;
}

Test(service_served, pages_follow_each_other)
{
    const uint64_t second[2] = {7, 8}, other[1] = {9};
    uint64_t items[5] = {0};
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_served *served = made(10, 100);
    const char *id = begin(served, 1, 2);
    cr_assert_eq(strlen(id), LAT_SERVED_ID_SIZE - 1);
    cr_assert_eq(lat_served_read(served, id, 1, 2, items, &err), LAT_OK);
    cr_assert(items[0] == 0 && items[1] == 1);
    cr_assert_eq(lat_served_read(served, id, 1, 3, items, &err), LAT_NOT_FOUND);
    lat_served_page(served, id, 2, second, 2);
    err = (struct lat_error)LAT_ERROR_INIT;
    cr_assert_eq(lat_served_read(served, id, 1, 4, items, &err), LAT_OK);
    cr_assert(items[2] == 7 && items[3] == 8);
    /* The same page again leaves what is behind it, another forgets it. */
    lat_served_page(served, id, 2, second, 1);
    cr_assert_eq(lat_served_read(served, id, 1, 4, items, &err), LAT_OK);
    lat_served_page(served, id, 2, other, 1);
    cr_assert_eq(lat_served_read(served, id, 1, 4, items, &err), LAT_NOT_FOUND);
    cr_assert_str_eq(err.code, "recommendation_expired");
    lat_served_free(served);
}

Test(service_served, ids_are_nobody_elses_and_not_to_be_guessed)
{
    uint64_t items[2];
    char wrong[LAT_SERVED_ID_SIZE];
    struct lat_served *served = made(10, 100);
    const char *id = begin(served, 1, 2);
    cr_assert_eq(lat_served_read(served, id, 2, 0, items, NULL), LAT_NOT_FOUND);
    cr_assert_eq(lat_served_read(served, "", 1, 0, items, NULL), LAT_NOT_FOUND);
    strcpy(wrong, id);
    wrong[31] = wrong[31] == '0' ? '1' : '0';
    cr_assert_eq(lat_served_read(served, wrong, 1, 0, items, NULL), LAT_NOT_FOUND);
    wrong[5] = 'X';
    cr_assert_eq(lat_served_read(served, wrong, 1, 0, items, NULL), LAT_NOT_FOUND);
    cr_assert_neq(lat_served_whose(served, "a", "bc"), lat_served_whose(served, "ab", "c"));
    lat_served_free(served);
}

Test(service_served, the_oldest_are_forgotten_by_number_and_by_size)
{
    uint64_t items[64];
    struct lat_served *served = made(3, 40);
    const char *first = begin(served, 1, 2), *second = begin(served, 1, 2);
    begin(served, 1, 2);
    cr_assert_eq(lat_served_read(served, first, 1, 2, items, NULL), LAT_OK);
    const char *fourth = begin(served, 1, 2);
    cr_assert_eq(lat_served_read(served, first, 1, 2, items, NULL), LAT_NOT_FOUND);
    cr_assert_eq(lat_served_read(served, second, 1, 2, items, NULL), LAT_OK);
    const char *large = begin(served, 1, 60);
    cr_assert_eq(lat_served_read(served, fourth, 1, 2, items, NULL), LAT_NOT_FOUND);
    cr_assert_eq(lat_served_read(served, large, 1, 60, items, NULL), LAT_OK);
    lat_served_free(served);
}

Test(service_served, feedback_is_told_apart_and_the_first_hit_counts)
{
    const char *source;
    char id[LAT_SERVED_ID_SIZE];
    struct lat_served *served = made(10, 100);
    const uint64_t items[2] = {lat_served_hash(served, "a"), lat_served_hash(served, "b")};
    lat_served_begin(served, 5, "similar", items, 2, id);
    cr_assert_eq(lat_served_feedback(served, id, 5, "c", false, &source), LAT_FEEDBACK_OTHER);
    cr_assert_null(source);
    cr_assert_eq(lat_served_feedback(served, id, 5, "a", true, &source), LAT_FEEDBACK_NEGATIVE);
    cr_assert_null(source);
    cr_assert_eq(lat_served_feedback(served, id, 5, "b", false, &source), LAT_FEEDBACK_HIT);
    cr_assert_str_eq(source, "similar");
    cr_assert_eq(lat_served_feedback(served, id, 5, "a", false, &source), LAT_FEEDBACK_HIT);
    cr_assert_null(source);
    cr_assert_eq(lat_served_feedback(served, id, 6, "a", false, &source), LAT_FEEDBACK_EXPIRED);
    cr_assert_eq(lat_served_feedback(served, "x", 5, "a", false, &source),
                 LAT_FEEDBACK_EXPIRED);
    lat_served_free(served);
}

static enum lat_status serve(void *context, struct lat_error *err)
{
    struct lat_served *served = NULL;
    (void)context;
    const enum lat_status status = lat_served_new(4, 10, &served, err);
    if (status == LAT_OK)
        begin(served, 1, 3);
    lat_served_free(served);
    return status;
}

Test(service_served, without_memory_it_forgets_and_nothing_else)
{
    const char *words = test_torture(serve, NULL, true);
    cr_assert_null(words, "%s", words);
}
