/* The popular items, and which items may be shown. */
#include <math.h>
#include <stdio.h>

#include <criterion/criterion.h>

#include "fixture.h"
#include "interactions_fixture.h"
#include "tests/support/support.h"

TestSuite(popular, .init = test_folder_enter, .fini = test_folder_leave);

enum { D = 4 };

static const char *const label_path[] = {"label"};
static const struct lat_value red = {.kind = LAT_VALUE_TEXT, .text = "red"};
static const struct lat_filter is_red = {
    .op = LAT_FILTER_EQ, .path = label_path, .n_path = 1, .values = &red, .n_values = 1};

static void set_hidden(struct lat_store *store, const char *id, bool hidden)
{
    struct lat_write_result result;
    const struct lat_write write = {.kind = LAT_WRITE_PATCH, .id = id, .hidden = hidden};
    cr_assert_eq(lat_store_write(store, "c", &write, 1, true, &result, NULL), LAT_OK);
}

static void put_coded(struct lat_store *store, const char *id, const char *metadata)
{
    static const float code[D] = {1, 2, 3, 4};
    struct lat_write_result result;
    const struct lat_write write = {.kind = LAT_WRITE_PUT,
                                    .id = id,
                                    .code = code,
                                    .metadata = metadata,
                                    .error = NAN,
                                    .hidden = -1};
    cr_assert_eq(lat_store_write(store, "c", &write, 1, true, &result, NULL), LAT_OK);
}

/* a: three users, b and c: two, d: one, e: disliked. */
static void fill(struct lat_store *store)
{
    people_say(store, "u1", "a", 1, 100);
    people_say(store, "u2", "a", 1, 200);
    people_say(store, "u3", "a", 0, 300);
    people_say(store, "u1", "c", 1, 100);
    people_say(store, "u2", "c", 1, 250);
    people_say(store, "u1", "b", 1, 100);
    people_say(store, "u3", "b", 1, 280);
    people_say(store, "u3", "d", 1, 290);
    people_say(store, "u3", "e", -1, 290);
}

Test(popular, counts_users_that_did_not_dislike)
{
    struct lat_store *store = people_open(0);
    cr_expect_str_eq(people_top(store, 10), "");
    fill(store);
    cr_expect_str_eq(people_top(store, 10), "a:3 b:2 c:2 d:1");
    cr_expect_str_eq(people_top(store, 2), "a:3 b:2");
    people_say_type(store, "u1", "a", "again", 5, 1);
    cr_expect_str_eq(people_top(store, 1), "a:3", "a user counts once");
    people_say(store, "u1", "a", -1, 500);
    cr_expect_str_eq(people_top(store, 1), "a:3", "another type still likes it");
    people_say_type(store, "u1", "a", "again", -1, 500);
    cr_expect_str_eq(people_top(store, 2), "a:2 b:2");
    store = fixture_reopen(store);
    cr_expect_str_eq(people_top(store, 10), "a:2 b:2 c:2 d:1");
    people_close(store);
}

Test(popular, since_a_time_counts_what_came_then)
{
    struct lat_store *store = people_open(0);
    fill(store);
    cr_expect_str_eq(
        people_popular(store, &(struct lat_popular_query){.since_ms = 250, .k = 10}),
        "a:1 b:1 c:1 d:1");
    cr_expect_str_eq(people_popular(store, &(struct lat_popular_query){.since_ms = 1, .k = 10}),
                     "a:3 b:2 c:2 d:1");
    people_say_type(store, "u3", "d", "again", 1, 295);
    cr_expect_str_eq(
        people_popular(store, &(struct lat_popular_query){.since_ms = 290, .k = 10}),
        "a:1 d:1");
    cr_expect_str_eq(
        people_popular(store, &(struct lat_popular_query){.since_ms = 999, .k = 1}), "");
    people_close(store);
}

Test(popular, what_is_remembered_of_a_window_is_what_the_rows_say)
{
    struct lat_store *store = people_open(0);
    const struct lat_popular_query since = {.since_ms = 250, .k = 10};
    fill(store);
    for (int64_t other = 1; other < 8; other++) {
        cr_expect_str_eq(people_popular(store, &since), "a:1 b:1 c:1 d:1");
        cr_expect_str_eq(
            people_popular(store, &(struct lat_popular_query){.since_ms = other, .k = 1}),
            "a:3");
    }
    people_say(store, "u1", "b", 1, 260);
    cr_expect_str_eq(people_popular(store, &since), "b:2 a:1 c:1 d:1", "a later time alone");
    people_say(store, "u9", "new", 1, 251);
    cr_expect_str_eq(people_popular(store, &since), "b:2 a:1 c:1 d:1 new:1");
    cr_assert_eq(lat_store_user_delete(store, "c", "u3", NULL), LAT_OK);
    cr_expect_str_eq(people_popular(store, &since), "b:1 c:1 new:1");
    cr_expect_str_eq(people_popular(store, &since), "b:1 c:1 new:1");
    people_close(store);
}

