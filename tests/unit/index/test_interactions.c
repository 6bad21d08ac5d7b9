/* Interactions: writing, reading back, what opening keeps. */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <sqlite3.h>

#include "base/metrics.h"
#include "base/rng.h"
#include "fixture.h"
#include "interactions_fixture.h"
#include "tests/support/support.h"

TestSuite(interactions, .init = test_folder_enter, .fini = test_folder_leave);

Test(interactions, what_was_written_is_read_back_newest_first)
{
    struct lat_store *store = people_open(0);
    people_say(store, "ada", "book", 1, 100);
    people_say(store, "ada", "pen", 2.5F, 300);
    people_say(store, "ada", "ink", -1, 200);
    people_say(store, "bob", "book", 1, 50);
    cr_expect_str_eq(people_history(store, "ada"), "pen::2.5@300 ink::-1@200 book::1@100");
    cr_expect_str_eq(people_history(store, "bob"), "book::1@50");
    cr_expect_str_eq(people_history(store, "eve"), "");
    people_close(store);
}

Test(interactions, the_later_counts_whatever_the_order_of_arrival)
{
    struct lat_store *store = people_open(0);
    people_say(store, "ada", "book", 3, 300);
    people_say(store, "ada", "book", 1, 100);
    cr_expect_str_eq(people_history(store, "ada"), "book::3@300");
    people_say(store, "ada", "book", 4, 300);
    cr_expect_str_eq(people_history(store, "ada"), "book::4@300", "equal: the later written");
    const struct lat_interaction batch[] = {
        {"ada", "pen", "", 9, 900}, {"ada", "pen", "", 2, 200}, {"ada", "ink", "", 1, 5},
        {"ada", "ink", "", 2, 5},   {"ada", "book", "", 0, 1},
    };
    cr_assert_eq(lat_store_interact(store, "c", batch, 5, NULL), LAT_OK);
    cr_expect_str_eq(people_history(store, "ada"), "pen::9@900 book::4@300 ink::2@5");
    cr_expect_eq(people_info(store).interactions, 3);
    people_close(store);
}

Test(interactions, types_are_kept_apart)
{
    struct lat_store *store = people_open(0);
    people_say_type(store, "ada", "book", "view", 1, 100);
    people_say_type(store, "ada", "book", "buy", 5, 200);
    people_say_type(store, "ada", "book", "", 2, 200);
    people_say_type(store, "ada", "book", "view", 2, 300);
    cr_expect_str_eq(people_history(store, "ada"),
                     "book:view:2@300 book::2@200 book:buy:5@200");
    cr_expect_eq(people_info(store).interactions, 3);
    cr_expect_eq(people_info(store).users, 1);
    people_close(store);
}

Test(interactions, collections_do_not_mix)
{
    struct lat_store *store = people_open(0);
    const struct lat_collection_spec spec =
        fixture_spec("d", 0, LAT_DISTANCE_L2, LAT_INDEX_FLAT);
    struct lat_history_page page;
    fixture_create(store, &spec);
    people_say(store, "ada", "book", 1, 100);
    const struct lat_interaction other = {"ada", "pen", "", 1, 5};
    cr_assert_eq(lat_store_interact(store, "d", &other, 1, NULL), LAT_OK);
    cr_expect_str_eq(people_history(store, "ada"), "book::1@100");
    cr_assert_eq(lat_store_user_delete(store, "d", "ada", NULL), LAT_OK);
    cr_expect_str_eq(people_history(store, "ada"), "book::1@100");
    cr_expect_eq(lat_store_history(store, "d", "ada", NULL, 0, &page, NULL), LAT_NOT_FOUND);
    people_close(store);
}

