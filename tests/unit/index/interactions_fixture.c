#include "interactions_fixture.h"

#include <math.h>
#include <stdio.h>

#include <criterion/criterion.h>

#include "fixture.h"
#include "tests/support/support.h"

struct lat_store *people_open(uint32_t d)
{
    struct lat_store *store = fixture_open();
    const struct lat_collection_spec spec =
        fixture_spec("c", d, LAT_DISTANCE_L2, LAT_INDEX_FLAT);
    fixture_create(store, &spec);
    return store;
}

void people_say_type(struct lat_store *store, const char *user, const char *item,
                     const char *type, float weight, int64_t at_ms)
{
    struct lat_error err = LAT_ERROR_INIT;
    const struct lat_interaction one = {user, item, type, weight, at_ms};
    cr_assert_eq(lat_store_interact(store, "c", &one, 1, &err), LAT_OK, "%s", err.message);
}

void people_say(struct lat_store *store, const char *user, const char *item, float weight,
                int64_t at_ms)
{
    people_say_type(store, user, item, "", weight, at_ms);
}

const char *people_history(struct lat_store *store, const char *user)
{
    static char text[4096];
    struct lat_history_page page;
    struct lat_error err = LAT_ERROR_INIT;
    const enum lat_status status = lat_store_history(store, "c", user, NULL, 0, &page, &err);
    if (status == LAT_NOT_FOUND) {
        cr_assert_str_eq(err.code, "unknown_user");
        return "";
    }
    cr_assert_eq(status, LAT_OK, "%s", err.message);
    cr_assert(!page.next_cursor);
    size_t len = 0;
    for (size_t i = 0; i < page.n && len < sizeof(text); i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s:%s:%g@%lld", i ? " " : "",
                                page.rows[i].item, page.rows[i].type,
                                (double)page.rows[i].weight, (long long)page.rows[i].at_ms);
    lat_history_page_release(&page);
    return text;
}

const char *people_popular(struct lat_store *store, const struct lat_popular_query *query)
{
    static char text[4096];
    struct lat_popular_list list;
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(lat_store_popular(store, "c", query, &list, &err), LAT_OK, "%s", err.message);
    size_t len = 0;
    text[0] = '\0';
    for (size_t i = 0; i < list.n && len < sizeof(text); i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s:%llu", i ? " " : "",
                                list.rows[i].item, (unsigned long long)list.rows[i].score);
    lat_popular_list_release(&list);
    return text;
}

const char *people_top(struct lat_store *store, size_t k)
{
    return people_popular(store, &(struct lat_popular_query){.k = k});
}

struct lat_collection_info people_info(struct lat_store *store)
{
    struct lat_collection_info info;
    cr_assert_eq(lat_store_describe(store, "c", &info, NULL), LAT_OK);
    return info;
}

void people_put_item(struct lat_store *store, const char *id, const char *metadata, bool hidden)
{
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_write_result result;
    const struct lat_write write = {
        .kind = LAT_WRITE_PUT, .id = id, .metadata = metadata, .error = NAN, .hidden = hidden};
    cr_assert_eq(lat_store_write(store, "c", &write, 1, true, &result, &err), LAT_OK, "%s",
                 err.message);
}

static void report(void *context, const char *line)
{
    (void)context;
    cr_expect_fail("%s", line);
}

void people_close(struct lat_store *store)
{
    uint64_t faults = 1;
    struct lat_error err = LAT_ERROR_INIT;
    lat_store_close(store);
    cr_assert_eq(lat_store_check(test_path("data"), report, NULL, &faults, &err), LAT_OK, "%s",
                 err.message);
    cr_assert_eq(faults, 0);
}