Test(popular, hidden_and_excluded_items_are_not_there)
{
    const char *const exclude[] = {"a", "nobody"};
    const struct lat_popular_query without_a = {.k = 2, .exclude_ids = exclude, .n_exclude = 2};
    for (uint32_t d = 0; d <= D; d += D) {
        struct lat_store *store = people_open(d);
        fill(store);
        cr_expect_str_eq(people_popular(store, &without_a), "b:2 c:2");
        if (d)
            put_coded(store, "b", "{}");
        else
            people_put_item(store, "b", "{}", false);
        set_hidden(store, "b", true);
        cr_expect_str_eq(people_top(store, 2), "a:3 c:2");
        cr_expect_str_eq(people_popular(store, &without_a), "c:2 d:1");
        store = fixture_reopen(store);
        cr_expect_str_eq(people_top(store, 2), "a:3 c:2");
        set_hidden(store, "b", false);
        cr_expect_str_eq(people_top(store, 2), "a:3 b:2");
        people_close(store);
        test_folder_leave();
        test_folder_enter();
    }
}

Test(popular, with_a_filter_only_stored_items_that_pass)
{
    const struct lat_popular_query reds = {.k = 10, .filter = &is_red};
    for (uint32_t d = 0; d <= D; d += D) {
        struct lat_store *store = people_open(d);
        fill(store);
        cr_expect_str_eq(people_popular(store, &reds), "");
        for (const char *id = "bcde"; *id; id++) {
            const char name[2] = {*id, '\0'};
            const char *metadata = *id == 'c' ? "{\"label\":\"blue\"}" : "{\"label\":\"red\"}";
            if (d)
                put_coded(store, name, metadata);
            else
                people_put_item(store, name, metadata, false);
        }
        cr_expect_str_eq(people_popular(store, &reds), "b:2 d:1");
        set_hidden(store, "b", true);
        cr_expect_str_eq(people_popular(store, &reds), "d:1");
        people_close(store);
        test_folder_leave();
        test_folder_enter();
    }
}

Test(popular, a_filter_that_few_pass_is_followed_to_the_end)
{
    struct lat_store *store = people_open(0);
    enum { N = 3000 };
    static struct lat_interaction all[N];
    static char names[N][16];
    for (int i = 0; i < N; i++) {
        snprintf(names[i], sizeof(names[i]), "i%05d", i);
        all[i] = (struct lat_interaction){"ada", names[i], "", 1, i};
    }
    cr_assert_eq(lat_store_interact(store, "c", all, N, NULL), LAT_OK);
    people_put_item(store, names[N - 1], "{\"label\":\"red\"}", false);
    people_put_item(store, names[N - 2], "{\"label\":\"red\"}", false);
    cr_expect_str_eq(
        people_popular(store, &(struct lat_popular_query){.k = 3, .filter = &is_red}),
        "i02998:1 i02999:1");
    cr_expect_str_eq(people_top(store, 2), "i00000:1 i00001:1");
    people_close(store);
}

Test(popular, a_k_of_none_or_too_many_is_refused)
{
    struct lat_store *store = people_open(0);
    struct lat_popular_list list;
    struct lat_error err = LAT_ERROR_INIT;
    const struct lat_popular_query none = {.k = 0}, many = {.k = SIZE_MAX};
    cr_expect_eq(lat_store_popular(store, "c", &none, &list, &err), LAT_INVALID);
    cr_expect_str_eq(err.code, "invalid_k");
    cr_expect_eq(lat_store_popular(store, "c", &many, &list, NULL), LAT_INVALID);
    cr_expect_eq(lat_store_popular(store, "nope", &none, &list, NULL), LAT_NOT_FOUND);
    people_close(store);
}

/* ---- visible ---- */

static void expect_visible(struct lat_store *store, const struct lat_filter *filter,
                           const char *wanted)
{
    static const char *const ids[] = {"red", "blue", "hidden", "unknown"};
    bool visible[4];
    char got[5] = "";
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(lat_store_visible(store, "c", filter, ids, 4, visible, &err), LAT_OK, "%s",
                 err.message);
    for (size_t i = 0; i < 4; i++)
        got[i] = visible[i] ? 'y' : 'n';
    cr_expect_str_eq(got, wanted);
}

Test(popular, visible_is_what_is_not_hidden_and_passes)
{
    for (uint32_t d = 0; d <= D; d += D) {
        struct lat_store *store = people_open(d);
        const struct lat_store_options options = {.folder = test_path("data")};
        expect_visible(store, NULL, "yyyy");
        expect_visible(store, &is_red, "nnnn");
        static const char *const items[][2] = {{"red", "{\"label\":\"red\"}"},
                                               {"blue", "{\"label\":\"blue\"}"},
                                               {"hidden", "{\"label\":\"red\"}"}};
        for (size_t i = 0; i < 3; i++) {
            if (d)
                put_coded(store, items[i][0], items[i][1]);
            else
                people_put_item(store, items[i][0], items[i][1], false);
        }
        set_hidden(store, "hidden", true);
        expect_visible(store, NULL, "yyny");
        expect_visible(store, &is_red, "ynnn");
        lat_store_close(store);
        cr_assert_eq(lat_store_open(&options, &store, NULL), LAT_OK);
        expect_visible(store, NULL, "yyny"); /* the index is not loaded */
        expect_visible(store, &is_red, "ynnn");
        people_close(store);
        test_folder_leave();
        test_folder_enter();
    }
}