Test(interactions, the_header_says_what_is_refused)
{
    static const struct {
        struct lat_interaction one;
        const char *code, *pointer;
    } cases[] = {
        {{"", "i", "", 1, 1}, "invalid_id", "/1/user"},
        {{"u", "\xff", "", 1, 1}, "invalid_id", "/1/item"},
        {{"u", "i", "\xc0\x80", 1, 1}, "invalid_type", "/1/type"},
        {{"u", "i", "0123456789012345678901234567890123456789012345678901234567890123456", 1,
          1},
         "invalid_type",
         "/1/type"},
        {{"u", "i", "", NAN, 1}, "invalid_weight", "/1/weight"},
        {{"u", "i", "", INFINITY, 1}, "invalid_weight", "/1/weight"},
        {{"u", "i", "", 1, INT64_MAX}, "invalid_time", "/1/at"},
        {{"u", "i", "", 1, INT64_MIN}, "invalid_time", "/1/at"},
    };
    struct lat_store *store = people_open(0);
    for (size_t i = 0; i < LAT_ARRAY_LEN(cases); i++) {
        struct lat_error err = LAT_ERROR_INIT;
        const struct lat_interaction batch[] = {{"u", "good", "", 1, 1}, cases[i].one};
        cr_expect_eq(lat_store_interact(store, "c", batch, 2, &err), LAT_INVALID);
        cr_expect_str_eq(err.code, cases[i].code);
        cr_expect_str_eq(err.pointer, cases[i].pointer);
    }
    cr_expect_str_eq(people_history(store, "u"), "", "nothing of a refused call is done");
    struct lat_error err = LAT_ERROR_INIT;
    const struct lat_interaction one = {"u", "i", "", 1, 1};
    cr_expect_eq(lat_store_interact(store, "nope", &one, 1, &err), LAT_NOT_FOUND);
    cr_expect_str_eq(err.code, "collection_not_found");
    cr_expect_eq(lat_store_interact(store, "c", NULL, 0, NULL), LAT_OK);
    people_close(store);
}

Test(interactions, before_loading_they_are_not_there_yet)
{
    struct lat_store *store = people_open(0);
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_history_page page;
    people_say(store, "ada", "book", 1, 100);
    lat_store_close(store);
    const struct lat_store_options options = {.folder = test_path("data")};
    cr_assert_eq(lat_store_open(&options, &store, &err), LAT_OK, "%s", err.message);
    cr_expect_eq(lat_store_history(store, "c", "ada", NULL, 0, &page, &err), LAT_UNAVAILABLE);
    cr_expect_str_eq(err.code, "loading");
    cr_assert_eq(lat_store_load(store, NULL, NULL), LAT_OK);
    cr_expect_str_eq(people_history(store, "ada"), "book::1@100");
    people_close(store);
}

/* ---- pages ---- */

Test(interactions, pages_follow_one_another_without_gaps)
{
    struct lat_store *store = people_open(0);
    enum { N = 1000 };
    static struct lat_interaction all[N];
    static char items[N][16];
    bool seen[N] = {0};
    for (int i = 0; i < N; i++) {
        snprintf(items[i], sizeof(items[i]), "i%03d", i);
        all[i] = (struct lat_interaction){"ada", items[i], i % 3 ? "view" : "", 1, i % 7};
    }
    cr_assert_eq(lat_store_interact(store, "c", all, N, NULL), LAT_OK);
    struct lat_history_page page = {0};
    char *cursor = NULL;
    size_t n = 0;
    int64_t last = INT64_MAX;
    do {
        struct lat_error err = LAT_ERROR_INIT;
        cr_assert_eq(lat_store_history(store, "c", "ada", cursor, 77, &page, &err), LAT_OK,
                     "%s", err.message);
        free(cursor);
        cursor = page.next_cursor ? strdup(page.next_cursor) : NULL;
        for (size_t i = 0; i < page.n; i++) {
            const int number = atoi(page.rows[i].item + 1);
            cr_assert(!seen[number]);
            seen[number] = true;
            cr_assert(page.rows[i].at_ms <= last);
            last = page.rows[i].at_ms;
        }
        n += page.n;
        lat_history_page_release(&page);
    } while (cursor);
    cr_expect_eq(n, N);
    people_close(store);
}

Test(interactions, a_cursor_of_another_list_is_told)
{
    struct lat_store *store = people_open(0);
    struct lat_history_page page, next;
    people_say(store, "ada", "a", 1, 2);
    people_say(store, "ada", "b", 1, 1);
    people_say(store, "bob", "a", 1, 2);
    cr_assert_eq(lat_store_history(store, "c", "ada", "", 1, &page, NULL), LAT_OK);
    cr_assert(page.next_cursor);
    cr_assert_eq(lat_store_history(store, "c", "ada", page.next_cursor, 1, &next, NULL),
                 LAT_OK);
    cr_expect_str_eq(next.rows[0].item, "b");
    lat_history_page_release(&next);
    const char *const bad[] = {page.next_cursor, "x", "00000000", "zz",
                               "0123456789abcdef01234567"};
    for (size_t i = 0; i < LAT_ARRAY_LEN(bad); i++) {
        struct lat_error err = LAT_ERROR_INIT;
        cr_expect_eq(lat_store_history(store, "c", "bob", bad[i], 1, &next, &err), LAT_INVALID);
        cr_expect_str_eq(err.code, "bad_cursor");
    }
    lat_history_page_release(&page);
    people_close(store);
}

/* ---- against a plain model of it ---- */

enum { USERS = 7, ITEMS = 9, TYPES = 3 };

struct cell {
    bool there;
    float weight;
    int64_t at;
};

static unsigned fans_of(struct cell cells[USERS][ITEMS][TYPES], int item)
{
    unsigned fans = 0;
    for (int u = 0; u < USERS; u++) {
        bool liked = false;
        for (int t = 0; t < TYPES; t++)
            liked |= cells[u][item][t].there && cells[u][item][t].weight >= 0;
        fans += liked;
    }
    return fans;
}

static void expect_fans(struct lat_store *store, struct cell cells[USERS][ITEMS][TYPES])
{
    struct lat_popular_list list;
    const struct lat_popular_query query = {.k = 100};
    cr_assert_eq(lat_store_popular(store, "c", &query, &list, NULL), LAT_OK);
    unsigned got[ITEMS] = {0};
    for (size_t i = 0; i < list.n; i++)
        got[atoi(list.rows[i].item + 1)] = (unsigned)list.rows[i].score;
    for (int i = 0; i < ITEMS; i++)
        cr_assert_eq(got[i], fans_of(cells, i), "item %d: %u, not %u", i, got[i],
                     fans_of(cells, i));
    lat_popular_list_release(&list);
}

Test(interactions, rows_and_counts_are_those_of_a_plain_table)
{
    static struct cell cells[USERS][ITEMS][TYPES];
    static const char *const types[TYPES] = {"", "buy", "view"};
    struct lat_store *store = people_open(0);
    struct lat_rng rng;
    lat_rng_seed(&rng, 7);
    for (int round = 0; round < 150; round++) {
        struct lat_interaction batch[40];
        char users[40][8], items[40][8];
        const size_t n = 1 + lat_rng_below(&rng, 40);
        if (lat_rng_below(&rng, 12) == 0) {
            const int u = (int)lat_rng_below(&rng, USERS);
            char name[8];
            bool there = false;
            for (int i = 0; i < ITEMS * TYPES; i++)
                there |= cells[u][i / TYPES][i % TYPES].there;
            snprintf(name, sizeof(name), "u%d", u);
            cr_assert_eq(lat_store_user_delete(store, "c", name, NULL),
                         there ? LAT_OK : LAT_NOT_FOUND);
            memset(cells[u], 0, sizeof(cells[u]));
        }
        for (size_t j = 0; j < n; j++) {
            const int u = (int)lat_rng_below(&rng, USERS), i = (int)lat_rng_below(&rng, ITEMS),
                      t = (int)lat_rng_below(&rng, TYPES);
            const float weight = (float)lat_rng_below(&rng, 5) - 2;
            const int64_t at = (int64_t)lat_rng_below(&rng, 100);
            snprintf(users[j], sizeof(users[j]), "u%d", u);
            snprintf(items[j], sizeof(items[j]), "i%d", i);
            batch[j] = (struct lat_interaction){users[j], items[j], types[t], weight, at};
            struct cell *cell = &cells[u][i][t];
            if (!cell->there || at >= cell->at)
                *cell = (struct cell){true, weight, at};
        }
        cr_assert_eq(lat_store_interact(store, "c", batch, n, NULL), LAT_OK);
        if (round % 40 == 39)
            store = fixture_reopen(store);
        expect_fans(store, cells);
    }
    uint64_t n = 0;
    for (int u = 0; u < USERS; u++)
        for (int i = 0; i < ITEMS * TYPES; i++)
            n += cells[u][i / TYPES][i % TYPES].there;
    cr_expect_eq(people_info(store).interactions, n);
    people_close(store);
}

/* ---- many writers ---- */

struct writer {
    struct lat_store *store;
    int number;
};

static void *write_many(void *argument)
{
    const struct writer *writer = argument;
    for (int i = 0; i < 50; i++) {
        char user[16], item[16];
        snprintf(user, sizeof(user), "u%d", (writer->number + i) % 5);
        snprintf(item, sizeof(item), "i%d", i);
        const struct lat_interaction one = {user, item, "", 1, i};
        if (lat_store_interact(writer->store, "c", &one, 1, NULL) != LAT_OK)
            return argument;
    }
    return NULL;
}

Test(interactions, writers_of_new_users_and_items_share_commits)
{
    struct lat_store *store = people_open(0);
    pthread_t threads[5];
    struct writer writers[5];
    const double commits = lat_metric_value(LAT_METRIC_COMMITS, NULL);
    for (int i = 0; i < 5; i++) {
        writers[i] = (struct writer){store, i};
        cr_assert_eq(pthread_create(&threads[i], NULL, write_many, &writers[i]), 0);
    }
    for (int i = 0; i < 5; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        cr_expect_null(failed);
    }
    cr_expect_lt(lat_metric_value(LAT_METRIC_COMMITS, NULL) - commits, 250);
    cr_expect_eq(people_info(store).interactions, 250);
    cr_expect_eq(people_info(store).users, 5);
    cr_expect_str_eq(people_top(store, 3), "i0:5 i1:5 i10:5");
    people_close(store);
}

/* ---- all of them ---- */

struct gathered {
    char text[512];
    size_t n, stop;
};

static bool gather(void *context, const struct lat_interaction *one)
{
    struct gathered *g = context;
    const size_t len = strlen(g->text);
    snprintf(g->text + len, sizeof(g->text) - len, "%s%s-%s", len ? " " : "", one->user,
             one->item);
    return ++g->n != g->stop;
}

Test(interactions, each_goes_through_all_user_by_user)
{
    struct lat_store *store = people_open(0);
    struct gathered g = {0}, again = {0}, cut = {.stop = 2};
    people_say(store, "zoe", "b", 1, 1);
    people_say(store, "ada", "a", 1, 1);
    people_say(store, "zoe", "a", -1, 2);
    cr_assert_eq(lat_store_interactions_each(store, "c", gather, &g, NULL), LAT_OK);
    cr_expect_str_eq(g.text, "zoe-b zoe-a ada-a");
    store = fixture_reopen(store);
    cr_assert_eq(lat_store_interactions_each(store, "c", gather, &again, NULL), LAT_OK);
    cr_expect_str_eq(again.text, g.text);
    cr_expect_eq(lat_store_interactions_each(store, "c", gather, &cut, NULL), LAT_CANCELLED);
    cr_expect_eq(cut.n, 2);
    people_close(store);
}

static bool write_in_between(void *context, const struct lat_interaction *one)
{
    struct lat_store *store = context;
    cr_expect_str_eq(one->user, "ada");
    people_say(store, "new", "thing", 1, 1);
    return true;
}

Test(interactions, each_sees_one_moment)
{
    struct lat_store *store = people_open(0);
    people_say(store, "ada", "a", 1, 1);
    people_say(store, "ada", "b", 1, 1);
    cr_assert_eq(lat_store_interactions_each(store, "c", write_in_between, store, NULL),
                 LAT_OK);
    cr_expect_str_eq(people_history(store, "new"), "thing::1@1");
    people_close(store);
}

/* ---- the collection ---- */

Test(interactions, the_recommender_is_kept)
{
    struct lat_store *store = people_open(0);
    struct lat_error err = LAT_ERROR_INIT;
    char long_name[LAT_MODEL_REF_MAX + 1];
    cr_expect_str_empty(people_info(store).recommender);
    cr_assert_eq(lat_store_recommender_set(store, "c", "films@3", NULL), LAT_OK);
    cr_expect_str_eq(people_info(store).recommender, "films@3");
    store = fixture_reopen(store);
    cr_expect_str_eq(people_info(store).recommender, "films@3");
    memset(long_name, 'x', LAT_MODEL_REF_MAX);
    long_name[LAT_MODEL_REF_MAX] = '\0';
    cr_expect_eq(lat_store_recommender_set(store, "c", long_name, &err), LAT_INVALID);
    cr_expect_eq(lat_store_recommender_set(store, "nope", "m", NULL), LAT_NOT_FOUND);
    cr_assert_eq(lat_store_recommender_set(store, "c", "", NULL), LAT_OK);
    cr_expect_str_empty(people_info(store).recommender);
    people_close(store);
}

static long long rows_of(const char *table)
{
    sqlite3 *db;
    sqlite3_stmt *stmt;
    char sql[80];
    snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", table);
    cr_assert_eq(sqlite3_open(test_path("data/latentd.db"), &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 10000);
    cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    cr_assert_eq(sqlite3_step(stmt), SQLITE_ROW);
    const long long n = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return n;
}

Test(interactions, dropping_a_collection_drops_them_bit_by_bit)
{
    struct lat_store *store = people_open(0);
    enum { N = 9000 };
    static struct lat_interaction all[N];
    static char names[N][16];
    for (int i = 0; i < N; i++) {
        snprintf(names[i], sizeof(names[i]), "n%05d", i / 3);
        all[i] = (struct lat_interaction){names[i], names[(i * 7) % N], "", 1, 1};
    }
    cr_assert_eq(lat_store_interact(store, "c", all, N, NULL), LAT_OK);
    const struct lat_collection_spec spec =
        fixture_spec("d", 0, LAT_DISTANCE_L2, LAT_INDEX_FLAT);
    fixture_create(store, &spec);
    cr_assert_eq(lat_store_interact(store, "d", all, 3, NULL), LAT_OK);
    cr_assert_eq(lat_store_drop(store, "c", NULL), LAT_OK);
    cr_expect_eq(lat_store_interact(store, "c", all, 1, NULL), LAT_NOT_FOUND);
    while (rows_of("dropped")) /* the keeper is at it */
        ;
    cr_expect_eq(rows_of("users"), 1);
    cr_expect_eq(rows_of("interactions"), 3);
    cr_expect_eq(rows_of("interaction_items"), 3);
    people_close(store);
}

Test(interactions, a_history_without_waiting)
{
    struct lat_store *store = people_open(0);
    struct lat_history_page page = {0};
    struct lat_error err = LAT_ERROR_INIT;
    people_say(store, "ada", "x", 1, 10);
    people_say(store, "ada", "y", -1, 30);
    people_say(store, "ada", "z", 1, 20);
    cr_assert_eq(lat_store_history_at_once(store, "c", "ada", 3, &page, &err), LAT_OK, "%s",
                 err.message);
    cr_assert_eq(page.n, 3);
    cr_assert_str_eq(page.rows[0].item, "y");
    cr_assert_str_eq(page.rows[2].item, "x");
    cr_assert_null(page.next_cursor);
    lat_history_page_release(&page);
    cr_assert_eq(lat_store_history_at_once(store, "c", "ada", 2, &page, &err), LAT_BUSY);
    cr_assert_null(page.memory);
    err = (struct lat_error)LAT_ERROR_INIT;
    cr_assert_eq(lat_store_history_at_once(store, "c", "who", 2, &page, &err), LAT_NOT_FOUND);
    cr_assert_str_eq(err.code, "unknown_user");
    people_close(store);
}
